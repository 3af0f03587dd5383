"""All that is wanted, who owns what, and which nodes there are: the durable value."""

from collections import defaultdict

from attrs import Factory, frozen
from pyrsistent import PMap, PSet, pmap, pset

from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.leases import Lease
from flocker.model.nodes import NO_NODES, Node
from flocker.model.ownership import Ownership
from flocker.model.pools import PoolOwnership
from flocker.model.snapshots import UserSnapshots

_NO_DATASETS: PMap[DatasetID, Dataset] = pmap()
_NO_OWNERSHIP: PMap[DatasetID, Ownership] = pmap()
_NO_LEASES: PMap[DatasetID, Lease] = pmap()
_NO_POOLS: PMap[DatasetID, PoolOwnership] = pmap()
_NO_SNAPSHOTS: PMap[DatasetID, UserSnapshots] = pmap()
_NO_VOLUMES: PMap[tuple[BackendName, VolumeID], DatasetID] = pmap()
Clones = PMap[DatasetID, PSet[DatasetID]]
"""By what they were made of; nothing that has none is in it."""


def _clones(configuration: "Configuration") -> Clones:
    made: defaultdict[DatasetID, set[DatasetID]] = defaultdict(set)
    for dataset in {*configuration.datasets, *configuration.pools}:
        for source in configuration.sources(dataset):
            made[source].add(dataset)
    return pmap({source: pset(clones) for source, clones in made.items()})


@frozen
class Configuration:
    """The configuration at one revision.

    `revision` grows by one a commit; `datasets_revision` is the revision of the last
    change to a dataset, from which the configuration tag of the API is made. `volumes`
    is the inverse of `ownership`, and `clones` that of `sources`, of deleted ones too;
    `flocker.model.changes.apply` keeps both. What is numbered anew begins behind
    `numbers_from`: a store that was restored has forgotten the numbers before.
    """

    revision: int = 0
    datasets_revision: int = 0
    datasets: PMap[DatasetID, Dataset] = _NO_DATASETS
    ownership: PMap[DatasetID, Ownership] = _NO_OWNERSHIP
    leases: PMap[DatasetID, Lease] = _NO_LEASES
    nodes: PMap[NodeID, Node] = NO_NODES
    pools: PMap[DatasetID, PoolOwnership] = _NO_POOLS
    snapshots: PMap[DatasetID, UserSnapshots] = _NO_SNAPSHOTS
    volumes: PMap[tuple[BackendName, VolumeID], DatasetID] = _NO_VOLUMES
    clones: Clones = Factory(_clones, takes_self=True)
    numbers_from: int = 0

    def sources(self, dataset: DatasetID) -> frozenset[DatasetID]:
        """Give what a dataset was made of, or is to be: of its volume, or in a pool."""
        found = self.datasets.get(dataset), self.pools.get(dataset)
        return frozenset(each.origin.dataset for each in found if each and each.origin)
