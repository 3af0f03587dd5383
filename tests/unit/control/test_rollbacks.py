"""What users may ask of rollbacks, and what becomes of it."""

from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control import leases, pool_moves, pool_rollbacks, rollbacks, snapshots
from flocker.control.datasets import DatasetDeleted, DatasetNotFound
from flocker.control.leases import GoingBack
from flocker.control.pool_moves import InUse, MoveRefused, NotInPool
from flocker.control.pool_rollbacks import NoRollback, RollbackRefused
from flocker.control.snapshots import (
    SnapshotNeeded,
    SnapshotNotFound,
    TooManySnapshots,
)
from flocker.model.changes import apply
from flocker.model.cluster import Cause, Condition, Observed
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, RollbackNumber, SnapshotID, UserSnapshotID
from flocker.model.leases import Holder, Lease
from flocker.model.pools import Move, Owned, PoolFact, Record, Released
from flocker.model.snapshots import (
    LONGEST_NAME,
    MOST,
    Kept,
    Taken,
    UserSnapshot,
    UserSnapshots,
    kept_as,
)
from flocker.testing.builders import a_dataset, a_fact, a_node, dataset_id, node_id
from tests.unit.control.test_pool_tending import Cluster

DATASET = dataset_id()
A, B = node_id(1), node_id(2)
NOW = 1796010060.0
WAS = SnapshotID("s-1")
FIRST = RollbackNumber(1)
MONDAY, OTHER = (UserSnapshotID(UUID(int=n << 96)) for n in (1, 2))
(CHANGE,) = pool_moves.start(Configuration(), DATASET, A, DEFAULT_BACKEND).edits
ROW = evolve(CHANGE.after, acquired=True, create=False, holders=(A, B))
WISHES = UserSnapshots(DATASET, (UserSnapshot(MONDAY, "monday", 1.0, Taken(WAS, 2.0)),))
KNOWN = Configuration(
    datasets=pmap({DATASET: a_dataset()}),
    nodes=pmap({A: a_node(1), B: a_node(2)}),
    pools=pmap({DATASET: ROW}),
    snapshots=pmap({DATASET: WISHES}),
)
LEASE = Lease(DATASET, A, (Holder("postgres"),))


def a_copy(record=None, snapshots=(WAS,)):
    """What the owner says that it has."""
    owned = record or Record(DATASET, Owned(Epoch(1), None))
    copy = PoolFact(owned, exists=True, snapshots=snapshots)
    return {A: Observed(evolve(a_fact(), pool=copy), NOW)}


def back(known=KNOWN, name="monday", facts=None):
    there = a_copy() if facts is None else facts
    return apply(rollbacks.roll_back(known, there, DATASET, name, NOW), known)


def with_row(**fields):
    return evolve(KNOWN, pools=pmap({DATASET: evolve(ROW, **fields)}))


def refused(*args, **keywords):
    with pytest.raises(RollbackRefused) as caught:
        back(*args, **keywords)
    return str(caught.value)


def test_wanted():
    """One commit wants the rollback and a snapshot of what is before."""
    known = back()
    row, wishes = known.pools[DATASET], known.snapshots[DATASET]
    kept = wishes.wanted[-1]
    assert kept.name == "before-monday-20261130T034100Z"
    assert kept_as(DATASET, kept.id) == Kept(FIRST)
    wish = row.rollback
    assert (wish.number, wish.snapshot, wish.name) == (FIRST, WAS, "monday")
    assert (wish.safety, wish.kept_as) == (kept.in_pool, kept.name)
    assert (row.rollbacks, row.revision) == (1, ROW.revision + 1)


def test_store_that_was_restored():
    """The owner may know of later rollbacks than the store: none is taken for those."""
    owner = Record(DATASET, Owned(Epoch(1), None), settled=7, rolled_back=7)
    row = back(facts=a_copy(owner)).pools[DATASET]
    assert (row.rollback.number, row.rollbacks) == (8, 8)
    assert row.rollback.safety.endswith(Kept(8).id_in(DATASET).hex[:12])


