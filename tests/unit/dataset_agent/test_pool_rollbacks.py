"""Going back to a snapshot, as the agents of two nodes do it.

In which orders it may happen is explored in tests/simulation/test_pool_protocol.py.
"""

import pytest
from attrs import define, evolve

from flocker.backends.pool_errors import CannotRepeat, PoolFull
from flocker.control import pool_moves, pool_snapshots, rollbacks
from flocker.dataset_agent.pool_marks import OURS
from flocker.dataset_agent.pool_rollbacks import (
    BACK,
    may_go,
    name_of,
    number_in,
)
from flocker.model.changes import apply
from flocker.model.cluster import Observed
from flocker.model.ids import RollbackNumber
from flocker.model.pools import Record
from flocker.model.snapshots import UNSAVED, Kept, UserSnapshots, kept_as
from flocker.runtime.holders import Holder
from tests.unit.dataset_agent.test_pool_snapshots import NOW, Wanting
from tests.unit.dataset_agent.two_nodes import DATASET, B

FIRST = RollbackNumber(1)


@define(eq=False)
class Rolling(Wanting):
    """Two nodes, and control that can be asked to roll back."""

    def rolls_back(self, name: str) -> None:
        facts = {self.row.owner: Observed(self.owner.fact, NOW)}
        before = self.configuration
        change = rollbacks.roll_back(before, facts, DATASET, name, NOW)
        self.commits(change)

    def cancels(self) -> None:
        self.commits(rollbacks.cancel(self.configuration, DATASET))

    def commits(self, change) -> None:
        before = self.configuration
        after = apply(change, before)
        self.row, self.wanted = after.pools[DATASET], after.snapshots[DATASET]
        self.tell()

    @property
    def owner(self):
        return next(node for node in self.nodes if node.id == self.row.owner)

    @property
    def safety(self) -> str:
        """How the snapshot is called of what was before."""
        return self.wanted.wanted[-1].name

    @property
    def files(self) -> set[str]:
        return set(self.owner.disk.files(DATASET))

    def of(self, name: str) -> set[str]:
        """What is in a snapshot of the owner."""
        kept = self.owner.copy.snapshots
        (found,) = [each for each in kept if each.name.rpartition(".")[0] == name]
        return set(found.files)


@pytest.fixture
def cluster() -> Rolling:
    """A serves a dataset to which was written after a snapshot."""
    made = Rolling()
    made.settle()
    made.a.write("first")
    made.takes("monday")
    made.settle()
    made.a.write("second")
    return made


def test_names():
    """Its outcome is one of our snapshots, and what was unsaved is not."""
    assert name_of(FIRST).startswith(OURS)
    assert BACK.startswith(OURS)
    assert not UNSAVED.startswith(OURS)
    assert number_in(name_of(RollbackNumber(12))) == 12
    assert [number_in(name) for name in ("x", BACK, f"{BACK}x", "flocker-1")] == [0] * 4


def test_outcome_stays_until_it_is_on_record():
    """An outcome may go when the record says that the rollback is over."""
    record = Record(DATASET)
    assert not may_go(name_of(FIRST), record)
    assert may_go(name_of(FIRST), evolve(record, settled=FIRST))
    assert may_go("monday", record)


def test_rolled_back(cluster):
    """It is what it was, served again, and what it was before is a snapshot."""
    cluster.rolls_back("monday")
    assert not cluster.row.rolled_back
    cluster.settle()
    assert cluster.a.served
    assert cluster.files == {"first"}
    assert cluster.of(cluster.safety) == {"first", "second"}
    assert cluster.taken(cluster.safety) is not None
    assert (cluster.row.rollback, cluster.row.rolled_back) == (None, 1)
    assert cluster.row.epoch == 1


def test_back_again(cluster):
    """A second rollback, to what was before, brings that back; all snapshots stay."""
    cluster.rolls_back("monday")
    cluster.settle()
    cluster.a.write("third")
    before = cluster.safety
    cluster.rolls_back(before)
    cluster.settle()
    assert cluster.files == {"first", "second"}
    assert cluster.of(cluster.safety) == {"first", "third"}
    assert cluster.of("monday") == {"first"}


def test_moves_on(cluster):
    """It moves as ever: its snapshots go along, and it can be rolled back there."""
    cluster.rolls_back("monday")
    cluster.settle()
    before = cluster.safety
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.b.served
    assert cluster.files == {"first"}
    cluster.rolls_back(before)
    cluster.settle()
    assert cluster.files == {"first", "second"}


