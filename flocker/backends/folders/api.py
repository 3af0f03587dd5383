"""A pool whose copies are folders of one filesystem; made by `btrfs` and `directory`.

See Note [One rename] in `layout`. One process has a pool open at a time; what another
left half made is thrown away when it is opened.
"""

import os
from pathlib import Path

from attrs import define, evolve, field
from zope.interface import implementer

from flocker.backends.asides import parse_aside
from flocker.backends.folders import reading
from flocker.backends.folders.layout import Layout, SnapshotFolder
from flocker.backends.folders.parts import FolderParts
from flocker.backends.folders.streams import IncomingFolder, OutgoingFolder
from flocker.backends.folders.trees import Trees
from flocker.backends.folders.values import InMotion, Unportable
from flocker.backends.pool_errors import (
    BeingWritten,
    Busy,
    Diverged,
    FilesystemExists,
    Incomplete,
    NoSuchAside,
    NoSuchFilesystem,
    NotMounted,
    NotWritable,
    PoolUnavailable,
    QuotaTooSmall,
    SnapshotExists,
    Unsaved,
)
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
    check_name,
    check_record,
)
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.runtime import durable


def open_pool(root: Path, trees: Trees) -> "FolderPool":
    """Open the pool below `root`, making it if it is new. Raises `PoolUnavailable`."""
    if not root.is_dir():
        raise PoolUnavailable(str(root), "there is no such directory")
    layout = Layout(root / ".flocker")
    layout.prepare()
    for left in layout.staging.iterdir():
        trees.destroy(left)
    layout.reserve()
    return FolderPool(layout, trees)


