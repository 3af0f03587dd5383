"""Stories of nodes with pools that are declared dead, stand still, or keep bad time."""

import pytest

from flocker.model.pools import Stage
from flocker.testing.simulation.happenings import (
    CancelMove,
    Lease,
    MarkAlive,
    MarkDead,
    Move,
    Partition,
    PoolHangs,
    PowerOff,
    Suspend,
    Write,
)
from flocker.testing.simulation.pool_world import PoolWorld
from tests.simulation.test_pool_stories import Story

MOMENTS = 120
"""More than the events in which a move is done, in the worlds of these stories."""


@pytest.mark.parametrize("off", [False, True], ids=["cut-off", "off"])
@pytest.mark.parametrize("victim", [0, 1], ids=["source", "target"])
def test_declared_dead_and_back(victim: int, *, off: bool) -> None:
    """A node that is declared dead comes back, in the same life or in another one.

    Nothing is forked meanwhile: without failover nobody else serves what it owns.
    """
    for moment in range(0, MOMENTS, 15):
        story = Story(3, moment, steps_take=0.3, latency=0.02)
        before = story.world.pool_machines[victim].era
        story.happens(Move(0, 1), Write())
        for _ in range(moment):
            story.world.step()
        story.happens(PowerOff(victim, 60.0) if off else Partition(victim, 60.0))
        story.world.advance(21.0)
        story.happens(MarkDead(victim), Write())
        story.world.advance(20.0)
        story.happens(Write())
        story.settle()
        assert (story.world.pool_machines[victim].era != before) == off
        assert len(story.serving) == 1


def test_mark_of_death_is_taken_back() -> None:
    """Who was declared dead and is not serves on, once that is taken back."""
    story = Story(2)
    story.happens(Partition(0, 60.0))
    story.world.advance(21.0)
    story.happens(MarkDead(0), Write(), MarkAlive(0), Write())
    story.settle()
    assert story.serving == [0]


@pytest.mark.parametrize("who", [0, 1, None], ids=["source", "target", "control"])
def test_stands_still(who: int | None) -> None:
    """A process stands still at any moment of a move; for it time jumps."""
    for moment in range(0, MOMENTS, 12):
        story = Story(2, moment, steps_take=0.3, latency=0.02, commits_take=0.01)
        story.happens(Move(0, 1), Write())
        for _ in range(moment):
            story.world.step()
        story.happens(Suspend(who, 30.0), Write())
        story.world.advance(5.0)
        story.happens(Write(), CancelMove(0))
        story.settle()
        assert story.serving in ([0], [1])


def test_time_jumps() -> None:
    """Who stands still knows of it by its clock alone, and hears all afterwards."""
    world = PoolWorld(2)
    world.advance(1.0)
    machine = world.pool_machines[0]
    before = machine.agent
    machine.suspend(12.0)
    events = len(machine.history)
    world.advance(11.9)
    assert len(machine.history) == events
    world.advance(60.0)
    assert machine.agent is before
    assert world.control is not None
    sight = world.control.observations.sight(machine.node)
    assert sight is not None
    assert sight.connected


@pytest.mark.parametrize("drift", [0.001, 0.1])
def test_clocks_go_wrong(drift: float) -> None:
    """Nodes and control count time at different rates: a move ends, leases expire."""
    story = Story(3, steps_take=0.05, latency=0.02, drift=drift)
    rates = {machine.instance: 1.0 for machine in story.world.pool_machines}
    for name in rates:
        rates[name] = story.world.rate(name)
    assert len(set(rates.values())) == 3
    story.happens(Lease(0, 0, 100.0), Move(0, 1), Write())
    story.world.advance(50.0)
    assert story.serving == [0]
    story.world.advance(80.0)
    story.settle()
    assert story.serving == [1]


def test_frozen_and_slow_says_so() -> None:
    """Seed 1225, once: a target's disk hung while nobody served it, for no cause."""
    story = Story(2, latency=0.3, steps_take=0.5)
    story.happens(Write(), Move(0, 1))
    story.until(lambda: story.in_stage(Stage.FREEZING))
    story.happens(PoolHangs(1, 70.0, streams=True))
    for _ in range(60):
        story.world.advance(1.0)
        if story.in_stage(Stage.FREEZING):
            cause = story.world.status(story.dataset).cause
            assert cause is not None
            assert cause.words
    story.settle()
