"""Volumes of real Dockers: the data follows the container, and is taken from none."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from flocker.runtime.process import ProcessFailed
from flocker.sandbox.engines import ask_engine
from flocker.sandbox.machines import entering, programs_of
from flocker.sandbox.names import address
from flocker.sandbox.processes import send
from flocker.sandbox.waiting import until
from tests.acceptance.engines import ONE, TWO, WITHIN, Engines, beside, engines_of


@pytest.fixture(scope="module")
def _engines() -> Iterator[Engines]:
    with engines_of(2) as made:
        made.load("busybox", ONE, TWO)
        yield made


@pytest.fixture
def engines(_engines: Engines) -> Engines:
    """Two nodes whose Dockers answer."""
    _engines.cluster.restore()
    return _engines


def test_data_follows(engines: Engines) -> None:
    """What a container wrote on one node a container reads on another."""
    engines.once(ONE, "follows", "echo hello >/data/greeting")
    assert engines.once(TWO, "follows", "cat /data/greeting") == "hello"


def test_never_taken(engines: Engines) -> None:
    """A volume in use is refused, with its node and container; that one goes on."""
    engines.start(ONE, "holder", "never-taken")
    why = engines.refusal(TWO, "never-taken")
    assert "never-taken is in use" in why
    assert address(ONE) in why
    assert "holder" in why
    engines.inside(ONE, "holder", "echo still mine >/data/note")
    engines.remove(ONE, "holder")
    assert engines.once(TWO, "never-taken", "cat /data/note") == "still mine"


def test_shared_on_one_node(engines: Engines) -> None:
    """Containers of a node share a volume; it is free when the last has ended."""
    engines.start(ONE, "first", "shared")
    engines.start(ONE, "second", "shared")
    engines.start(ONE, "third", None, "--volumes-from", "first")
    engines.inside(ONE, "first", "echo one >/data/note")
    read = [engines.inside(ONE, name, "cat /data/note") for name in ("second", "third")]
    assert read == ["one", "one"]
    engines.remove(ONE, "first", "second")
    assert "third" in engines.refusal(TWO, "shared")
    engines.inside(ONE, "third", "echo two >/data/note")
    engines.remove(ONE, "third")
    assert engines.once(TWO, "shared", "cat /data/note") == "two"


def test_copies(engines: Engines, tmp_path: Path) -> None:
    """``docker cp`` works on a container that runs and on one that does not."""
    (tmp_path / "file").write_text("copied")
    engines.start(ONE, "copied", "copies")
    engines.cluster.docker(ONE, "cp", str(tmp_path / "file"), "copied:/data/file")
    engines.cluster.docker(ONE, "cp", "copied:/data/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "copied"
    assert "copied" in engines.refusal(TWO, "copies")
    engines.cluster.docker(ONE, "stop", "copied")
    engines.cluster.docker(ONE, "cp", "copied:/data/file", str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == "copied"
    assert engines.once(TWO, "copies", "cat /data/file") == "copied"
    engines.remove(ONE, "copied")


@pytest.mark.parametrize("live", [False, True], ids=["plain", "live-restore"])
def test_docker_killed(engines: Engines, live: bool) -> None:  # noqa: FBT001
    """A container that comes back, or lived on, keeps its volume; then it is free."""
    volume = f"docker-killed-{live}"
    let_live(engines, live=live)
    engines.start(ONE, "survivor", volume, "--restart", "always")
    engines.inside(ONE, "survivor", "echo before >/data/note")
    engines.kill_program(ONE, "dockerd")
    engines.await_running(ONE, "survivor")
    assert engines.inside(ONE, "survivor", "cat /data/note") == "before"
    assert address(ONE) in engines.refusal(TWO, volume)
    engines.remove(ONE, "survivor")
    until(lambda: not engines.leased(volume), "the lease to end", WITHIN)
    assert engines.once(TWO, volume, "cat /data/note") == "before"


def test_container_ends_while_docker_is_gone(engines: Engines) -> None:
    """The volume of a container that did not come back is free again."""
    let_live(engines, live=False)
    engines.start(ONE, "mortal", "not-restarted")
    engines.inside(ONE, "mortal", "echo last >/data/note")
    engines.kill_program(ONE, "dockerd")
    until(lambda: not engines.leased("not-restarted"), "the lease to end", WITHIN)
    assert engines.once(TWO, "not-restarted", "cat /data/note") == "last"
    engines.remove(ONE, "mortal")


def test_who_is_named_as_a_user(engines: Engines) -> None:
    """Of two users the one that did not come back with Docker is named no more."""
    let_live(engines, live=False)
    engines.start(ONE, "stays", "two-users", "--restart", "always")
    engines.start(ONE, "goes", "two-users")
    assert "container goes (docker)" in engines.refusal(TWO, "two-users")
    engines.kill_program(ONE, "dockerd")
    engines.await_running(ONE, "stays")

    def only_one_is_named() -> bool:
        return "goes" not in engines.refusal(TWO, "two-users")

    until(only_one_is_named, "the lease to name only who stays", WITHIN)
    assert "container stays (docker)" in engines.refusal(TWO, "two-users")
    engines.remove(ONE, "stays", "goes")
    until(lambda: not engines.leased("two-users"), "the lease to end", WITHIN)


def test_plugin_killed_between(engines: Engines) -> None:
    """A plugin killed between Mount and Unmount forgets no container."""
    engines.start(ONE, "patient", "plugin-killed")
    engines.kill_program(ONE, "flocker-docker-plugin")
    assert address(ONE) in engines.refusal(TWO, "plugin-killed")
    engines.inside(ONE, "patient", "echo served >/data/note")
    engines.remove(ONE, "patient")
    assert engines.once(TWO, "plugin-killed", "cat /data/note") == "served"


def test_plugin_killed_in_mount(engines: Engines) -> None:
    """A mount whose plugin was killed fails, and keeps the volume from nobody."""
    engines.once(ONE, "mount-killed", "echo here >/data/note")
    with busy(engines, "mount-killed"):
        with beside(engines.refusal, TWO, "mount-killed") as refused:
            until(lambda: engines.leased("mount-killed"), "the lease", WITHIN)
            engines.kill_program(TWO, "flocker-docker-plugin")
        assert refused.result()
    until(lambda: not engines.leased("mount-killed"), "the lease to end", WITHIN)
    assert engines.once(ONE, "mount-killed", "cat /data/note") == "here"


def test_removed_while_its_volume_comes(engines: Engines) -> None:
    """A container removed while its volume is on the way does not keep it."""
    engines.once(ONE, "unwanted", "echo here >/data/note")
    options = ("--volume", "unwanted:/data", "--volume-driver", "flocker")
    create = ("create", "--name", "given-up", *options, "busybox", "true")
    engines.cluster.docker(TWO, *create)
    with busy(engines, "unwanted"):
        docker = engines.cluster.sandbox.layout
        client = Popen([*entering(docker, TWO), "docker", "start", "given-up"])
        until(lambda: engines.leased("unwanted"), "the lease", WITHIN)
        client.kill()
        client.wait()
    engines.remove(TWO, "given-up")
    until(lambda: not engines.leased("unwanted"), "the lease to end", WITHIN)
    assert engines.once(ONE, "unwanted", "cat /data/note") == "here"


def test_listed_and_removed(engines: Engines) -> None:
    """Every node lists all volumes; removing keeps the data unless told otherwise."""
    create = ("volume", "create", "--driver", "flocker", "--opt", "size=128M")
    engines.cluster.docker(ONE, *create, "kept")
    engines.cluster.docker(ONE, *create, "--opt", "on_remove=delete", "not-kept")
    assert {"kept", "not-kept"} <= set(engines.listed(TWO))
    engines.once(ONE, "kept", "echo precious >/data/note")
    (shown,) = json.loads(engines.cluster.docker(TWO, "volume", "inspect", "kept"))
    assert (shown["Scope"], shown["Status"]["node"]) == ("global", address(ONE))
    assert shown["CreatedAt"].startswith("20")
    for volume in ("kept", "not-kept"):
        engines.cluster.docker(ONE, "volume", "rm", volume)
    assert engines.once(TWO, "kept", "cat /data/note") == "precious"
    assert "not-kept" not in engines.listed(TWO)


def test_a_bad_option(engines: Engines) -> None:
    """A value that cannot be is refused with an example, and makes no volume."""
    create = ("volume", "create", "--driver", "flocker", "--opt", "size=huge", "bad")
    with pytest.raises(ProcessFailed, match=r"huge.*10G"):
        engines.cluster.docker(ONE, *create)
    assert "bad" not in engines.listed(ONE)


def test_anonymous_volumes_do_not_stay(engines: Engines) -> None:
    """A volume that no one named is destroyed with its container."""
    before = datasets(engines)
    anonymous = ("--volume-driver", "flocker", "--volume", "/data")
    run = ("run", "--rm", *anonymous, "busybox", "sh", "-c", "echo x >/data/x")
    engines.cluster.docker(ONE, *run)
    until(lambda: datasets(engines) == before, "the volume to be destroyed", WITHIN)


def test_power_cut(engines: Engines) -> None:
    """After a power cut containers come back with their volumes, and none is stuck."""
    engines.start(ONE, "returns", "power-cut", "--restart", "always")
    engines.start(ONE, "stays-down", "power-cut-2")
    engines.inside(ONE, "returns", "echo durable >/data/note; sync")
    engines.cluster.kill(ONE)
    engines.cluster.start(ONE)
    engines.await_running(ONE, "returns")
    assert engines.inside(ONE, "returns", "cat /data/note") == "durable"
    assert address(ONE) in engines.refusal(TWO, "power-cut")
    engines.once(TWO, "power-cut-2", "true")
    engines.remove(ONE, "returns", "stays-down")


def let_live(engines: Engines, *, live: bool) -> None:
    """Say whether containers of node 1 live on without their Docker."""
    layout = engines.cluster.sandbox.layout
    place = layout.engine_settings(ONE)
    settings = json.loads(place.read_text())
    place.write_text(json.dumps({**settings, "live-restore": live}))
    send(programs_of(layout, ONE)["dockerd"], signal.SIGHUP)

    def told() -> bool:
        return bool(ask_engine(layout, ONE, "/info")["LiveRestoreEnabled"]) == live

    until(told, "Docker to read its settings", WITHIN)


def datasets(engines: Engines) -> set[str]:
    """The ids of all datasets that are not deleted."""
    listed = engines.cluster.ask("GET", "/configuration/datasets").json
    return {one["dataset_id"] for one in listed if not one["deleted"]}


@contextmanager
def busy(engines: Engines, volume: str) -> Iterator[None]:
    """A process on node 1 keeps a volume that is mounted there from leaving."""
    path = engines.cluster.mounted(engines.dataset(volume), ONE)
    enter = entering(engines.cluster.sandbox.layout, ONE, str(path))
    sits = [*enter, "sh", "-c", "pwd; read line"]
    with Popen(sits, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(path)
        yield
        process.communicate("\n")
