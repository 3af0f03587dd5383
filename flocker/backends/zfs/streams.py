"""Streams into and out of a ZFS pool; made by `api`.

Note [Held back]: ``zfs receive`` puts a snapshot in its place by itself as soon as it
has read the last record of the stream. So that record is held back until `finish`, when
the copy was looked at once more and its record is written. Whatever ends ``zfs
receive`` before that, a kill too, ends it without the record: nothing has changed then.
The first record is looked at before ZFS sees any of it.
"""

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from attrs import define, field
from zope.interface import implementer

from flocker.backends.pool_errors import (
    PoolFull,
    PoolUnavailable,
    StreamBroken,
    WrongSnapshot,
)
from flocker.backends.pool_interface import (
    Announced,
    IIncoming,
    IOutgoing,
    check_record,
)
from flocker.backends.zfs import translate
from flocker.backends.zfs.receiving import PatientReceive
from flocker.backends.zfs.records import SIZE, Begin, is_end, parse_begin
from flocker.model.ids import DatasetID, SnapshotID
from flocker.runtime.piping import Reading
from flocker.runtime.process import ProcessFailed


class Receiver(Protocol):
    """The pool, as a stream that enters sees it."""

    def accept(
        self,
        dataset: DatasetID,
        announced: Announced,
        target: str,
        record: bytes,
        complete: Callable[[], None],
    ) -> None:
        """Write the record, let the stream be completed, put it in its place."""
        ...

    def discard(self, stream: "IncomingStream", *, completed: bool) -> None:
        """Forget a stream, and throw away what is left of one that was not completed.

        Called once, when its program has ended.
        """
        ...

    def failed(self, error: ProcessFailed) -> PoolFull | PoolUnavailable:
        """Say what happened to the pool."""
        ...


@implementer(IOutgoing)
@define(eq=False)
class OutgoingStream:
    """A stream that leaves; `ended` is called once, when it has."""

    dataset: DatasetID
    _program: Reading
    _ended: Callable[[], None]
    _last: bytes = field(default=b"", init=False)
    _alone: Lock = field(factory=Lock, init=False)
    _closed: bool = field(default=False, init=False)

    def read(self, most: int) -> bytes:
        """Give the next part.

        Old versions say that all went well when nothing did: the last record tells.
        """
        try:
            part = self._program.read(most)
        except ProcessFailed as error:
            self.close()
            raise StreamBroken(self.dataset, error.stderr or error.words()) from error
        self._last = (self._last + part)[-SIZE:]
        if not part:
            self.close()
            if not is_end(self._last):
                raise StreamBroken(self.dataset, "zfs send ended before its end")
        return part

    def close(self) -> None:
        """Stop."""
        with self._alone:
            if self._closed:
                return
            self._closed = True
        self._program.close()
        self._ended()


@implementer(IIncoming)
@define(eq=False)
class IncomingStream:
    """A stream that enters, and what ZFS makes of it: `target`."""

    _pool: Receiver
    dataset: DatasetID
    announced: Announced
    _target: str
    _program: PatientReceive
    _begin: Begin | None = field(default=None, init=False)
    _held: bytes = field(default=b"", init=False)
    _alone: Lock = field(factory=Lock, init=False)
    _writing: bool = field(default=False, init=False)
    _closed: bool = field(default=False, init=False)
    _completed: bool = field(default=False, init=False)

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Take the next part, and hold the end of it back."""
        self._held += part
        if len(self._held) < SIZE:
            return
        begin = self._look_at_begin()
        if begin.identity != self.announced.identity:
            self._held = self._held[-SIZE:]
            return
        ready, self._held = self._held[:-SIZE], self._held[-SIZE:]
        self._pass_on(ready)

    def finish(self, record: bytes) -> SnapshotID:
        """Complete it, in the order that Note [Held back] tells."""
        check_record(record)
        try:
            begin = self._look_at_begin()
            if not is_end(self._held):
                raise self._broken("it ended before its end")
            if begin.identity != self.announced.identity:
                wanted = self.announced.identity
                raise WrongSnapshot(self.dataset, wanted, begin.identity)
            self._pool.accept(
                self.dataset, self.announced, self._target, record, self._complete
            )
            self._completed = True
        finally:
            self.abort()
        return begin.identity

    def abort(self) -> None:
        """Stop; ZFS is let find out by itself, unless it is being written to."""
        if self._stop():
            self._pool.discard(self, completed=self._completed)

    def interrupt(self) -> None:
        """Let ZFS go on with the copy; what came is lost."""
        self._program.close()

    def _stop(self) -> bool:
        """End the program and wait for that; False if that was done before."""
        with self._alone:
            if self._closed:
                return False
            self._closed = True
            writing = self._writing
        if writing:
            self._program.close()
        else:
            self._program.stop()
        return True

    def _look_at_begin(self) -> Begin:
        if self._begin is None:
            if len(self._held) < SIZE:
                raise self._broken("it ended in its first record")
            self._begin = parse_begin(self._held)
        if self._begin is None:
            raise self._broken("it is not a stream of ZFS")
        if self._begin.base != self.announced.base:
            follows, said = self._begin.base, self.announced.base
            raise self._broken(f"it follows {follows}, and was said to follow {said}")
        return self._begin

    def _complete(self) -> None:
        self._pass_on(self._held)
        try:
            self._program.finish()
        except ProcessFailed as error:
            raise self._explain(error) from error

    def _pass_on(self, part: bytes) -> None:
        with self._alone:
            if self._closed:
                raise self._broken("it was stopped")
            self._writing = True
        try:
            self._program.write(part)
        except ProcessFailed as error:
            raise self._explain(error) from error
        finally:
            self._writing = False

    def _broken(self, why: str) -> StreamBroken:
        return StreamBroken(self.dataset, why)

    def _explain(
        self, error: ProcessFailed
    ) -> StreamBroken | PoolFull | PoolUnavailable:
        if translate.says_full(error.stderr) or translate.says_gone(error.stderr):
            return self._pool.failed(error)
        return self._broken(error.stderr or error.words())