def test_names():
    """The name of what is before is a good one and free, whatever was gone back to."""
    long = "x" * LONGEST_NAME
    snapshot = UserSnapshot(MONDAY, long, 1.0, Taken(WAS, 2.0))
    known = evolve(
        KNOWN, snapshots=pmap({DATASET: UserSnapshots(DATASET, (snapshot,))})
    )
    first = back(known, long)
    over = evolve(first, pools=KNOWN.pools)
    second = back(over, long)
    names = [each.name for each in second.snapshots[DATASET].wanted]
    assert len(set(names)) == 3
    assert all(len(name) <= LONGEST_NAME for name in names)
    assert names[2] == f"{names[1]}-2"


def test_not_found():
    """What cannot be is refused before it is on record."""
    with pytest.raises(DatasetNotFound):
        back(Configuration())
    with pytest.raises(DatasetDeleted):
        back(evolve(KNOWN, datasets=pmap({DATASET: a_dataset(deleted=True)})))
    with pytest.raises(NotInPool):
        back(evolve(KNOWN, pools=pmap()))
    with pytest.raises(SnapshotNotFound):
        back(name="tuesday")
    with pytest.raises(SnapshotNotFound):
        back(apply(snapshots.delete(KNOWN, DATASET, "monday"), KNOWN))


def test_snapshot_that_is_not_there():
    """It must be taken, and the owner must have said that it has it."""
    asked = apply(snapshots.create(KNOWN, DATASET, "new", OTHER, NOW), KNOWN)
    assert "its snapshot new is not taken yet" in refused(asked, "new")
    assert "has not said that it has monday" in refused(facts={})
    assert "has not said" in refused(facts=a_copy(snapshots=(SnapshotID("x"),)))


def test_snapshot_that_is_still_to_be_taken():
    """One that was asked for before would hold what the dataset is afterwards."""
    asked = apply(snapshots.create(KNOWN, DATASET, "new", OTHER, NOW), KNOWN)
    assert "its snapshot new is not taken yet" in refused(asked)
    given_up = apply(snapshots.delete(asked, DATASET, "new"), asked)
    assert back(given_up).pools[DATASET].rollback is not None


def test_row_that_is_engaged():
    """One thing at a time: no move, no other rollback, and it must be in use."""
    moving = with_row(move=Move(1, B))
    assert f"it is on its way to node {B}" in refused(moving)
    assert "is being rolled back to its snapshot monday already" in refused(back())
    assert "has not taken it into use yet" in refused(with_row(acquired=False))
    assert "is about to take it over" in refused(with_row(candidate=B))


def test_leased():
    """Whoever uses it is named, and goes first: there is no force."""
    known = evolve(KNOWN, leases=pmap({DATASET: LEASE}))
    with pytest.raises(InUse, match="postgres"):
        back(known)


def test_too_many_snapshots():
    """What is before needs room among its snapshots."""
    many = tuple(evolve(WISHES.wanted[0], name=f"n{n}") for n in range(MOST))
    wishes = UserSnapshots(DATASET, many)
    with pytest.raises(TooManySnapshots):
        back(evolve(KNOWN, snapshots=pmap({DATASET: wishes})), "n1")


def test_nothing_else_meanwhile():
    """While it is rolled back it is not moved, nor leased; the reasons say why."""
    known = back()
    with pytest.raises(MoveRefused, match="rolled back to its snapshot monday"):
        pool_moves.move(known, DATASET, B)
    with pytest.raises(GoingBack, match="rolled back to its snapshot monday"):
        leases.acquire(known, DATASET, A, Holder("postgres"))


def test_what_it_needs_stays():
    """Neither the snapshot nor what is before is deleted meanwhile."""
    known = back()
    for each in known.snapshots[DATASET].wanted:
        with pytest.raises(SnapshotNeeded, match=each.name):
            snapshots.delete(known, DATASET, each.name)


