"""What is mounted in this process's mount namespace, asked of the kernel: proc(5)."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from flocker.runtime.holders import other_namespaces
from flocker.runtime.mount_table import Mount, parse_mountinfo, seen_at

MOUNTINFO = Path("/proc/self/mountinfo")

READ_ANYWAY = 10.0
"""Seconds after which the table is read though the kernel does not say it changed: it
says nothing where a directory above a mount point is renamed."""


def read_mounts(table: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """Read a mount table; the kernel answers at once, whatever hangs."""
    return parse_mountinfo(os.fsdecode(table.read_bytes()))


def is_elsewhere(path: Path) -> bool:
    """Whether the filesystem at a path is mounted at another one in any namespace.

    So it is where a container has it. Looks at every process: not for the reactor.
    """
    own = read_mounts()
    here = seen_at(own, path)
    if here is None:
        return False
    others = (mount for each in other_namespaces() for mount in each.mounts)
    return any(
        mount.device == here.device and mount.path != path for mount in (*own, *others)
    )


def mounted_paths(table: Path = MOUNTINFO) -> frozenset[Path]:
    """Give the paths at which anything is mounted."""
    return frozenset(mount.path for mount in read_mounts(table))


class MountText:
    """The mount table's text, read only where the kernel says that it has changed.

    It says so to whoever polls an open file of the table, since his last poll. Safe to
    use from several threads.
    """

    def __init__(
        self, table: Path = MOUNTINFO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._alone = Lock()
        self._text = b""
        self._read_at = 0.0
        self._file = os.open(table, os.O_RDONLY | os.O_CLOEXEC)
        self._changes = select.poll()
        self._changes.register(self._file, select.POLLPRI)

    def __del__(self) -> None:
        """Close the file."""
        os.close(self._file)

    def read(self) -> bytes:
        """Give the text as it is now; the same object while nothing has changed."""
        with self._alone:
            # First the question, then the text: what comes between is told again.
            changed = bool(self._changes.poll(0))
            now = self._clock()
            if changed or not self._text or now >= self._read_at:
                text = self._whole()
                self._text = self._text if text == self._text else text
                self._read_at = now + READ_ANYWAY
            return self._text

    def _whole(self) -> bytes:
        _ = os.lseek(self._file, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._file, 1 << 20):
            parts.append(part)
        return b"".join(parts)
