"""Which copies there are: what a move would send, and what may be dropped."""

import pytest
from attrs import evolve

from flocker.control.datasets import DatasetDeleted, DatasetNotFound
from flocker.control.pool_copies import (
    Basis,
    Downtime,
    NoSuchCopy,
    Plan,
    downtime,
    drop,
    lineage,
    plan,
)
from flocker.control.pool_moves import CopyNeeded, NotInPool
from flocker.model.changes import Change, DatasetEdit, LeaseEdit, NodeEdit, PoolEdit
from flocker.model.changes import apply as applied
from flocker.model.cluster import BackendReport, Condition
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.forecasts import CLOSE_BEHIND, HAND_OVER, Forecast
from flocker.model.ids import Epoch, MoveNumber, SnapshotID
from flocker.model.pools import (
    Copying,
    Move,
    Owned,
    PoolFact,
    PoolOwnership,
    Prune,
    Record,
    Released,
    Replica,
)
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    a_lease,
    a_node,
    a_sight,
    dataset_id,
    node_id,
    observed,
)

DATASET = dataset_id()
A, B, C = (node_id(number) for number in (1, 2, 3))
OLD, BASE, NEW = (SnapshotID(name) for name in ("old", "base", "new"))
TWO = Epoch(2)
ROW = PoolOwnership(
    DATASET,
    DEFAULT_BACKEND,
    A,
    TWO,
    TWO,
    base=BASE,
    create=False,
    acquired=True,
    holders=(A, B),
)
OWNER = PoolFact(
    Record(DATASET, Owned(TWO, BASE)), exists=True, head=NEW, snapshots=(OLD, BASE, NEW)
)
REPLICA = PoolFact(
    Record(DATASET, Released(Epoch(1), BASE, A)),
    exists=True,
    head=BASE,
    snapshots=(OLD, BASE),
)
SIGHTS = {node_id(number): a_sight(number) for number in (1, 2, 3)}


def known(row: PoolOwnership | None = ROW, *more, dataset=None) -> Configuration:
    """A configuration with three nodes with pools, and one dataset."""
    report = BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=4525)
    edits = [
        NodeEdit(None, evolve(a_node(number), backends=(report,)))
        for number in (1, 2, 3)
    ]
    edits += [DatasetEdit(None, dataset or a_dataset())]
    if row is not None:
        edits.append(PoolEdit(None, row))
    return applied(Change((*edits, *more)), Configuration())


def facts(**copies: PoolFact):
    """What nodes A and B say."""
    nodes = {"a": A, "b": B}
    return {
        nodes[name]: observed(evolve(a_fact(1, Condition.DETACHED), pool=copy))
        for name, copy in copies.items()
    }


BOTH = facts(a=OWNER, b=REPLICA)


def test_plan_with_a_copy():
    """Where the target has what the owner has, only what is newer is sent."""
    found = plan(known(), BOTH, SIGHTS, DATASET, B)
    assert found == Plan(A, B, DEFAULT_BACKEND, BASE, at_most=2**30, measured=None)
    assert found.continues


def test_plan_without_a_copy():
    """Without a copy, or with one that does not fit, everything is sent."""
    assert not plan(known(), BOTH, SIGHTS, DATASET, C).continues
    other = facts(a=OWNER, b=evolve(REPLICA, head=SnapshotID("other")))
    assert not plan(known(), other, SIGHTS, DATASET, B).continues
    assert plan(known(), {}, SIGHTS, DATASET, B) == Plan(
        A, B, DEFAULT_BACKEND, None, at_most=None, measured=None
    )


def test_plan_of_a_move_under_way():
    """What the last step takes is known once it is copied; the move is no obstacle."""
    row = evolve(ROW, move=Move(MoveNumber(1), B))
    copying = Copying(MoveNumber(1), ready=True, downtime=0.5)
    said = facts(a=evolve(OWNER, copying=copying), b=REPLICA)
    here = plan(known(row), said, SIGHTS, DATASET, B)
    assert downtime(here, None) == Downtime(0.5, Basis.LAST_ROUND)
    elsewhere = plan(known(row), said, SIGHTS, DATASET, C)
    assert (elsewhere.measured, elsewhere.blockers) == (None, ())