def settled(known, **fields):
    """What control makes of the word of the owner."""
    (observed,) = a_copy(Record(DATASET, Owned(Epoch(1), None), **fields)).values()
    return pool_rollbacks.settled(known.pools[DATASET], A, observed.fact.pool)


def test_over():
    """It is over when its owner has that on record, done or not."""
    known = back()
    assert settled(known) is None
    done = settled(known, settled=FIRST, rolled_back=FIRST)
    assert (done.rollback, done.rolled_back) == (None, 1)
    not_done = settled(known, settled=FIRST)
    assert (not_done.rollback, not_done.rolled_back) == (None, 0)


def test_word_of_others():
    """Nobody else can end it, nor who let go of it."""
    row = back().pools[DATASET]
    record = Record(DATASET, Owned(Epoch(1), None), settled=FIRST)
    fact = PoolFact(record, exists=True)
    assert pool_rollbacks.settled(row, B, fact) is None
    let_go = evolve(record, standing=Released(Epoch(1), WAS, B))
    assert pool_rollbacks.settled(row, A, evolve(fact, record=let_go)) is None


def test_cancelled():
    """A cancel stands until the owner has heard it; again changes nothing."""
    known = back()
    cancelled = apply(rollbacks.cancel(known, DATASET), known)
    assert cancelled.pools[DATASET].rollback.cancelled
    assert not rollbacks.cancel(cancelled, DATASET)
    with pytest.raises(NoRollback):
        rollbacks.cancel(KNOWN, DATASET)
    with pytest.raises(DatasetNotFound):
        rollbacks.cancel(Configuration(), DATASET)


def test_deleted_meanwhile():
    """A dataset that is buried goes back nowhere, and its next life counts on."""
    known = back()
    gone = apply(pool_moves.bury(known, DATASET), known)
    assert gone.pools[DATASET].rollback is None
    anew = pool_moves.start(gone, DATASET, A, DEFAULT_BACKEND)
    assert apply(anew, gone).pools[DATASET].rollbacks == 1


def test_with_nodes():
    """It goes back, and back again, through the whole of control."""
    cluster = Cluster()
    cluster.creates()
    cluster.asks(lambda c: snapshots.create(c, DATASET, "monday", MONDAY, NOW))
    cluster.nodes.settle()
    cluster.nodes.write(1, DATASET, 0)
    facts = cluster.observations.facts
    cluster.asks(
        lambda c: rollbacks.roll_back(c, facts(DATASET), DATASET, "monday", NOW)
    )
    cluster.nodes.settle()
    assert (cluster.row.rollback, cluster.row.rolled_back) == (None, 1)
    assert cluster.is_served(1)
    cluster.moves(to=2)
    assert cluster.is_served(2)
    (_, before) = cluster.operations.configuration.snapshots[DATASET].wanted
    cluster.asks(
        lambda c: rollbacks.roll_back(c, facts(DATASET), DATASET, before.name, NOW)
    )
    cluster.nodes.settle()
    assert cluster.row.rolled_back == 2
    assert cluster.is_served(2)


FULL = Cause("pool-full", "the pool tank is full", "make room in the pool")


