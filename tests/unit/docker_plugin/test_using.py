"""Tests of which mounts nobody uses any more."""

from uuid import UUID

from flocker.docker_engine.interface import Container, State, Volume
from flocker.docker_plugin.holders import Held
from flocker.docker_plugin.using import (
    SETTLE,
    gone,
    next_look,
    starting,
    unheld,
    unused,
)
from flocker.model.holders import Mount
from flocker.model.ids import DatasetID

PG, LOGS = Volume("pg", "flocker"), Volume("logs", "flocker")
HELD = Held(DatasetID(UUID(int=1)), "pg", Mount("m1"))
OTHER = Held(DatasetID(UUID(int=2)), "logs", Mount("m2"))
LATER = SETTLE + 1


def a_container(state: State, *volumes: Volume) -> Container:
    """A container in a state."""
    return Container("c1", "web", state, frozenset(volumes))


def ended(*containers: Container, now: float = LATER) -> frozenset[Held]:
    """What ends of a mount that was answered at 0."""
    return unused({HELD: 0.0}, containers, "flocker", now)


def test_used() -> None:
    """While a container may use a volume its mounts stay."""
    for state in (State.RUNNING, State.PAUSED, State.RESTARTING, State.OTHER):
        assert ended(a_container(state, PG)) == frozenset()


def test_unused() -> None:
    """When none does they end."""
    assert ended() == {HELD}
    assert ended(a_container(State.EXITED, PG)) == {HELD}
    assert ended(a_container(State.RUNNING, LOGS)) == {HELD}


def test_of_another_driver() -> None:
    """A volume of another driver that is called alike is not ours."""
    assert ended(a_container(State.RUNNING, Volume("pg", "local"))) == {HELD}


def test_young() -> None:
    """What was answered a moment ago stays: its container is about to start."""
    assert ended(now=SETTLE - 1) == frozenset()
    assert unused({HELD: float("inf")}, [], "flocker", LATER) == frozenset()


def test_other_volumes_of_a_start() -> None:
    """While a container waits for one volume its others stay, however long."""
    held = {HELD: 0.0, OTHER: LATER}
    both = a_container(State.CREATED, PG, LOGS)
    assert unused(held, [both], "flocker", LATER) == frozenset()
    assert unused(held, [], "flocker", LATER) == {HELD}


def of(name: str, *volumes: Volume, state: State = State.RUNNING) -> Container:
    """A container with a name."""
    return Container(f"id-of-{name}", name, state, frozenset(volumes or {PG}))


def mounts(*containers: str | None) -> dict[Held, float]:
    """Mounts of pg that are not young, and for whom they are."""
    return {
        Held(HELD.dataset, "pg", Mount(f"m{number}", 1, container)): 0.0
        for number, container in enumerate(containers)
    }


def gone_of(held: dict[Held, float], *containers: Container) -> list[str | None]:
    """The containers whose mounts end."""
    found = gone(held, containers, "flocker", LATER)
    return sorted(str(each.mount.container) for each in found)


def test_gone() -> None:
    """While another uses the volume exactly those end whose container is no more."""
    held = mounts("web", "db", "gone")
    assert gone_of(held, of("web"), of("db")) == ["gone"]
    assert gone_of(held, of("web")) == ["db", "gone"]
    assert gone_of(held, of("web"), of("db", state=State.EXITED)) == ["db", "gone"]
    assert gone_of(held, of("web"), of("db", LOGS)) == ["db", "gone"]


def test_gone_only_beside_others() -> None:
    """Where nobody uses the volume another rule ends all; see `unused`."""
    assert gone_of(mounts("web", "db")) == []


def test_nameless_mounts_stay() -> None:
    """Of a mount without a name nobody knows whose it is."""
    assert gone_of(mounts("web", None), of("web")) == []


def test_renamed() -> None:
    """A container that was renamed uses the volume as before."""
    assert gone_of(mounts("web"), of("shop")) == []
    assert gone_of(mounts("web", "db"), of("shop"), of("db")) == []
    assert gone_of(mounts("web", "gone"), of("shop")) == []


def test_not_gone_while_it_starts() -> None:
    """A container that waits for another of its volumes is not gone."""
    held = mounts("web", "db") | {OTHER: LATER}
    both = of("db", PG, LOGS, state=State.CREATED)
    assert gone_of(held, of("web"), both) == []
    young = dict.fromkeys(mounts("web", "db"), LATER)
    assert gone(young, [of("web")], "flocker", LATER) == frozenset()


def test_next_look() -> None:
    """One looks again when the first mount is young no more."""
    assert next_look({}, 0.0) is None
    assert next_look({HELD: 0.0, OTHER: 5.0}, 10.0) == SETTLE - 10
    assert next_look({HELD: 0.0}, LATER) is None


def test_unheld() -> None:
    """What a container uses and nothing holds is found."""
    running = a_container(State.RUNNING, PG, LOGS, Volume("x", "local"))
    assert unheld([HELD], [running], "flocker") == {"logs": running}
    assert unheld([], [a_container(State.EXITED, PG)], "flocker") == {}


def test_starting() -> None:
    """The container that starts is known if only one does not run."""
    running = a_container(State.RUNNING, PG)
    assert starting([running, a_container(State.CREATED, PG)]) == "web"
    assert starting([running]) is None
    assert starting([a_container(State.CREATED, PG)] * 2) is None
