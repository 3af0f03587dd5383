"""A copy of the configuration in one file, made while the service runs; and its return.

Called by ``flocker-control backup`` and ``flocker-control restore``.

Note [Restored is another store]: what came after the backup is void, and must not be
taken for what comes now. So a restored store gets a new id, from which the tags of
conditional requests are made; numbers of slices and events begin anew with the service.

Note [Restored is unsure]: nodes with pools remember what such a store has forgotten, so
it marks what it says of their datasets as unsure, and numbers behind the time of the
restore: see `flocker.control.pool_doubts`.

Note [The old store is kept]: it is copied under another name before the restored one
takes its place by a rename. Whoever is killed between has the old store.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from attrs import frozen

from flocker.control.persistence.database import Database, settled
from flocker.control.persistence.directory import (
    DATABASE,
    copy,
    free_name,
    locked,
    synced,
)
from flocker.control.persistence.interface import StoreUnavailable, StoreUnreadable
from flocker.control.pool_doubts import doubt_all
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.runtime.clock import SteadyClock

BEFORE_RESTORE = "configuration.before-restore.sqlite"
"""What a store is called that was replaced; others get a number."""

JOURNAL = "-wal"
SHARED_MEMORY = "-shm"


@frozen
class NoStore(FlockerError):
    """There is nothing to make a backup of."""

    path: Path

    def words(self) -> str:
        """Name the file that is missing."""
        return f"there is no configuration store {self.path}"


@frozen
class BackupExists(FlockerError):
    """A backup does not replace a file."""

    path: Path

    def words(self) -> str:
        """Name the file."""
        return f"{self.path} exists already; give the backup another name"


@frozen
class NotABackup(FlockerError):
    """The file cannot be restored."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the fault."""
        return f"{self.path} cannot be restored: {self.why}"


@frozen
class Restored:
    """What a restore led to; `kept` is the store that was replaced, if one was."""

    configuration: Configuration
    kept: Path | None


def back_up(data_path: Path, file: Path) -> Configuration:
    """Copy the store as it is at one moment to a new file; give what it holds.

    The service may run. Raises `NoStore`, `BackupExists`, `StoreUnavailable`,
    `StoreUnreadable`; then there is no such file.
    """
    path = data_path / DATABASE
    if not path.exists():
        raise NoStore(path)
    if file.exists():
        raise BackupExists(file)
    unfinished = file.with_name(file.name + ".new")
    try:
        found = _copied(path, unfinished)
        unfinished.rename(file)
        synced(file.parent)
    except OSError as error:
        raise StoreUnavailable(str(file), error.strerror or str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return found


def restore(
    data_path: Path,
    file: Path,
    new_id: Callable[[], UUID] = uuid4,
    now: Callable[[], float] | None = None,
) -> Restored:
    """Put a backup in the place of the store; the service must not run.

    See the notes above. Raises `NotABackup`, `DataDirectoryInUse`,
    `DataDirectoryUnusable`, `StoreUnavailable`; then the store is what it was.
    """
    path = data_path / DATABASE
    told = SteadyClock().seconds if now is None else now
    with locked(data_path):
        unfinished = path.with_name(path.name + ".new")
        try:
            _bring(file, path, unfinished)
            configuration = _renewed(file, unfinished, new_id(), int(told()))
            kept = _keep(path)
            unfinished.rename(path)
            synced(data_path)
        except OSError as error:
            raise StoreUnavailable(str(path), error.strerror or str(error)) from error
        finally:
            _drop(unfinished)
    return Restored(configuration, kept)


def _copied(path: Path, to: Path) -> Configuration:
    to.unlink(missing_ok=True)
    database = Database(path)
    try:
        database.copy(to)
    finally:
        database.close()
    copied = Database(to)
    try:
        found = copied.load()
    finally:
        copied.close()
    settled(to)
    synced(to)
    return found


def _bring(file: Path, path: Path, to: Path) -> None:
    """Copy a file into the data directory, with the journal it may have."""
    try:
        if path.exists() and file.samefile(path):
            raise NotABackup(file, "it is the store itself")
        _drop(to)
        for end in ("", JOURNAL):
            source = file.with_name(file.name + end)
            if source.exists() or not end:
                copy(source, to.with_name(to.name + end))
    except OSError as error:
        raise NotABackup(file, error.strerror or str(error)) from error


def _renewed(file: Path, unfinished: Path, store_id: UUID, now: int) -> Configuration:
    """See the notes [Restored is another store] and [Restored is unsure]."""
    try:
        database = Database(unfinished)
        try:
            configuration = database.load()
            numbers_from = max(configuration.numbers_from, now)
            doubted = doubt_all(configuration, numbers_from)
            if doubted:
                database.commit([doubted], configuration.revision)
            database.become(store_id, numbers_from)
        finally:
            database.close()
        settled(unfinished)
    except (StoreUnreadable, StoreUnavailable) as error:
        raise NotABackup(file, error.why) from error
    return configuration


def _keep(path: Path) -> Path | None:
    """Copy the store to be replaced, and take its journal away; Note above."""
    journal = path.with_name(path.name + JOURNAL)
    if not path.exists() and not journal.exists():
        return None
    kept = free_name(path.with_name(BEFORE_RESTORE))
    for end in ("", JOURNAL):
        source = path.with_name(path.name + end)
        if source.exists():
            copy(source, kept.with_name(kept.name + end))
    synced(path.parent)
    # SQLite takes away a journal that it cannot use, so only now is the store opened:
    # whoever is killed from here on has all of it without its journal.
    with suppress(StoreUnreadable):
        settled(path)
    for end in (JOURNAL, SHARED_MEMORY):
        path.with_name(path.name + end).unlink(missing_ok=True)
    synced(path.parent)
    return kept


def _drop(path: Path) -> None:
    for end in ("", JOURNAL, SHARED_MEMORY):
        path.with_name(path.name + end).unlink(missing_ok=True)
