"""What a store of the wanted configuration promises; `operations` is its only writer.

Prove a store with `flocker.testing.conformance.stores`.
"""

from collections.abc import Awaitable, Sequence

from attrs import frozen
from zope.interface import Interface

from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError


@frozen
class RevisionConflict(FlockerError):
    """Somebody else has written since: decide again on what is there now."""

    expected: int
    found: int

    def words(self) -> str:
        """Name both revisions."""
        return f"the store is at revision {self.found}, not {self.expected}"


@frozen
class StoreUnavailable(FlockerError):
    """The store could not do it now; nothing was changed."""

    where: str
    why: str

    def words(self) -> str:
        """Name the store and the cause."""
        return f"the configuration store {self.where} does not work: {self.why}"


@frozen
class StoreUnreadable(FlockerError):
    """What is stored cannot be used: corrupt, foreign, or of a newer format."""

    where: str
    why: str

    def words(self) -> str:
        """Name the store and the cause."""
        return (
            f"the configuration store {self.where} cannot be used: {self.why}; it is"
            " left as it is (flocker-control restore brings a backup in its place)"
        )


class IConfigurationStore(Interface):
    """One durable configuration."""

    def load() -> Awaitable[Configuration]:
        """Read everything. Raises `StoreUnavailable`, `StoreUnreadable`."""

    def commit(changes: Sequence[Change], expected_revision: int) -> Awaitable[None]:
        """Make `changes` durable, all or none; each leads to the next revision.

        The first makes ``expected_revision + 1``. They are durable when this returns.
        Raises `RevisionConflict`, `StoreUnavailable`.
        """

    def check() -> Awaitable[None]:
        """Write, durably, what changes nothing: does it work?

        Raises `StoreUnavailable`, `StoreUnreadable`.
        """

    def close() -> Awaitable[None]:
        """Finish what is under way and let go."""
