"""What becomes of a configuration of the first Flocker; pure.

Called by `flocker.control.persistence.migration`. `now` is seconds since the epoch on
control's clock.

Note [Imported volumes hold data]: the first Flocker did not note whether a volume was
ever mounted. Each is taken for one that was: if it is found blank, that is an error to
look into, and it is never formatted.
"""

from collections.abc import Iterable

from attrs import frozen

from flocker.model.changes import (
    Change,
    DatasetEdit,
    Edit,
    LeaseEdit,
    OwnershipEdit,
)
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.leases import USER, Holder, Lease
from flocker.model.ownership import Ownership
from flocker.wire.upgrades import (
    OldConfiguration,
    OldContainer,
    OldCopy,
    OldOwnership,
)


@frozen
class Import:
    """What comes of an old configuration, and what of it does not.

    `containers` wait for a later version of Flocker, in the old file; `strays` are
    records of volumes whose dataset the file does not hold.
    """

    version: int
    change: Change
    containers: tuple[OldContainer, ...] = ()
    copies: tuple[OldCopy, ...] = ()
    strays: tuple[OldOwnership, ...] = ()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets that come."""
        return tuple(
            edit.after
            for edit in self.change.edits
            if isinstance(edit, DatasetEdit) and edit.after is not None
        )

    @property
    def leases(self) -> int:
        """How many leases come."""
        return sum(isinstance(edit, LeaseEdit) for edit in self.change.edits)

    @property
    def ownership(self) -> int:
        """How many records of ownership come."""
        return sum(isinstance(edit, OwnershipEdit) for edit in self.change.edits)


def convert(old: OldConfiguration, now: float) -> Import:
    """Make of an old configuration what this Flocker can hold, in one change."""
    known = {dataset.id for dataset in old.datasets}
    edits = (*_datasets(old, now), *_leases(old), *_ownership(old))
    return Import(
        version=old.version,
        change=Change(tuple(edits)),
        containers=old.containers,
        copies=old.copies,
        strays=tuple(own for own in old.ownership if own.dataset not in known),
    )


def describe(found: Import) -> Iterable[str]:
    """Say in lines what comes and what does not."""
    deleted = sum(dataset.deleted for dataset in found.datasets)
    yield f"configuration version {found.version} of Flocker 1"
    yield f"datasets: {len(found.datasets)} ({deleted} of them deleted)"
    yield f"leases: {found.leases}"
    yield f"records of ownership: {found.ownership}"
    if found.containers:
        names = ", ".join(sorted(each.name for each in found.containers))
        yield (
            f"containers: {len(found.containers)} ({names}), kept in the old file for"
            " a later version"
        )
    for stray in found.strays:
        yield (
            f"not imported: volume {stray.volume} is recorded for dataset"
            f" {stray.dataset}, which is not configured; it stays as it is"
        )
    for copy in found.copies:
        yield f"not imported: a copy of dataset {copy.dataset} on node {copy.node}"


def _datasets(old: OldConfiguration, now: float) -> Iterable[Edit]:
    for dataset in old.datasets:
        after = Dataset(
            id=dataset.id,
            primary=dataset.primary,
            maximum_size=dataset.maximum_size,
            metadata=dataset.metadata,
            deleted=dataset.deleted,
            asked=now,
        )
        yield DatasetEdit(None, after)


def _leases(old: OldConfiguration) -> Iterable[Edit]:
    for lease in old.leases:
        holder = Holder(USER, lease.expires)
        yield LeaseEdit(None, Lease(lease.dataset, lease.node, (holder,)))


def _ownership(old: OldConfiguration) -> Iterable[Edit]:
    """See Note [Imported volumes hold data]."""
    known = {dataset.id for dataset in old.datasets}
    for own in old.ownership:
        if own.dataset in known:
            yield OwnershipEdit(
                None,
                Ownership(own.dataset, DEFAULT_BACKEND, own.volume, acquired=True),
            )
