"""What users may ask of snapshots, and what becomes of it."""

from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control import pool_moves, pool_snapshots, snapshots
from flocker.control.datasets import DatasetDeleted, DatasetNotFound
from flocker.control.slices import assignment
from flocker.control.snapshots import (
    BadSnapshotName,
    SnapshotExists,
    SnapshotNotFound,
    TooManySnapshots,
)
from flocker.control.volume_snapshots import NoSnapshotsThere
from flocker.model.changes import apply
from flocker.model.cluster import Observed
from flocker.model.configuration import Configuration
from flocker.model.ids import Epoch, MoveNumber, SnapshotID, UserSnapshotID
from flocker.model.pools import Move, Owned, PoolFact, Record, Released, Replica
from flocker.model.snapshots import (
    LONGEST_NAME,
    MOST,
    FoundSnapshot,
    Taken,
    UserSnapshot,
    UserSnapshots,
)
from flocker.testing.builders import a_dataset, a_fact, a_node, dataset_id, node_id
from tests.unit.control.test_pool_tending import Cluster

DATASET = dataset_id()
A, B = node_id(1), node_id(2)
NOW = 1000.0
(CHANGE,) = pool_moves.start(Configuration(), DATASET, A, "default").edits
ROW = evolve(CHANGE.after, acquired=True, create=False, holders=(A, B))
KNOWN = Configuration(
    datasets=pmap({DATASET: a_dataset()}),
    nodes=pmap({A: a_node(1), B: a_node(2)}),
    pools=pmap({DATASET: ROW}),
)
MONDAY, TUESDAY = (UserSnapshotID(UUID(int=number << 96)) for number in (1, 2))


def take(known=KNOWN, name="monday", identifier=MONDAY):
    return apply(snapshots.create(known, DATASET, name, identifier, NOW), known)


def deleted(known, name="monday"):
    return apply(snapshots.delete(known, DATASET, name), known)


def wanted(known):
    return known.snapshots[DATASET].wanted


def a_copy(*found, heard=1, heeded=0, under=1, standing=None):
    """What a node says; it owns the dataset if nothing else is said."""
    record = Record(DATASET, standing or Owned(Epoch(1), None, heeded))
    users = tuple(FoundSnapshot(each, SnapshotID(f"s-{each}")) for each in found)
    copy = PoolFact(record, exists=True, users=users, heard=heard, under=under)
    return Observed(evolve(a_fact(), pool=copy), 1234.5)


RID = a_copy(heard=2, heeded=2)
FOLLOWS = a_copy(heard=3, standing=Replica(Epoch(1)))
"""What an owner, and another node, say that have none and have heard of all."""


def kept(known, **facts):
    named = {{"a": A, "b": B}[name]: fact for name, fact in facts.items()}
    return pool_snapshots.keep(known, ROW, named)


def test_wanted():
    """What is asked for is on record until it is taken."""
    assert wanted(take()) == (UserSnapshot(MONDAY, "monday", NOW),)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        ".x",
        "a b",
        "a/b",
        "a@b",
        "é",
        "a\n",
        "flocker-x",
        "unsaved-1-1",
        "x" * 51,
    ],
)
def test_bad_names(name):
    """A name is one that every pool takes, and none that nodes take for themselves."""
    with pytest.raises(BadSnapshotName) as caught:
        take(name=name)
    assert repr(name) in str(caught.value)


def test_names_in_pools():
    """The longest name is one for a pool too, and two of a name are two there."""
    longest = "x" * LONGEST_NAME
    one = wanted(take(name=longest))[0].in_pool
    other = wanted(take(name=longest, identifier=TUESDAY))[0].in_pool
    assert one != other
    assert len(one) == 63


def test_refused():
    """What cannot be is refused before it is on record."""
    with pytest.raises(DatasetNotFound):
        snapshots.create(Configuration(), DATASET, "x", MONDAY, NOW)
    gone = evolve(KNOWN, datasets=pmap({DATASET: a_dataset(deleted=True)}))
    with pytest.raises(DatasetDeleted):
        take(gone)
    with pytest.raises(NoSnapshotsThere):
        take(evolve(KNOWN, pools=pmap()))
    with pytest.raises(SnapshotExists):
        take(take(), identifier=TUESDAY)
    many = tuple(evolve(wanted(take())[0], name=f"n{n}") for n in range(MOST))
    full = evolve(KNOWN, snapshots=pmap({DATASET: UserSnapshots(DATASET, many)}))
    with pytest.raises(TooManySnapshots):
        take(full)


