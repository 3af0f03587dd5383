"""What may go wrong with a pool; each names its dataset and carries its evidence.

Raised by the methods of `flocker.backends.pool_interface`.
"""

from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, SnapshotID
from flocker.model.sizes import humanize
from flocker.runtime.holders import Holder, enumerate_words


@frozen
class PoolUnavailable(FlockerError):
    """The pool itself cannot be used; nothing follows for what is on it."""

    pool: str
    why: str

    def words(self) -> str:
        """Name the pool and the reason."""
        return f"the pool {self.pool} cannot be used: {self.why}"


@frozen
class PoolFull(FlockerError):
    """The pool has no room for what was asked; nothing was changed."""

    pool: str
    why: str

    def words(self) -> str:
        """Name the pool."""
        return f"the pool {self.pool} is full: {self.why}"


@frozen
class NoSuchFilesystem(FlockerError):
    """The pool has no copy of the dataset."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"there is no copy of dataset {self.dataset} on this pool"


@frozen
class FilesystemExists(FlockerError):
    """The pool has a copy of the dataset already; it was left as it is."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"there is a copy of dataset {self.dataset} on this pool already"


@frozen
class NoSuchSnapshot(FlockerError):
    """The copy has no snapshot of this identity."""

    dataset: DatasetID
    snapshot: SnapshotID

    def words(self) -> str:
        """Name both."""
        return f"the copy of dataset {self.dataset} has no snapshot {self.snapshot}"


@frozen
class SnapshotExists(FlockerError):
    """The copy has a snapshot of this name already."""

    dataset: DatasetID
    name: str

    def words(self) -> str:
        """Name both."""
        return f"dataset {self.dataset} has a snapshot named {self.name!r} already"


@frozen
class CannotRepeat(FlockerError):
    """What an older snapshot holds could not be added; all is as before."""

    dataset: DatasetID
    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"dataset {self.dataset} cannot go back to a snapshot: {self.why}"


@frozen
class Held(FlockerError):
    """Somebody needs the snapshot; each tag says who."""

    dataset: DatasetID
    name: str
    tags: tuple[str, ...]

    def words(self) -> str:
        """Name the snapshot and who holds it."""
        who = ", ".join(self.tags)
        return f"snapshot {self.name!r} of dataset {self.dataset} is held by {who}"


@frozen
class HasClones(FlockerError):
    """Other datasets are clones that share the data, and would lose it."""

    dataset: DatasetID
    clones: tuple[DatasetID, ...]
    others: tuple[str, ...] = ()
    """Clones that are no datasets, by what the pool calls them."""

    def words(self) -> str:
        """Name the clones."""
        names = ", ".join([*map(str, self.clones), *self.others])
        return f"dataset {self.dataset} cannot go while it has clones: {names}"


@frozen
class Busy(FlockerError):
    """The copy is mounted or used, here or in another mount namespace."""

    dataset: DatasetID
    who: tuple[Holder, ...]

    def words(self) -> str:
        """Say who uses it."""
        return f"dataset {self.dataset} is in use: {enumerate_words(self.who)}"


@frozen
class Diverged(FlockerError):
    """The copy does not stand where it should, so it was not touched.

    `head` is None if there is no snapshot, or the copy was written to since.
    """

    dataset: DatasetID
    head: SnapshotID | None
    wanted: SnapshotID

    def words(self) -> str:
        """Say where it stands and where it should."""
        stands = f"at snapshot {self.head}" if self.head else "at no snapshot"
        return (
            f"the copy of dataset {self.dataset} stands {stands}, not at {self.wanted}"
        )


@frozen
class Incomplete(FlockerError):
    """A snapshot would lack something that the copy holds, so none is taken."""

    dataset: DatasetID
    why: str

    def words(self) -> str:
        """Say what it would lack."""
        return f"a snapshot of dataset {self.dataset} would not be whole: {self.why}"


@frozen
class BeingWritten(FlockerError):
    """The copy is written to, and its pool knows no snapshot of what moves."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset, and what is in the way."""
        return (
            f"dataset {self.dataset} is being written to, and its pool takes snapshots"
            " only by copying what stands still"
        )


@frozen
class Unsaved(FlockerError):
    """The copy was written to since its newest snapshot."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"dataset {self.dataset} was written to since its newest snapshot"


@frozen
class StillWritable(FlockerError):
    """The copy may be written to, so nothing is received into it."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"the copy of dataset {self.dataset} is writable and receives nothing"


@frozen
class NotWritable(FlockerError):
    """The copy is read-only, so it is not mounted."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"the copy of dataset {self.dataset} is read-only and cannot be mounted"


@frozen
class NotMounted(FlockerError):
    """The dataset is not what is mounted at the path."""

    dataset: DatasetID
    path: Path

    def words(self) -> str:
        """Name both."""
        return f"dataset {self.dataset} is not mounted at {self.path}"


@frozen
class QuotaTooSmall(FlockerError):
    """The dataset holds more already than it would be allowed to."""

    dataset: DatasetID
    asked: int
    used: int

    def words(self) -> str:
        """Give both sizes."""
        return (
            f"dataset {self.dataset} holds {humanize(self.used)} and cannot be limited"
            f" to {humanize(self.asked)}"
        )


@frozen
class StreamBroken(FlockerError):
    """A stream ended too early, or is none; what came of it was thrown away."""

    dataset: DatasetID
    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"the stream of dataset {self.dataset} is broken: {self.why}"


@frozen
class WrongSnapshot(FlockerError):
    """Another snapshot arrived than was announced; it was thrown away."""

    dataset: DatasetID
    announced: SnapshotID
    arrived: SnapshotID

    def words(self) -> str:
        """Name both."""
        return (
            f"dataset {self.dataset}: snapshot {self.arrived} arrived where"
            f" {self.announced} was announced"
        )


@frozen
class BadName(FlockerError):
    """A name or a record that a pool cannot keep."""

    what: str
    text: str

    def words(self) -> str:
        """Show the beginning of it."""
        return f"{self.text[:80]!r} cannot be {self.what}"


@frozen
class NoSuchAside(FlockerError):
    """No copy of this name was set aside."""

    name: str

    def words(self) -> str:
        """Give the name."""
        return f"no copy named {self.name!r} was set aside on this pool"
