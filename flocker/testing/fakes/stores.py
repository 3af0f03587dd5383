"""A store in memory, proved by the same conformance suite as SQLite's.

For tests of whoever needs a store, and for the simulation.
"""

from collections.abc import Sequence

from zope.interface import implementer

from flocker.control.persistence.interface import (
    IConfigurationStore,
    RevisionConflict,
    StoreUnavailable,
)
from flocker.model.changes import Change, apply
from flocker.model.configuration import Configuration


@implementer(IConfigurationStore)
class MemoryStore:
    """A configuration that lives as long as this object.

    `broken` is a sentence while nothing works, as on a full disk.
    """

    def __init__(self) -> None:
        self.stored = Configuration()
        self.broken: str | None = None

    async def load(self) -> Configuration:
        """Give what was committed. Raises `StoreUnavailable` while it is broken."""
        self._check()
        return self.stored

    async def commit(self, changes: Sequence[Change], expected_revision: int) -> None:
        """Keep `changes`, all or none.

        Raises `RevisionConflict`, and `StoreUnavailable` while it is broken.
        """
        self._check()
        if expected_revision != self.stored.revision:
            raise RevisionConflict(expected_revision, self.stored.revision)
        stored = self.stored
        for change in changes:
            stored = apply(change, stored)
        self.stored = stored

    async def check(self) -> None:
        """Raises `StoreUnavailable` while it is broken."""
        self._check()

    async def close(self) -> None:
        """Do nothing: what was committed stays."""

    def _check(self) -> None:
        if self.broken is not None:
            raise StoreUnavailable("in memory", self.broken)
