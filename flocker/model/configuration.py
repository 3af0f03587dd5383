"""All that is wanted, who owns what, and which nodes there are: the durable value."""

from attrs import frozen
from pyrsistent import PMap, pmap

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


@frozen
class Configuration:
    """The configuration at one revision.

    `revision` grows by one a commit; `datasets_revision` is the revision of the last
    change to a dataset, from which the configuration tag of the API is made. `volumes`
    is the inverse of `ownership`, kept by `flocker.model.changes.apply`.
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
