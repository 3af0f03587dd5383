"""The embedded store: one SQLite file, written by one thread of its own.

Made by `flocker.control.persistence.opening`; the reactor never waits for the disk.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from flocker.control.persistence.database import Database
from flocker.control.persistence.interface import (
    IConfigurationStore,
    StoreUnavailable,
)
from flocker.model.changes import Change
from flocker.model.configuration import Configuration

T = TypeVar("T")


@implementer(IConfigurationStore)
class SQLiteStore:
    """A configuration in an SQLite file; `release` is called when it is closed."""

    def __init__(
        self,
        reactor: IReactorFromThreads,
        database: Database,
        release: Callable[[], None],
    ) -> None:
        self.store_id: UUID = database.store_id
        self._reactor = reactor
        self._database = database
        self._release = release
        self._closed = False
        # One thread: commits are written in the order in which they were asked for.
        self._writer = ThreadPool(1, 1, name="flocker-store")
        self._writer.start()

    async def load(self) -> Configuration:
        """Read everything. Raises `StoreUnavailable`, `StoreUnreadable`."""
        return await self._in_writer(self._database.load)

    async def commit(self, changes: Sequence[Change], expected_revision: int) -> None:
        """Make `changes` durable, each as a revision of its own, all or none.

        Raises `RevisionConflict`, `StoreUnavailable`.
        """

        def commit() -> None:
            self._database.commit(changes, expected_revision)

        await self._in_writer(commit)

    async def check(self) -> None:
        """Write what changes nothing. Raises `StoreUnavailable`, `StoreUnreadable`."""
        await self._in_writer(self._database.check)

    async def close(self) -> None:
        """Finish what is under way and let go of the file and its directory.

        Whatever is asked of the store from now on is `StoreUnavailable`.
        """
        if self._closed:
            return
        self._closed = True
        try:
            await deferToThreadPool(self._reactor, self._writer, self._database.close)
        finally:
            self._writer.stop()
            self._release()

    async def _in_writer(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreUnavailable(str(self._database.path), "it is closed")
        return await deferToThreadPool(self._reactor, self._writer, work)
