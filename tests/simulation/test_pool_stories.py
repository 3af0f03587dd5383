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
    CutWay,
    Delete,
    DieBetween,
    FillPool,
    Happening,
    KillAgent,
    KillControl,
    Lease,
    Move,
    Partition,
    PoolHangs,
    PowerOff,
    ResetStreams,
    Stall,
    TellOld,
    UseCopies,
    Write,
)
from flocker.testing.simulation.invariants import Violated
from flocker.testing.simulation.pool_doing import do
from flocker.testing.simulation.pool_world import PoolWorld

STEPS = 14
"""More than the durable steps that a move takes on any machine."""


class Story:
    """A cluster in which the first dataset is served by the first machine."""

    def __init__(self, machines: int = 2, seed: int = 1, **times: float) -> None:
        self.world = PoolWorld(machines, seed, **times)
        self.scene = Scene(self.world, (dataset_id(), dataset_id(2)))
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
        assert self.world.ill() == []
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


def cancelled_on_the_way_back() -> Story:
    """A dataset is to go back where it was; that is cancelled, and asked for again."""
    story = Story(2, 3, latency=0.02, steps_take=0.05)
    story.happens(Move(0, 1))
    story.settle()
    story.happens(Write(), CutWay(1, 0, 30.0, both=True), Move(0, 0))
    story.world.advance(5.0)
    story.happens(CancelMove(0))
    story.world.advance(90.0)
    story.happens(Write(), Move(0, 0))
    story.settle()
    return story


def test_cancelled_on_the_way_back() -> None:
    """Only what is new is sent: what stands where it was can be continued still."""
    story = cancelled_on_the_way_back()
    assert story.serving == [0]
    assert story.world.oracle.asides == 0


def round_trips() -> Story:
    """A dataset goes round three machines twice, and then the other way."""
    story = Story(3, 5, steps_take=0.05)
    for machine in (1, 2, 0, 1, 2, 0, 2, 1, 0):
        story.happens(Write(), Move(0, machine))
        story.settle()
        assert story.serving == [machine]
    return story


def test_round_trips() -> None:
    """Each machine that had it before is brought only what is new: nothing is aside."""
    assert round_trips().world.oracle.asides == 0


def given_up_and_gone_elsewhere() -> Story:
    """A move to the second machine is given up; it goes to the third, then there."""
    story = Story(3, 6, latency=0.02, steps_take=0.05)
    story.happens(Lease(0, 0, 40.0), Move(0, 1))
    for _ in range(10):
        story.world.advance(1.0)
        story.happens(Write())
    assert story.in_stage(Stage.COPYING)
    story.happens(CancelMove(0))
    story.settle()
    assert story.serving == [0]
    for machine in (2, 0, 2, 1):
        for _ in range(4):
            story.happens(Write(), Move(0, machine))
            story.world.advance(2.0)
        story.settle()
        assert story.serving == [machine]
    return story


def test_given_up_and_gone_elsewhere() -> None:
    """What was brought before the move was given up is continued, by whoever has it."""
    story = given_up_and_gone_elsewhere()
    assert story.world.oracle.asides == 0


def diverged_by_hand() -> Story:
    """Somebody writes into the old copy that a node kept; then the dataset comes back.

    Nobody can say which is right, so that what stood there must be kept aside.
    """
    story = Story(2, 5)
    story.happens(Move(0, 1))
    story.settle()
    machine = story.world.pool_machines[0]
    copy = machine.copies[story.dataset]
    copy.files = {**copy.snapshots[-1].files, "theirs": b"by hand"}
    story.happens(Write(), Move(0, 0))
    story.settle()
    kept = [copy.files for _, copy in machine.disk.asides.values()]
    if not any(files is not None and "theirs" in files for files in kept):
        raise Violated("W3: what was written by hand was overwritten")
    return story


def test_diverged_is_set_aside() -> None:
    """What no stream continues is never overwritten: it is set aside, and listed."""
    story = diverged_by_hand()
    assert story.serving == [0]
    assert "theirs" not in story.world.pool_machines[0].disk.files(story.dataset)


