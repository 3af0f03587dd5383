"""The snapshots that users want of a dataset, and what a node has of them.

What is wanted is one row of the store for each dataset that has any; its agents are
told the row as it is. docs/decisions/0190-users-snapshots.rst says why.

Note [Kept by rollbacks]: what rollbacks keep are users' snapshots too, with ids that
say so: UUIDs of version 8 (RFC 9562, 5.8). Their first 48 bits count rollback and part,
the last 62 are the dataset's. So the node that has to keep something more than was
asked for names it itself, and control reads in the id alone what it is.
"""

import re
from typing import Final
from uuid import UUID

from attrs import evolve, frozen

from flocker.model.ids import DatasetID, RollbackNumber, SnapshotID, UserSnapshotID

UNSAVED: Final = "unsaved-"
"""How the names begin of what was written while a rollback was interrupted."""

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
class Kept:
    """What a rollback keeps of what was before; see Note [Kept by rollbacks].

    The first `part`, 0, is the dataset as it was when nobody used it any more; others
    are as it was later, if it was served and written to before it went back.
    """

    rollback: RollbackNumber
    part: int = 0

    @property
    def why(self) -> str:
        """Say why there is a snapshot of it."""
        if not self.part:
            return f"what the dataset was before its rollback {self.rollback}"
        return f"what was written while its rollback {self.rollback} was interrupted"

    @property
    def unsaved(self) -> str:
        """How users call a part that is not the first."""
        return f"{UNSAVED}{self.rollback}-{self.part}"

    def id_in(self, dataset: DatasetID) -> UserSnapshotID:
        """Give the id of this part of a dataset."""
        counted = self.rollback << _PART | self.part
        own = dataset.int & (1 << _OWN) - 1
        version, variant = 8 << 76, 0b10 << _OWN
        return UserSnapshotID(UUID(int=counted << 80 | version | variant | own))

    def in_pool(self, dataset: DatasetID) -> str:
        """Give the name in every pool of a part that is not the first."""
        return name_in_pool(self.unsaved, self.id_in(dataset))


_PART: Final = 16
_OWN: Final = 62
"""Bits for the number of a part, and for what is the dataset's own."""
_UNSAVED = re.compile(rf"{UNSAVED}([0-9]+)-([0-9]+)\.[0-9a-f]{{12}}")


def kept_as(dataset: DatasetID, snapshot: UserSnapshotID) -> Kept | None:
    """Give what a snapshot of a dataset is to a rollback; None: a user asked for it."""
    counted = snapshot.int >> 80
    kept = Kept(RollbackNumber(counted >> _PART), counted & (1 << _PART) - 1)
    return kept if kept.id_in(dataset) == snapshot else None


def unsaved_in(dataset: DatasetID, name: str) -> Kept | None:
    """Give what the snapshot of that name in a pool is, if it is an unsaved part."""
    found = _UNSAVED.fullmatch(name)
    if found is None:
        return None
    kept = Kept(RollbackNumber(int(found[1])), int(found[2]))
    fits = 0 < kept.rollback < 1 << 32 and 0 < kept.part < 1 << _PART
    return kept if fits and kept.in_pool(dataset) == name else None


def name_in_pool(name: str, snapshot: UserSnapshotID) -> str:
    """Name a user's snapshot in every pool: no other snapshot ever has the same."""
    return f"{name}.{snapshot.hex[:12]}"


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
        """Its name in every pool."""
        return name_in_pool(self.name, self.id)


@frozen
class UserSnapshots:
    """What is wanted of one dataset, in the order in which it was asked for.

    `revision` grows with each edit of the row.
    """

    dataset: DatasetID
    wanted: tuple[UserSnapshot, ...] = ()
    revision: int = 1

    @property
    def deletions(self) -> int:
        """The revision in which one of them was deleted last; 0: none is deleted."""
        return max((each.deleted or 0 for each in self.wanted), default=0)

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

    @property
    def lasting(self) -> "VolumeSnapshots":
        """Give what is so still when the connection is over on which it was said."""
        return evolve(self, heard=0)