def test_a_copy_elsewhere_follows(cluster):
    """What another node has of before is no other history: nothing is set aside."""
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.rolls_back("monday")
    cluster.settle()
    cluster.decide(pool_moves.move, cluster.a.id)
    cluster.settle()
    assert cluster.a.served
    assert cluster.files == {"first"}
    assert cluster.a.disk.asides == {}


def test_busy(cluster):
    """While something uses it nothing is done, and its name is told."""
    cluster.a.copy.users.append(Holder(7, "postgres", "open /flocker/x"))
    cluster.rolls_back("monday")
    cluster.settle(5)
    fact = cluster.a.fact
    assert fact.cause.code == "busy"
    assert "postgres" in fact.cause.words
    assert cluster.a.served
    cluster.a.copy.users.clear()
    cluster.settle(5)
    assert cluster.files == {"first"}


def test_full(cluster):
    """A pool without room says so; cancelled, it is served as it was."""
    cluster.breaks(cluster.a, "repeat")
    cluster.rolls_back("monday")
    cluster.settle(2)
    assert cluster.a.fact.cause.code == "pool-full"
    assert not cluster.a.served
    cluster.cancels()
    cluster.settle()
    assert cluster.a.served
    assert cluster.files == {"first", "second"}
    assert (cluster.row.rollback, cluster.row.rolled_back) == (None, 0)


def test_too_full_for_a_record(cluster):
    """Cancelled, it is served even where that cannot be put on record yet."""

    def fail(step: str) -> None:
        if step in {"snapshot", "record"}:
            raise PoolFull("memory", "no room is left")

    cluster.a.disk.before = fail
    cluster.rolls_back("monday")
    cluster.settle(2)
    assert not cluster.a.served
    cluster.cancels()
    cluster.settle(5)
    assert cluster.a.served
    assert cluster.row.rollback is not None
    assert cluster.a.fact.cause.code == "pool-full"
    cluster.breaks(cluster.a, None)
    cluster.settle(60)
    assert (cluster.row.rollback, cluster.a.fact.cause) == (None, None)
    assert cluster.files == {"first", "second"}


def test_snapshot_is_gone(cluster):
    """What cannot be gone back to leaves it served; the cause says what is missing."""
    cluster.a.copy.snapshots.clear()
    cluster.rolls_back("monday")
    cluster.settle(2)
    assert cluster.a.served
    assert cluster.a.fact.cause.code == "snapshot-missing"
    cluster.cancels()
    cluster.settle(2)
    assert cluster.a.fact.cause is None
    assert cluster.files == {"first", "second"}


STEPS = ("unmount", "snapshot", "make read-only", "repeat", "record", "make writable")


@pytest.mark.parametrize("step", STEPS)
def test_killed(cluster, step):
    """Killed before any step, and started anew, an agent serves one or the other.

    Before it hears control it serves what was before or what it went back to; what is
    written then is never lost.
    """
    cluster.breaks(cluster.a, step)
    cluster.rolls_back("monday")
    cluster.clock.pump([0.1] * 5)
    cluster.breaks(cluster.a, None)
    cluster.a.start()
    cluster.a.agent.serve_known()
    cluster.clock.pump([0.1] * 10)
    assert cluster.a.served
    assert cluster.files in ({"first"}, {"first", "second"})
    went_back = cluster.files == {"first"}
    assert went_back == (step in {"record", "make writable"})
    cluster.a.write("between")
    cluster.tell()
    cluster.settle()
    assert cluster.row.rolled_back == 1
    kept = {name for each in cluster.a.copy.snapshots for name in each.files}
    assert {"second", "between"} <= kept | cluster.files
    assert cluster.files == ({"first", "between"} if went_back else {"first"})
    seen = {name for each in cluster.wanted.wanted for name in cluster.of(each.name)}
    assert {"second", "between"} <= seen | cluster.files


@pytest.fixture
def interrupted(cluster) -> Rolling:
    """A rollback during which the agent died, after which somebody wrote; twice."""
    cluster.breaks(cluster.a, "make read-only")
    cluster.rolls_back("monday")
    for number in range(2):
        cluster.tell()
        cluster.clock.pump([0.1] * 5)
        cluster.a.agent.cut_off()
        cluster.a.start()
        cluster.a.agent.serve_known()
        cluster.clock.pump([0.1] * 10)
        cluster.a.write(f"between {number}")
    cluster.breaks(cluster.a, None)
    cluster.tell()
    cluster.settle()
    assert cluster.row.rolled_back == 1
    return cluster


