"""What the methods of the pool `zfs` are made of; `streaming` and `api` build on it.

What changes something is called with the lock of the pool.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Final
from uuid import uuid4

from attrs import define, evolve, field

from flocker.backends.pool_errors import (
    BadName,
    Busy,
    FilesystemExists,
    HasClones,
    Held,
    NoSuchFilesystem,
    NoSuchSnapshot,
    NotWritable,
    QuotaTooSmall,
)
from flocker.backends.pool_interface import LONGEST_RECORD, Copy
from flocker.backends.zfs import comparing, reading
from flocker.backends.zfs import names as called
from flocker.backends.zfs.commands import DESTROYING, Missing, StillBusy, Zfs
from flocker.backends.zfs.mounting import ZfsMounts
from flocker.backends.zfs.names import Names
from flocker.backends.zfs.reading import Found
from flocker.backends.zfs.repeating import Repeats
from flocker.backends.zfs.reserving import Reserve
from flocker.backends.zfs.streams import IncomingStream
from flocker.backends.zfs.translate import (
    Filesystem,
    says_missing,
    says_no_tag,
    says_tag_there,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, SnapshotID
from flocker.runtime.holders import Holder
from flocker.runtime.process import ProcessFailed

SENDING: Final = "a stream that leaves"
"""The tag that a snapshot seems to have while it is sent."""


GOING_BACK: Final = "its way back to a snapshot"
"""The tag that all snapshots of a copy seem to have meanwhile."""
NOT_OURS: Final = "somebody else (`zfs holds` says who)"
"""Stands for the tags that were not given by us."""


@define(eq=False)
class PoolParts:
    """A pool, without its interface."""

    zfs: Zfs
    names: Names
    mounts: ZfsMounts
    reserve: Reserve
    _lock: RLock = field(factory=RLock, init=False)
    repeats: Repeats = field(init=False)
    _going_back: set[DatasetID] = field(factory=set, init=False)
    """Whose copies are on their way to a new snapshot; see `repeating`."""
    _sending: Counter[SnapshotID] = field(factory=Counter, init=False)
    _entering: dict[IncomingStream, str] = field(factory=dict, init=False)
    """Streams that enter, and the filesystem that each makes or goes on with."""

    @repeats.default
    def _repeats(self) -> Repeats:
        return Repeats(self.zfs, self.mounts, self.reserve)

    # Finding

    def _existing(self, dataset: DatasetID) -> tuple[Found, bytes]:
        """Give a copy and its record. Raises `NoSuchFilesystem`."""
        name = self.names.copy(dataset)
        try:
            rows = self.zfs.read(name, depth=1)
        except Missing:
            raise NoSuchFilesystem(dataset) from None
        for found in reading.group(rows):
            if found.live.name == name and found.live.record is not None:
                return found, found.live.record
        raise NoSuchFilesystem(dataset)

    def _look(self, dataset: DatasetID) -> tuple[Copy, Found]:
        """Where properties do not tell whether it was written to, try.

        What may be written to is on disk then, and counted in the properties.
        """
        found, record = self._existing(dataset)
        if not found.live.read_only:
            self._settle()
            found, record = self._existing(dataset)
        places = self.mounts.places().get(found.live.name, ())
        copy = reading.as_copy(dataset, found, record, places)
        if found.written is None and not places:
            copy = evolve(copy, written=comparing.was_written(self.zfs, found))
        return copy, found

    def _snapshot(self, dataset: DatasetID, identity: SnapshotID) -> Filesystem:
        """Find a snapshot. Raises `NoSuchFilesystem`, `NoSuchSnapshot`."""
        found, _ = self._existing(dataset)
        return self._taken(dataset, found, identity)

    def _taken(
        self, dataset: DatasetID, found: Found, identity: SnapshotID
    ) -> Filesystem:
        """Find a snapshot of what was found. Raises `NoSuchSnapshot`."""
        snapshot = found.snapshot(identity)
        if snapshot is None:
            raise NoSuchSnapshot(dataset, identity)
        return snapshot

    def _listed(self) -> tuple[Filesystem, ...]:
        """Read all copies and what was set aside. Raises `PoolUnavailable`."""
        try:
            return self.zfs.read(self.names.copies, self.names.asides)
        except Missing as error:
            why = f"{error.words()}, which was made when the pool was opened"
            raise self.zfs.unavailable(why) from error

    # Checking

    def _check_absent(self, dataset: DatasetID) -> None:
        try:
            self._existing(dataset)
        except NoSuchFilesystem:
            return
        raise FilesystemExists(dataset)

    def _check_writable(self, dataset: DatasetID, found: Found) -> None:
        if found.live.read_only:
            raise NotWritable(dataset)

    def _check_settled(self, dataset: DatasetID, found: Found) -> None:
        """Let a copy that an agent left under way be as before or as after.

        Raises `Busy` if it is under way now.
        """
        if dataset in self._going_back:
            raise Busy(dataset, (Holder(0, "flocker", f"it is on {GOING_BACK}"),))
        if found.live.repeating is not None:
            self.repeats.end(found)

    def _check_unused(self, dataset: DatasetID, found: Found) -> None:
        self._check_settled(dataset, found)
        if who := self.mounts.users(found.live.name):
            raise Busy(dataset, who)

    def _check_unheld(self, dataset: DatasetID, snapshot: Filesystem) -> None:
        tags = sorted(snapshot.tags)
        if self._sending[SnapshotID(snapshot.guid)]:
            tags.append(SENDING)
        if dataset in self._going_back:
            tags.append(GOING_BACK)
        if tags:
            raise Held(dataset, snapshot.last, tuple(tags))

    def _check_no_clones(self, dataset: DatasetID, *snapshots: Filesystem) -> None:
        if not snapshots:
            return
        names = {each.name for each in snapshots}
        clones, others = reading.clones_of(self.names, names, self.zfs.origins())
        if clones or others:
            raise HasClones(dataset, clones, others)

    # Changing

    def _change(self, *arguments: str) -> None:
        """Let ZFS change something; see `Reserve.change`."""
        self.reserve.change(*arguments)

    def _settle(self) -> None:
        """Return when all that was written is on disk, and counted.

        ZFS answers a change when the transaction it is in is on disk, and that has all
        that was written before.
        """
        self._change("set", f"{called.SYNCED}={uuid4()}", self.names.ledger)

    @contextmanager
    def _busy(self, dataset: DatasetID, name: str) -> Iterator[None]:
        """Say who uses something that ZFS goes on calling busy."""
        try:
            yield
        except StillBusy as error:
            found = self.mounts.users(name)
            raise Busy(
                dataset, found or (Holder(0, "kernel", f"zfs says: {error.said}"),)
            ) from error

    def _move(self, dataset: DatasetID, found: Found, target: str) -> None:
        """Rename a copy that nobody uses; what would follow it is let go."""
        for stream, into in list(self._entering.items()):
            if into == found.live.name:
                stream.interrupt()
        with self._busy(dataset, found.live.name):
            self._change("rename", found.live.name, target)

    def _place(self, stage: str, dataset: DatasetID, record: bytes) -> None:
        """Give a copy that is whole, but for its record, its place."""
        self._write_record(stage, record)
        with self._busy(dataset, stage):
            self._change("rename", stage, self.names.copy(dataset))
        self._clear_entry(dataset)

    @contextmanager
    def _staged(self) -> Iterator[str]:
        """Give a name in staging; what was made of it goes again if it did not go on.

        Who tries again would leave one more each time.
        """
        stage = self.names.stage()
        try:
            yield stage
        except FlockerError:
            with suppress(FlockerError):  # the next start tries again
                self._destroy_staged(stage)
            raise

    def _destroy_staged(self, stage: str) -> None:
        """Destroy what was taken away from everybody, or leave it to the next start."""
        try:
            self.zfs.change("destroy", "-r", stage, timeout=DESTROYING)
        except ProcessFailed as error:
            if not says_missing(error.stderr):
                raise self.zfs.explained(error) from error
        except StillBusy as error:
            raise self.zfs.unavailable(error.said) from error
        with self._lock:
            self.reserve.take()

    def _limit(
        self,
        dataset: DatasetID,
        found: Found,
        quota: int | None,
        *,
        least: bool = False,
    ) -> None:
        """Limit it; where it holds more, to what it holds if `least`.

        ZFS refuses what is smaller. Else raises `QuotaTooSmall`.
        """
        holds = found.live.referenced
        if quota is not None and quota < holds:
            if not least:
                raise QuotaTooSmall(dataset, quota, holds)
            quota = holds
        wanted = "none" if quota is None else str(quota)
        if found.live.quota != quota:
            self._change("set", f"refquota={wanted}", found.live.name)

    def _write_record(self, name: str, record: bytes) -> None:
        self._change("set", f"{called.RECORD}={record.decode()}", name)

    def _write_ledger(self, dataset: DatasetID, record: bytes) -> None:
        what = f"{called.entry(dataset)}={record.decode()}"
        self._change("set", what, self.names.ledger)

    def _clear_entry(self, dataset: DatasetID) -> None:
        self._change("inherit", called.entry(dataset), self.names.ledger)

    def _write_tags(self, snapshot: Filesystem, tags: frozenset[str]) -> None:
        if tags == snapshot.tags:
            return
        if tags:
            text = " ".join(sorted(tags))
            if len(text) > LONGEST_RECORD:
                raise BadName("a hold: the snapshot has too many", text)
            self._change("set", f"{called.HOLDS}={text}", snapshot.name)
        else:
            self._change("inherit", called.HOLDS, snapshot.name)

    def _open_root(self, found: Found, places: Sequence[Path]) -> None:
        """Let everybody write to it, who killed whom ever between mount and this."""
        if places:
            self.mounts.open_root(places[0])
        else:
            self.mounts.open_root_of(found.live.name)
        self._change("inherit", called.FRESH, found.live.name)

    def _hold(self, name: str) -> None:
        """Let ZFS hold a snapshot, if it does not yet for our sake."""
        try:
            self.zfs.change("hold", called.HOLD_TAG, name)
        except ProcessFailed as error:
            if not says_tag_there(error.stderr):
                raise self.zfs.explained(error) from error

    def _let_go(self, dataset: DatasetID, snapshot: Filesystem) -> None:
        """Take back the hold that ZFS knows of. Raises `Held` for those of others."""
        if not snapshot.holds:
            return
        ours = self._takes_back(snapshot.name)
        if snapshot.holds > ours:
            raise Held(dataset, snapshot.last, (NOT_OURS,))

    def _takes_back(self, name: str) -> bool:
        """Say whether there was a hold of ours."""
        try:
            self.zfs.change("release", called.HOLD_TAG, name)
        except ProcessFailed as error:
            if not says_no_tag(error.stderr):
                raise self.zfs.explained(error) from error
            return False
        return True
