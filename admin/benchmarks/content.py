"""What the measured cluster has, by number, so that every process knows the same.

Dataset `n` of a cluster with so many nodes is wanted on, and held by, node
``1 + n % nodes``.
"""

from pathlib import Path
from uuid import UUID, uuid4

from flocker.control.persistence.database import create
from flocker.control.persistence.directory import DATABASE
from flocker.model.changes import Change, DatasetEdit, Edit, OwnershipEdit
from flocker.model.cluster import Condition, Fact, Want
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import DatasetID, NodeID, VolumeID
from flocker.model.ownership import Ownership

_DATASET = 0xDA7A << 112
_NODE = 0x0DE << 112
GIBIBYTE = 2**30


def node(number: int) -> NodeID:
    """Name node `number`."""
    return NodeID(UUID(int=_NODE + number, version=4))


def dataset(number: int) -> DatasetID:
    """Name dataset `number`."""
    return DatasetID(UUID(int=_DATASET + number, version=4))


def volume(of: DatasetID) -> VolumeID:
    """Name the volume of a dataset."""
    return VolumeID(f"volume-{of}")


def home(number: int, nodes: int) -> int:
    """Give the number of the node that a dataset is wanted on."""
    return 1 + number % nodes


def mounted(of: DatasetID) -> Fact:
    """Make what the node says that has a dataset mounted."""
    return Fact(
        of,
        Want.MOUNTED,
        Condition.MOUNTED,
        DEFAULT_BACKEND,
        volume(of),
        GIBIBYTE,
        f"/flocker/{of}",
    )


def store(directory: Path, datasets: int, nodes: int) -> Path:
    """Make a data directory with so many datasets, all with a volume that was used."""
    directory.mkdir(mode=0o700)
    edits: list[Edit] = []
    for number in range(datasets):
        name = dataset(number)
        on = node(home(number, nodes))
        record = Ownership(name, DEFAULT_BACKEND, volume(name), acquired=True)
        edits.append(DatasetEdit(None, Dataset(name, on, asked=1000.0)))
        edits.append(OwnershipEdit(None, record))
    create(directory / DATABASE, uuid4(), Change(tuple(edits)) if edits else None)
    return directory