@pytest.mark.parametrize(
    ("code", "condition", "given_up"),
    [
        ("pool-full", Condition.DETACHED, True),
        ("not-copied-back", Condition.DETACHED, True),
        ("unexpected", Condition.DETACHED, True),
        ("pool-full", Condition.MOUNTED, False),
        ("busy", Condition.MOUNTED, False),
        ("busy", Condition.DETACHED, False),
        ("step-slow", Condition.DETACHED, False),
        ("backend-slow", Condition.DETACHED, False),
        ("backend-failed", Condition.DETACHED, False),
        ("snapshot-missing", Condition.MOUNTED, True),
    ],
)
def test_what_hinders(code, condition, given_up):
    """What will not pass by itself, while nobody serves it, ends it."""
    row, revision = back().pools[DATASET], 5
    cause = Cause(code, "why")
    (observed,) = a_copy().values()
    copy = evolve(observed.fact.pool, heard=revision)
    fact = evolve(observed.fact, condition=condition, cause=cause, pool=copy)
    found = pool_rollbacks.hindrance(row, fact, revision)
    assert found == (cause if given_up else None)
    assert pool_rollbacks.hindrance(row, fact, revision + 1) is None
    assert pool_rollbacks.hindrance(ROW, fact, revision) is None
    cancelled = apply(rollbacks.cancel(back(), DATASET), back()).pools[DATASET]
    assert pool_rollbacks.hindrance(cancelled, fact, revision) is None
    over = evolve(copy, record=evolve(copy.record, settled=FIRST))
    done = evolve(fact, pool=over)
    assert pool_rollbacks.hindrance(row, done, revision) is None
    assert pool_rollbacks.hindrance(row, evolve(fact, cause=None), revision) is None


@pytest.fixture
def stuck():
    """A dataset with a snapshot, on a node that can roll nothing back."""
    cluster = Cluster()
    cluster.creates()
    cluster.asks(lambda c: snapshots.create(c, DATASET, "monday", MONDAY, NOW))
    cluster.nodes.settle()
    cluster.nodes.write(1, DATASET, 0)
    cluster.nodes.stuck[A] = FULL
    return cluster


def rolls_back(cluster, name="monday"):
    facts = cluster.observations.facts
    cluster.asks(lambda c: rollbacks.roll_back(c, facts(DATASET), DATASET, name, NOW))
    cluster.nodes.settle()


def test_given_up(stuck):
    """It is served as it was, by itself; why is on record, and agents are not told."""
    rolls_back(stuck)
    assert stuck.is_served(1)
    row = stuck.row
    assert (row.rollback, row.rolled_back) == (None, 0)
    found = row.not_rolled_back
    assert (found.wish.name, found.why, found.release) == (
        "monday",
        FULL.words,
        FULL.release,
    )
    assert stuck.nodes.told(A, DATASET).pool == evolve(row, not_rolled_back=None)
    (monday,) = stuck.operations.configuration.snapshots[DATASET].wanted
    assert monday.name == "monday"
    stuck.leases(1)


def test_after_it_was_given_up(stuck):
    """The reason stays until it is rolled back, or moved, or somebody has read it."""
    rolls_back(stuck)
    stuck.asks(lambda c: rollbacks.cancel(c, DATASET))
    assert stuck.row.not_rolled_back is None
    with pytest.raises(NoRollback):
        rollbacks.cancel(stuck.operations.configuration, DATASET)
    rolls_back(stuck)
    assert stuck.row.not_rolled_back.wish.number == 2
    stuck.moves(to=2)
    assert stuck.row.not_rolled_back is None
    stuck.moves(to=1)
    rolls_back(stuck)
    del stuck.nodes.stuck[A]
    rolls_back(stuck)
    assert stuck.row.not_rolled_back is None
    assert stuck.row.rolled_back == 4


def test_done_after_all():
    """What was done before its node heard that it is given up is told as done."""
    row = back().pools[DATASET]
    (edit,) = pool_rollbacks.give_up(row, row.rollback, FULL).edits
    given_up = edit.after
    assert given_up.rollback.cancelled
    record = Record(DATASET, Owned(Epoch(1), None), settled=FIRST, rolled_back=FIRST)
    done = pool_rollbacks.settled(given_up, A, PoolFact(record, exists=True))
    assert (done.rolled_back, done.not_rolled_back) == (1, None)


def test_waits_for_who_uses_it(stuck):
    """What is in use is served meanwhile: it is rolled back when that is over."""
    stuck.nodes.stuck[A] = Cause("busy", "process 7 (postgres) uses it", "end it")
    rolls_back(stuck)
    assert stuck.row.rollback is not None
    del stuck.nodes.stuck[A]
    stuck.nodes.settle()
    assert stuck.row.rolled_back == 1