def deleted_and_told_old() -> Story:
    """A dataset is destroyed everywhere; then its node is told what was so before."""
    story = Story(2, 4)
    story.happens(Delete(0))
    story.settle()
    for back in range(5):
        # After each of them its control service tells the node one time more.
        story.happens(TellOld(0, 2 * back + 1, 2.0))
        story.world.advance(5.0)
    story.settle()
    return story


def test_deleted_stays_deleted() -> None:
    """Whoever tells late that it is to be made: nothing is made of it any more (D1)."""
    story = deleted_and_told_old()
    rows = [told.get(story.dataset) for told in story.world.pool_machines[0].history]
    assert any(row is not None and row.pool and row.pool.create for row in rows)


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


MOMENTS = 120
"""More than the events in which a move is done, in the worlds of these stories."""

MEANWHILE: dict[str, tuple[Happening, ...]] = {
    "deleted": (Delete(0),),
    "cancelled": (CancelMove(0),),
    "back": (Move(0, 0),),
    "back-and-there": (Move(0, 0), Move(0, 1)),
    "elsewhere": (Move(0, 2),),
    "leased": (Lease(0, 0, 5.0),),
    "leased-there": (Lease(0, 1),),
    "used": (UseCopies(0, 10.0),),
    "source-dies": (KillAgent(0, 0.0),),
    "target-dies": (KillAgent(1, 0.0),),
    "source-off": (PowerOff(0, 10.0),),
    "target-off": (PowerOff(1, 10.0),),
    "control-dies": (KillControl(0.0),),
    "streams-break": (ResetStreams(1),),
    "streams-break-and-deleted": (ResetStreams(1), Delete(0)),
    "source-unheard": (CutWay(0, 1, 25.0, both=False),),
    "target-unheard": (CutWay(1, 0, 25.0, both=False),),
    "source-cut-off": (Partition(0, 25.0),),
    "target-cut-off": (Partition(1, 25.0),),
    "source-told-late": (Stall(0, 10.0), CancelMove(0)),
    "target-told-late": (Stall(1, 10.0), CancelMove(0)),
    "source-told-old": (TellOld(0, 2, 3.0),),
    "target-told-old": (TellOld(1, 2, 3.0),),
    "target-hangs-and-deleted": (PoolHangs(1, 10.0, streams=True), Delete(0)),
    "target-hangs-and-back": (PoolHangs(1, 10.0, streams=True), Move(0, 0)),
    "target-hangs-and-elsewhere": (
        PoolHangs(1, 30.0, streams=True),
        ResetStreams(1),
        Move(0, 2),
    ),
    "target-full": (FillPool(1, 10.0),),
}


def during_a_move(story: Story, what: tuple[Happening, ...], moment: int) -> None:
    """Let something happen so many events after a move was asked for, and be over."""
    story.happens(Move(0, 1), Write())
    for _ in range(moment):
        story.world.step()
    story.happens(Write(), *what)
    story.world.advance(1.0)
    story.happens(Write())
    story.settle()


def meanwhile(what: tuple[Happening, ...], moment: int) -> Story:
    """Let something happen during a move, and delete the dataset in the end."""
    story = Story(3, moment, steps_take=0.3, latency=0.02, commits_take=0.01)
    during_a_move(story, what, moment)
    story.happens(Delete(0))
    story.settle()
    return story


@pytest.mark.parametrize("what", MEANWHILE)
def test_meanwhile(what: str) -> None:
    """Whatever happens at whatever moment of a move, it ends well."""
    for moment in range(0, MOMENTS, 8):
        meanwhile(MEANWHILE[what], moment)


@pytest.mark.slow
@pytest.mark.parametrize("what", MEANWHILE)
def test_at_every_moment(what: str) -> None:
    """The same, at every single moment."""
    for moment in range(MOMENTS):
        meanwhile(MEANWHILE[what], moment)
