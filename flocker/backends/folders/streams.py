"""Streams into and out of a pool made of folders; made by `api`."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from attrs import define, field
from zope.interface import implementer

from flocker.backends.folders.layout import SnapshotFolder
from flocker.backends.folders.trees import Entering, Leaving, Trees
from flocker.backends.folders.values import Cut, NoRoom
from flocker.backends.pool_errors import PoolFull, StreamBroken, WrongSnapshot
from flocker.backends.pool_interface import (
    Announced,
    IIncoming,
    IOutgoing,
    check_record,
)
from flocker.model.ids import DatasetID, SnapshotID


class Receiver(Protocol):
    """The pool, as a stream that enters sees it."""

    @property
    def trees(self) -> Trees:
        """Its trees."""
        ...

    def settle(self) -> None:
        """Return when all of the pool is on disk."""
        ...

    def accept(
        self, dataset: DatasetID, announced: Announced, came: Path, record: bytes
    ) -> None:
        """Put what came in its place."""
        ...


@implementer(IOutgoing)
@define(eq=False)
class OutgoingFolder:
    """A stream that leaves; `ended` is called once, when it has."""

    dataset: DatasetID
    _stream: Leaving
    _ended: Callable[[], None]
    _closed: bool = field(default=False, init=False)

    def read(self, most: int) -> bytes:
        """Give the next part."""
        try:
            part = self._stream.read(most)
        except Cut as error:
            self.close()
            raise StreamBroken(self.dataset, error.why) from error
        if not part:
            self.close()
        return part

    def close(self) -> None:
        """Stop."""
        if not self._closed:
            self._closed = True
            self._stream.close()
            self._ended()


@implementer(IIncoming)
@define(eq=False)
class IncomingFolder:
    """A stream that enters, and the folder in staging where its tree grows."""

    _pool: Receiver
    dataset: DatasetID
    announced: Announced
    _stage: Path
    _stream: Entering
    _closed: bool = field(default=False, init=False)

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Take the next part."""
        try:
            self._stream.write(part)
        except (Cut, NoRoom) as error:
            raise self._explain(error) from error

    def finish(self, record: bytes) -> SnapshotID:
        """Write it to disk, compare, put it in its place."""
        check_record(record)
        try:
            try:
                self._stream.finish()
                arrived = self._arrived()
            except (Cut, NoRoom) as error:
                raise self._explain(error) from error
            if arrived != self.announced.identity:
                raise WrongSnapshot(self.dataset, self.announced.identity, arrived)
            self._pool.settle()
            self._pool.accept(self.dataset, self.announced, self._stage, record)
        finally:
            self.abort()
        return arrived

    def abort(self) -> None:
        """Stop, and destroy what is in staging."""
        if not self._closed:
            self._closed = True
            self._stream.close()
            self._pool.trees.destroy(self._stage)

    def _arrived(self) -> SnapshotID:
        try:
            tree = self._pool.trees.describe(SnapshotFolder(self._stage).data)
        except FileNotFoundError:
            raise Cut("it made nothing") from None
        return tree.identity

    def _explain(self, error: Cut | NoRoom) -> StreamBroken | PoolFull:
        if isinstance(error, NoRoom):
            return PoolFull(str(self._stage.parent.parent), error.why)
        return StreamBroken(self.dataset, error.why)
