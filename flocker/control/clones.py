"""Clones: datasets that begin as a snapshot of another; from configuration to Change.

A clone is made where its source is, in the pool, at once; wanted elsewhere it moves
there afterwards, like any dataset. Called by `flocker.restapi.datasets`.
"""

from attrs import evolve, frozen

from flocker.control.admission import admit, reach
from flocker.control.datasets import (
    DatasetDeleted,
    DatasetNotFound,
    NewDataset,
    create,
)
from flocker.control.pool_moves import NotInPool, start
from flocker.control.pool_rows import row_of
from flocker.model.changes import Change, PoolEdit
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, SnapshotID
from flocker.model.pools import Origin, PoolOwnership


@frozen
class NoSuchSource(FlockerError):
    """A dataset cannot begin as what is named as its source; `why` says more."""

    dataset: DatasetID
    snapshot: str
    why: str

    def words(self) -> str:
        """Name the source and the reason."""
        return (
            f"snapshot {self.snapshot[:80]} of dataset {self.dataset} cannot be cloned:"
            f" {self.why}"
        )


def clone(
    configuration: Configuration,
    new: NewDataset,
    source: DatasetID,
    snapshot: str,
    now: float,
) -> Change:
    """Want a dataset that begins as a snapshot of another, and is as large.

    Raises what `datasets.create` raises, and `DatasetNotFound`, `DatasetDeleted`,
    `NotInPool`, `NoSuchSource`, `NodeRefuses`, `NodeLacksBackend`, `BackendDiffers`.
    """
    row, identity = _find(configuration, source, snapshot)
    if new.backend not in {DEFAULT_BACKEND, row.backend}:
        why = f"it is in backend {row.backend}, and {new.backend} was asked for"
        raise NoSuchSource(source, snapshot, why)
    admit(configuration, row.owner)
    reach(configuration, new.primary, row.backend, row.owner)
    size = new.maximum_size or configuration.datasets[source].maximum_size
    made = evolve(new, backend=row.backend, maximum_size=size)
    wanted = create(configuration, made, now)
    begun = start(configuration, new.id, row.owner, row.backend)
    origin = Origin(source, identity)
    rows = (
        PoolEdit(edit.before, evolve(edit.after, origin=origin))
        for edit in begun.edits
        if isinstance(edit, PoolEdit) and edit.after is not None
    )
    return Change((*wanted.edits, *rows))


def _find(
    configuration: Configuration, source: DatasetID, snapshot: str
) -> tuple[PoolOwnership, SnapshotID]:
    dataset = configuration.datasets.get(source)
    if dataset is None:
        raise DatasetNotFound(str(source))
    if dataset.deleted:
        raise DatasetDeleted(source)
    row = row_of(configuration, dataset)
    if row is None:
        raise NotInPool(source)
    known = configuration.snapshots.get(source)
    found = None if known is None else known.named(snapshot)
    if found is None:
        raise NoSuchSource(source, snapshot, "there is no such snapshot")
    if found.taken is None:
        raise NoSuchSource(source, snapshot, "it is not taken yet")
    return row, found.taken.identity
