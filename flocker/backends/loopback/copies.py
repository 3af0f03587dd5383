"""Files that are being copied, until they are whole. Called by `keeping`.

Note [Half copies]: a copy takes its time, so it is made without the lock of
`VolumeDirectory`, as ``.copying-NAME`` among the volumes of this instance, and renamed
to NAME under the lock when it is whole and on disk. Who makes it holds a lock on the
file, and so does the process that does it for him. A half copy that nobody holds is one
of somebody who was killed: it is removed by the next writer of this instance. If it was
to be a snapshot, he may have left the filesystem of the volume frozen, and so it is
thawed before. The name says which volume that is; it was there before the freeze, so
what somebody else has frozen is left alone.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field, frozen

from flocker.backends.loopback import frozen_copy
from flocker.backends.loopback.directory import VolumeDirectory
from flocker.model.errors import FlockerError
from flocker.model.ids import InstanceID
from flocker.model.sizes import humanize
from flocker.runtime.durable import sync

_COPYING = ".copying-"


@frozen
class NoRoom(FlockerError):
    """A copy needs more than there is free."""

    path: Path
    needed: int
    free: int

    def words(self) -> str:
        """Name both sizes."""
        return (
            f"a copy takes {humanize(self.needed)}, and {self.path} has"
            f" {humanize(self.free)} free"
        )


@frozen
class BeingCopied(FlockerError):
    """Somebody is at work on the same copy."""

    name: str

    def words(self) -> str:
        """Name it."""
        return f"{self.name} is being copied already"


@define(eq=False)
class HalfCopy:
    """A file that has another name until it is whole; `source` and `file` are open."""

    path: Path
    name: str
    source: int
    file: int
    copied: int = field(default=0, init=False)
    """Bytes, as far as we copy ourselves."""
    needed: int = field(default=0, init=False)
    """Bytes that the source took when room was taken."""

    @property
    def allocated(self) -> int:
        """Bytes that the source takes now."""
        return os.fstat(self.source).st_blocks * 512

    def reserve(self) -> None:
        """Take the room for all that the source holds now.

        Raises `NoRoom`, `OSError`.
        """
        self.needed = self.allocated
        there = os.fstatvfs(self.file)
        free = there.f_bavail * there.f_frsize
        if self.needed > free:
            raise NoRoom(self.path.parent, self.needed, free)
        for begin, end in frozen_copy.parts(self.source):
            if end > begin:
                os.posix_fallocate(self.file, begin, end - begin)

    def fill(self) -> None:
        """Copy all, while nobody changes the source. Raises `OSError`."""
        frozen_copy.copy_data(self.source, self.file, self._count)

    def enlarge(self, size: int) -> None:
        """Make it `size` bytes large, if that is more. Raises `OSError`."""
        if os.fstat(self.file).st_size < size:
            os.ftruncate(self.file, size)

    def settle(self) -> None:
        """Return when all of it is on disk. Raises `OSError`."""
        os.fsync(self.file)

    def publish(self, directory: Path) -> int:
        """Give it its name there, durably; hold the lock. Gives its bytes.

        Raises `OSError`.
        """
        self.path.rename(directory / self.name)
        sync(directory)
        return os.fstat(self.file).st_size

    def _count(self, done: int) -> None:
        self.copied += done


@frozen
class Copies:
    """The half copies of the instance `me` among its volumes.

    `abandoned` is told the name of one that is to go, and says whether it may.
    """

    directory: VolumeDirectory
    me: InstanceID
    abandoned: Callable[[str], bool]

    @contextmanager
    def of(self, name: str, source: Path) -> Iterator[HalfCopy]:
        """Begin the copy of a file; hold the lock at first. It ends with the context.

        What was not published by then is removed. Raises `BeingCopied`, `OSError`.
        """
        self.sweep()
        path = self.directory.own(self.me) / f"{_COPYING}{name}"
        with source.open("rb") as whole, _created(path) as file:
            yield HalfCopy(path, name, whole.fileno(), file)

    def sweep(self) -> None:
        """Remove the half copies of those that were killed; hold the lock."""
        for left in self.directory.of(self.me).glob(f"{_COPYING}*"):
            with _let_go(left) as free:
                if free and self.abandoned(left.name.removeprefix(_COPYING)):
                    left.unlink()


@contextmanager
def _created(path: Path) -> Iterator[int]:
    """Open a new file, locked, and remove it from this name afterwards."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
    except FileExistsError as error:
        raise BeingCopied(path.name.removeprefix(_COPYING)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


@contextmanager
def _let_go(path: Path) -> Iterator[bool]:
    """Take the lock of a half copy; False if somebody has it, or has just ended it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = os.fstat(descriptor).st_nlink > 0
    except BlockingIOError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)
