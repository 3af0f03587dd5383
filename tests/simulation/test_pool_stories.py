"""Scripted stories of datasets in pools: the real control and agents, simulated time.

First those of the traces with which the ownership protocol was found wanting; then the
shortest stories of what seeds have found, each with a sentence.
"""

import pytest

from flocker.model.pools import Stage
from flocker.testing.builders import dataset_id
from flocker.testing.simulation.doing import Scene
from flocker.testing.simulation.happenings import (
    CancelMove,
    Create,
    DieBetween,
    Happening,
    Move,
    Write,
)
from flocker.testing.simulation.pool_doing import do
from flocker.testing.simulation.pool_world import PoolWorld

STEPS = 14
"""More than the durable steps that a move takes on any machine."""


class Story:
    """A cluster in which the first dataset is served by the first machine."""

    def __init__(self, machines: int = 2, seed: int = 1, **times: float) -> None:
        self.world = PoolWorld(machines, seed, **times)
        self.scene = Scene(self.world, (dataset_id(),))
        self.dataset = self.scene.ids[0]
        self.world.advance(1.0)
        self.happens(Create(0, 0))
        self.until(lambda: self.dataset in self.world.known.pools)
        self.until(lambda: self.serving == [0] and self.row.acquired)
        self.happens(Write())

    def happens(self, *what: Happening) -> None:
        """Let it happen now."""
        for each in what:
            do(each, self.scene)
            self.world.check()

    @property
    def row(self):
        """What is stored."""
        return self.world.store.stored.pools[self.dataset]

    @property
    def serving(self) -> list[int]:
        """The numbers of the machines that serve it."""
        found = self.world.oracle.serving(self.dataset)
        return [self.world.pool_machines.index(each) for each in found]

    def until(self, reached, within: float = 60.0) -> None:
        """Let time go by until something is so."""
        self.world.advance_until(reached, within)

    def in_stage(self, stage: Stage) -> bool:
        """Whether the move is that far."""
        return self.row.move is not None and self.row.move.stage is stage

    def settle(self) -> None:
        """Mend all, and wait until it has one home, where all that was written is."""
        self.world.settle()
        wanted = self.world.configuration.datasets[self.dataset]
        assert self.world.is_well(wanted)
        assert self.world.missing(self.dataset) == set()


def test_moves() -> None:
    """A dataset that is written to is moved, and all that was written is there."""
    story = Story(latency=0.02, steps_take=0.05)
    story.happens(Move(0, 1))
    for _ in range(20):
        story.world.advance(0.1)
        story.happens(Write())
    story.settle()
    assert story.serving == [1]
    assert len(story.world.oracle.written[story.dataset]) > 5
    assert story.world.oracle.asides == 0


@pytest.mark.parametrize("whole", [False, True], ids=["agent", "machine"])
@pytest.mark.parametrize("victim", [0, 1], ids=["source", "target"])
def test_dies_between_any_two_steps(victim: int, *, whole: bool) -> None:
    """Agent or machine dies before each durable step of a move: it ends well."""
    for after in range(STEPS):
        story = Story(steps_take=0.05)
        story.happens(DieBetween(victim, after, 1.0, whole), Move(0, 1))
        story.world.advance(20.0)
        story.happens(Write())
        story.settle()
        assert story.serving == [1], after
        assert story.world.oracle.asides == 0


@pytest.mark.parametrize("victim", [0, 1], ids=["source", "target"])
def test_dies_while_a_move_is_cancelled(victim: int) -> None:
    """A cancelled move ends on the source, whoever dies between which steps."""
    for after in range(STEPS):
        story = Story(steps_take=0.05)
        story.happens(Move(0, 1))
        story.until(lambda story=story: story.in_stage(Stage.FREEZING))
        story.happens(DieBetween(victim, after, 1.0, whole=False), CancelMove(0))
        story.settle()
        assert story.serving == [0], after
