"""The data directory of a control service: one process at a time works on it.

Used by `opening`, `migration` and `backups`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.start_lock import Held, take, who

DATABASE = "configuration.sqlite"
LOCK = "control.lock"


@frozen
class DataDirectoryInUse(FlockerError):
    """Another control service works on this directory; `pid` is None if not known."""

    path: Path
    pid: int | None

    def words(self) -> str:
        """Name the directory and the process."""
        return f"the data directory {self.path} is in use by {who(self.pid)}"


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
        return take(data_path / LOCK)
    except Held as held:
        raise DataDirectoryInUse(data_path, held.pid) from held
    except OSError as error:
        raise DataDirectoryUnusable(data_path, error.strerror or str(error)) from error


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
