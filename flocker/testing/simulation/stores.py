"""A disk that outlives control, and the store by which one process of it writes."""

from collections.abc import Callable, Sequence

from zope.interface import implementer

from flocker.control.persistence.interface import (
    IConfigurationStore,
    StoreUnavailable,
)
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.testing.fakes.stores import MemoryStore
from flocker.testing.simulation.processes import ProcessClock

Chance = Callable[[], float]

Noted = Callable[[Configuration, Configuration], None]
"""Is told of each commit: what was stored before, and what is now."""


def _forget(before: Configuration, now: Configuration) -> None:
    del before, now


class Disk(MemoryStore):
    """What is stored; of the next `unanswered` commits nobody hears that they worked.

    Commits take up to `commits_take` seconds, half of it before they are durable.
    """

    def __init__(self, commits_take: float = 0.0) -> None:
        super().__init__()
        self.commits_take = commits_take
        self.unanswered = 0
        self.noted: Noted = _forget

    async def commit(self, changes: Sequence[Change], expected_revision: int) -> None:
        """Keep all or none; what was and what is then is `noted`."""
        before = self.stored
        await super().commit(changes, expected_revision)
        self.noted(before, self.stored)

    def mend(self) -> None:
        """Let everything work again."""
        self.broken = None
        self.unanswered = 0


@implementer(IConfigurationStore)
class ProcessStore:
    """The disk as one process uses it: when that is killed, nothing more is written."""

    def __init__(self, disk: Disk, process: ProcessClock, chance: Chance) -> None:
        self._disk = disk
        self._process = process
        self._chance = chance

    async def load(self) -> Configuration:
        """Read everything."""
        await self._pause()
        return await self._disk.load()

    async def commit(self, changes: Sequence[Change], expected_revision: int) -> None:
        """Write, and perhaps not come to say so."""
        await self._pause()
        await self._disk.commit(changes, expected_revision)
        await self._pause()
        if self._disk.unanswered:
            self._disk.unanswered -= 1
            raise StoreUnavailable("in memory", "no answer came")

    async def check(self) -> None:
        """Write nothing."""
        await self._pause()
        await self._disk.check()

    async def close(self) -> None:
        """Do nothing."""

    async def _pause(self) -> None:
        if self._disk.commits_take or self._process.killed:
            await self._process.sleep(self._chance() * self._disk.commits_take / 2)
