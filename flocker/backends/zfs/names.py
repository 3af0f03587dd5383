"""Where things are in a ZFS pool; pure. Called by `api`.

    TOP                              POOL/flocker; its children inherit from it
    TOP/copies/DATASET               one for each copy
    TOP/copies/DATASET@NAME          its snapshots
    TOP/asides/DATASET.NODE.EPOCH[.N]  copies that were set aside
    TOP/ledger                       records of datasets without a copy, a property each
    TOP/staging/UUID                 what is being made or thrown away
    TOP/staging/rest-of.DATASET      a whole copy that comes, or came in part
    TOP/reserve                      see `reserving`

Note [One rename]: a copy comes and goes by one rename; it is made whole in ``staging``
before, and destroyed there after. What has no record is no copy.
"""

import re
from typing import Final
from uuid import UUID, uuid4

from attrs import frozen

from flocker.model.ids import DatasetID, NotAnIdentifier, parse_uuid

FORMAT: Final = 1
"""Number of this layout; raised with every change of it."""

RECORD: Final = "flocker:record"
"""Property of a copy: its record."""
HOLDS: Final = "flocker:holds"
"""Property of a snapshot: the tags it is held under, with blanks between."""
FRESH: Final = "flocker:fresh"
"""Property of a copy that nobody ever mounted: its root is still as ZFS made it."""
REPEATING: Final = "flocker:repeating"
"""Property of a copy that is on its way to a new snapshot: see `repeating`."""
WENT_BACK: Final = "flocker:went-back"
"""Property of a copy that ZFS rolled back: see Note [Gone back] in `translate`."""
MADE_AS: Final = "flocker:format"
"""Property of the top: the layout's number."""
SYNCED: Final = "flocker:synced"
"""Property of the ledger that is only set to wait for the disks; see `api`."""
HOLD_TAG: Final = "flocker"
"""The tag that ZFS itself knows of a snapshot that has tags of ours."""
OURS: Final = "_flocker."
"""How the names of snapshots begin that nobody but this room ever sees."""

LONGEST_POOL: Final = 64
"""Letters; ZFS takes 255 for a whole name, and asides' snapshots need 160 of them."""

_LEDGER = "flocker:record-of-"
_ENTERING = "rest-of."
_POOL = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9][A-Za-z0-9_.:-]*)*")


def is_pool_name(text: str) -> bool:
    """Whether it can be a pool, or a filesystem of one, below which ours are."""
    return len(text) <= LONGEST_POOL and _POOL.fullmatch(text) is not None


def entry(dataset: DatasetID) -> str:
    """Give the property of the ledger that has a dataset's record."""
    return f"{_LEDGER}{dataset}"


def dataset_of_entry(name: str) -> DatasetID | None:
    """Read the name of a property of the ledger; None if it is another."""
    if not name.startswith(_LEDGER):
        return None
    return _dataset(name.removeprefix(_LEDGER))


def _dataset(text: str) -> DatasetID | None:
    try:
        found: UUID = parse_uuid(text)
    except NotAnIdentifier:
        return None
    return DatasetID(found) if str(found) == text else None


@frozen
class Names:
    """The names below a pool, or a filesystem of one."""

    pool: str

    @property
    def top(self) -> str:
        """The filesystem that has all of ours."""
        return f"{self.pool}/flocker"

    @property
    def copies(self) -> str:
        """The parent of copies."""
        return f"{self.top}/copies"

    @property
    def asides(self) -> str:
        """The parent of copies set aside."""
        return f"{self.top}/asides"

    @property
    def ledger(self) -> str:
        """What has the ledger in its properties."""
        return f"{self.top}/ledger"

    @property
    def staging(self) -> str:
        """The parent of what is half made."""
        return f"{self.top}/staging"

    @property
    def reserve(self) -> str:
        """What keeps some room."""
        return f"{self.top}/reserve"

    @property
    def parts(self) -> tuple[str, ...]:
        """What the top always has."""
        return (self.copies, self.asides, self.ledger, self.staging)

    def copy(self, dataset: DatasetID) -> str:
        """Give the name of a copy, which may not exist."""
        return f"{self.copies}/{dataset}"

    def aside(self, name: str) -> str:
        """Give the name of a copy set aside, which may not exist."""
        return f"{self.asides}/{name}"

    def stage(self) -> str:
        """Give a new name for something half made."""
        return f"{self.staging}/{uuid4()}"

    def entering(self, dataset: DatasetID) -> str:
        """Give the name of a whole copy that comes, and may be cut."""
        return f"{self.staging}/{_ENTERING}{dataset}"

    def dataset_entering(self, name: str) -> DatasetID | None:
        """Read the name of what came in part, in staging or after a copy."""
        parent, _, last = name.rpartition("/")
        if parent == self.staging and last.startswith(_ENTERING):
            return _dataset(last.removeprefix(_ENTERING))
        return self.dataset_of(name)

    def dataset_of(self, name: str) -> DatasetID | None:
        """Read the name of a copy; None if it is another's."""
        parent, _, last = name.rpartition("/")
        return _dataset(last) if parent == self.copies else None

    def aside_of(self, name: str) -> str | None:
        """Read the name of a copy set aside; None if it is another's."""
        parent, _, last = name.rpartition("/")
        return last if parent == self.asides else None
