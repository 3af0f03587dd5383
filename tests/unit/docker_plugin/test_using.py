"""Tests of which mounts nobody uses any more."""

from uuid import UUID

from flocker.docker_engine.interface import Container, State, Volume
from flocker.docker_plugin.holders import Held, Mount
from flocker.docker_plugin.using import (
    SETTLE,
    next_look,
    starting,
    unheld,
    unused,
)
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
