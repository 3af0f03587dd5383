"""Rollbacks in a simulated cluster: stories, and what seeds have found.

The oracle says after each event whether what is served is what it should be, and
whether all that was before is kept; the bugs that it finds are in test_pool_back_bugs.
"""

import pytest

from flocker.model.pools import Stage
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.happenings import (
    CancelMove,
    CancelRollback,
    Clone,
    CutWay,
    Delete,
    DeleteSnapshot,
    DieBetween,
    FillPool,
    Happening,
    KillAgent,
    KillControl,
    Lease,
    Move,
    Partition,
    PoolFails,
    PoolHangs,
    PowerOff,
    RollBack,
    Stall,
    StoreUnanswered,
    Suspend,
    TakeSnapshot,
    TellOld,
    UseCopies,
    Write,
)
from tests.simulation.test_pool_snapshots import is_taken, names, with_a_snapshot
from tests.simulation.test_pool_stories import Story

STEPS = 9
"""More than the durable steps of a rollback."""


def served(story: Story) -> set[str]:
    """Name what is in the dataset where it is served."""
    (machine,) = story.world.oracle.serving(story.dataset)
    return set(machine.disk.files(story.dataset))


def done(story: Story) -> int:
    """Count the rollbacks that were done."""
    return len(story.world.oracle.rollbacks.done)


def is_over(story: Story) -> bool:
    """Whether none is wanted any more, and the dataset is served."""
    return story.row.rollback is None and story.serving != []


def rolled_back() -> Story:
    """A dataset goes back to its snapshot, and is written to; then it moves."""
    story = with_a_snapshot(3, steps_take=0.05, latency=0.02)
    story.happens(RollBack(0, "a"))
    story.until(lambda: is_over(story))
    story.happens(Write(), Move(0, 1), Write())
    story.settle()
    return story


def test_goes_back_and_moves() -> None:
    """It holds what the snapshot did, and what was written since; moves go on."""
    story = with_a_snapshot()
    before, held = served(story), {"w1"}
    story.happens(RollBack(0, "a"))
    story.until(lambda: is_over(story))
    assert served(story) == held < before
    story.happens(Write(), RollBack(0, None))
    story.until(lambda: is_over(story))
    assert served(story) == before
    assert done(story) == 2
    for machine in (1, 0, 1):
        story.happens(Write(), Move(0, machine))
        story.settle()
        assert story.serving == [machine]
    assert story.world.oracle.asides == 0
    assert len(names(story)) == 3


def test_copies_of_before_are_continued() -> None:
    """A node that has what was before is sent only what is new: nothing is aside."""
    story = with_a_snapshot(3, steps_take=0.05)
    for machine in (1, 2, 0):
        story.happens(Move(0, machine))
        story.settle()
        story.happens(Write(), RollBack(0, "a"))
        story.until(lambda story=story: is_over(story))
    for machine in (1, 2, 0):
        story.happens(Write(), Move(0, machine))
        story.settle()
    assert done(story) == 3
    assert story.world.oracle.asides == 0


@pytest.mark.parametrize("whole", [False, True], ids=["agent", "machine"])
def test_dies_between_any_two_steps(*, whole: bool) -> None:
    """Whoever dies before whichever durable step, it goes back, and once."""
    for after in range(STEPS):
        story = with_a_snapshot(steps_take=0.05)
        story.happens(DieBetween(0, after, 1.0, whole), RollBack(0, "a"))
        story.world.advance(10.0)
        story.happens(Write())
        story.settle()
        assert done(story) == 1, after


def cancelled_at(moment: int, *more: Happening) -> Story:
    """Cancel a rollback so many events after it was asked for."""
    story = with_a_snapshot(2, moment, steps_take=0.3, latency=0.02, commits_take=0.01)
    story.happens(RollBack(0, "a"))
    for _ in range(moment):
        story.world.step()
    story.happens(CancelRollback(0), *more)
    story.world.advance(2.0)
    story.happens(Write())
    story.settle()
    return story


def test_cancelled_at_every_moment() -> None:
    """It stays what it is, or went back already; either is what users are told."""
    outcomes = {done(cancelled_at(moment)) for moment in range(0, MOMENTS, 4)}
    assert outcomes == {0, 1}


def cut_off_in_the_middle() -> Story:
    """An agent dies when it has kept what was before, and does not reach control.

    So it serves the dataset again, and somebody writes.
    """
    story = with_a_snapshot(steps_take=0.05)
    kept = len(story.world.pool_machines[0].copies[story.dataset].snapshots) + 1
    story.happens(RollBack(0, "a"))
    copy = story.world.pool_machines[0].copies[story.dataset]
    story.until(lambda: len(copy.snapshots) == kept)
    story.happens(KillControl(20.0), KillAgent(0, 0.0))
    story.until(lambda: story.serving == [0])
    story.happens(Write())
    story.settle()
    return story


def test_written_in_the_middle_is_kept() -> None:
    """What is written after the safety snapshot is one more, and travels."""
    story = cut_off_in_the_middle()
    assert done(story) == 1
    story.happens(Move(0, 1))
    story.settle()
    copy = story.world.pool_machines[1].copies[story.dataset]
    (kept,) = (each for each in copy.snapshots if each.name.startswith("unsaved-"))
    assert len(kept.files) == len(served(story)) + 2


