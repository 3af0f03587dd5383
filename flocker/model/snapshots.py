"""The snapshots that users want of a dataset, and what a node has of them.

What is wanted is one row of the store for each dataset that has any; its agents are
told the row as it is. docs/decisions/0190-users-snapshots.rst says why.
"""

from attrs import frozen

from flocker.model.ids import DatasetID, SnapshotID, UserSnapshotID

LONGEST_NAME = 50
"""Letters of a snapshot's name; in a pool a mark that is one's own follows on it."""

MOST = 250
"""Snapshots of one dataset: all of them are told and reported together."""


@frozen
class Taken:
    """What a snapshot is, and when it was taken (seconds since the epoch)."""

    identity: SnapshotID
    at: float


@frozen
class UserSnapshot:
    """A snapshot that a user asked for, at `asked` (seconds since the epoch).

    Once it is `taken` it is never taken again. One that is `deleted`, in that revision
    of its row, is to be destroyed wherever there is a copy; its name is free at once.
    """

    id: UserSnapshotID
    name: str
    asked: float
    taken: Taken | None = None
    deleted: int | None = None

    @property
    def in_pool(self) -> str:
        """Its name in every pool: no other snapshot ever has the same."""
        return f"{self.name}.{self.id.hex[:12]}"


@frozen
class UserSnapshots:
    """What is wanted of one dataset, in the order in which it was asked for.

    `revision` grows with each edit of the row.
    """

    dataset: DatasetID
    wanted: tuple[UserSnapshot, ...] = ()
    revision: int = 1

    def named(self, name: str) -> UserSnapshot | None:
        """Give the one of that name that is not deleted."""
        found = (each for each in self.wanted if each.deleted is None)
        return next((each for each in found if each.name == name), None)


@frozen
class FoundSnapshot:
    """A snapshot that a user asked for, as a copy or the backend has it."""

    id: UserSnapshotID
    identity: SnapshotID


@frozen
class Origin:
    """What a dataset is a clone of: a snapshot of another."""

    dataset: DatasetID
    snapshot: SnapshotID

    def is_of(self, dataset: DatasetID, snapshot: SnapshotID | None) -> bool:
        """Whether it is this snapshot of a dataset; None: any of it."""
        return self.dataset == dataset and snapshot in {None, self.snapshot}


@frozen
class VolumeSnapshots:
    """What a node that has a volume says of its snapshots.

    Of what users want there is `found`. The node knew of the row of that revision,
    `heard`, when it looked, and has done nothing about an older one since.
    """

    found: tuple[FoundSnapshot, ...] = ()
    heard: int = 0
