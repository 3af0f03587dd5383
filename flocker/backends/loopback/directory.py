"""The files of the volumes and the lock over them. Called by `api`, `snapshots`.

``<root>/<cluster id>/`` holds ``format.json``, ``lock``, ``unattached/`` and
``attached/<instance id>/``. A volume is one sparse file; moving it from one directory
to another is one rename(2), durable when the method returns.

Note [One lock a directory]: the writers of all nodes take ``lock`` exclusively and the
listers share it: a volume that is just being renamed is never missed nor seen twice,
and nobody binds a loop device to a file while another looks whether it has one. The
kernel frees the lock of a process that dies. The renames are safe without it.

Note [Counted changes]: an agent lists at each round, and mostly nothing has changed.
Whoever takes the lock exclusively first moves the lock file's time of modification on
by a second: a count that no change can be without, as listers are kept out until it is
done, and that needs no room on a full disk. Where it is what it was, the files are what
they were. Someone who changes files by hand without the lock is noticed by the times of
the directories, and a file that changed its size by hand after `LOOK_ANYWAY`.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field, frozen

from flocker.backends.loopback.translate import (
    FORMAT,
    ForeignDirectory,
    VolumeFile,
    check_format,
    format_text,
    parse_file_name,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import InstanceID, VolumeID
from flocker.model.sizes import humanize
from flocker.runtime.durable import sync

_TEMPORARY = ".creating-"

LOOK_ANYWAY = 10.0
"""Seconds after which all files are looked at though nobody says that any changed."""

_COUNT = 1_000_000_000
"""Nanoseconds by which the lock file's time goes on: all filesystems keep seconds."""


@frozen
class StorageFailed(FlockerError):
    """The directory of the volumes did not do what it was asked."""

    path: str
    what: str
    why: str

    def words(self) -> str:
        """Name the path, the attempt and the reason."""
        return f"cannot {self.what} in {self.path}: {self.why}"


@frozen
class StoredVolume:
    """A volume's file as it was found; `attached_to` None in ``unattached/``."""

    file: VolumeFile
    attached_to: InstanceID | None
    size: int
    path: Path


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn the kernel's errors about the directory into one that names it."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(str(path), what, error.strerror or str(error)) from error


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    sync(temporary)
    temporary.rename(path)
    sync(path.parent)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as entries:
        return list(entries)


def _changed_at(path: Path) -> int:
    return path.stat(follow_symlinks=False).st_mtime_ns


def _size(entry: os.DirEntry[str]) -> int:
    return entry.stat(follow_symlinks=False).st_size


