"""Clones: datasets that begin as a snapshot of another; from configuration to Change.

In a pool a clone is made where its source is, at once; wanted elsewhere it moves there
afterwards, like any dataset. Of a volume it is made by the node that is to have it, as
soon as that is to mount it: what it begins as is there for all of them. Called by
`flocker.restapi.datasets`.
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
from flocker.control.pool_rows import belongs_in_pool, row_of
from flocker.control.volume_snapshots import backend_of, check_can_keep
from flocker.model.changes import Change, DatasetEdit, PoolEdit
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, SnapshotID
from flocker.model.sizes import DEFAULT_SIZE
from flocker.model.snapshots import Origin


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
    `NoSnapshotsThere`, `NoSuchSource`, `NodeRefuses`, `NodeLacksBackend`,
    `BackendDiffers`.
    """
    dataset = _alive(configuration, source)
    row = row_of(configuration, dataset)
    if row is None and not belongs_in_pool(configuration, dataset):
        return _clone_volume(configuration, new, dataset, snapshot, now)
    identity = _identity(configuration, source, snapshot)
    if row is None:
        raise NotInPool(source)
    _check_backend(new, Origin(source, identity), snapshot, row.backend)
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


def _clone_volume(
    configuration: Configuration,
    new: NewDataset,
    source: Dataset,
    snapshot: str,
    now: float,
) -> Change:
    """Want a dataset whose volume begins as a snapshot of another's."""
    check_can_keep(configuration, source)
    origin = Origin(source.id, _identity(configuration, source.id, snapshot))
    backend = backend_of(configuration, source)
    _check_backend(new, origin, snapshot, backend)
    size, least = new.maximum_size, source.maximum_size or DEFAULT_SIZE
    if size is not None and size < least:
        why = f"it has {least} bytes, and a clone of a volume cannot have fewer"
        raise NoSuchSource(source.id, snapshot, why)
    reach(configuration, new.primary, backend, source.primary)
    made = evolve(
        new,
        backend=backend,
        maximum_size=size or source.maximum_size,
        filesystem=source.filesystem,
    )
    edits = create(configuration, made, now).edits
    clones = tuple(
        DatasetEdit(edit.before, evolve(edit.after, origin=origin))
        for edit in edits
        if isinstance(edit, DatasetEdit) and edit.after is not None
    )
    (wanted,) = (edit.after for edit in clones if edit.after is not None)
    check_can_keep(configuration, wanted, new.primary)
    return Change(clones)


def _check_backend(
    new: NewDataset, origin: Origin, snapshot: str, backend: BackendName
) -> None:
    if new.backend not in {DEFAULT_BACKEND, backend}:
        why = f"it is in backend {backend}, and {new.backend} was asked for"
        raise NoSuchSource(origin.dataset, snapshot, why)


def _alive(configuration: Configuration, source: DatasetID) -> Dataset:
    dataset = configuration.datasets.get(source)
    if dataset is None:
        raise DatasetNotFound(str(source))
    if dataset.deleted:
        raise DatasetDeleted(source)
    return dataset


def _identity(
    configuration: Configuration, source: DatasetID, snapshot: str
) -> SnapshotID:
    known = configuration.snapshots.get(source)
    found = None if known is None else known.named(snapshot)
    if found is None:
        raise NoSuchSource(source, snapshot, "there is no such snapshot")
    if found.taken is None:
        raise NoSuchSource(source, snapshot, "it is not taken yet")
    return found.taken.identity
