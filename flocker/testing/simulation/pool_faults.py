"""The pool of one machine: fails when a plan says so, and shows what is done to it."""

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from attrs import define
from zope.interface import implementer

from flocker.backends.pool_errors import PoolFull, PoolUnavailable
from flocker.backends.pool_interface import (
    Announced,
    Aside,
    Copy,
    Estimate,
    IFilesystemPool,
    IIncoming,
    IOutgoing,
    PoolContents,
    PoolSnapshot,
)
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.simulation.faults import Broken, Faults

P = ParamSpec("P")
T = TypeVar("T")

POOL_CHANGES = (
    "create",
    "clone",
    "destroy",
    "set_aside",
    "snapshot",
    "repeat",
    "destroy_snapshot",
    "set_quota",
    "make_writable",
    "make_read_only",
    "mount",
    "unmount",
    "write_record",
    "finish",
)
"""The calls that change a pool."""

POOL_CALLS = (*POOL_CHANGES, "list", "look", "send", "receive", "estimate")
"""The calls that a plan may let fail."""

REST_CALLS = ("unfinished", "drop_unfinished", "send_rest", "receive_rest")
"""Those about streams that were cut, besides."""


class Witness(Protocol):
    """Who sees what is done to a pool, at the moment when it is done."""

    def unmounting(self, dataset: DatasetID) -> None:
        """A copy was unmounted."""

    def recording(self, dataset: DatasetID, record: bytes) -> None:
        """A record was written."""

    def setting_aside(self, dataset: DatasetID) -> None:
        """A copy is about to be set aside."""

    def creating(self, dataset: DatasetID) -> None:
        """An empty copy is about to be made."""

    def cloned(
        self, dataset: DatasetID, origin: DatasetID, snapshot: SnapshotID
    ) -> None:
        """A copy was made that begins as a snapshot of another dataset."""

    def took(self, dataset: DatasetID) -> None:
        """A snapshot was taken."""

    def repeated(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """A copy has become what an older snapshot of it holds."""

    def came(self, dataset: DatasetID) -> None:
        """A snapshot was received."""


@implementer(IFilesystemPool)
@define(eq=False)
class FaultyPool:
    """A pool whose calls fail as planned, each before or after it has done all."""

    pool: MemoryPool
    faults: Faults
    witness: Witness

    @property
    def sends_all(self) -> bool:
        """Whether increments bring everything."""
        return self.pool.sends_all

    @property
    def clones_depend(self) -> bool:
        """Whether clones keep their origin."""
        return self.pool.clones_depend

    def _call(
        self,
        name: str,
        about: DatasetID | None,
        call: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return self.faults.call(name, lambda: call(*args, **kwargs), about=about)
        except Broken as error:
            raise PoolUnavailable("memory", str(error)) from error

    def list(self) -> PoolContents:
        """List all."""
        return self._call("list", None, self.pool.list)

    def look(self, dataset: DatasetID) -> Copy:
        """Look at one."""
        return self._call("look", dataset, self.pool.look, dataset)

    def create(self, dataset: DatasetID, record: bytes, quota: int | None) -> None:
        """Make an empty one."""

        def create() -> None:
            self.witness.creating(dataset)
            self.pool.create(dataset, record, quota)

        self._call("create", dataset, create)

    def clone(
        self,
        dataset: DatasetID,
        origin: DatasetID,
        snapshot: SnapshotID,
        record: bytes,
    ) -> None:
        """Make one that starts with the files of another."""

        def clone() -> None:
            self.pool.clone(dataset, origin, snapshot, record)
            self.witness.cloned(dataset, origin, snapshot)

        self._call("clone", dataset, clone)

    def destroy(self, dataset: DatasetID, record: bytes) -> None:
        """Destroy."""
        self._call("destroy", dataset, self.pool.destroy, dataset, record)

    def set_aside(
        self, dataset: DatasetID, node: NodeID, epoch: int, record: bytes
    ) -> Aside:
        """Rename."""

        def set_aside() -> Aside:
            self.witness.setting_aside(dataset)
            return self.pool.set_aside(dataset, node, epoch, record)

        return self._call("set_aside", dataset, set_aside)

    def destroy_aside(self, name: str) -> None:
        """Destroy one."""
        self._call("destroy_aside", None, self.pool.destroy_aside, name)

    def snapshot(self, dataset: DatasetID, name: str) -> PoolSnapshot:
        """Keep the files as they are."""

        def snapshot() -> PoolSnapshot:
            made = self.pool.snapshot(dataset, name)
            self.witness.took(dataset)
            return made

        return self._call("snapshot", dataset, snapshot)

    def repeat(
        self, dataset: DatasetID, snapshot: SnapshotID, name: str
    ) -> PoolSnapshot:
        """Add what an older one holds; where all is copied that takes room."""

        def repeat() -> PoolSnapshot:
            disk = self.pool.disk
            if disk.used() >= disk.size:
                raise PoolFull("memory", f"it has {disk.size} bytes")
            made = self.pool.repeat(dataset, snapshot, name)
            self.witness.repeated(dataset, snapshot)
            return made

        return self._call("repeat", dataset, repeat)

    def destroy_snapshot(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Forget the files."""
        call = self.pool.destroy_snapshot
        self._call("destroy_snapshot", dataset, call, dataset, snapshot)

    def hold(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Add a tag."""
        self._call("hold", dataset, self.pool.hold, dataset, snapshot, tag)

    def release(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Take a tag away."""
        self._call("release", dataset, self.pool.release, dataset, snapshot, tag)

    def set_quota(self, dataset: DatasetID, quota: int | None) -> None:
        """Limit the files."""
        self._call("set_quota", dataset, self.pool.set_quota, dataset, quota)

    def make_writable(
        self, dataset: DatasetID, head: SnapshotID, quota: int | None
    ) -> None:
        """Start with the files of the newest snapshot."""
        call = self.pool.make_writable
        self._call("make_writable", dataset, call, dataset, head, quota)

    def make_read_only(self, dataset: DatasetID) -> None:
        """Forget the files, which are those of the newest snapshot."""
        self._call("make_read_only", dataset, self.pool.make_read_only, dataset)

    def mount(self, dataset: DatasetID, path: Path) -> None:
        """Mount."""
        self._call("mount", dataset, self.pool.mount, dataset, path)

    def unmount(self, dataset: DatasetID, path: Path) -> None:
        """Unmount."""

        def unmount() -> None:
            self.pool.unmount(dataset, path)
            self.witness.unmounting(dataset)

        self._call("unmount", dataset, unmount)

    def estimate(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID | None,
        base: SnapshotID | None,
        within: float,
    ) -> Estimate:
        """Measure a stream."""
        call = self.pool.estimate
        return self._call("estimate", dataset, call, dataset, snapshot, base, within)

    def send(
        self, dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> IOutgoing:
        """Make a stream; if the call fails nobody has it."""

        def send() -> IOutgoing:
            return self.pool.send(dataset, snapshot, base)

        return self._open("send", dataset, send)

    def _open(
        self, name: str, dataset: DatasetID, send: Callable[[], IOutgoing]
    ) -> IOutgoing:
        made: list[IOutgoing] = []

        def opened() -> IOutgoing:
            made.append(send())
            return made[0]

        try:
            return self._call(name, dataset, opened)
        except Exception:
            for stream in made:
                stream.close()
            raise

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Take a stream."""
        call = self.pool.receive
        came = self._call("receive", dataset, call, dataset, announced)
        return FaultyIncoming(dataset, came, self)

    def finish(self, dataset: DatasetID, came: IIncoming, record: bytes) -> SnapshotID:
        """End a stream that was taken."""

        def finish() -> SnapshotID:
            arrived: SnapshotID = came.finish(record)
            self.witness.recording(dataset, record)
            self.witness.came(dataset)
            return arrived

        return self._call("finish", dataset, finish)

    def write_record(self, dataset: DatasetID, record: bytes) -> None:
        """Replace it."""

        def write() -> None:
            self.pool.write_record(dataset, record)
            self.witness.recording(dataset, record)

        self._call("write_record", dataset, write)

    def forget(self, dataset: DatasetID) -> None:
        """Forget it."""
        self._call("forget", dataset, self.pool.forget, dataset)


@implementer(IIncoming)
@define(eq=False)
class FaultyIncoming:
    """A stream that is taken; once it is `late` to abort it, that does nothing."""

    dataset: DatasetID
    stream: IIncoming
    pool: FaultyPool
    late: bool = False

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Take a part."""
        self.stream.write(part)

    def finish(self, record: bytes) -> SnapshotID:
        """End it."""
        return self.pool.finish(self.dataset, self.stream, record)

    def abort(self) -> None:
        """Forget it."""
        if not self.late:
            self.stream.abort()
