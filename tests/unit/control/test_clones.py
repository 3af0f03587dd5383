"""Datasets that begin as a snapshot of another."""

from collections.abc import Mapping
from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control import snapshots
from flocker.control.clones import NoSuchSource, clone
from flocker.control.datasets import (
    DatasetDeleted,
    DatasetExists,
    DatasetNotFound,
    NewDataset,
    delete,
)
from flocker.control.pool_moves import NotInPool
from flocker.control.volume_snapshots import SourceNeeded
from flocker.model.changes import Change, DatasetEdit, PoolEdit, apply
from flocker.model.ids import BackendName, UserSnapshotID
from flocker.model.snapshots import Origin
from flocker.testing.builders import dataset_id, node_id
from tests.unit.control.test_pool_tending import NOW, Cluster

SOURCE, CLONE = dataset_id(1), dataset_id(2)
MONDAY = UserSnapshotID(UUID(int=1 << 96))


class Cloning(Cluster):
    """A dataset on node 1 with a snapshot, and what users ask of both."""

    def __init__(self, driver: str = "memory") -> None:
        super().__init__()
        self.nodes.connect(1, 2, 3, driver=driver)
        self.creates()
        self.takes()
        self.nodes.settle()

    def takes(self) -> None:
        self.asks(lambda c: snapshots.create(c, SOURCE, "monday", MONDAY, NOW))

    def clones(self, on: int = 1, snapshot: str = "monday", **more) -> None:
        new = NewDataset(CLONE, node_id(on), **more)
        self.asks(lambda c: clone(c, new, SOURCE, snapshot, NOW))

    def forgets(self) -> None:
        self.asks(lambda c: snapshots.delete(c, SOURCE, "monday"))

    def deletes_one(self, which) -> None:
        self.asks(lambda c: delete(c, which, NOW))

    @property
    def made(self):
        return self.operations.configuration.pools[CLONE]


def test_cloned():
    """A clone is made where its source is, of what was taken then."""
    cluster = Cloning()
    cluster.clones()
    (taken,) = cluster.operations.configuration.snapshots[SOURCE].wanted
    assert cluster.made.origin == Origin(SOURCE, taken.taken.identity)
    assert (cluster.made.owner, cluster.made.create) == (node_id(1), True)
    cluster.nodes.settle()
    assert cluster.made.acquired
    assert cluster.nodes.serves(1, CLONE)
    assert cluster.nodes.serves(1, SOURCE)


def test_wanted_elsewhere():
    """Wanted on another node it is made beside its source, and moved there."""
    cluster = Cloning()
    cluster.clones(on=2)
    assert cluster.made.owner == node_id(1)
    cluster.nodes.settle()
    assert cluster.made.owner == node_id(2)
    assert cluster.nodes.serves(2, CLONE)
    assert cluster.nodes.serves(1, SOURCE)


def test_as_large():
    """It may hold as much as its source, if nothing else is said."""
    cluster = Cloning()
    cluster.clones(maximum_size=2**30)
    assert cluster.operations.configuration.datasets[CLONE].maximum_size == 2**30


def test_refused():
    """Of what is not there, or not taken yet, nothing is cloned."""
    cluster = Cloning()
    with pytest.raises(NoSuchSource):
        cluster.clones(snapshot="tuesday")
    with pytest.raises(NoSuchSource):
        cluster.clones(backend=BackendName("other"))
    cluster.nodes.away.add(node_id(1))
    cluster.asks(
        lambda c: snapshots.create(c, SOURCE, "late", UserSnapshotID(UUID(int=2)), NOW)
    )
    with pytest.raises(NoSuchSource) as caught:
        cluster.clones(snapshot="late")
    assert "not taken yet" in str(caught.value)
    new = NewDataset(CLONE, node_id(1))
    with pytest.raises(DatasetNotFound):
        cluster.asks(lambda c: clone(c, new, dataset_id(9), "monday", NOW))
    again = evolve(new, id=SOURCE)
    with pytest.raises(DatasetExists):
        cluster.asks(lambda c: clone(c, again, SOURCE, "monday", NOW))
    with pytest.raises(NotInPool):
        cluster.asks(
            lambda c: clone(evolve(c, pools=pmap()), new, SOURCE, "monday", NOW)
        )
    cluster.deletes_one(SOURCE)
    with pytest.raises(DatasetDeleted):
        cluster.clones()


def test_needed_until_made():
    """What a clone is to be made of stays until it is; then it may go."""
    cluster = Cloning()
    cluster.clones()
    with pytest.raises(SourceNeeded) as caught:
        cluster.forgets()
    assert str(CLONE) in str(caught.value)
    with pytest.raises(SourceNeeded):
        cluster.deletes_one(SOURCE)
    cluster.nodes.settle()
    cluster.forgets()
    cluster.deletes_one(SOURCE)
    cluster.nodes.settle()
    assert cluster.nodes.serves(1, CLONE)


def test_needed_by_clones_of_zfs():
    """Where clones rest on their snapshot it stays as long as they do."""
    cluster = Cloning(driver="zfs")
    cluster.clones()
    cluster.nodes.settle()
    with pytest.raises(SourceNeeded):
        cluster.forgets()
    with pytest.raises(SourceNeeded):
        cluster.deletes_one(SOURCE)
    cluster.deletes_one(CLONE)
    cluster.nodes.settle()
    cluster.forgets()


class Watched(Mapping):
    """Rows of which it is noted who looks at which."""

    def __init__(self, rows) -> None:
        self.rows, self.seen = rows, set()

    def __getitem__(self, key):
        self.seen.add(key)
        return self.rows[key]

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def itervalues(self):
        return iter(self.values())


def test_only_what_was_made_of_it_is_looked_at():
    """Who deletes does not wait for a look at all that was made of something else."""
    cluster = Cloning()
    cluster.clones()
    known = cluster.operations.configuration
    for number in range(10, 60):
        more = dataset_id(number)
        origin = evolve(known.pools[CLONE].origin, dataset=dataset_id(number + 100))
        row = evolve(known.pools[CLONE], dataset=more, origin=origin)
        dataset = evolve(known.datasets[CLONE], id=more)
        edits = PoolEdit(None, row), DatasetEdit(None, dataset)
        known = apply(Change(edits), known)
    pools, datasets = Watched(known.pools), Watched(known.datasets)
    watched = evolve(known, pools=pools, datasets=datasets)
    with pytest.raises(SourceNeeded, match=str(CLONE)):
        snapshots.delete(watched, SOURCE, "monday")
    assert pools.seen == datasets.seen == {SOURCE, CLONE}
