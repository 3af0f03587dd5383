"""What control does about rows of which it is unsure, and those it has forgotten."""

from collections.abc import Mapping

import pytest
from attrs import evolve, frozen

from flocker.control.pool_doubts import doubt
from flocker.control.pool_moves import MoveRefused
from flocker.control.pool_tending import tend
from flocker.control.pool_wishes import direct
from flocker.model.changes import (
    Change,
    DatasetEdit,
    LeaseEdit,
    NodeEdit,
    PoolEdit,
    apply,
)
from flocker.model.cluster import (
    BackendReport,
    Condition,
    Fact,
    NodeSight,
    Observed,
    Phase,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName, DatasetID, Epoch, NodeID, SnapshotID
from flocker.model.pools import Owned, PoolFact, PoolOwnership, Record
from flocker.testing.builders import a_dataset, a_fact, a_lease, a_node, node_id

A, B = node_id(1), node_id(2)
DATASET = a_dataset()
S = SnapshotID("s")
NOW = 5000.0
POOL = BackendReport(DEFAULT_BACKEND, "btrfs", "pool")
ROW = PoolOwnership(
    DATASET.id, DEFAULT_BACKEND, A, create=False, acquired=True, holders=(A,)
)


@frozen
class Heard:
    """What nodes have said."""

    said: Mapping[NodeID, Fact]

    def facts(self, dataset: DatasetID) -> Mapping[NodeID, Observed]:
        """What each says."""
        assert dataset == DATASET.id
        return {node: Observed(fact, 0.0) for node, fact in self.said.items()}

    def sight(self, node: NodeID) -> NodeSight | None:
        """Nobody asks."""


def stored(row: PoolOwnership | None, *more, dataset=DATASET) -> Configuration:
    """A configuration with two nodes with pools, and perhaps a row."""
    nodes = [NodeEdit(None, evolve(a_node(n), backends=(POOL,))) for n in (1, 2)]
    edits = [*nodes, DatasetEdit(None, dataset), *more]
    if row is not None:
        edits.append(PoolEdit(None, row))
    return apply(Change(tuple(edits)), Configuration())


def owns(epoch: int, backend=DEFAULT_BACKEND, doing: Phase | None = None) -> Fact:
    """A node says that it owns an epoch."""
    record = Record(DATASET.id, Owned(Epoch(epoch), S), Epoch(epoch))
    bare = a_fact(1, Condition.MOUNTED, doing=doing)
    return evolve(bare, backend=backend, pool=PoolFact(record, exists=True, head=S))


def tended(configuration: Configuration, said: Mapping[NodeID, Fact]) -> Configuration:
    """What becomes of the dataset, in one commit."""
    dataset = configuration.datasets[DATASET.id]
    change = tend(configuration, dataset, Heard(said), NOW, 0.0)
    assert change is not None
    return apply(change, configuration)


def test_stays_where_it_is():
    """Who owns it by its record is the owner, and it is wanted there from then on."""
    found = tended(stored(doubt(ROW, 1000)), {B: owns(2)})
    row = found.pools[DATASET.id]
    assert (row.owner, row.epoch, row.unsure) == (B, 2, False)
    assert found.datasets[DATASET.id].primary == B


def test_wanted_elsewhere_by_the_backup():
    """If nothing has happened since, it is wanted where the backup says."""
    elsewhere = a_dataset(1, 2)
    found = tended(stored(doubt(ROW, 1000), dataset=elsewhere), {A: owns(1)})
    assert not found.pools[DATASET.id].unsure
    assert found.datasets[DATASET.id].primary == B


@pytest.mark.parametrize("said", [{}, {B: owns(2, doing=Phase.HANDING_OVER)}])
def test_waits(said):
    """Nothing is done before, nor on a word that was said in the middle of a step."""
    before = stored(doubt(ROW, 1000), LeaseEdit(None, a_lease(on=2)))
    assert tended(before, said).pools == before.pools


def test_learns_that_it_is_old():
    """A number on record that the store never gave out makes it unsure."""
    found = tended(stored(ROW), {B: owns(2)})
    assert found.pools[DATASET.id] == doubt(ROW, int(NOW))


def test_deletion_waits_for_nobody():
    """What is deleted while nobody has said who owns it is buried, as it is known."""
    gone = a_dataset(deleted=True)
    found = tended(stored(doubt(ROW, 1000), dataset=gone), {})
    row = found.pools[DATASET.id]
    assert (row.deleted, row.unsure) == (True, False)


def test_deleted_in_the_backup():
    """What a later life has on record is none of a deletion that the backup wants."""
    gone = a_dataset(deleted=True)
    found = tended(stored(ROW, dataset=gone), {B: owns(9)})
    assert (found.pools[DATASET.id].deleted, found.pools[DATASET.id].top) == (True, 1)


def test_made_anew_and_there():
    """A dataset whose row was forgotten, and of which a node owns a copy, is that."""
    found = tended(stored(None), {B: owns(4)})
    row = found.pools[DATASET.id]
    assert (row.owner, row.epoch, row.acquired, row.create) == (B, 4, True, False)
    assert found.datasets[DATASET.id].primary == A


@pytest.mark.parametrize("said", [{}, {B: owns(4, backend=BackendName("other"))}])
def test_made_anew(said):
    """Else it is made; a copy in another pool is none of it."""
    row = tended(stored(None), said).pools[DATASET.id]
    assert (row.owner, row.create) == (A, True)


def test_not_moved_before():
    """A wish is refused as long as nobody knows where it is."""
    found = stored(doubt(ROW, 1000))
    for node in (A, B):
        with pytest.raises(MoveRefused, match="yet to hear who owns it"):
            direct(found, DATASET, node)