@implementer(IFilesystemPool)
@define(eq=False)
class FolderPool(FolderParts):
    """The pool."""

    clones_depend: bool = field(default=False, init=False)

    @property
    def sends_all(self) -> bool:
        """Whether every stream brings everything."""
        return self.trees.sends_all

    # Looking

    def list(self) -> PoolContents:
        """List all."""
        with self.explained():
            datasets = tuple(self.layout.datasets())
            copies = reading.read_copies(self.layout, self.trees, datasets)
            space = os.statvfs(self.layout.top)
            return PoolContents(
                copies={copy.dataset: copy for copy in copies},
                asides=tuple(
                    reading.read_aside(name, self.layout, self.trees)
                    for name in self.layout.aside_names()
                ),
                ledger=dict(reading.read_ledger(self.layout)),
                size=space.f_blocks * space.f_frsize,
                free=space.f_bavail * space.f_frsize,
            )

    def look(self, dataset: DatasetID) -> Copy:
        """Write what may have been written to disk, then look."""
        with self.explained():
            if self.layout.copy(dataset).live.exists():
                self.settle()
            for copy in reading.read_copies(self.layout, self.trees, (dataset,)):
                live = self.layout.copy(dataset).live
                who = self.trees.users(live) if copy.writable else ()
                return evolve(copy, users=who)
        raise NoSuchFilesystem(dataset)

    # Coming and going

    def create(self, dataset: DatasetID, record: bytes, quota: int | None) -> None:
        """Make it in staging, then rename."""
        check_record(record)
        with self._staged() as stage:
            self.trees.create(stage.live)
            if quota is not None:
                self.trees.set_quota(stage.live, quota)
            self._place(stage, dataset, record)

    def clone(
        self,
        dataset: DatasetID,
        origin: DatasetID,
        snapshot: SnapshotID,
        record: bytes,
    ) -> None:
        """Make it in staging, then rename."""
        check_record(record)
        source = self.find(origin, snapshot)
        with self._staged() as stage:
            self.trees.thaw(source.data, stage.live)
            self._place(stage, dataset, record)

    def destroy(self, dataset: DatasetID, record: bytes) -> None:
        """Write the ledger, rename into staging, take it apart there."""
        check_record(record)
        with self._staged() as stage:
            with self._lock:
                folder = self._existing(dataset)
                self._check_unused(dataset, folder)
                for each in folder.each_snapshot():
                    self._check_unheld(dataset, each)
                self.layout.write(self.layout.entry(dataset), record)
                folder.path.rename(stage.path / "destroyed")
            self.settle()

    def set_aside(
        self, dataset: DatasetID, node: NodeID, epoch: int, record: bytes
    ) -> Aside:
        """Write the ledger, then rename."""
        check_record(record)
        with self.explained(), self._lock:
            folder = self._existing(dataset)
            self._check_unused(dataset, folder)
            name = self.layout.new_aside(dataset, node, epoch)
            self.layout.write(self.layout.entry(dataset), record)
            folder.path.rename(self.layout.asides / name.text)
            self.settle()
            return reading.read_aside(name, self.layout, self.trees)

    def destroy_aside(self, name: str) -> None:
        """Rename into staging, take it apart there."""
        path = self.layout.asides / name
        if parse_aside(name) is None or not path.exists():
            raise NoSuchAside(name)
        with self._staged() as stage:
            durable.rename(path, stage.path / "destroyed")

    # Snapshots

    def snapshot(self, dataset: DatasetID, name: str) -> PoolSnapshot:
        """Make it in staging, then rename."""
        check_name(name)
        with self._staged() as stage, self._lock:
            folder = self._existing(dataset)
            if not folder.live.exists():
                raise NotWritable(dataset)
            if folder.snapshot(name).path.exists():
                raise SnapshotExists(dataset, name)
            made = SnapshotFolder(stage.path / "snapshot")
            made.path.mkdir(mode=0o700)
            try:
                self.trees.freeze(folder.live, made.data)
            except Unportable as error:
                raise Incomplete(dataset, error.why) from error
            except InMotion as error:
                raise BeingWritten(dataset) from error
            self.settle()
            return self._add(dataset, made, name)

    def destroy_snapshot(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Rename into staging, take it apart there."""
        with self._staged() as stage:
            with self._lock:
                found = self.find(dataset, snapshot)
                self._check_unheld(dataset, found)
                found.path.rename(stage.path / "destroyed")
            self.settle()

    def repeat(
        self, dataset: DatasetID, snapshot: SnapshotID, name: str
    ) -> PoolSnapshot:
        """Make a writable tree of it in staging, freeze that, then rename.

        Frozen anew it has an identity of its own, though the other was received.
        """
        check_name(name)
        self._check_repeats(dataset, name)
        source = self.find(dataset, snapshot)
        with self._staged() as stage:
            self.trees.thaw(source.data, stage.live)
            made = SnapshotFolder(stage.path / "snapshot")
            made.path.mkdir(mode=0o700)
            self.trees.freeze(stage.live, made.data)
            self.settle()
            with self._lock:
                self._check_repeats(dataset, name)
                return self._add(dataset, made, name)

    def hold(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Add a tag."""
        check_name(tag)
        with self.explained(), self._lock:
            found = self.find(dataset, snapshot)
            self._write_tags(found, found.holds() | {tag})

    def release(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Take a tag away."""
        with self.explained(), self._lock:
            found = self.find(dataset, snapshot)
            self._write_tags(found, found.holds() - {tag})

    # The writable filesystem

    def set_quota(self, dataset: DatasetID, quota: int | None) -> None:
        """Limit the tree."""
        with self.explained(), self._lock:
            live = self._live(dataset)
            if quota is not None:
                used = self.trees.used(live)
                if used > quota:
                    raise QuotaTooSmall(dataset, quota, used)
            self.trees.set_quota(live, quota)

    def make_writable(
        self, dataset: DatasetID, head: SnapshotID, quota: int | None
    ) -> None:
        """Make a new tree of the newest snapshot; a received one stays as it came."""
        with self._staged() as stage, self._lock:
            copy = self.look(dataset)
            if copy.writable:
                return
            if copy.head != head:
                raise Diverged(dataset, copy.head, head)
            self.trees.thaw(self.find(dataset, head).data, stage.live)
            if quota is not None:
                least = max(quota, self.trees.used(stage.live))
                self.trees.set_quota(stage.live, least)
            self.settle()
            stage.live.rename(self.layout.copy(dataset).live)
            self.settle()

    def make_read_only(self, dataset: DatasetID) -> None:
        """Throw the tree away, which is what the newest snapshot is."""
        with self._staged() as stage:
            with self._lock:
                folder = self._existing(dataset)
                if not folder.live.exists():
                    return
                self._check_unused(dataset, folder)
                if self.look(dataset).head is None:
                    raise Unsaved(dataset)
                folder.live.rename(stage.live)
            self.settle()

    def mount(self, dataset: DatasetID, path: Path) -> None:
        """Mount the tree."""
        with self.explained(), self._lock:
            self.trees.mount(self._live(dataset), path)

    def unmount(self, dataset: DatasetID, path: Path) -> None:
        """Unmount the tree."""
        with self.explained(), self._lock:
            live = self._existing(dataset).live
            if path not in self.trees.mounted_at((live,)).get(live, ()):
                raise NotMounted(dataset, path)
            if who := self.trees.unmount(live, path):
                raise Busy(dataset, who)

    # Streams

    def estimate(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID | None,
        base: SnapshotID | None,
        within: float,
    ) -> Estimate | None:
        """Ask the trees."""
        if snapshot is None:
            found = self._live(dataset)
        else:
            found = self.find(dataset, snapshot).data
        before = None if base is None else self.find(dataset, base).data
        with self.explained():
            around = tuple(self._existing(dataset).each_tree())
            return self.trees.estimate(found, before, around, within)

    def send(
        self, dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> IOutgoing:
        """Send a tree; it is held as long."""
        with self.explained(), self._lock:
            found = self.find(dataset, snapshot)
            before = None if base is None else self.find(dataset, base)
            paths = [each.path for each in (found, before) if each is not None]
            stream = self.trees.send(found.data, before.data if before else None)
            self._sending.update(paths)

            def ended() -> None:
                with self._lock:
                    self._sending.subtract(paths)

            return OutgoingFolder(dataset, stream, ended)

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Receive a tree into staging."""
        check_name(announced.name)
        with self.explained():
            base = self.check_fits(dataset, announced)
            stage = self.layout.stage()
            stream = self.trees.receive(stage, base)
        return IncomingFolder(self, dataset, announced, stage, stream)

    def check_fits(self, dataset: DatasetID, announced: Announced) -> Path | None:
        """Give the tree of the base; see `IFilesystemPool.receive` for what it raises.

        Here and again before what came is put in its place.
        """
        if announced.base is None:
            if self.layout.copy(dataset).exists:
                raise FilesystemExists(dataset)
            return None
        announced.check_enters(self.look(dataset))
        return self.find(dataset, announced.base).data

    def accept(
        self, dataset: DatasetID, announced: Announced, came: Path, record: bytes
    ) -> None:
        """Write the record, then put what came, and is on disk, in its place."""
        with self._lock:
            self.check_fits(dataset, announced)
            if announced.base is None:
                with self._staged() as stage:
                    stage.snapshots.mkdir(mode=0o700)
                    came.rename(stage.snapshot(announced.name).path)
                    self._place(stage, dataset, record)
                return
            folder = self.layout.copy(dataset)
            self.layout.write(folder.record, record)
            came.rename(folder.snapshot(announced.name).path)
            self.settle()

    # Records

    def write_record(self, dataset: DatasetID, record: bytes) -> None:
        """Replace one file."""
        check_record(record)
        with self.explained(), self._lock:
            folder = self.layout.copy(dataset)
            here = folder.record if folder.exists else self.layout.entry(dataset)
            self.layout.write(here, record)

    def forget(self, dataset: DatasetID) -> None:
        """Remove one file."""
        with self.explained(), self._lock:
            if self.layout.copy(dataset).exists:
                raise FilesystemExists(dataset)
            self.layout.entry(dataset).unlink(missing_ok=True)
            durable.sync(self.layout.ledger)