def test_deleted():
    """A deleted one has no name any more, and stays on record."""
    known = deleted(take())
    assert wanted(known) == (UserSnapshot(MONDAY, "monday", NOW, deleted=2),)
    with pytest.raises(SnapshotNotFound):
        deleted(known)
    with pytest.raises(SnapshotNotFound):
        deleted(KNOWN)
    with pytest.raises(DatasetNotFound):
        deleted(Configuration())
    again = take(known, identifier=TUESDAY)
    assert again.snapshots[DATASET].named("monday").id == TUESDAY


def test_taken():
    """What the owner has is on record, with the moment at which it had it first."""
    known = take()
    after = kept(known, a=a_copy(MONDAY))
    (snapshot,) = after.wanted
    assert snapshot.taken == Taken(SnapshotID(f"s-{MONDAY}"), 1234.5)
    now = evolve(known, snapshots=pmap({DATASET: after}))
    assert kept(now, a=a_copy(MONDAY)) is None


def test_only_the_owner_takes():
    """What an earlier owner has is not what is wanted of this one's epoch."""
    known = take()
    let_go = Released(Epoch(1), SnapshotID("s"), B)
    assert kept(known, a=a_copy(MONDAY, standing=let_go)) is None
    assert kept(known, b=a_copy(MONDAY)) is None
    assert kept(known, a=a_copy(MONDAY, standing=Owned(Epoch(2), None))) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"a": RID},
        {"a": a_copy(heard=1, heeded=2), "b": FOLLOWS},
        {"a": RID, "b": a_copy(MONDAY, heard=2)},
        {"a": a_copy(MONDAY, heard=2, heeded=2), "b": FOLLOWS},
        {"a": a_copy(heard=2, heeded=1), "b": FOLLOWS},
        {"a": FOLLOWS, "b": FOLLOWS},
        {"a": RID, "b": a_copy(heard=2, under=0)},
        {"a": a_copy(heard=2, heeded=2, under=2), "b": FOLLOWS},
    ],
)
def test_not_gone(facts):
    """A deleted one is on record while any node may have it, or may take it yet."""
    known = deleted(take())
    after = kept(known, **facts)
    assert after is None or len(after.wanted) == 1


def test_gone():
    """When every node has heard of it and has none, it is forgotten."""
    known = deleted(take())
    assert kept(known, a=RID, b=FOLLOWS).wanted == ()
    alone = evolve(known, nodes=known.nodes.discard(B))
    assert kept(alone, a=RID).wanted == ()


def test_not_gone_while_it_moves():
    """A copy that is rid of it may be brought it: until it is acquired nothing goes."""
    known = deleted(take())
    facts = {A: RID, B: FOLLOWS}
    on_its_way = evolve(ROW, move=Move(MoveNumber(1), B))
    for row in (on_its_way, evolve(ROW, acquired=False)):
        assert pool_snapshots.keep(known, row, facts) is None


def test_restored_backup():
    """A row that is older than what its owner has heeded goes on behind that."""
    known = take()
    after = kept(known, a=a_copy(heeded=7))
    assert after == evolve(known.snapshots[DATASET], revision=7)
    now = evolve(known, snapshots=pmap({DATASET: after}))
    assert kept(now, a=a_copy(heeded=7)) is None
    assert kept(known, b=a_copy(heeded=7)) is None


def test_told():
    """Every node that may have a copy is told all that is wanted."""
    known = take()
    for node in (A, B):
        told = assignment(known, node, DATASET, ())
        assert told.snapshots == known.snapshots[DATASET]


def test_with_nodes():
    """It is taken, travels, is deleted everywhere, and goes with the dataset."""
    cluster = Cluster()
    cluster.creates()
    cluster.asks(lambda c: snapshots.create(c, DATASET, "monday", MONDAY, NOW))
    cluster.asks(lambda c: snapshots.create(c, DATASET, "tuesday", TUESDAY, NOW))
    cluster.nodes.settle()
    row = cluster.operations.configuration.snapshots[DATASET]
    assert [each.taken is not None for each in row.wanted] == [True, True]
    cluster.moves(to=2)
    cluster.asks(lambda c: snapshots.delete(c, DATASET, "monday"))
    cluster.nodes.settle()
    row = cluster.operations.configuration.snapshots[DATASET]
    assert [each.name for each in row.wanted] == ["tuesday"]
    cluster.deletes()
    assert DATASET not in cluster.operations.configuration.snapshots
