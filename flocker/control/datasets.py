"""What users may ask of datasets: pure functions from configuration to Change.

Called by `flocker.restapi.datasets` through `flocker.control.operations`. `now` is
seconds since the epoch on control's clock.
"""

from attrs import evolve, frozen
from pyrsistent import PMap

from flocker.control.admission import admit, reach
from flocker.control.pool_moves import NoMove, NotInPool
from flocker.control.pool_rows import belongs_in_pool, row_of
from flocker.control.pool_snapshots import check_not_needed
from flocker.control.pool_wishes import ANY_TERMS, Terms, direct, stay
from flocker.model.changes import Change, DatasetEdit, Edit, OwnershipEdit
from flocker.model.configuration import Configuration
from flocker.model.datasets import (
    DEFAULT_BACKEND,
    LEAST_SIZE,
    NO_METADATA,
    Dataset,
    FilesystemKind,
    Mounting,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, Life, NodeID
from flocker.model.sizes import DEFAULT_SIZE, humanize


@frozen
class DatasetExists(FlockerError):
    """A dataset of this id is, or was, configured."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"a dataset {self.dataset} exists already, or existed and was deleted"


@frozen
class DatasetNotFound(FlockerError):
    """No dataset of this id is configured."""

    dataset: str

    def words(self) -> str:
        """Name the dataset."""
        return f"there is no dataset {self.dataset}"


@frozen
class DatasetDeleted(FlockerError):
    """The dataset is deleted and cannot be changed any more."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"dataset {self.dataset} is deleted"


@frozen
class NotDestroyedYet(FlockerError):
    """The dataset cannot be forgotten while its volume may exist."""

    dataset: DatasetID
    deleted: bool

    def words(self) -> str:
        """Name the dataset and how far it is."""
        how = "is being destroyed" if self.deleted else "is not deleted"
        return f"dataset {self.dataset} {how}, so it cannot be purged yet"


@frozen
class ShrinkRefused(FlockerError):
    """A dataset that is a volume cannot be made smaller."""

    dataset: DatasetID
    size: int
    wanted: int

    def words(self) -> str:
        """Name the dataset and both sizes."""
        return (
            f"dataset {self.dataset} has {self.size} bytes and cannot shrink"
            f" to {self.wanted}"
        )


@frozen
class TooSmallForFilesystem(FlockerError):
    """A dataset is asked for that its filesystem could not be made on."""

    size: int
    filesystem: FilesystemKind

    def words(self) -> str:
        """Name the filesystem and both sizes."""
        kind, least = self.filesystem.value, LEAST_SIZE[self.filesystem]
        return (
            f"maximum_size must be at least {least} ({humanize(least)}) with filesystem"
            f" {kind}, and is {self.size}"
        )


@frozen
class NewDataset:
    """What a user asks for; `maximum_size` in bytes, None for the default.

    `life` was never given to another dataset.
    """

    id: DatasetID
    primary: NodeID
    maximum_size: int | None = None
    metadata: PMap[str, str] = NO_METADATA
    backend: BackendName = DEFAULT_BACKEND
    mount: Mounting = Mounting.ALWAYS
    filesystem: FilesystemKind = FilesystemKind.EXT4
    life: Life | None = None


@frozen
class Wishes:
    """What a user asks to change of a dataset; None is no wish. Size in bytes.

    `terms` are for a move to `primary`, or the one under way; only datasets of pools
    have any.
    """

    primary: NodeID | None = None
    maximum_size: int | None = None
    metadata: PMap[str, str] | None = None
    terms: Terms = ANY_TERMS


def create(configuration: Configuration, new: NewDataset, now: float) -> Change:
    """Want a dataset that never was.

    Raises `DatasetExists`, `TooSmallForFilesystem`, `NodeRefuses`.

    Whether the node exists is not asked: clients create for one that is away just now.
    """
    size = DEFAULT_SIZE if new.maximum_size is None else new.maximum_size
    if size < LEAST_SIZE[new.filesystem]:
        raise TooSmallForFilesystem(size, new.filesystem)
    if new.id in configuration.datasets:
        raise DatasetExists(new.id)
    admit(configuration, new.primary)
    dataset = Dataset(
        id=new.id,
        primary=new.primary,
        maximum_size=new.maximum_size,
        metadata=new.metadata,
        backend=new.backend,
        mount=new.mount,
        filesystem=new.filesystem,
        life=new.life,
        asked=now,
    )
    return Change((DatasetEdit(None, dataset),))


def change(
    configuration: Configuration,
    dataset: DatasetID,
    wishes: Wishes,
    now: float,
    size: int | None = None,
) -> Change:
    """Move a dataset, change its size, replace its metadata; no wish changes nothing.

    `size` are the bytes of its volume, where they are known. What is in a pool has a
    limit, which may become smaller too: whether it holds more is for its node to say.
    Raises `DatasetNotFound`, `DatasetDeleted`, `ShrinkRefused`, `NodeRefuses`,
    `NodeLacksBackend`, `BackendDiffers`, `NotInPool`, `MoveRefused`, `NoMove`.
    """
    found = _alive(configuration, dataset)
    before, after = found.maximum_size, wishes.maximum_size
    least = before or size or DEFAULT_SIZE
    if after is not None and after < least and not _in_pool(configuration, found):
        raise ShrinkRefused(dataset, least, after)
    going = _going(configuration, found, wishes)
    wanted = evolve(
        found,
        primary=found.primary if wishes.primary is None else wishes.primary,
        maximum_size=before if after is None else after,
        metadata=found.metadata if wishes.metadata is None else wishes.metadata,
    )
    if wanted == found:
        return Change(going)
    return Change((DatasetEdit(found, evolve(wanted, asked=now)), *going))


def _in_pool(configuration: Configuration, found: Dataset) -> bool:
    row = row_of(configuration, found)
    return row is not None or belongs_in_pool(configuration, found)


def _going(
    configuration: Configuration, found: Dataset, wishes: Wishes
) -> tuple[Edit, ...]:
    """Look whether a dataset can go to a node; of one in a pool, send it there."""
    target, terms = wishes.primary or found.primary, wishes.terms
    row = row_of(configuration, found)
    if target == found.primary and terms == ANY_TERMS:
        return ()
    if row is not None:
        if wishes.primary is None and row.move is None and target == row.owner:
            raise NoMove(found.id)
        return direct(configuration, found, target, terms)
    if terms != ANY_TERMS:
        raise NotInPool(found.id)
    admit(configuration, target)
    owner = configuration.ownership.get(found.id)
    backend = found.backend if owner is None else owner.backend
    reach(configuration, target, backend, found.primary)
    return ()


def cancel_move(configuration: Configuration, dataset: DatasetID, now: float) -> Change:
    """Want a dataset of a pool where it is.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NoMove`. After the hand-over there is
    nothing to cancel any more.
    """
    return stay(configuration, _alive(configuration, dataset), now)


def delete(configuration: Configuration, dataset: DatasetID, now: float) -> Change:
    """Want the dataset and its data destroyed.

    Deleting it again changes nothing. Raises `DatasetNotFound`, and `SourceNeeded` for
    the sake of its clones.
    """
    found = _found(configuration, dataset)
    if found.deleted:
        return Change()
    check_not_needed(configuration, dataset)
    return Change((DatasetEdit(found, evolve(found, deleted=True, asked=now)),))


def purge(configuration: Configuration, dataset: DatasetID) -> Change:
    """Forget a destroyed dataset, so that its id and name are free again.

    Raises `DatasetNotFound`, `NotDestroyedYet`.
    """
    found = _found(configuration, dataset)
    if not found.destroyed:
        raise NotDestroyedYet(dataset, found.deleted)
    return forget(configuration, found)


def forget(configuration: Configuration, dataset: Dataset) -> Change:
    """Drop a dataset with its ownership record."""
    ownership = configuration.ownership.get(dataset.id)
    records: tuple[Edit, ...] = ()
    if ownership is not None:
        records = (OwnershipEdit(ownership, None),)
    return Change((DatasetEdit(dataset, None), *records))


def _found(configuration: Configuration, dataset: DatasetID) -> Dataset:
    found = configuration.datasets.get(dataset)
    if found is None:
        raise DatasetNotFound(str(dataset))
    return found


def _alive(configuration: Configuration, dataset: DatasetID) -> Dataset:
    found = _found(configuration, dataset)
    if found.deleted:
        raise DatasetDeleted(dataset)
    return found
