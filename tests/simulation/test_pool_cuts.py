"""Streams that are cut, in a simulated cluster whose pools go on with them: stories.

What comes in the end is compared with what was taken, to the last byte; and no
beginning is left when all is quiet.
"""

import pytest

from flocker.testing.simulation.happenings import (
    CancelMove,
    Create,
    Delete,
    DeleteSnapshot,
    DieBetween,
    Happening,
    KillAgent,
    Move,
    PowerOff,
    Purge,
    ResetStreams,
    RollBack,
    TakeSnapshot,
    TellOld,
    Write,
)
from tests.simulation.test_pool_snapshots import is_taken
from tests.simulation.test_pool_stories import Story

WRITES = 12
"""Enough for a stream of more parts than the stories cut."""
PARTS = range(1, 16, 3)


def long_one(seed: int = 1, **times: float) -> Story:
    """A dataset of which a stream is long, and that has a snapshot, `a`."""
    story = Story(3, seed, steps_take=0.05, latency=0.02, resumes=True, **times)
    story.happens(*[Write() for _ in range(WRITES)])
    story.happens(TakeSnapshot(0, "a"))
    story.until(lambda: is_taken(story, "a"))
    story.happens(*[Write() for _ in range(WRITES)])
    return story


def has_beginning(story: Story, machine: int = 1) -> bool:
    """Whether a machine keeps the beginning of a stream of the dataset."""
    return story.dataset in story.world.pool_machines[machine].beginnings.kept


def resumed(story: Story) -> int:
    """Count the streams that went on after a cut, on all machines."""
    return sum(each.beginnings.resumed for each in story.world.pool_machines)


def cut_at(part: int, *more: Happening) -> Story:
    """Cut the stream of a move after so many parts; what else happens then happens."""
    story = long_one()
    story.happens(ResetStreams(1, part), Move(0, 1))
    story.until(lambda: has_beginning(story))
    story.happens(*more)
    return story


def cut_and_moved(part: int = 5) -> Story:
    """A stream is cut and goes on, and the dataset is where it is wanted."""
    story = cut_at(part, Write())
    story.settle()
    return story


@pytest.mark.parametrize("part", PARTS)
def test_goes_on(part: int) -> None:
    """Wherever a stream is cut, its rest is sent, and all is there in the end."""
    story = cut_and_moved(part)
    assert story.serving == [1]
    assert resumed(story) == 1
    assert story.world.oracle.asides == 0


def test_cut_again_and_again() -> None:
    """A rest that is cut goes on as well, or the stream begins anew; it ends."""
    for first in PARTS:
        story = long_one()
        cuts = [ResetStreams(1, part) for part in (first, 1, 3, 2, 4)]
        story.happens(*cuts, Move(0, 1), Write())
        story.world.advance(60.0)
        story.settle()
        assert story.serving == [1]
        assert resumed(story) > 0


@pytest.mark.parametrize("victim", [0, 1], ids=["source", "target"])
@pytest.mark.parametrize("whole", [False, True], ids=["agent", "machine"])
def test_dies_between_any_two_steps(victim: int, *, whole: bool) -> None:
    """Whoever dies before whichever durable step after a cut, the dataset arrives."""
    for after in range(8):
        story = long_one()
        dies = DieBetween(victim, after, 1.0, whole)
        story.happens(ResetStreams(1, 5), dies, Move(0, 1))
        story.world.advance(20.0)
        story.happens(Write())
        story.settle()
        assert story.serving == [1], after


def killed_in_the_middle(victim: int, off: float | None) -> Story:
    """Agent or machine die in the middle of a stream, at several moments."""
    for moment in range(20, 200, 45):
        story = long_one(moment)
        story.happens(Move(0, 1))
        for _ in range(moment):
            story.world.step()
        dies = KillAgent(victim, 0.0) if off is None else PowerOff(victim, off)
        story.happens(Write(), dies)
        story.settle()
        assert story.serving == [1], moment
    return story


@pytest.mark.parametrize("off", [None, 5.0], ids=["agent", "machine"])
@pytest.mark.parametrize("victim", [0, 1], ids=["source", "target"])
def test_killed_in_the_middle(victim: int, off: float | None) -> None:
    """What came is there in the next life, and is gone on with, or thrown away."""
    _ = killed_in_the_middle(victim, off)


AFTER: dict[str, tuple[Happening, ...]] = {
    "cancelled": (CancelMove(0),),
    "cancelled-and-again": (CancelMove(0), Move(0, 1)),
    "elsewhere": (Move(0, 2),),
    "elsewhere-and-back": (Move(0, 2), Move(0, 1)),
    "snapshot-deleted": (DeleteSnapshot(0, "a"),),
    "snapshot-taken": (TakeSnapshot(0, "b"), Write()),
    "rolled-back": (CancelMove(0), RollBack(0, "a"), Write()),
    "deleted": (Delete(0),),
    "told-old": (TellOld(1, 2, 2.0),),
    "target-dies": (KillAgent(1, 0.0), Write()),
    "source-dies": (KillAgent(0, 0.0), Write()),
    "target-off": (PowerOff(1, 5.0), CancelMove(0)),
}


@pytest.mark.parametrize("what", AFTER)
def test_after_a_cut(what: str) -> None:
    """Whatever happens to a dataset of which a node has half a stream, it ends well.

    And it goes there afterwards, from what it is by then.
    """
    for part in (1, 9):
        story = cut_at(part, *AFTER[what])
        story.world.advance(3.0)
        story.happens(Write())
        story.settle()
        if what != "deleted":
            story.happens(Write(), Move(0, 1))
            story.settle()


def cut_before_a_snapshot() -> Story:
    """A round is cut, and before its rest is sent a user takes a snapshot."""
    story = long_one()
    story.happens(ResetStreams(1, 999), ResetStreams(1, 3), Move(0, 1))
    story.until(lambda: has_beginning(story))
    story.happens(Write(), TakeSnapshot(0, "b"))
    story.settle()
    return story


def test_cut_before_a_snapshot() -> None:
    """What began is completed first, and what is newer follows."""
    story = cut_before_a_snapshot()
    assert story.serving == [1]
    assert resumed(story) == 1


def given_up_after_a_cut() -> Story:
    """A move is given up of which half a stream came."""
    story = cut_at(5, CancelMove(0))
    story.settle()
    return story


def test_given_up_after_a_cut() -> None:
    """Of what nobody is to bring the rest of nothing is left."""
    assert not has_beginning(given_up_after_a_cut())


def of_another_life() -> Story:
    """Half a stream is left of a dataset that is deleted: put there again by hand.

    Then there is another of the same id, and that goes there.
    """
    story = long_one()
    story.happens(ResetStreams(1, 5), Move(0, 1))
    story.until(lambda: has_beginning(story))
    beginning = story.world.pool_machines[1].beginnings.kept[story.dataset]
    story.happens(Delete(0))
    story.settle()
    story.happens(Purge(0), Create(0, 0))
    story.until(lambda: story.serving == [0] and story.row.acquired)
    story.happens(*[Write() for _ in range(WRITES)])
    story.world.pool_machines[1].beginnings.kept[story.dataset] = beginning
    story.happens(Move(0, 1))
    story.settle()
    return story


def test_of_another_life() -> None:
    """What began in a life that is over is followed by nothing of the next."""
    story = of_another_life()
    assert story.serving == [1]
    assert resumed(story) == 0
