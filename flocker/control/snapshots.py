"""What users may ask of snapshots: pure functions from configuration to Change.

Called by `flocker.restapi.snapshots` through `flocker.control.operations`. `now` is
seconds since the epoch on control's clock.
"""

import re
from typing import Final

from attrs import evolve, frozen

from flocker.control.datasets import DatasetDeleted, DatasetNotFound
from flocker.control.pool_rows import belongs_in_pool, row_of
from flocker.control.pool_snapshots import check_not_needed
from flocker.control.volume_snapshots import check_can_keep
from flocker.model.changes import Change, SnapshotsEdit
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, UserSnapshotID
from flocker.model.snapshots import (
    LONGEST_NAME,
    MOST,
    UNSAVED,
    UserSnapshot,
    UserSnapshots,
)

RESERVED: Final = "flocker-"
"""How no user's snapshot is called: those begin so that nodes take to send them."""

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.:-]{{0,{LONGEST_NAME - 1}}}")


@frozen
class BadSnapshotName(FlockerError):
    """A snapshot cannot be called so."""

    name: str

    def words(self) -> str:
        """Quote the name and the rule."""
        return (
            f"{self.name[:80]!r} is no name for a snapshot: it takes 1 to"
            f" {LONGEST_NAME} of A-Z a-z 0-9 _ . : - and begins with a letter or digit,"
            f" not with {RESERVED!r} or {UNSAVED!r}"
        )


@frozen
class SnapshotExists(FlockerError):
    """The dataset has a snapshot of this name."""

    dataset: DatasetID
    name: str

    def words(self) -> str:
        """Name both."""
        return f"dataset {self.dataset} has a snapshot {self.name} already"


@frozen
class SnapshotNotFound(FlockerError):
    """The dataset has no snapshot of this name."""

    dataset: DatasetID
    name: str

    def words(self) -> str:
        """Name both."""
        return f"dataset {self.dataset} has no snapshot {self.name[:80]!r}"


@frozen
class SnapshotNeeded(FlockerError):
    """The dataset is being rolled back to this snapshot, or is kept as it."""

    dataset: DatasetID
    name: str

    def words(self) -> str:
        """Name both."""
        return (
            f"dataset {self.dataset} is being rolled back, and its snapshot {self.name}"
            " is needed until that is over"
        )


@frozen
class TooManySnapshots(FlockerError):
    """The dataset has as many snapshots as one may have."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset and the limit."""
        return (
            f"dataset {self.dataset} has {MOST} snapshots, with those that are being"
            " deleted, and no more are kept; delete some first"
        )


def create(
    configuration: Configuration,
    dataset: DatasetID,
    name: str,
    snapshot: UserSnapshotID,
    now: float,
) -> Change:
    """Want a snapshot of what a dataset holds when it is taken.

    Raises `BadSnapshotName`, `DatasetNotFound`, `DatasetDeleted`, `NoSnapshotsThere`,
    `SnapshotExists`, `TooManySnapshots`.
    """
    if not _NAME.fullmatch(name) or name.startswith((RESERVED, UNSAVED)):
        raise BadSnapshotName(name)
    _check(configuration, dataset)
    before = configuration.snapshots.get(dataset)
    known = UserSnapshots(dataset, revision=0) if before is None else before
    if known.named(name) is not None:
        raise SnapshotExists(dataset, name)
    if len(known.wanted) >= MOST:
        raise TooManySnapshots(dataset)
    wanted = (*known.wanted, UserSnapshot(snapshot, name, now))
    return _edited(before, evolve(known, wanted=wanted, revision=known.revision + 1))


def delete(configuration: Configuration, dataset: DatasetID, name: str) -> Change:
    """Want a snapshot destroyed; its name is free at once.

    Raises `DatasetNotFound`, `SnapshotNotFound`, `SourceNeeded` for the sake of its
    clones, `SnapshotNeeded` for that of a rollback.
    """
    if dataset not in configuration.datasets:
        raise DatasetNotFound(str(dataset))
    before = configuration.snapshots.get(dataset)
    found = None if before is None else before.named(name)
    if before is None or found is None:
        raise SnapshotNotFound(dataset, name)
    _check_not_needed(configuration, dataset, found)
    if found.taken is not None:
        check_not_needed(configuration, dataset, found.taken.identity)
    revision = before.revision + 1
    deleted = evolve(found, deleted=revision)
    wanted = tuple(deleted if each is found else each for each in before.wanted)
    return _edited(before, evolve(before, wanted=wanted, revision=revision))


def _check_not_needed(
    configuration: Configuration, dataset: DatasetID, snapshot: UserSnapshot
) -> None:
    row = configuration.pools.get(dataset)
    back = None if row is None else row.rollback
    if back is None:
        return
    to = snapshot.taken is not None and snapshot.taken.identity == back.snapshot
    if to or snapshot.in_pool == back.safety:
        raise SnapshotNeeded(dataset, snapshot.name)


def _check(configuration: Configuration, dataset_id: DatasetID) -> None:
    dataset = configuration.datasets.get(dataset_id)
    if dataset is None:
        raise DatasetNotFound(str(dataset_id))
    if dataset.deleted:
        raise DatasetDeleted(dataset_id)
    known = row_of(configuration, dataset) is not None
    if not known and not belongs_in_pool(configuration, dataset):
        check_can_keep(configuration, dataset)


def _edited(before: UserSnapshots | None, after: UserSnapshots) -> Change:
    return Change((SnapshotsEdit(before, after),))
