"""What pools in memory are on; it outlives the process that has one open.

A simulation counts, delays or breaks off the durable steps with `MemoryDisk.before`;
mounts and disk stay then, as those of a killed agent do, and another `MemoryPool` of
the disk is the agent's next life.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import RLock
from uuid import UUID, uuid4

from attrs import define, field

from flocker.backends.pool_errors import PoolFull
from flocker.backends.pool_interface import Aside, Copy, PoolSnapshot
from flocker.model.ids import DatasetID, SnapshotID
from flocker.model.sizes import GIBIBYTE
from flocker.runtime.holders import Holder
from flocker.testing.fakes.memory_streams import Files


@define(eq=False)
class MemorySnapshot:
    """A snapshot as the disk has it."""

    name: str
    identity: SnapshotID
    files: Files = field(repr=False)
    holds: set[str] = field(factory=set)
    sending: int = 0

    def seen(self) -> PoolSnapshot:
        """Give it as a pool shows it."""
        return PoolSnapshot(self.name, self.identity, frozenset(self.holds))


@define(eq=False)
class MemoryCopy:
    """A copy as the disk has it; `files` is None while it is read-only."""

    dataset: DatasetID
    record: bytes
    snapshots: list[MemorySnapshot] = field(factory=list)
    files: dict[str, bytes] | None = field(default=None, repr=False)
    quota: int | None = None
    origin: tuple[DatasetID, SnapshotID] | None = None
    mounted_at: list[Path] = field(factory=list)
    users: list[Holder] = field(factory=list)
    """Who keeps it mounted, besides `mounted_at`."""

    def seen(self) -> Copy:
        """Give it as a pool shows it."""
        newest = self.snapshots[-1].files if self.snapshots else None
        return Copy(
            self.dataset,
            self.record,
            tuple(snapshot.seen() for snapshot in self.snapshots),
            writable=self.files is not None,
            written=self.files is not None and self.files != newest,
            quota=self.quota if self.files is not None else None,
            mounted_at=tuple(self.mounted_at),
        )

    def holders(self) -> tuple[Holder, ...]:
        """Say who uses it."""
        mounts = (Holder(0, "kernel", f"it is mounted at {p}") for p in self.mounted_at)
        return (*mounts, *self.users)


def steady(step: str) -> None:
    """Let a durable step be done."""
    del step


@define(eq=False)
class MemoryDisk:
    """What outlives the agent. Safe to use from several threads.

    `before` is called with the name of each durable step before it is done, and may
    raise what stands for a crash. `size` in bytes.
    """

    size: int = GIBIBYTE
    clones_depend: bool = False
    unique: Callable[[], UUID] = uuid4
    before: Callable[[str], None] = steady
    copies: dict[DatasetID, MemoryCopy] = field(factory=dict)
    asides: dict[str, tuple[Aside, MemoryCopy]] = field(factory=dict)
    ledger: dict[DatasetID, bytes] = field(factory=dict)
    lock: RLock = field(factory=RLock)

    def write(self, dataset: DatasetID, name: str, content: bytes) -> None:
        """Write a file of a copy that is mounted. Raises `OSError` if it may not."""
        with self.lock:
            copy = self.copies[dataset]
            if copy.files is None or not copy.holders():
                raise OSError(f"{dataset} is not mounted")
            files = {**copy.files, name: content}
            if copy.quota is not None and size_of(files) > copy.quota:
                raise OSError("Disk quota exceeded")
            self.require_room({name: content})
            copy.files = files

    def remove(self, dataset: DatasetID, name: str) -> None:
        """Remove a file of a copy that is mounted."""
        with self.lock:
            copy = self.copies[dataset]
            files = dict(copy.files or {})
            del files[name]
            copy.files = files

    def files(self, dataset: DatasetID) -> Mapping[str, bytes]:
        """Give the files of the writable filesystem of a copy."""
        return self.copies[dataset].files or {}

    def require_room(self, more: Files) -> None:
        """Raise `PoolFull` if something does not fit; what is there already does."""
        blobs = {blob for files in self._kept() for blob in files.values()}
        if sum(map(len, blobs | set(more.values()))) > self.size:
            raise PoolFull("memory", f"it has {self.size} bytes")

    def used(self) -> int:
        """Count the bytes on it; what is there twice counts once."""
        blobs = {blob for files in self._kept() for blob in files.values()}
        return sum(map(len, blobs))

    def _kept(self) -> Iterator[Files]:
        asides = (copy for _, copy in self.asides.values())
        for copy in (*self.copies.values(), *asides):
            yield copy.files or {}
            for snapshot in copy.snapshots:
                yield snapshot.files


def size_of(files: Files) -> int:
    """Count the bytes of files."""
    return sum(map(len, files.values()))