def told_old_afterwards() -> Story:
    """It goes back three times, and is written to; then its agent is told the first.

    By then the outcome of that one is tidied up: only the record knows of it.
    """
    story = with_a_snapshot(steps_take=0.05)
    for _ in range(3):
        story.happens(RollBack(0, "a"))
        story.until(lambda: is_over(story))
        story.happens(Write())
        story.world.advance(1.0)
    machine = story.world.pool_machines[0]
    told = [each.get(story.dataset) for each in machine.history]
    first = next(
        n for n, each in enumerate(told) if each and each.pool and each.pool.rollback
    )
    ago = len(told) - first
    story.happens(KillAgent(0, 0.0))
    story.until(lambda: story.serving == [0] and len(machine.history) > len(told))
    story.happens(Write(), TellOld(0, ago + 1, 5.0), Write())
    story.world.advance(10.0)
    story.happens(Write())
    story.settle()
    return story


def test_told_old_afterwards() -> None:
    """An old row never rolls back again what was written since."""
    story = told_old_afterwards()
    assert done(story) == 3
    assert len(served(story)) > 3


def asked_for_before() -> Story:
    """Who is to take a snapshot dies; before it is back a rollback is asked for."""
    story = with_a_snapshot(steps_take=0.05)
    story.happens(DieBetween(0, 0, 3.0, whole=False), TakeSnapshot(0, "b"))
    story.world.advance(1.0)
    story.happens(RollBack(0, "a"))
    story.world.advance(10.0)
    story.settle()
    return story


def test_asked_for_before() -> None:
    """Seed 261 found that `b` was taken afterwards then, and held what `a` does.

    Now control wants no rollback while a snapshot is still to be taken.
    """
    story = asked_for_before()
    assert is_taken(story, "b")
    assert done(story) == 0
    story.happens(RollBack(0, "a"))
    story.until(lambda: is_over(story))
    story.settle()
    assert done(story) == 1


MEANWHILE: dict[str, tuple[Happening, ...]] = {
    "deleted": (Delete(0),),
    "cancelled-by-who-dies": (CancelRollback(0), KillAgent(0, 0.0)),
    "cancelled-and-control-dies": (CancelRollback(0), KillControl(0.0)),
    "cancelled-unheard": (Partition(0, 25.0), CancelRollback(0)),
    "cancelled-and-told-old": (CancelRollback(0), TellOld(0, 1, 3.0)),
    "cancelled-and-again": (CancelRollback(0), RollBack(0, "a")),
    "agent-dies": (KillAgent(0, 0.0),),
    "agent-dies-cut-off": (Partition(0, 25.0), KillAgent(0, 0.0), Write()),
    "machine-off": (PowerOff(0, 10.0),),
    "control-dies": (KillControl(0.0),),
    "store-unanswered": (StoreUnanswered(),),
    "told-old": (TellOld(0, 2, 3.0),),
    "told-late": (Stall(0, 10.0),),
    "stands-still": (Suspend(0, 25.0),),
    "full": (FillPool(0, 10.0),),
    "full-and-cancelled": (FillPool(0, 30.0), CancelRollback(0)),
    "used": (UseCopies(0, 10.0),),
    "leased": (Lease(0, 0),),
    "leased-elsewhere": (Lease(0, 1),),
    "moved": (Move(0, 1),),
    "cloned": (Clone(1, 0, "a", 0),),
    "snapshot-deleted": (DeleteSnapshot(0, "a"),),
    "snapshot-taken": (TakeSnapshot(0, "b"),),
    "snapshot-taken-by-who-dies": (TakeSnapshot(0, "b"), KillAgent(0, 0.0)),
    "repeat-fails": (PoolFails(0, "repeat", Fault.AFTER),),
    "hangs-and-cancelled": (PoolHangs(0, 10.0), CancelRollback(0)),
}
MOMENTS = 60
"""More than the events in which a rollback is done, in the worlds of these stories."""


def meanwhile(what: tuple[Happening, ...], moment: int) -> Story:
    """Let something happen so many events after a rollback was asked for."""
    story = with_a_snapshot(2, moment, steps_take=0.3, latency=0.02, commits_take=0.01)
    story.happens(RollBack(0, "a"))
    for _ in range(moment):
        story.world.step()
    story.happens(*what)
    story.world.advance(2.0)
    story.happens(Write())
    story.world.advance(1.0)
    story.settle()
    return story


@pytest.mark.parametrize("what", MEANWHILE)
def test_meanwhile(what: str) -> None:
    """Whatever happens at whatever moment of a rollback, it ends well, and moves."""
    for moment in range(0, MOMENTS, 10):
        story = meanwhile(MEANWHILE[what], moment)
        story.happens(Write(), Move(0, 1))
        story.settle()


@pytest.mark.slow
@pytest.mark.parametrize("what", MEANWHILE)
def test_at_every_moment(what: str) -> None:
    """The same, at every single moment."""
    for moment in range(MOMENTS):
        _ = meanwhile(MEANWHILE[what], moment)


def given_up_and_rolled_back() -> Story:
    """A move is given up in the middle; the dataset goes back, and then moves there."""
    story = with_a_snapshot(steps_take=0.05, latency=0.02)
    story.happens(CutWay(0, 1, 20.0, both=True), Move(0, 1))
    story.world.advance(5.0)
    assert story.in_stage(Stage.COPYING)
    story.happens(CancelMove(0), RollBack(0, "a"))
    story.until(lambda: is_over(story))
    story.happens(Write(), Move(0, 1))
    story.settle()
    return story


def test_given_up_and_rolled_back() -> None:
    """What the target had of before is continued by what it went back to."""
    story = given_up_and_rolled_back()
    assert story.serving == [1]
    assert done(story) == 1
    assert story.world.oracle.asides == 0
