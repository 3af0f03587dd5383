"""The streams of the pool `zfs`: what is asked of them; `api` builds on it.

What leaves is held as long. What enters makes a filesystem in staging, or goes into the
copy that it follows, and is put in its place when the record is written.
"""

from collections.abc import Callable, Iterable

from attrs import define

from flocker.backends.pool_errors import PoolFull, PoolUnavailable
from flocker.backends.pool_interface import (
    Announced,
    Estimate,
    IIncoming,
    IOutgoing,
    check_name,
)
from flocker.backends.zfs import estimating
from flocker.backends.zfs.parts import PoolParts
from flocker.backends.zfs.receiving import PatientReceive
from flocker.backends.zfs.streams import IncomingStream, OutgoingStream
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, SnapshotID
from flocker.runtime.piping import Reading
from flocker.runtime.process import ProcessFailed


@define(eq=False)
class PoolStreams(PoolParts):
    """A pool that sends and takes streams."""

    def estimate(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID | None,
        base: SnapshotID | None,
        within: float,
    ) -> Estimate | None:
        """Ask ``zfs send``, or for properties: it has counted, and is quick."""
        del within
        found, _ = self._existing(dataset)
        before = None if base is None else self._taken(dataset, found, base)
        if snapshot is not None:
            taken = self._taken(dataset, found, snapshot)
            return estimating.of_snapshot(self.zfs, taken, before)
        self._check_writable(dataset, found)
        return estimating.of_now(self.zfs, found.live, before)

    def send(
        self, dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> IOutgoing:
        """Start ``zfs send``; what it sends is held as long."""
        with self._lock:
            arguments = self._what_to_send(dataset, snapshot, base)
            program = self.zfs.sending(*arguments)
            return self._leave(dataset, program, (snapshot, base))

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Start ``zfs receive``: of a whole copy into staging, else into the copy."""
        check_name(announced.name)
        with self._lock:
            self._check_fits(dataset, announced)
            whole = announced.base is None
            filesystem = self.names.stage() if whole else self.names.copy(dataset)
            target = f"{filesystem}@{announced.name}"
            program = PatientReceive(lambda: self.zfs.receiving(target))
            stream = IncomingStream(self, dataset, announced, filesystem, program)
            self._entering[stream] = filesystem
        return stream

    def accept(
        self,
        dataset: DatasetID,
        announced: Announced,
        target: str,
        record: bytes,
        complete: Callable[[], None],
    ) -> None:
        """Write the record, let the stream be completed; see Note [Held back]."""
        if announced.base is None:
            complete()
            with self._lock:
                self._check_absent(dataset)
                self._change("set", "canmount=noauto", target)
                self._place(target, dataset, record)
            return
        with self._lock:
            self._check_fits(dataset, announced)
            _, before = self._existing(dataset)
            if record != before:
                self._write_record(target, record)
            try:
                complete()
            except FlockerError:
                found, _ = self._existing(dataset)
                if found.snapshot(announced.identity) is None:
                    self._write_record(target, before)
                    raise

    def discard(self, stream: IncomingStream, *, completed: bool) -> None:
        """Forget a stream, and destroy what is left of it in staging."""
        with self._lock:
            target = self._entering.pop(stream)
        if not completed and target.startswith(f"{self.names.staging}/"):
            self._destroy_staged(target)

    def failed(self, error: ProcessFailed) -> PoolFull | PoolUnavailable:
        """Say what happened to the pool."""
        return self.zfs.explained(error)

    def _what_to_send(
        self, dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> tuple[str, ...]:
        """Give the arguments of ``zfs send``."""
        found, _ = self._existing(dataset)
        name = self._taken(dataset, found, snapshot).name
        if base is None:
            return (name,)
        return ("-i", self._taken(dataset, found, base).name, name)

    def _leave(
        self,
        dataset: DatasetID,
        program: Reading,
        sent: Iterable[SnapshotID | None],
    ) -> OutgoingStream:
        """Hold what is sent until the stream has ended."""
        used = [each for each in sent if each is not None]
        self._sending.update(used)

        def ended() -> None:
            with self._lock:
                self._sending.subtract(used)

        return OutgoingStream(dataset, program, ended)

    def _check_fits(self, dataset: DatasetID, announced: Announced) -> None:
        """See `IFilesystemPool.receive` for what it raises.

        Here and again before what came is put in its place.
        """
        if announced.base is None:
            self._check_absent(dataset)
            return
        copy, found = self._look(dataset)
        self._check_settled(dataset, found)
        announced.check_enters(copy)
        self._limit(dataset, found, None)  # an agent that was killed may have left one
