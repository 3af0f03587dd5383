"""What becomes of an old configuration."""

from uuid import UUID

from pyrsistent import pmap

from flocker.control.importing import convert, describe
from flocker.model.changes import Change, DatasetEdit, LeaseEdit, OwnershipEdit, apply
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import DatasetID, NodeID, VolumeID
from flocker.model.leases import Holder, Lease
from flocker.model.ownership import Ownership
from flocker.wire.upgrades import (
    OldConfiguration,
    OldContainer,
    OldCopy,
    OldDataset,
    OldLease,
    OldOwnership,
)

NODE = NodeID(UUID(int=1))
OTHER = NodeID(UUID(int=2))
DATASET = DatasetID(UUID(int=3))
STRAY = DatasetID(UUID(int=4))
VOLUME = VolumeID("vol-1")
NOW = 1_700_000_000.0

STRAY_LINE = (
    f"not imported: volume x is recorded for dataset {STRAY}, which is not configured;"
    " it stays as it is"
)


def an_old_dataset(*, deleted: bool = False) -> OldDataset:
    return OldDataset(DATASET, NODE, 1024, pmap({"name": "pg"}), deleted=deleted)


def test_nothing_comes_of_nothing() -> None:
    """An empty cluster is imported as one."""
    assert convert(OldConfiguration(6), NOW).change == Change()


def test_dataset() -> None:
    """A dataset comes with its node, size and metadata, on the default backend."""
    found = convert(OldConfiguration(6, datasets=(an_old_dataset(),)), NOW)
    expected = Dataset(
        DATASET,
        NODE,
        maximum_size=1024,
        metadata=pmap({"name": "pg"}),
        backend=DEFAULT_BACKEND,
        asked=NOW,
    )
    assert found.change == Change((DatasetEdit(None, expected),))


def test_deleted_dataset() -> None:
    """A deleted one is deleted, not destroyed: its agent will find out which."""
    old = OldConfiguration(
        6,
        datasets=(an_old_dataset(deleted=True),),
        ownership=(OldOwnership(DATASET, VOLUME),),
    )
    configuration = apply(convert(old, NOW).change, Configuration())
    dataset = configuration.datasets[DATASET]
    assert (dataset.deleted, dataset.destroyed) == (True, False)
    assert configuration.ownership[DATASET].volume == VOLUME


def test_owned_volume_holds_data() -> None:
    """An imported volume is never formatted: it counts as one that was mounted."""
    old = OldConfiguration(
        6, datasets=(an_old_dataset(),), ownership=(OldOwnership(DATASET, VOLUME),)
    )
    expected = Ownership(DATASET, DEFAULT_BACKEND, VOLUME, acquired=True)
    assert convert(old, NOW).change.edits[1:] == (OwnershipEdit(None, expected),)


def test_leases() -> None:
    """An old lease is held by `user`, as long as it was, of a dataset or of none."""
    old = OldConfiguration(
        3, leases=(OldLease(DATASET, NODE, None), OldLease(STRAY, OTHER, 5.0))
    )
    assert convert(old, NOW).change == Change(
        (
            LeaseEdit(None, Lease(DATASET, NODE, (Holder("user", None),))),
            LeaseEdit(None, Lease(STRAY, OTHER, (Holder("user", 5.0),))),
        )
    )


def test_stray_record() -> None:
    """A volume of a dataset that is not configured is not imported, but named."""
    stray = OldOwnership(STRAY, VOLUME)
    found = convert(OldConfiguration(4, ownership=(stray,)), NOW)
    assert (found.change, found.strays) == (Change(), (stray,))


def test_description() -> None:
    """All that comes is counted, all that does not is named."""
    old = OldConfiguration(
        5,
        datasets=(an_old_dataset(deleted=True),),
        copies=(OldCopy(DATASET, OTHER),),
        leases=(OldLease(DATASET, NODE, None),),
        ownership=(OldOwnership(DATASET, VOLUME), OldOwnership(STRAY, VolumeID("x"))),
        containers=(OldContainer("web", NODE), OldContainer("db", NODE)),
    )
    assert list(describe(convert(old, NOW))) == [
        "configuration version 5 of Flocker 1",
        "datasets: 1 (1 of them deleted)",
        "leases: 1",
        "records of ownership: 1",
        "containers: 2 (db, web), kept in the old file for a later version",
        STRAY_LINE,
        f"not imported: a copy of dataset {DATASET} on node {OTHER}",
    ]