def test_all_that_is_kept_is_listed(interrupted):
    """Each is a snapshot of the user's, says what it is, and holds what there was."""
    listed = interrupted.wanted.wanted[2:]
    assert [each.name for each in listed] == ["unsaved-1-1", "unsaved-1-2"]
    parts = [kept_as(DATASET, each.id) for each in listed]
    assert parts == [Kept(FIRST, 1), Kept(FIRST, 2)]
    assert interrupted.of("unsaved-1-1") == {"first", "second", "between 0"}
    last = {"first", "second", "between 0", "between 1"}
    assert interrupted.of("unsaved-1-2") == last
    interrupted.rolls_back("unsaved-1-2")
    interrupted.settle()
    assert interrupted.files == last


def test_what_is_kept_goes_when_it_is_deleted(interrupted):
    """From every node that has it; and it does not come back when one is told late."""
    interrupted.decide(pool_moves.move, B)
    interrupted.settle()
    kept = {"monday", "unsaved-1-1", "unsaved-1-2"}
    assert kept < set(interrupted.names(interrupted.b))
    for name in kept:
        interrupted.deletes(name)
    interrupted.settle()
    interrupted.decide(pool_moves.move, interrupted.a.id)
    interrupted.settle()
    for node in interrupted.nodes:
        assert not kept & set(interrupted.names(node))
    assert len(interrupted.wanted.wanted) == 1
    interrupted.a.start()
    interrupted.tell()
    interrupted.settle()
    assert len(interrupted.wanted.wanted) == 1


def test_heard_of_late(interrupted):
    """What the owner kept is listed as soon as control hears of it, on any owner."""
    (monday, safety, *_) = interrupted.wanted.wanted
    revision = interrupted.wanted.revision + 1
    interrupted.wanted = UserSnapshots(DATASET, (monday, safety), revision)
    owner = Observed(interrupted.a.fact, NOW)
    facts = {interrupted.a.id: owner}
    stale = pool_snapshots.keep(interrupted.configuration, interrupted.row, facts)
    assert stale is None
    interrupted.tell()
    interrupted.settle()
    assert len(interrupted.wanted.wanted) == 4


def test_wish_of_what_is_over(cluster):
    """What was to be kept and was not, since it never went back, is wanted no more."""
    cluster.breaks(cluster.a, "snapshot")
    cluster.rolls_back("monday")
    cluster.settle(2)
    safety = cluster.safety
    cluster.cancels()
    cluster.breaks(cluster.a, None)
    cluster.settle()
    assert cluster.a.served
    assert [each.name for each in cluster.wanted.wanted] == ["monday"]
    assert safety not in cluster.names(cluster.a)


def test_told_late(cluster):
    """A wish that is over is not done again, whenever it is told."""
    cluster.rolls_back("monday")
    late = cluster.row
    cluster.settle()
    cluster.a.write("third")
    over, cluster.row = cluster.row, late
    cluster.a.start()
    cluster.tell()
    cluster.clock.pump([0.1] * 20)
    assert cluster.a.served
    assert cluster.files == {"first", "third"}
    cluster.row = over


def test_pool_full_while_it_is_kept(cluster):
    """If what there is cannot be kept it does not go back."""

    def fail(step: str) -> None:
        if step == "snapshot":
            raise PoolFull("memory", "no room is left")

    cluster.a.disk.before = fail
    cluster.rolls_back("monday")
    cluster.settle(2)
    assert cluster.a.fact.cause.code == "pool-full"
    assert cluster.files == {"first", "second"}


def test_not_copied_back(cluster):
    """A pool that cannot go back for now says why, and goes back when it can."""
    dataset = cluster.a.fact.dataset

    def fail(step: str) -> None:
        if step == "repeat":
            raise CannotRepeat(dataset, "there is no rsync")

    before, cluster.a.disk.before = cluster.a.disk.before, fail
    cluster.rolls_back("monday")
    cluster.settle(2)
    cause = cluster.a.fact.cause
    assert (cause.code, "there is no rsync" in cause.words) == ("not-copied-back", True)
    cluster.a.disk.before = before
    cluster.settle(5)
    assert cluster.files == {"first"}
