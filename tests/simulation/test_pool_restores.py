"""Stories in which control is restored from a backup that is older than the nodes.

Nodes remember what the store has forgotten: who owns a dataset, in which epoch. What is
served goes on to be served, nothing of it is lost, and no number is given out again.
"""

import pytest

from flocker.model.cluster import Phase
from flocker.model.ids import NodeID
from flocker.model.pools import Stage
from flocker.testing.simulation.happenings import (
    CancelMove,
    Create,
    Delete,
    DieBetween,
    KillAgent,
    Move,
    PowerOff,
    Write,
)
from tests.simulation.test_pool_stories import Story


class Restored(Story):
    """A story in which control has a backup of the beginning."""

    def __init__(self, machines: int = 2, seed: int = 1, **times: float) -> None:
        super().__init__(machines, seed, **times)
        self.world.back_up()

    def machine(self, number: int) -> NodeID:
        """Give a node."""
        return self.world.pool_machines[number].node

    def moves(self, to: int) -> None:
        """Let it be moved, and written to where it is then."""
        self.happens(Move(0, to))
        self.settle()
        self.happens(Write(), Write())

    def ends_at(self, machine: int) -> None:
        """Let all be mended; then it is served by one, with all that was written."""
        self.settle()
        assert self.serving == [machine]
        assert not self.row.unsure
        assert self.world.oracle.asides == 0


def test_moved_since() -> None:
    """What was moved after the backup stays where it is, and can be moved again."""
    story = Restored()
    story.moves(1)
    story.world.restore()
    story.ends_at(1)
    story.moves(0)
    story.ends_at(0)


def let_go_before_it_was_told() -> Restored:
    """A node lets go, dies before it hears who owns it now, and comes back."""
    story = Restored()
    story.happens(Move(0, 1))
    story.until(lambda: story.row.epoch > 1)
    story.happens(PowerOff(0, 30.0))
    story.until(lambda: story.serving == [1])
    story.happens(Write(), Write())
    return story


def test_let_go_before_it_was_told() -> None:
    """It is not given the dataset again, in an epoch that another owns (W1, W2).

    Before stores knew that they were restored both served it then.
    """
    story = let_go_before_it_was_told()
    story.world.restore()
    story.world.advance(60.0)
    story.happens(Write())
    story.ends_at(1)


@pytest.mark.parametrize("moves", [(1, 0), (1, 2), (1, 2, 0), (1, 0, 1, 0), (2, 1, 2)])
@pytest.mark.parametrize("away", [None, 0, 1, 2])
def test_moved_often_and_one_away(moves: tuple[int, ...], away: int | None) -> None:
    """Wherever it went, and whoever is away at first: it is served where it is."""
    story = Restored(3, 2)
    for machine in moves:
        story.moves(machine)
    if away is not None:
        story.happens(PowerOff(away, 50.0))
    story.world.restore()
    story.world.advance(30.0)
    story.happens(Write())
    story.world.advance(30.0)
    story.ends_at(moves[-1])


@pytest.mark.parametrize("cut", [None, 0, 1], ids=["nobody", "source", "target"])
@pytest.mark.parametrize("before", [True, False], ids=["backup-of-it", "since"])
def test_in_the_middle_of_a_move(cut: int | None, *, before: bool) -> None:
    """At whatever moment of a move control is restored, all that was written is there.

    The backup is of before the move, or of its beginning; who takes part may die.
    """
    for moment in range(0, 100, 7):
        story = Restored(2, moment, steps_take=0.3, latency=0.02, commits_take=0.01)
        story.happens(Move(0, 1), Write())
        if before:
            story.until(lambda story=story: story.row.move is not None)
            story.world.back_up()
        for _ in range(moment):
            story.world.step()
        story.happens(Write())
        if cut is not None:
            story.happens(KillAgent(cut, 5.0))
        story.world.restore()
        story.world.advance(1.0)
        story.happens(Write())
        story.settle()
        assert story.world.oracle.asides == 0