@pytest.mark.parametrize(
    ("forecast", "expected"),
    [
        (None, None),
        (Forecast(2**40), Downtime(CLOSE_BEHIND + HAND_OVER, Basis.ROUNDS)),
        (Forecast(2**20, sends_all=True), None),
    ],
)
def test_downtime_before(forecast, expected):
    """Before a move it follows from how moves are made, not from what is sent."""
    found = plan(known(), BOTH, SIGHTS, DATASET, B)
    assert downtime(found, forecast) == expected


@pytest.mark.parametrize(
    ("configuration", "sights", "target", "words"),
    [
        (known(), SIGHTS, A, ["it is there"]),
        (
            known(evolve(ROW, acquired=False)),
            SIGHTS,
            B,
            [f"node {A} has not taken it into use yet"],
        ),
        (
            known(),
            SIGHTS,
            node_id(9),
            ["no agent of that node ever connected", f"node {node_id(9)} is not conn"],
        ),
        (
            known(),
            {A: a_sight(1, connected=False), B: a_sight(2)},
            B,
            [f"node {A} is not connected"],
        ),
        (
            known(ROW, LeaseEdit(None, a_lease(on=1))),
            SIGHTS,
            B,
            [f"user has it leased on node {A}: it is copied meanwhile"],
        ),
        (
            known(
                ROW,
                NodeEdit(
                    known().nodes[B],
                    evolve(known().nodes[B], cordoned=True),
                ),
            ),
            SIGHTS,
            B,
            [f"node {B} (10.0.0.2) is cordoned"],
        ),
    ],
    ids=["there", "unacquired", "unknown", "silent", "leased", "cordoned"],
)
def test_blockers(configuration, sights, target, words):
    """All that is in the way is said, and nothing else."""
    found = plan(configuration, BOTH, sights, DATASET, target).blockers
    assert len(found) == len(words)
    for one, beginning in zip(found, words, strict=True):
        assert one.startswith(beginning)


def test_dropped():
    """C12: a copy is dropped whose head the owner's epoch started from, or later."""
    for head in (BASE, OLD):
        said = facts(a=OWNER, b=evolve(REPLICA, head=head))
        after = applied(drop(known(), said, DATASET, B), known())
        assert after.pools[DATASET].prunes == (Prune(B, head),)


def test_lineage():
    """Nothing newer than the base counts; without the owner's word the base does."""
    assert lineage(ROW, BOTH) == {OLD, BASE}
    assert lineage(ROW, {}) == {BASE}
    assert lineage(ROW, facts(a=evolve(OWNER, snapshots=(NEW,)))) == {BASE}
    assert lineage(evolve(ROW, base=None), BOTH) == frozenset()


def test_not_dropped():
    """What is needed, or may be, stays; and so does what nobody has heard of."""
    newer = facts(a=OWNER, b=evolve(REPLICA, head=NEW))
    with pytest.raises(CopyNeeded, match="not known to contain it"):
        drop(known(), newer, DATASET, B)
    with pytest.raises(CopyNeeded, match="it is the dataset"):
        drop(known(), BOTH, DATASET, A)
    for said in ({}, facts(a=OWNER, b=evolve(REPLICA, exists=False, head=None))):
        with pytest.raises(NoSuchCopy) as caught:
            drop(known(), said, DATASET, B)
    assert str(caught.value) == f"node {B} has no copy of dataset {DATASET}"


def test_of_others():
    """What is no dataset of a pool has neither plan nor copies."""
    for configuration, error in (
        (known(None), NotInPool),
        (Configuration(), DatasetNotFound),
        (known(dataset=a_dataset(deleted=True)), DatasetDeleted),
    ):
        with pytest.raises(error):
            plan(configuration, BOTH, SIGHTS, DATASET, B)
        with pytest.raises(error):
            drop(configuration, BOTH, DATASET, B)


def test_replica_of_another_epoch():
    """Whose stream a copy follows does not matter, what is in it does."""
    said = facts(a=OWNER, b=evolve(REPLICA, record=Record(DATASET, Replica(TWO))))
    assert drop(known(), said, DATASET, B)
