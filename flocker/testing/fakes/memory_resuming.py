"""A pool in memory that goes on with streams that were cut.

It passes `flocker.testing.conformance.pool_resuming`.
"""

from collections.abc import Callable

from attrs import define, field
from zope.interface import implementer

from flocker.backends.pool_errors import (
    Diverged,
    FilesystemExists,
    NoSuchFilesystem,
    StillWritable,
)
from flocker.backends.pool_interface import (
    Announced,
    Aside,
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
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_streams import MemoryIncoming, MemoryOutgoing

Kept = dict[DatasetID, tuple[Announced, bytes]]


@implementer(IResumableIncoming)
@define(eq=False)
class ResumableIncoming(MemoryIncoming):
    """A stream that enters; `_keep` is given what came when it is cut."""

    _keep: Callable[[DatasetID, Announced, bytes], None] = field(kw_only=True)

    def suspend(self) -> None:
        """Keep the parts."""
        if not self._closed and self._parts:
            self._keep(self.dataset, self.announced, b"".join(self._parts))
        self.abort()


@implementer(IResumingPool)
@define(eq=False)
class ResumingMemoryPool(MemoryPool):
    """The pool; `kept` is on the disk, and outlives this."""

    kept: Kept = field(factory=dict)

    def unfinished(self, dataset: DatasetID) -> Unfinished | None:
        """Say how much came."""
        with self.disk.lock:
            if dataset not in self.kept:
                return None
            announced, came = self.kept[dataset]
            token = f"{announced.identity}+{announced.base}+{len(came)}"
            return Unfinished(announced.identity, announced.base, token, len(came))

    def all_unfinished(self) -> frozenset[DatasetID]:
        """Name all."""
        return frozenset(self.kept)

    def drop_unfinished(self, dataset: DatasetID) -> None:
        """Forget what came."""
        with self.disk.lock:
            if dataset in self.kept:
                self.disk.before("drop a beginning")
                del self.kept[dataset]

    def send_rest(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID,
        base: SnapshotID | None,
        token: str,
    ) -> IOutgoing:
        """Leave out what the token says that there is."""
        leaving = self.send(dataset, snapshot, base)
        of, _, size = token.rpartition("+")
        if of != f"{snapshot}+{base}" or not size.isdecimal():
            leaving.close()
            raise CannotResume(dataset, "the token is of another stream")
        if not isinstance(leaving, MemoryOutgoing):
            raise TypeError(leaving)
        _ = leaving.read(int(size))
        return leaving

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Collect the parts, and forget what came before."""
        check_name(announced.name)
        self._check_fits(dataset, announced)
        self.drop_unfinished(dataset)
        return ResumableIncoming(dataset, announced, self._accept, keep=self._keep)

    def receive_rest(
        self, dataset: DatasetID, announced: Announced
    ) -> ResumableIncoming:
        """Begin with the parts that came before."""
        check_name(announced.name)
        self._check_fits(dataset, announced)
        there = self.unfinished(dataset)
        if there is None or not there.begins(announced):
            raise CannotResume(dataset, "there is no beginning of it here")
        _, came = self.kept.pop(dataset)
        entering = ResumableIncoming(dataset, announced, self._accept, keep=self._keep)
        entering.write(came)
        return entering

    def _keep(self, dataset: DatasetID, announced: Announced, came: bytes) -> None:
        """Keep what can be followed still."""
        with self.disk.lock:
            try:
                self._check_fits(dataset, announced)
            except (NoSuchFilesystem, StillWritable, Diverged, FilesystemExists):
                return
            self.disk.before("keep a beginning")
            self.kept[dataset] = announced, came

    # What it cannot fit after: the beginning goes before

    def create(self, dataset: DatasetID, record: bytes, quota: int | None) -> None:
        """Make an empty one."""
        self.drop_unfinished(dataset)
        super().create(dataset, record, quota)

    def clone(
        self,
        dataset: DatasetID,
        origin: DatasetID,
        snapshot: SnapshotID,
        record: bytes,
    ) -> None:
        """Make one that starts with the files of another."""
        self.drop_unfinished(dataset)
        super().clone(dataset, origin, snapshot, record)

    def destroy(self, dataset: DatasetID, record: bytes) -> None:
        """Write the ledger, then destroy."""
        self.drop_unfinished(dataset)
        super().destroy(dataset, record)

    def set_aside(
        self, dataset: DatasetID, node: NodeID, epoch: int, record: bytes
    ) -> Aside:
        """Write the ledger, then rename."""
        self.drop_unfinished(dataset)
        return super().set_aside(dataset, node, epoch, record)

    def make_writable(
        self, dataset: DatasetID, head: SnapshotID, quota: int | None
    ) -> None:
        """Start with the files of the newest snapshot."""
        self.drop_unfinished(dataset)
        super().make_writable(dataset, head, quota)

    def destroy_snapshot(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Forget the files."""
        there = self.unfinished(dataset)
        if there is not None and there.base == snapshot:
            self.drop_unfinished(dataset)
        super().destroy_snapshot(dataset, snapshot)