@pytest.mark.parametrize("victim", [0, 1], ids=["source", "target"])
def test_dies_between_any_two_steps(victim: int) -> None:
    """Agent of source or target dies before each durable step; then the restore."""
    for after in range(14):
        story = Restored(steps_take=0.05)
        story.happens(DieBetween(victim, after, 20.0, whole=False), Move(0, 1))
        story.world.advance(10.0)
        story.happens(Write())
        story.world.restore()
        story.world.advance(30.0)
        story.happens(Write())
        story.settle()
        assert story.world.oracle.asides == 0, after


def test_move_that_was_cancelled_since() -> None:
    """A move of the backup that its source has refused since does not come back."""
    story = Restored(2, 4, latency=0.02, steps_take=0.3)
    story.happens(Move(0, 1))
    story.until(lambda: story.in_stage(Stage.FREEZING))
    story.world.back_up()
    story.happens(CancelMove(0))
    story.until(lambda: story.row.move is None)
    story.until(lambda: story.serving == [0])
    story.happens(Write())
    story.world.restore()
    story.settle()
    assert story.serving == [1], "it is wanted there, by the backup, and moves anew"


def test_owner_is_away() -> None:
    """Who let go is not served again; the status names who has it, and then it is."""
    story = let_go_before_it_was_told()
    story.happens(PowerOff(1, 60.0))
    story.world.advance(40.0)
    story.world.restore()
    story.world.advance(15.0)
    assert story.serving == []
    status = story.world.status(story.dataset)
    assert (status.phase, status.node) == (Phase.WAITING, story.machine(1))
    assert status.cause is not None
    assert status.cause.code == "owner-unsure"
    story.world.advance(30.0)
    story.ends_at(1)


def test_destroyed_since() -> None:
    """What was destroyed after the backup is not made empty; it can be deleted."""
    story = Restored()
    story.happens(Delete(0))
    story.settle()
    story.world.restore()
    story.world.advance(30.0)
    assert not any(story.dataset in m.copies for m in story.world.pool_machines)
    cause = story.world.status(story.dataset).cause
    assert cause is not None
    assert cause.code == "owner-unsure"
    story.happens(Delete(0))
    story.settle()
    assert story.world.known.datasets[story.dataset].destroyed


@pytest.mark.parametrize("machine", [0, 1], ids=["where-it-is", "elsewhere"])
def test_made_since(machine: int) -> None:
    """A dataset that the backup does not know is served on; made anew, it is that."""
    story = Restored()
    other = story.scene.ids[1]
    story.happens(Create(1, 0))
    story.until(lambda: len(story.world.oracle.serving(other)) == 1)
    story.happens(Write())
    written = set(story.world.oracle.written[other])
    story.world.oracle.forgot = True
    story.world.restore()
    story.world.advance(30.0)
    assert other not in story.world.known.datasets
    assert len(story.world.oracle.serving(other)) == 1
    story.world.oracle.lives_again(other)
    story.happens(Create(1, machine))
    story.settle()
    served = story.world.oracle.serving(other)
    assert [each.node for each in served] == [story.machine(machine)]
    assert written <= set(served[0].disk.files(other))


def test_restored_twice() -> None:
    """A second restore of the same backup gives out no number of the first."""
    story = Restored(3, 5)
    story.moves(1)
    story.world.restore()
    story.ends_at(1)
    story.moves(2)
    first = story.row.epoch
    story.world.restore()
    story.world.advance(10.0)
    story.ends_at(2)
    assert story.row.epoch == first
    story.moves(0)
    assert story.row.epoch > first + 1


def test_brought_back_by_other_means() -> None:
    """A store that does not know that it is old, learns it from what nodes know."""
    story = Restored(3, 3)
    before = story.world.store.stored
    story.moves(1)
    story.moves(2)
    story.world.oracle.forgot = True
    story.world.bring_back(before)
    story.world.advance(5.0)
    assert story.row.epoch == 3
    story.ends_at(2)
