"""The data directory of a control service: one process at a time works on it.

Used by `opening`, `migration` and `backups`.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError

DATABASE = "configuration.sqlite"
LOCK = "control.lock"


@frozen
class DataDirectoryInUse(FlockerError):
    """Another control service works on this directory; `pid` is None if not known."""

    path: Path
    pid: int | None

    def words(self) -> str:
        """Name the directory and the process."""
        who = "another process" if self.pid is None else f"process {self.pid}"
        return f"the data directory {self.path} is in use by {who}"


@frozen
class DataDirectoryUnusable(FlockerError):
    """The data directory cannot be made or written."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the directory and the cause."""
        return f"the data directory {self.path} cannot be used: {self.why}"


def lock(data_path: Path) -> int:
    """Make the directory and lock it; give a descriptor that holds the lock.

    It is held until the descriptor is closed. Raises `DataDirectoryInUse`,
    `DataDirectoryUnusable`.
    """
    try:
        data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The kernel drops the lock with the process, however that ends. Programs that
        # it starts do not inherit it: Python opens files to be closed on exec.
        descriptor = os.open(data_path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryUnusable(data_path, error.strerror or str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        pid = os.pread(descriptor, 32, 0).strip()
        os.close(descriptor)
        found = int(pid) if pid.isdigit() else None
        raise DataDirectoryInUse(data_path, found) from error
    except OSError as error:
        os.close(descriptor)
        raise DataDirectoryUnusable(data_path, error.strerror or str(error)) from error
    return descriptor


@contextmanager
def locked(data_path: Path) -> Iterator[None]:
    """Hold the directory's lock meanwhile. Raises as `lock`."""
    descriptor = lock(data_path)
    try:
        yield
    finally:
        os.close(descriptor)


def synced(path: Path) -> None:
    """Make what was done to a file, or to the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_name(path: Path) -> Path:
    """Give a path that does not exist: this one, or the next with a number."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def copy(file: Path, to: Path) -> None:
    """Copy a file to a name that is free, for its owner only, durably.

    Whoever is killed leaves a ``.part`` that the next call replaces. Raises OSError.
    """
    unfinished = to.with_name(to.name + ".part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as target, file.open("rb") as source:
            shutil.copyfileobj(source, target, 1024 * 1024)
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(to)
    finally:
        unfinished.unlink(missing_ok=True)