@define(eq=False)
class VolumeDirectory:
    """The volumes of one cluster below `top`."""

    top: Path
    clock: Callable[[], float] = time.monotonic
    _names: dict[VolumeID, VolumeFile] = field(factory=dict, init=False)
    """Names seen so far. A volume's name never changes, so this cannot be wrong."""
    _stored: dict[str, StoredVolume] = field(factory=dict, init=False)
    """What the last listing gave, by path: what has not changed is given again."""
    _last: list[StoredVolume] = field(factory=list, init=False)
    _marks: tuple[int, ...] = field(default=(), init=False)
    """The times of the lock file and of the directories, at the last listing."""
    _look_at: float = field(default=0.0, init=False)

    @property
    def unattached(self) -> Path:
        """Where the volumes are that nobody has."""
        return self.top / "unattached"

    def of(self, instance: InstanceID | None) -> Path:
        """Say where the volumes are that an instance has, or nobody."""
        if instance is None:
            return self.unattached
        return self.top / "attached" / instance

    def open(self) -> None:
        """Make the directory if it is new, else check that we may use it.

        Raises `ForeignDirectory`, `StorageFailed`.
        """
        with explained(self.top, "keep volumes"):
            self.top.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.locked(), explained(self.top, "keep volumes"):
            self._check_or_write_format()
            self.unattached.mkdir(mode=0o700, exist_ok=True)
            (self.top / "attached").mkdir(mode=0o700, exist_ok=True)
            sync(self.top)

    def _check_or_write_format(self) -> None:
        path = self.top / "format.json"
        try:
            number = check_format(str(path), path.read_text(errors="replace"))
        except FileNotFoundError:
            if self.unattached.exists() or (self.top / "attached").exists():
                why = "is missing, but there are volumes beside it"
                raise ForeignDirectory(str(path), why) from None
            number = 0
        if number < FORMAT:
            _write_durably(path, format_text())

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the lock; see Note [One lock a directory]. Waits for other holders."""
        with explained(self.top, "take the lock"):
            descriptor = os.open(
                self.top / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        try:
            with explained(self.top, "take the lock"):
                fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
                if not shared:
                    count = os.fstat(descriptor).st_mtime_ns + _COUNT
                    os.utime(descriptor, ns=(count, count))
            yield
        finally:
            os.close(descriptor)

    def create(self, file: VolumeFile, size: int, me: InstanceID) -> StoredVolume:
        """Make the file of a new, unattached volume of `size` bytes; hold the lock.

        Raises `StorageFailed`.
        """
        with explained(self.top, f"create a volume of {humanize(size)}"):
            own = self.own(me)
            self._sweep(own)
            temporary = own / f"{_TEMPORARY}{file.volume}"
            try:
                with temporary.open("xb") as opened:
                    os.fchmod(opened.fileno(), 0o600)
                    os.ftruncate(opened.fileno(), size)
                    os.fsync(opened.fileno())
                path = self.unattached / file.name
                temporary.rename(path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            sync(self.unattached)
        self._names[file.volume] = file
        return StoredVolume(file, None, size, path)

    def own(self, me: InstanceID) -> Path:
        """Give the directory of this instance, making it."""
        own = self.of(me)
        if not own.exists():
            own.mkdir(mode=0o700, exist_ok=True)
            sync(own.parent)
        return own

    @staticmethod
    def _sweep(own: Path) -> None:
        """Remove what a create of this instance left that was killed."""
        for path in own.glob(f"{_TEMPORARY}*"):
            path.unlink(missing_ok=True)

    def list(self) -> list[StoredVolume]:
        """Give all volumes; hold the lock, shared at least. Raises `StorageFailed`."""
        with explained(self.top, "list the volumes"):
            found = list(self._scan(None))
            for entry in _entries(self.top / "attached"):
                if entry.is_dir(follow_symlinks=False):
                    found.extend(self._scan(InstanceID(entry.name)))
        if found != self._last:
            self._names = {volume.file.volume: volume.file for volume in found}
            self._stored = {str(volume.path): volume for volume in found}
            self._last = found
        return self._last

    def listed(self) -> Sequence[StoredVolume]:
        """As `list`, but the last one where nobody changed anything since.

        See Note [Counted changes].
        """
        with explained(self.top, "list the volumes"):
            marks = tuple(_changed_at(each) for each in self._marked())
            now = self.clock()
            if marks == self._marks and now < self._look_at:
                return self._last
            found = self.list()
            # Of what appeared meanwhile no time was taken: it is looked at once more.
            self._marks, self._look_at = marks, now + LOOK_ANYWAY
        return found

    def changes(self) -> int:
        """Give the count of changes; see Note [Counted changes]. Hold the lock."""
        return _changed_at(self.top / "lock")

    def _marked(self) -> Iterator[Path]:
        """Name what changes its time with the volumes."""
        yield self.top / "lock"
        yield self.unattached
        attached = self.top / "attached"
        yield attached
        for entry in _entries(attached):
            yield Path(entry.path)

    def _scan(self, instance: InstanceID | None) -> Iterator[StoredVolume]:
        for entry in _entries(self.of(instance)):
            known = self._stored.get(entry.path)
            if known is not None and known.size == _size(entry):
                yield known
                continue
            file = parse_file_name(entry.name)
            if file is not None and entry.is_file(follow_symlinks=False):
                yield StoredVolume(file, instance, _size(entry), Path(entry.path))

    def find(self, volume: VolumeID) -> StoredVolume | None:
        """Look a volume up among all; hold the lock. Raises `StorageFailed`."""
        for stored in self.list():
            if stored.file.volume == volume:
                return stored
        return None

    def status_at(
        self, volume: VolumeID, instance: InstanceID
    ) -> os.stat_result | None:
        """As `path_at`, but give what stat(2) says; the agent asks at every round."""
        file = self._names.get(volume)
        if file is None:
            return None
        try:
            return os.stat(f"{self.top}/attached/{instance}/{file.name}")  # noqa: PTH116
        except FileNotFoundError:
            return None

    def path_at(self, volume: VolumeID, instance: InstanceID) -> Path | None:
        """Give the file of a volume if its name is known and the instance has it.

        One stat; None means: ask `find`.
        """
        file = self._names.get(volume)
        if file is None:
            return None
        path = self.of(instance) / file.name
        return path if path.exists() else None

    def move(self, stored: StoredVolume, to: InstanceID | None) -> Path:
        """Give the volume to an instance or to nobody, durably; hold the lock.

        Raises `StorageFailed`, also when another was faster.
        """
        with explained(self.top, f"move {stored.file.volume}"):
            directory = self.unattached if to is None else self.own(to)
            target = directory / stored.file.name
            stored.path.rename(target)
            sync(target.parent)
            sync(stored.path.parent)
        return target

    @staticmethod
    def grow(stored: StoredVolume, size: int) -> None:
        """Make the file `size` bytes large, durably; hold the lock.

        Raises `StorageFailed`.
        """
        what = f"grow {stored.file.volume} to {humanize(size)}"
        with explained(stored.path, what):
            os.truncate(stored.path, size)
            sync(stored.path)

    def remove(self, stored: StoredVolume) -> None:
        """Destroy the file, durably; hold the lock. Raises `StorageFailed`."""
        with explained(self.top, f"destroy {stored.file.volume}"):
            stored.path.unlink(missing_ok=True)
            sync(stored.path.parent)

    @staticmethod
    def flush(path: Path) -> None:
        """Write the file's pages to disk. Raises `StorageFailed`."""
        with explained(path, "write the pages"):
            sync(path)
