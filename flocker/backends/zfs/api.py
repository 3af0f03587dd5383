"""The pool `zfs`: copies are filesystems of an imported ZFS pool; see `names`.

A copy is writable while its filesystem is not ``readonly``. Every change that ZFS
answers is on disk; what was written to a filesystem is when the next change is. Clones
need the snapshot they were made from.

One process has a pool open at a time; what another left half made is thrown away when
it is opened.
"""

from collections.abc import Set
from pathlib import Path

from attrs import define, evolve, field
from zope.interface import implementer

from flocker.backends.asides import new_aside, parse_aside
from flocker.backends.pool_errors import (
    Busy,
    CannotRepeat,
    Diverged,
    Incomplete,
    NoSuchAside,
    NoSuchFilesystem,
    NotMounted,
    PoolFull,
    PoolUnavailable,
    SnapshotExists,
    StillWritable,
    Unsaved,
)
from flocker.backends.pool_interface import (
    Aside,
    Copy,
    IFilesystemPool,
    IMortalMounts,
    PoolContents,
    PoolSnapshot,
    check_name,
    check_record,
)
from flocker.backends.zfs import names as called
from flocker.backends.zfs import reading
from flocker.backends.zfs.copying import StillDifferent, check_programs, make_equal
from flocker.backends.zfs.streaming import PoolStreams
from flocker.backends.zfs.translate import Filesystem, says_full
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.runtime import durable
from flocker.runtime.holders import Holder
from flocker.runtime.process import ProcessFailed

_WRITABLE = ("-o", "canmount=noauto", "-o", "readonly=off")


