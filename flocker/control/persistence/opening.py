"""Opens the data directory of a control service: at most one process, never by mistake.

Called by `flocker.daemons.control` before anything else is started.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from attrs import frozen
from twisted.internet.interfaces import IReactorFromThreads

from flocker.control.persistence.database import Database, create
from flocker.control.persistence.interface import StoreUnreadable
from flocker.control.persistence.sqlite import SQLiteStore
from flocker.model.errors import FlockerError

DATABASE = "configuration.sqlite"
LOCK = "control.lock"
OLD_CONFIGURATION = "current_configuration.json"
"""Where Flocker 1.15 and before kept theirs."""


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


@frozen
class OldConfigurationFound(FlockerError):
    """The directory holds the configuration of a Flocker before 2.0, and no other."""

    path: Path

    def words(self) -> str:
        """Name the file and what to do."""
        return (
            f"{self.path} is the configuration of a Flocker before 2.0, which a later"
            " version will import; until then start with another data directory"
        )


def open_store(
    data_path: Path,
    reactor: IReactorFromThreads,
    new_id: Callable[[], UUID] = uuid4,
) -> SQLiteStore:
    """Open the store in `data_path`; make both where there is nothing yet. Blocks.

    Raises `DataDirectoryInUse`, `DataDirectoryUnusable`, `OldConfigurationFound`,
    `StoreUnavailable`, `StoreUnreadable`; then nothing is held.
    """
    lock = _lock(data_path)
    try:
        path = data_path / DATABASE
        if not path.exists():
            _refuse_to_start_empty(data_path)
            create(path, new_id())
        database = Database(path)
    except BaseException:
        os.close(lock)
        raise
    return SQLiteStore(reactor, database, release=lambda: os.close(lock))


def _lock(data_path: Path) -> int:
    """Give a descriptor that holds the directory's lock as long as it is open."""
    try:
        data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The kernel drops the lock with the process, however that ends. Programs that
        # it starts do not inherit it: Python opens files to be closed on exec.
        lock = os.open(data_path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryUnusable(data_path, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError as error:
        pid = os.pread(lock, 32, 0).strip()
        os.close(lock)
        found = int(pid) if pid.isdigit() else None
        raise DataDirectoryInUse(data_path, found) from error
    except OSError as error:
        os.close(lock)
        raise DataDirectoryUnusable(data_path, error.strerror or str(error)) from error
    return lock


def _refuse_to_start_empty(data_path: Path) -> None:
    """Raise where something shows that there was a configuration."""
    old = data_path / OLD_CONFIGURATION
    if old.exists():
        raise OldConfigurationFound(old)
    database = data_path / DATABASE
    journal = data_path / f"{DATABASE}-wal"
    if journal.exists():
        raise StoreUnreadable(
            str(database), f"it is gone, but its journal {journal.name} is still there"
        )
