"""A pool in memory. It passes `flocker.testing.conformance.pools`."""

from pathlib import Path

from attrs import define, evolve, field
from zope.interface import implementer

from flocker.backends.pool_errors import (
    Busy,
    Diverged,
    FilesystemExists,
    HasClones,
    Held,
    NoSuchAside,
    NoSuchFilesystem,
    NoSuchSnapshot,
    NotMounted,
    NotWritable,
    QuotaTooSmall,
    SnapshotExists,
    StillWritable,
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
from flocker.runtime.holders import Holder
from flocker.testing.fakes.memory_disk import (
    MemoryCopy,
    MemoryDisk,
    MemorySnapshot,
    size_of,
)
from flocker.testing.fakes.memory_streams import (
    Changes,
    Files,
    MemoryIncoming,
    MemoryOutgoing,
    apply_changes,
    encode_stream,
)

SENDING = "a stream that leaves"
_NOT_TAKEN = SnapshotID("memory-0")
"""In place of the snapshot that a stream would be of."""


@implementer(IFilesystemPool)
@define(eq=False)
class MemoryPool:
    """The pool, as one life of an agent has it open."""

    disk: MemoryDisk
    sends_all: bool = field(default=False, init=False)

    @property
    def clones_depend(self) -> bool:
        """Whether clones keep their origin."""
        return self.disk.clones_depend

    # Looking

    def list(self) -> PoolContents:
        """List all."""
        with self.disk.lock:
            copies = self.disk.copies
            return PoolContents(
                copies={dataset: copy.seen() for dataset, copy in copies.items()},
                asides=tuple(aside for aside, _ in self.disk.asides.values()),
                ledger={
                    dataset: record
                    for dataset, record in self.disk.ledger.items()
                    if dataset not in copies
                },
                size=self.disk.size,
                free=self.disk.size - self.disk.used(),
            )

    def look(self, dataset: DatasetID) -> Copy:
        """Look at one."""
        with self.disk.lock:
            copy = self._copy(dataset)
            return evolve(copy.seen(), users=copy.holders())

    # Coming and going

    def create(self, dataset: DatasetID, record: bytes, quota: int | None) -> None:
        """Make an empty one."""
        self._place(MemoryCopy(dataset, check_record(record), files={}, quota=quota))

    def clone(
        self,
        dataset: DatasetID,
        origin: DatasetID,
        snapshot: SnapshotID,
        record: bytes,
    ) -> None:
        """Make one that starts with the files of another."""
        check_record(record)
        with self.disk.lock:
            files = dict(self._snapshot(origin, snapshot).files)
            of = (origin, snapshot)
            self._place(MemoryCopy(dataset, record, files=files, origin=of))

    def destroy(self, dataset: DatasetID, record: bytes) -> None:
        """Write the ledger, then destroy."""
        check_record(record)
        with self.disk.lock:
            copy = self._unused(dataset)
            for snapshot in copy.snapshots:
                self._check_free(dataset, snapshot)
            self._write_ledger(dataset, record)
            self.disk.before("destroy")
            del self.disk.copies[dataset]

    def set_aside(
        self, dataset: DatasetID, node: NodeID, epoch: int, record: bytes
    ) -> Aside:
        """Write the ledger, then rename."""
        check_record(record)
        with self.disk.lock:
            copy = self._unused(dataset)
            name = f"{dataset}.{node}.{epoch}"
            if name in self.disk.asides:
                again = 2
                while f"{name}.{again}" in self.disk.asides:
                    again += 1
                name = f"{name}.{again}"
            seen = tuple(snapshot.seen() for snapshot in copy.snapshots)
            aside = Aside(name, dataset, node, epoch, seen)
            self._write_ledger(dataset, record)
            self.disk.before("set aside")
            del self.disk.copies[dataset]
            self.disk.asides[name] = aside, copy
            return aside

    def destroy_aside(self, name: str) -> None:
        """Destroy one."""
        with self.disk.lock:
            if name not in self.disk.asides:
                raise NoSuchAside(name)
            aside, copy = self.disk.asides[name]
            for snapshot in copy.snapshots:
                self._check_no_clones(aside.dataset, snapshot)
            self.disk.before("destroy aside")
            del self.disk.asides[name]

    # Snapshots

    def snapshot(self, dataset: DatasetID, name: str) -> PoolSnapshot:
        """Keep the files as they are."""
        check_name(name)
        with self.disk.lock:
            copy = self._copy(dataset)
            if copy.files is None:
                raise NotWritable(dataset)
            if any(snapshot.name == name for snapshot in copy.snapshots):
                raise SnapshotExists(dataset, name)
            identity = SnapshotID(f"memory-{self.disk.unique()}")
            made = MemorySnapshot(name, identity, dict(copy.files))
            self.disk.before("snapshot")
            copy.snapshots.append(made)
            return made.seen()

    def repeat(
        self, dataset: DatasetID, snapshot: SnapshotID, name: str
    ) -> PoolSnapshot:
        """Keep the files of an older one again."""
        check_name(name)
        with self.disk.lock:
            copy = self._copy(dataset)
            if copy.files is not None:
                raise StillWritable(dataset)
            if any(each.name == name for each in copy.snapshots):
                raise SnapshotExists(dataset, name)
            files = dict(self._snapshot(dataset, snapshot).files)
            identity = SnapshotID(f"memory-{self.disk.unique()}")
            made = MemorySnapshot(name, identity, files)
            self.disk.before("repeat")
            copy.snapshots.append(made)
            return made.seen()

    def destroy_snapshot(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Forget the files."""
        with self.disk.lock:
            found = self._snapshot(dataset, snapshot)
            self._check_free(dataset, found)
            self.disk.before("destroy snapshot")
            self._copy(dataset).snapshots.remove(found)

    def hold(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Add a tag."""
        check_name(tag)
        with self.disk.lock:
            found = self._snapshot(dataset, snapshot)
            self.disk.before("hold")
            found.holds.add(tag)

    def release(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Take a tag away."""
        with self.disk.lock:
            found = self._snapshot(dataset, snapshot)
            self.disk.before("release")
            found.holds.discard(tag)

    # The writable filesystem

    def set_quota(self, dataset: DatasetID, quota: int | None) -> None:
        """Limit the files."""
        with self.disk.lock:
            copy = self._copy(dataset)
            if copy.files is None:
                raise NotWritable(dataset)
            if quota is not None and size_of(copy.files) > quota:
                raise QuotaTooSmall(dataset, quota, size_of(copy.files))
            self.disk.before("quota")
            copy.quota = quota

    def make_writable(
        self, dataset: DatasetID, head: SnapshotID, quota: int | None
    ) -> None:
        """Start with the files of the newest snapshot."""
        with self.disk.lock:
            copy = self._copy(dataset)
            if copy.files is not None:
                return
            if copy.seen().head != head:
                raise Diverged(dataset, copy.seen().head, head)
            self.disk.before("make writable")
            copy.files = dict(copy.snapshots[-1].files)
            copy.quota = None if quota is None else max(quota, size_of(copy.files))

    def make_read_only(self, dataset: DatasetID) -> None:
        """Forget the files, which are those of the newest snapshot."""
        with self.disk.lock:
            copy = self._copy(dataset)
            if copy.files is None:
                return
            self._unused(dataset)
            if copy.seen().head is None:
                raise Unsaved(dataset)
            self.disk.before("make read-only")
            copy.files = None

    def mount(self, dataset: DatasetID, path: Path) -> None:
        """Mount: no file is anywhere, but `MemoryDisk.write` succeeds."""
        with self.disk.lock:
            copy = self._copy(dataset)
            if copy.files is None:
                raise NotWritable(dataset)
            if path not in copy.mounted_at:
                self.disk.before("mount")
                copy.mounted_at.append(path)

    def unmount(self, dataset: DatasetID, path: Path) -> None:
        """Unmount, unless somebody uses it."""
        with self.disk.lock:
            copy = self._copy(dataset)
            if path not in copy.mounted_at:
                raise NotMounted(dataset, path)
            others = [each for each in copy.mounted_at if each != path]
            what = "it is also mounted at"
            mounts = [Holder(0, "kernel", f"{what} {each}") for each in others]
            if who := (*mounts, *copy.users):
                raise Busy(dataset, who)
            self.disk.before("unmount")
            copy.mounted_at.remove(path)

    # Streams

    def estimate(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID | None,
        base: SnapshotID | None,
        within: float,
    ) -> Estimate:
        """Make the stream and measure it."""
        del within
        with self.disk.lock:
            if snapshot is not None:
                return Estimate(len(self._stream(dataset, snapshot, base)))
            files = self._copy(dataset).files
            if files is None:
                raise NotWritable(dataset)
            changes = self._changes(dataset, files, base)
            return Estimate(len(encode_stream(_NOT_TAKEN, base, changes)))

    def send(
        self, dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> IOutgoing:
        """Make the stream."""
        with self.disk.lock:
            stream = self._stream(dataset, snapshot, base)
            ids = [each for each in (snapshot, base) if each is not None]
            used = [self._snapshot(dataset, each) for each in ids]
            for each in used:
                each.sending += 1

            def ended() -> None:
                for each in used:
                    each.sending -= 1

            return MemoryOutgoing(stream, ended)

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Collect the parts."""
        check_name(announced.name)
        self._check_fits(dataset, announced)
        return MemoryIncoming(dataset, announced, self._accept)

    def _accept(
        self, dataset: DatasetID, announced: Announced, changes: Changes, record: bytes
    ) -> None:
        """Write the record, then keep what came."""
        check_record(record)
        with self.disk.lock:
            self._check_fits(dataset, announced)
            if announced.base is None:
                files = apply_changes({}, changes)
            else:
                files = apply_changes(self._copy(dataset).snapshots[-1].files, changes)
            self.disk.require_room(files)
            made = MemorySnapshot(announced.name, announced.identity, files)
            if announced.base is None:
                self._place(MemoryCopy(dataset, record, [made]))
                return
            self.write_record(dataset, record)
            self.disk.before("receive")
            self._copy(dataset).snapshots.append(made)

    def _check_fits(self, dataset: DatasetID, announced: Announced) -> None:
        with self.disk.lock:
            if announced.base is None:
                if dataset in self.disk.copies:
                    raise FilesystemExists(dataset)
                return
            announced.check_enters(self._copy(dataset).seen())

    def _stream(
        self, dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> bytes:
        files = self._snapshot(dataset, snapshot).files
        return encode_stream(snapshot, base, self._changes(dataset, files, base))

    def _changes(
        self, dataset: DatasetID, files: Files, base: SnapshotID | None
    ) -> Changes:
        before = {} if base is None else self._snapshot(dataset, base).files
        return {
            name: files.get(name)
            for name in sorted({*files, *before})
            if before.get(name) != files.get(name)
        }

    # Records

    def write_record(self, dataset: DatasetID, record: bytes) -> None:
        """Replace it."""
        check_record(record)
        with self.disk.lock:
            copy = self.disk.copies.get(dataset)
            if copy is None:
                self._write_ledger(dataset, record)
                return
            self.disk.before("record")
            copy.record = record

    def forget(self, dataset: DatasetID) -> None:
        """Forget it."""
        with self.disk.lock:
            if dataset in self.disk.copies:
                raise FilesystemExists(dataset)
            self.disk.before("forget")
            self.disk.ledger.pop(dataset, None)

    # What the others are made of

    def _write_ledger(self, dataset: DatasetID, record: bytes) -> None:
        self.disk.before("ledger")
        self.disk.ledger[dataset] = record

    def _place(self, copy: MemoryCopy) -> None:
        with self.disk.lock:
            if copy.dataset in self.disk.copies:
                raise FilesystemExists(copy.dataset)
            self.disk.before("create")
            self.disk.copies[copy.dataset] = copy

    def _copy(self, dataset: DatasetID) -> MemoryCopy:
        try:
            return self.disk.copies[dataset]
        except KeyError:
            raise NoSuchFilesystem(dataset) from None

    def _unused(self, dataset: DatasetID) -> MemoryCopy:
        copy = self._copy(dataset)
        if who := copy.holders():
            raise Busy(dataset, who)
        return copy

    def _snapshot(self, dataset: DatasetID, identity: SnapshotID) -> MemorySnapshot:
        for snapshot in self._copy(dataset).snapshots:
            if snapshot.identity == identity:
                return snapshot
        raise NoSuchSnapshot(dataset, identity)

    def _check_free(self, dataset: DatasetID, snapshot: MemorySnapshot) -> None:
        tags = [*sorted(snapshot.holds), *([SENDING] if snapshot.sending else [])]
        if tags:
            raise Held(dataset, snapshot.name, tuple(tags))
        self._check_no_clones(dataset, snapshot)

    def _check_no_clones(self, dataset: DatasetID, snapshot: MemorySnapshot) -> None:
        of = (dataset, snapshot.identity)
        clones = [
            each.dataset for each in self.disk.copies.values() if each.origin == of
        ]
        if clones and self.clones_depend:
            raise HasClones(dataset, tuple(clones))