@implementer(IFilesystemPool, IMortalMounts)
@define(eq=False)
class ZfsPool(PoolStreams):
    """The pool."""

    clones_depend: bool = field(default=True, init=False)
    sends_all: bool = field(default=False, init=False)

    # Looking

    def list(self) -> PoolContents:
        """List all: the pool, its filesystems, the ledger."""
        self.zfs.check_health()
        with self._lock:  # what goes between copies and ledger is seen in one of them
            found = reading.group(self._listed())
            ledger, space = self.zfs.properties(self.names.ledger, self.zfs.pool)
        copies = reading.copies_of(self.names, found, self.mounts.places())
        free = int(space["available"])
        return PoolContents(
            copies=copies,
            asides=reading.asides_of(self.names, found),
            ledger=reading.ledger_of(ledger, copies),
            size=int(space["used"]) + free,
            free=free,
        )

    def find_dead(self) -> Set[DatasetID]:
        """Ask the mounts themselves."""
        found = {self.names.dataset_of(name) for name in self.mounts.dead()}
        return frozenset(each for each in found if each is not None)

    def look(self, dataset: DatasetID) -> Copy:
        """Look at one, and through all processes."""
        with self._lock:
            copy, found = self._look(dataset)
            users = self.mounts.users(found.live.name) if copy.writable else ()
            return evolve(copy, users=users)

    # Coming and going

    def create(self, dataset: DatasetID, record: bytes, quota: int | None) -> None:
        """Make it in staging, then rename."""
        check_record(record)
        limit = () if quota is None else ("-o", f"refquota={quota}")
        fresh = ("-o", f"{called.FRESH}=yes")
        with self._lock:
            self._check_absent(dataset)
            with self._staged() as stage:
                self._change("create", *_WRITABLE, *limit, *fresh, stage)
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
        with self._lock:
            source = self._snapshot(origin, snapshot)
            self._check_absent(dataset)
            with self._staged() as stage:
                self._change("clone", *_WRITABLE, source.name, stage)
                self._place(stage, dataset, record)

    def destroy(self, dataset: DatasetID, record: bytes) -> None:
        """Write the ledger, rename into staging, destroy it there."""
        check_record(record)
        stage = self.names.stage()
        with self._lock:
            found, _ = self._existing(dataset)
            self._check_unused(dataset, found)
            for each in found.snapshots:
                self._check_unheld(dataset, each)
            self._check_no_clones(dataset, *found.snapshots)
            for each in found.snapshots:
                self._let_go(dataset, each)
            self._write_ledger(dataset, record)
            self._move(dataset, found, stage)
        self._destroy_staged(stage)

    def set_aside(
        self, dataset: DatasetID, node: NodeID, epoch: int, record: bytes
    ) -> Aside:
        """Write the ledger, then rename."""
        check_record(record)
        with self._lock:
            found, _ = self._existing(dataset)
            self._check_unused(dataset, found)
            there = self.zfs.read(self.names.asides, depth=1)
            taken = {self.names.aside_of(row.name) or "" for row in there}
            name = new_aside(dataset, node, epoch, taken)
            self._write_ledger(dataset, record)
            target = self.names.aside(name.text)
            self._move(dataset, found, target)
            self._change("set", "readonly=on", target)
            return reading.as_aside(name, found)

    def destroy_aside(self, name: str) -> None:
        """Rename into staging, destroy it there."""
        stage = self.names.stage()
        with self._lock:
            aside = parse_aside(name)
            there = reading.group(self.zfs.read(self.names.asides))
            here = [
                each for each in there if self.names.aside_of(each.live.name) == name
            ]
            if aside is None or not here:
                raise NoSuchAside(name)
            (found,) = here
            self._check_no_clones(aside.dataset, *found.snapshots)
            for each in found.snapshots:
                self._let_go(aside.dataset, each)
            self._move(aside.dataset, found, stage)
        self._destroy_staged(stage)

    # Snapshots

    def snapshot(self, dataset: DatasetID, name: str) -> PoolSnapshot:
        """Take one, with what only the kernel has of the files."""
        check_name(name)
        with self._lock:
            found, _ = self._existing(dataset)
            self._check_writable(dataset, found)
            if found.named(name) is not None:
                raise SnapshotExists(dataset, name)
            if found.inside:
                inside = ", ".join(found.inside)
                raise Incomplete(dataset, f"it holds filesystems of its own: {inside}")
            places = self.mounts.places().get(found.live.name, ())
            if found.live.fresh:
                self._open_root(found, places)
            for path in places:
                durable.sync_filesystem(path)
            made = f"{found.live.name}@{name}"
            self._change("snapshot", made)
            (row,) = self.zfs.read(made)
            return reading.describe(row)

    def repeat(
        self, dataset: DatasetID, snapshot: SnapshotID, name: str
    ) -> PoolSnapshot:
        """Copy files over those there are: see Note [Copied back] in `repeating`."""
        check_name(name)
        with self._lock:
            source = self._check_repeats(dataset, snapshot, name)
            self._going_back.add(dataset)
        try:
            return self._copy_back(dataset, source, name)
        except ProcessFailed as error:
            if says_full(error.stderr):
                raise PoolFull(self.zfs.pool, error.stderr) from error
            raise CannotRepeat(dataset, error.words()) from error
        except StillDifferent as error:
            raise CannotRepeat(dataset, error.words()) from error
        finally:
            with self._lock:
                self._going_back.discard(dataset)
                found, _ = self._existing(dataset)
                self._check_settled(dataset, found)

    def _check_repeats(
        self, dataset: DatasetID, snapshot: SnapshotID, name: str
    ) -> Filesystem:
        copy, found = self._look(dataset)
        self._check_settled(dataset, found)
        source = self._snapshot(dataset, snapshot)
        if copy.writable:
            raise StillWritable(dataset)
        if found.named(name) is not None:
            raise SnapshotExists(dataset, name)
        if copy.head is None:
            raise Unsaved(dataset)
        if found.live.name in self._entering.values():
            raise Busy(dataset, (Holder(0, "flocker", "a stream enters it"),))
        check_programs(dataset)
        self._limit(dataset, found, None)  # as before a stream
        return source

    def _copy_back(
        self, dataset: DatasetID, source: Filesystem, name: str
    ) -> PoolSnapshot:
        """Copy without the lock, as that takes time by size."""
        live = self.names.copy(dataset)
        with self._staged() as stage:
            with self._lock:
                self._change("clone", "-o", "canmount=noauto", source.name, stage)
                found, _ = self._existing(dataset)
                self.repeats.begin(found, name)
            with self.mounts.shown(stage) as there, self.mounts.shown(live) as here:
                make_equal(self.zfs, there, here)
            with self._lock:
                made = f"{live}@{name}"
                self._change("snapshot", made)
                (row,) = self.zfs.read(made)
            self._destroy_staged(stage)
        return reading.describe(row)

    def destroy_snapshot(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Destroy it, unless somebody needs it."""
        with self._lock:
            found = self._snapshot(dataset, snapshot)
            self._check_unheld(dataset, found)
            self._let_go(dataset, found)
            try:
                with self._busy(dataset, found.name):
                    self._change("destroy", found.name)
            except PoolUnavailable:
                self._check_no_clones(dataset, found)
                raise

    def hold(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Let ZFS hold it as well: others destroy snapshots too."""
        check_name(tag)
        with self._lock:
            found = self._snapshot(dataset, snapshot)
            if not found.tags:
                self._hold(found.name)
            self._write_tags(found, found.tags | {tag})

    def release(self, dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Take a tag away, and the hold of ZFS with the last one."""
        with self._lock:
            found = self._snapshot(dataset, snapshot)
            if tag in found.tags:
                left = found.tags - {tag}
                self._write_tags(found, left)
                if not left and found.holds:
                    self._takes_back(found.name)

    # The writable filesystem

    def set_quota(self, dataset: DatasetID, quota: int | None) -> None:
        """Limit what the filesystem refers to."""
        with self._lock:
            self._settle()
            found, _ = self._existing(dataset)
            self._check_writable(dataset, found)
            self._limit(dataset, found, quota)

    def make_writable(
        self, dataset: DatasetID, head: SnapshotID, quota: int | None
    ) -> None:
        """Set the limit, as far as ZFS does, then let it be written to."""
        with self._lock:
            copy, found = self._look(dataset)
            self._check_settled(dataset, found)
            if copy.writable:
                return
            if copy.head != head:
                raise Diverged(dataset, copy.head, head)
            self._limit(dataset, found, quota, least=True)
            self._change("set", "readonly=off", found.live.name)

    def make_read_only(self, dataset: DatasetID) -> None:
        """Let it not be written to, then take the limit away."""
        with self._lock:
            found, _ = self._existing(dataset)
            if not found.live.read_only:
                self._check_unused(dataset, found)
                copy, found = self._look(dataset)
                if copy.head is None:
                    raise Unsaved(dataset)
                self._change("set", "readonly=on", found.live.name)
            self._limit(dataset, found, None)

    def mount(self, dataset: DatasetID, path: Path) -> None:
        """Mount it; the first time its root is opened to everybody."""
        with self._lock:
            found, _ = self._existing(dataset)
            self._check_writable(dataset, found)

            def place(at: Path) -> None:
                if found.live.mountpoint != str(at):
                    self._change("set", f"mountpoint={at}", found.live.name)

            self.mounts.mount(found.live.name, path, place)
            if found.live.fresh:
                self._open_root(found, (path,))

    def unmount(self, dataset: DatasetID, path: Path) -> None:
        """Unmount it, and write what it held to disk."""
        with self._lock:
            found, _ = self._existing(dataset)
            if not self.mounts.is_at(found.live.name, path):
                raise NotMounted(dataset, path)
            if who := self.mounts.unmount(found.live.name, path):
                raise Busy(dataset, who)
            self._settle()

    # Records

    def write_record(self, dataset: DatasetID, record: bytes) -> None:
        """Set one property."""
        check_record(record)
        with self._lock:
            try:
                found, _ = self._existing(dataset)
            except NoSuchFilesystem:
                self._write_ledger(dataset, record)
            else:
                self._write_record(found.live.name, record)

    def forget(self, dataset: DatasetID) -> None:
        """Unset one property."""
        with self._lock:
            self._check_absent(dataset)
            self._clear_entry(dataset)
