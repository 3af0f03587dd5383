"""Snapshots of volumes as files beside theirs, which share blocks if they can.

Called by `keeping`. ``<root>/<cluster id>/snapshots/`` holds one file a snapshot, never
written again. The methods want the lock of `VolumeDirectory`.

Note [Nobody is stopped]: FICLONE (ioctl_ficlone(2)) is one change of the filesystem
that has the volumes. While it runs the kernel lets nobody write to the volume's file,
as its cloning takes the inode's lock, and first writes down what was written before. So
the snapshot is the volume at one instant: all that the loop device has answered, in its
order. That is what a power cut leaves and a filesystem recovers from. A filesystem that
is frozen for it would hold no more, and a process that dies while one is frozen leaves
the application hanging; so none is frozen. What the application's filesystem has not
given to the device yet is written down before, by `IFilesystems.flush`. Where blocks
cannot be shared it is otherwise: see `standing_still`.

Note [Whole or not there]: a file is cloned, synced, and only then renamed to its name.
What a kill leaves has another name, and the next writer on this instance removes it.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field, frozen

from flocker.backends.loopback.directory import StoredVolume, VolumeDirectory, explained
from flocker.backends.loopback.translate import (
    SnapshotFile,
    VolumeFile,
    parse_snapshot_name,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import InstanceID, SnapshotID
from flocker.runtime.durable import sync

_FICLONE = 0x4004_9409
"""_IOW(0x94, 9, int) of linux/fs.h."""
_TEMPORARY = ".cloning-"
_UNABLE = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV})
"""What a filesystem answers that cannot share blocks between files."""


@frozen
class CannotShare(FlockerError):
    """Two files of a filesystem cannot have blocks in common."""

    top: Path
    why: str

    def words(self) -> str:
        """Name the filesystem by a directory on it."""
        return (
            f"the filesystem of {self.top} cannot share blocks between files"
            f" ({self.why}); XFS and Btrfs can"
        )


@frozen
class StoredSnapshot:
    """A snapshot's file as it was found; `size` in bytes."""

    file: SnapshotFile
    size: int
    path: Path


@define(eq=False)
class SnapshotFiles:
    """The snapshots beside the volumes of `directory`."""

    directory: VolumeDirectory
    _last: list[StoredSnapshot] = field(factory=list, init=False)
    _marks: tuple[int, ...] = field(default=(), init=False)

    @property
    def top(self) -> Path:
        """Where they are."""
        return self.directory.top / "snapshots"

    def prepare(self) -> None:
        """Make the directory, durably. Raises `OSError`."""
        self.top.mkdir(mode=0o700, exist_ok=True)
        sync(self.top.parent)

    def check(self, me: InstanceID) -> None:
        """Clone an empty file, and leave nothing of it. Raises `CannotShare`.

        Also `StorageFailed`.
        """
        with explained(self.directory.top, "try to share blocks between files"):
            own = self.directory.own(me)
            source, target = own / f"{_TEMPORARY}from", own / f"{_TEMPORARY}to"
            _sweep(own)
            with _gone_after(source), _gone_after(target):
                source.write_bytes(b"\0" * 4096)
                self._clone(source, target)

    def take(self, stored: StoredVolume, file: SnapshotFile, me: InstanceID) -> int:
        """Keep what a volume holds; give its size. See Note [Nobody is stopped].

        Raises `CannotShare`, `StorageFailed`.
        """
        with explained(self.directory.top, f"take a snapshot of {stored.file.volume}"):
            self.prepare()
            return self._put(stored.path, self.top / file.name, me)

    def make_volume(
        self, snapshot: StoredSnapshot, file: VolumeFile, size: int, me: InstanceID
    ) -> StoredVolume:
        """Make a volume that begins as a snapshot, `size` bytes large if that is more.

        Raises `CannotShare`, `StorageFailed`.
        """
        what = f"make a volume of {snapshot.file.snapshot}"
        with explained(self.directory.top, what):
            path = self.directory.unattached / file.name
            made = self._put(snapshot.path, path, me, size)
        return StoredVolume(file, None, made, path)

    def find(self, snapshot: SnapshotID) -> StoredSnapshot | None:
        """Look a snapshot up. Raises `StorageFailed`."""
        file = parse_snapshot_name(snapshot)
        if file is None:
            return None
        path = self.top / file.name
        with explained(self.directory.top, "look for a snapshot"):
            try:
                size = path.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                return None
        return StoredSnapshot(file, size, path)

    def remove(self, snapshot: StoredSnapshot) -> None:
        """Destroy the file, durably. Raises `StorageFailed`."""
        with explained(self.directory.top, f"destroy {snapshot.file.snapshot}"):
            snapshot.path.unlink(missing_ok=True)
            sync(self.top)

    def list(self) -> list[StoredSnapshot]:
        """Give all; the last list where nobody changed anything since.

        See Note [Counted changes] in `directory`. Raises `StorageFailed`.
        """
        with explained(self.directory.top, "list the snapshots"):
            marks = self.directory.changes(), _changed_at(self.top)
            if marks != self._marks:
                self._last = sorted(self._scan(), key=lambda each: each.file.name)
                self._marks = marks
        return self._last

    def _scan(self) -> Iterator[StoredSnapshot]:
        if not self.top.exists():
            return
        with os.scandir(self.top) as entries:
            for entry in entries:
                file = parse_snapshot_name(entry.name)
                if file is not None and entry.is_file(follow_symlinks=False):
                    size = entry.stat(follow_symlinks=False).st_size
                    yield StoredSnapshot(file, size, Path(entry.path))

    def _put(self, source: Path, target: Path, me: InstanceID, size: int = 0) -> int:
        """Clone a file to its name; see Note [Whole or not there]."""
        own = self.directory.own(me)
        _sweep(own)
        temporary = own / f"{_TEMPORARY}{target.name}"
        with _gone_after(temporary):
            self._clone(source, temporary)
            if temporary.stat().st_size < size:
                os.truncate(temporary, size)
            sync(temporary)
            made = temporary.stat().st_size
            temporary.rename(target)
            sync(target.parent)
        return made

    def _clone(self, source: Path, target: Path) -> None:
        with source.open("rb") as whole, target.open("xb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            try:
                fcntl.ioctl(copy.fileno(), _FICLONE, whole.fileno())
            except OSError as error:
                if error.errno not in _UNABLE:
                    raise
                why = error.strerror or str(error)
                raise CannotShare(self.directory.top, why) from error


def _sweep(own: Path) -> None:
    """Remove what a kill of this instance left; hold the lock."""
    for left in own.glob(f"{_TEMPORARY}*"):
        left.unlink(missing_ok=True)


@contextmanager
def _gone_after(path: Path) -> Iterator[None]:
    """Remove a file that is not to stay under this name."""
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
