"""Takes a volume's file from a machine that may still write to it. Called by `api`.

Note [Cut off]: a cloud that detaches a disk by force cuts it off: the old machine's
writes fail. A loop device does not: its last user keeps it, and would write into the
file that another one has mounted meanwhile. So first the filesystem on it is shut down
by the kernel (FS_IOC_SHUTDOWN, which ext4 and xfs know): from then on its writes and
fsyncs fail with EIO, and what was synced before is in the file. Then the file is
replaced by a copy of itself: whatever the old loop device may still write, such as a
superblock at its unmount, goes to a file that has no name any more.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError

_FS_IOC_SHUTDOWN = 0x8004587D
_KEEP_THE_LOG = struct.pack("=I", 1)
"""Write the log, then stop: what was synced is safe, what was not is not."""

_CHUNK = 64 * 1024 * 1024
_PROC = Path("/proc")


@frozen
class NotCutOff(FlockerError):
    """A machine could still write to a volume that is to be taken from it."""

    device: Path
    why: str

    def words(self) -> str:
        """Name the device and the reason."""
        return f"{self.device} cannot be cut off: {self.why}"


def shut_down(device: Path, number: int, proc: Path = _PROC) -> None:
    """Stop the filesystem on `device`, wherever it is mounted; `number` is st_rdev.

    Raises `NotCutOff` where it is not mounted, or does not stop.
    """
    why = "it is in use, and mounted nowhere"
    for mount_point in _mount_points(number, proc):
        try:
            with _directory(mount_point) as opened:
                if os.fstat(opened).st_dev != number:
                    continue
                fcntl.ioctl(opened, _FS_IOC_SHUTDOWN, _KEEP_THE_LOG)
        except OSError as error:
            why = f"{mount_point}: {error.strerror or error}"
        else:
            return
    raise NotCutOff(device, why)


def replace_by_copy(path: Path) -> None:
    """Give a file's name to a copy of it, durably; holes stay holes.

    A kill leaves the file or its copy; the rest is removed by the next call. Raises
    `OSError`.
    """
    unfinished = path.with_name(f".cutting-{path.name}")
    unfinished.unlink(missing_ok=True)
    try:
        with path.open("rb") as source, unfinished.open("xb") as target:
            size = os.fstat(source.fileno()).st_size
            os.fchmod(target.fileno(), 0o600)
            os.ftruncate(target.fileno(), size)
            for start, end in _data(source.fileno(), size):
                _copy(source.fileno(), target.fileno(), start, end)
            os.fsync(target.fileno())
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _mount_points(number: int, proc: Path) -> Iterable[Path]:
    """Give paths to where a device is mounted, through the processes that see it."""
    wanted = f"{os.major(number)}:{os.minor(number)}"
    seen: set[tuple[str, str]] = set()
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            namespace = os.readlink(process / "ns" / "mnt")  # noqa: PTH115  (no file)
            lines = (process / "mountinfo").read_text(errors="surrogateescape")
        except OSError:  # it has ended meanwhile
            continue
        for line in lines.splitlines():
            fields = line.split(" ")
            if fields[2] == wanted and (namespace, fields[4]) not in seen:
                seen.add((namespace, fields[4]))
                yield process / "root" / _unescaped(fields[4]).lstrip("/")


def _unescaped(path: str) -> str:
    for escaped, plain in (
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ):
        path = path.replace(escaped, plain)
    return path


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Give the ranges of a file that are no holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end


def _copy(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        done = os.copy_file_range(
            source, target, min(end - start, _CHUNK), start, start
        )
        if not done:
            raise OSError(errno.EIO, "the file became shorter meanwhile")
        start += done


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
