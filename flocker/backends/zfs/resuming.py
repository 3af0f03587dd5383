"""Streams into a ZFS pool that are gone on with after a cut, where ZFS can.

ZFS keeps what came of a stream (``receive -s``): of a whole copy in the filesystem that
it makes, of an increment in a hidden one below the copy, which moves and goes with it
and does not change what the copy is. A property of either is the token by which
``zfs send`` goes on. What ZFS wrote of a stream it had compared with the checksums that
are in it, so a beginning is as it was sent.
"""

from collections.abc import Callable

from attrs import define, field
from zope.interface import implementer

from flocker.backends.pool_interface import (
    Announced,
    IIncoming,
    IOutgoing,
    check_name,
)
from flocker.backends.pool_resuming import (
    CannotResume,
    IResumableIncoming,
    IResumingPool,
    Unfinished,
)
from flocker.backends.zfs.api import ZfsPool
from flocker.backends.zfs.commands import Missing
from flocker.backends.zfs.reading import Found
from flocker.backends.zfs.receiving import PatientReceive
from flocker.backends.zfs.streams import IncomingStream
from flocker.backends.zfs.tokens import is_token
from flocker.backends.zfs.translate import (
    RESUMES,
    Filesystem,
    says_missing,
    says_nothing_kept,
)
from flocker.model.ids import DatasetID, SnapshotID
from flocker.runtime.process import ProcessFailed

_NONE = "-"


@implementer(IResumableIncoming)
@define(eq=False)
class ResumableStream(IncomingStream):
    """A stream that enters and may be cut; `_keep` is called once it has ended."""

    _keep: Callable[[IncomingStream], None] = field(kw_only=True)

    def suspend(self) -> None:
        """Stop, and let ZFS keep what it has."""
        if self._stop():
            self._keep(self)


@implementer(IResumingPool)
@define(eq=False)
class ResumingZfsPool(ZfsPool):
    """The pool; `_kept` names the filesystems where beginnings are."""

    _kept: dict[DatasetID, str] = field(factory=dict)

    # Of beginnings

    def unfinished(self, dataset: DatasetID) -> Unfinished | None:
        """Ask ZFS for the token, and what it is of."""
        with self._lock:
            token = self._token(dataset)
            cut = None if token is None else self.zfs.explain_token(token)
            if token is None or cut is None:
                return None
            return Unfinished(cut.identity, cut.base, token, cut.came)

    def all_unfinished(self) -> frozenset[DatasetID]:
        """Name all."""
        with self._lock:
            return frozenset(self._kept)

    def drop_unfinished(self, dataset: DatasetID) -> None:
        """Let ZFS forget it."""
        with self._lock:
            where = self._kept.pop(dataset, None)
            if where is not None:
                self._forget_rest(where)

    def keep(self, stream: IncomingStream) -> None:
        """Note where a stream that was cut has left something, if it has."""
        with self._lock:
            where = self._entering.pop(stream)
            self._kept[stream.dataset] = where
            if self._token(stream.dataset) is None:
                self._forget_rest(where)

    def _token(self, dataset: DatasetID) -> str | None:
        """Ask for the token of what is kept; what has none is kept no longer."""
        where = self._kept.get(dataset)
        if where is None:
            return None
        token = self._token_of(where)
        if token is None:
            del self._kept[dataset]
        return token

    def _token_of(self, where: str) -> str | None:
        """Ask for the token of a filesystem; None where there is none of either."""
        try:
            token = self.zfs.ask("get", "-Hp", "-o", "value", RESUMES, where).strip()
        except Missing:
            return None
        return None if token == _NONE else token

    def _forget_rest(self, where: str) -> None:
        """Throw away what came in part, of a whole copy or below one."""
        if where.startswith(f"{self.names.staging}/"):
            self._destroy_staged(where)
            return
        if self._token_of(where) is None:
            return
        try:
            self.zfs.change("receive", "-A", where)
        except ProcessFailed as error:
            said = error.stderr
            if not says_nothing_kept(said) and not says_missing(said):
                raise self.zfs.explained(error) from error

    # Streams

    def send_rest(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID,
        base: SnapshotID | None,
        token: str,
    ) -> IOutgoing:
        """Compare what the token says with what is asked for, then let ZFS go on."""
        with self._lock:
            *_, name = self._what_to_send(dataset, snapshot, base)
            cut = self.zfs.explain_token(token) if is_token(token) else None
            if cut is None:
                raise CannotResume(dataset, "the token is none")
            if (cut.name, cut.identity, cut.base) != (name, snapshot, base):
                raise CannotResume(dataset, "the token is of another stream")
            return self._leave(dataset, self.zfs.sending_rest(token), (snapshot, base))

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Start ``zfs receive -s`` in the place of what is unfinished."""
        check_name(announced.name)
        with self._lock:
            self._check_fits(dataset, announced)
            self.drop_unfinished(dataset)
            filesystem = self.names.copy(dataset)
            if announced.base is None:
                filesystem = self.names.entering(dataset)
            if filesystem in self._entering.values():
                return super().receive(dataset, announced)
            return self._enter(dataset, announced, filesystem)

    def receive_rest(
        self, dataset: DatasetID, announced: Announced
    ) -> IResumableIncoming:
        """Start ``zfs receive -s`` into what is unfinished."""
        check_name(announced.name)
        with self._lock:
            self._check_fits(dataset, announced)
            there = self.unfinished(dataset)
            if there is None or not there.begins(announced):
                raise CannotResume(dataset, "there is no beginning of it here")
            return self._enter(dataset, announced, self._kept.pop(dataset))

    def _enter(
        self, dataset: DatasetID, announced: Announced, filesystem: str
    ) -> ResumableStream:
        target = f"{filesystem}@{announced.name}"
        program = PatientReceive(lambda: self.zfs.receiving(target, "-s"))
        stream = ResumableStream(
            self, dataset, announced, filesystem, program, keep=self.keep
        )
        self._entering[stream] = filesystem
        return stream

    def discard(self, stream: IncomingStream, *, completed: bool) -> None:
        """Forget a stream, and what is left of it."""
        with self._lock:
            where = self._entering.pop(stream)
            if not completed:
                self._forget_rest(where)

    # What nothing that is unfinished can follow

    def _move(self, dataset: DatasetID, found: Found, target: str) -> None:
        """Rename a copy, and let go of what would have followed it."""
        self.drop_unfinished(dataset)
        entered = found.live.name in self._entering.values()
        super()._move(dataset, found, target)
        if entered:
            self._forget_rest(target)

    def _place(self, stage: str, dataset: DatasetID, record: bytes) -> None:
        """Give a copy its place; no rest is waited for any more."""
        super()._place(stage, dataset, record)
        self.drop_unfinished(dataset)

    def make_writable(
        self, dataset: DatasetID, head: SnapshotID, quota: int | None
    ) -> None:
        """Let it be written to."""
        with self._lock:
            super().make_writable(dataset, head, quota)
            self.drop_unfinished(dataset)

    def _check_repeats(
        self, dataset: DatasetID, snapshot: SnapshotID, name: str
    ) -> Filesystem:
        """Check it, and let go of what does not follow what is to be added."""
        source = super()._check_repeats(dataset, snapshot, name)
        self.drop_unfinished(dataset)
        return source

    def destroy_snapshot(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Destroy it; what is unfinished after it would keep it."""
        with self._lock:
            there = self.unfinished(dataset)
            if there is not None and there.base == snapshot:
                self.drop_unfinished(dataset)
            super().destroy_snapshot(dataset, snapshot)
