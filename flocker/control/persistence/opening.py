"""Opens the data directory of a control service: at most one process, never by mistake.

Called by `flocker.daemons.control` before anything else is started.
"""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

from twisted.internet.interfaces import IReactorFromThreads

from flocker.control.persistence import migration
from flocker.control.persistence.database import Database, create
from flocker.control.persistence.directory import DATABASE, lock
from flocker.control.persistence.interface import StoreUnreadable
from flocker.control.persistence.sqlite import SQLiteStore


def open_store(
    data_path: Path,
    reactor: IReactorFromThreads,
    new_id: Callable[[], UUID] = uuid4,
) -> SQLiteStore:
    """Open the store in `data_path`; make both where there is nothing yet. Blocks.

    Where there is no store, and the configuration of a first Flocker, that is imported.
    Raises `DataDirectoryInUse`, `DataDirectoryUnusable`, `OldFileUnusable`,
    `StoreUnavailable`, `StoreUnreadable`; then nothing is held.
    """
    held = lock(data_path)
    try:
        path = data_path / DATABASE
        if not path.exists():
            _start(data_path, new_id())
        migration.finish(data_path)
        database = Database(path)
    except BaseException:
        os.close(held)
        raise
    return SQLiteStore(reactor, database, release=lambda: os.close(held))


def _start(data_path: Path, store_id: UUID) -> None:
    """Make a store where there is none; empty only where nothing says otherwise."""
    old = migration.find(data_path)
    if old is not None:
        _ = migration.run(data_path, old, store_id)
        return
    database = data_path / DATABASE
    kept = migration.find_kept(data_path)
    if kept is not None:
        raise StoreUnreadable(
            str(database),
            f"it is gone, but {kept.name} was imported into it; restore a backup, or"
            f" import it again with flocker-control --import {kept}",
        )
    create(database, store_id)
