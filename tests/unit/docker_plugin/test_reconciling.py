"""Tests of ending what Docker has forgotten, with an engine in memory."""

from pathlib import Path

from flocker.client.interface import NewLease
from flocker.docker_plugin.using import SETTLE
from tests.unit.docker_plugin.conftest import DATASET, NODE, OTHER, Rig, of


def running(rig: Rig, name: str = "web") -> str:
    """A container that runs with the volume pg; its id."""
    container = rig.engine.create(name, of("pg"))
    rig.call("mount", Name="pg", ID=f"of-{name}")
    rig.engine.start(container)
    return container


def test_docker_was_killed(rig: Rig, volume: Path) -> None:
    """What a dockerd that was killed does not unmount ends when it is back."""
    container = running(rig)
    rig.passes(SETTLE)
    rig.engine.killed()
    rig.passes(60.0)
    assert rig.holders() == ("docker:of-web web",)
    rig.engine.reachable = True
    rig.engine.stop(container)
    rig.passes(5.0)
    assert rig.holders() == ()


def test_container_goes_on(rig: Rig, volume: Path) -> None:
    """While containers run, their volumes are held, for however long."""
    running(rig)
    rig.passes(1000.0)
    assert rig.holders() == ("docker:of-web web",)


def test_container_has_stopped(rig: Rig, volume: Path) -> None:
    """A mount of a container that stopped without a word ends soon."""
    container = running(rig)
    rig.passes(SETTLE)
    rig.engine.stop(container)
    rig.passes(5.0)
    assert rig.holders() == ()


def test_one_of_two_has_stopped(rig: Rig, volume: Path) -> None:
    """What has gone ends by its name, while another goes on to use the volume."""
    first, second = running(rig), running(rig, "db")
    rig.passes(SETTLE)
    rig.engine.stop(first)
    rig.passes(5.0)
    assert rig.holders() == ("docker:of-db db",)
    rig.engine.stop(second)
    rig.passes(5.0)
    assert rig.holders() == ()


def test_never_started(rig: Rig, volume: Path) -> None:
    """A mount that no container came to use does not hold for ever."""
    rig.call("mount", Name="pg", ID="m1")
    rig.passes(SETTLE - 5)
    assert rig.holders() == ("docker:m1",)
    rig.passes(SETTLE + 10)
    assert rig.holders() == ()


def test_without_an_engine(rig: Rig, volume: Path) -> None:
    """While no engine answers everything stays."""
    rig.engine.killed()
    rig.call("mount", Name="pg", ID="m1")
    rig.passes(1000.0)
    assert rig.holders() == ("docker:m1",)


def test_used_by_somebody_else(rig: Rig, volume: Path) -> None:
    """What the kernel shows elsewhere, Podman's for instance, is not ended."""
    rig.elsewhere.add(volume)
    rig.call("mount", Name="pg", ID="m1")
    rig.passes(1000.0)
    assert rig.holders() == ("docker:m1",)


def test_plugin_was_killed(rig: Rig, volume: Path) -> None:
    """What was mounted before and is used is held on, what is not used ends."""
    container = running(rig)
    rig.passes(SETTLE)
    rig.plugin.stop()
    rig.engine.stop(container)
    rig.restart()
    rig.passes(SETTLE - 5)
    assert rig.holders() == ("docker:of-web web",)
    rig.passes(10.0)
    assert rig.holders() == ()


def test_use_is_taken_up(rig: Rig, volume: Path) -> None:
    """A container that uses a volume for which nothing is held gets its lease."""
    container = running(rig)
    rig.control.run(rig.control.client().release(DATASET, None))
    rig.restart()
    rig.passes(1.0)
    assert rig.holders() == (f"docker:{container} web",)
    rig.engine.stop(container)
    rig.passes(SETTLE + 5)
    assert rig.holders() == ()


def test_use_cannot_be_taken_up(rig: Rig, volume: Path) -> None:
    """Where another node has it by now, it keeps it."""
    running(rig)
    client = rig.control.client()
    rig.control.run(client.release(DATASET, None))
    rig.control.run(client.acquire(NewLease(DATASET, OTHER, "db")))
    rig.restart()
    rig.passes(10.0)
    assert rig.holders() == ("db",)


def test_leases_of_others_stay(rig: Rig, volume: Path) -> None:
    """A holder that is no mount of Docker's is nothing to us."""
    client = rig.control.client()
    rig.control.run(client.acquire(NewLease(DATASET, NODE, "backup")))
    rig.restart()
    rig.passes(1000.0)
    assert rig.holders() == ("backup",)
