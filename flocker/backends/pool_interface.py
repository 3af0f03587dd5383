"""What a pool of filesystems on a node's own disks promises; pool authors start here.

A pool keeps at most one *copy* of a dataset: its snapshots, and while this node owns
the dataset a writable filesystem that can be mounted. Which node owns it, and every
guard, is the agents' business: a pool keeps one *record* of each dataset, which it does
not understand, beside the copy and outside of what is sent. Where there is no copy any
more the record is kept in the pool's *ledger*: it outlives the copy.

Methods are synchronous and run in threads, several at once: a pool locks what it must.
What changed something has made it durable when it returns. Killed at any point, a pool
is as before or as after; what was half made is removed when the pool is opened again.

Note [Identity]: a snapshot's identity belongs to what is in it: it is the same on every
pool that received the snapshot, also at third hand, and no other snapshot ever has it.
Names are for people; two snapshots of one name may differ.

Note [Never forced]: a pool never rolls a copy back to fit a stream, and never unmounts
lazily. What does not fit is refused, and nothing is changed.

Note [Only forward]: to go back to a snapshot is to add another that holds the same. So
every snapshot stays, each of a copy follows on the one before, and what others received
is continued by the next stream.

Prove a pool with `flocker.testing.conformance.pools`.
"""

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Final

from attrs import frozen
from zope.interface import Attribute, Interface

from flocker.backends.pool_errors import (
    BadName,
    Diverged,
    FilesystemExists,
    SnapshotExists,
    StillWritable,
)
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.runtime.holders import Holder

LONGEST_RECORD: Final = 1000
"""Bytes of a record: an old ZFS keeps 1,023 in a property."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}")
_RECORD = re.compile(rb"[ -~]{1,%d}" % LONGEST_RECORD)


@frozen
class PoolSnapshot:
    """A snapshot of a copy; see Note [Identity]."""

    name: str
    identity: SnapshotID
    holds: frozenset[str] = frozenset()
    """Tags that keep it from being destroyed."""


@frozen
class Copy:
    """What a pool has of one dataset; `quota` in bytes, None where there is no limit.

    `written` says whether it may have been written to since the newest snapshot. That
    is exact in what `look` gives of a copy that nobody has mounted.
    """

    dataset: DatasetID
    record: bytes
    snapshots: tuple[PoolSnapshot, ...]
    """Oldest first."""
    writable: bool
    written: bool
    quota: int | None = None
    mounted_at: tuple[Path, ...] = ()
    """Where this mount namespace has it."""
    users: tuple[Holder, ...] = ()
    """The mounts of every namespace and the processes that use it, as `look` finds."""

    @property
    def head(self) -> SnapshotID | None:
        """Give the snapshot that the copy is; None if it is, or may be, none."""
        if self.written or not self.snapshots:
            return None
        return self.snapshots[-1].identity


@frozen
class Aside:
    """A copy that continued nothing and was set aside; it is read-only.

    `node` and `epoch` say what it was written as.
    """

    name: str
    dataset: DatasetID
    node: NodeID
    epoch: int
    snapshots: tuple[PoolSnapshot, ...]


@frozen
class PoolContents:
    """All that a pool has; `size` and `free` in bytes.

    `ledger` has the records of datasets that have no copy here.
    """

    copies: Mapping[DatasetID, Copy]
    asides: tuple[Aside, ...]
    ledger: Mapping[DatasetID, bytes]
    size: int
    free: int


@frozen
class Estimate:
    """About how many bytes a stream has; or only that it is `at_most` so many."""

    size: int
    at_most: bool = False


@frozen
class Announced:
    """What a stream is said to bring: a snapshot, as what follows `base`.

    Without a base it brings the whole of it.
    """

    name: str
    identity: SnapshotID
    base: SnapshotID | None

    def check_enters(self, copy: Copy) -> None:
        """See that a copy is what it follows.

        Raises `FilesystemExists`, `StillWritable`, `Diverged`, `SnapshotExists`.
        """
        if self.base is None:
            raise FilesystemExists(copy.dataset)
        if copy.writable:
            raise StillWritable(copy.dataset)
        if copy.head != self.base:
            raise Diverged(copy.dataset, copy.head, self.base)
        if any(each.name == self.name for each in copy.snapshots):
            raise SnapshotExists(copy.dataset, self.name)


def check_name(text: str) -> str:
    """Give the name of a snapshot or a hold's tag. Raises `BadName`."""
    if not _NAME.fullmatch(text):
        raise BadName("a name: it takes up to 63 of A-Z a-z 0-9 _ . : -", text)
    return text


def check_record(record: bytes) -> bytes:
    """Give a record: one line of printable ASCII. Raises `BadName`."""
    if not _RECORD.fullmatch(record):
        what = f"a record: it is one line of at most {LONGEST_RECORD} letters"
        raise BadName(what, record.decode(errors="replace"))
    return record


class IOutgoing(Interface):
    """A stream that leaves a pool. `read` and `close` may meet in two threads."""

    def read(most: int) -> bytes:
        """Give the next part, at most so many bytes; nothing when all was given.

        Raises `StreamBroken` if it cannot be given whole.
        """

    def close() -> None:
        """Stop; again is fine."""


class IIncoming(Interface):
    """A stream that enters a pool. `abort` may come while `write` waits."""

    def write(part: bytes | bytearray | memoryview) -> None:
        """Take the next part, and keep nothing of it but copies.

        Raises `StreamBroken`, `PoolFull`.
        """

    def finish(record: bytes) -> SnapshotID:
        """All came: make it durable, write the copy's record, put it in its place.

        In this order: a copy never holds more than its record tells of. When this
        returns a power cut loses none of it. Gives what came. Raises `StreamBroken`,
        `WrongSnapshot`, `PoolFull`, `Diverged`, `StillWritable`, `FilesystemExists`;
        then the copy is as before.
        """

    def abort() -> None:
        """Throw away what came; again, or after `finish`, is fine."""


class IFilesystemPool(Interface):
    """Copies of datasets on one pool of this node.

    A method that needs a copy raises `NoSuchFilesystem` where there is none; every one
    raises `PoolUnavailable`.
    """

    clones_depend = Attribute(
        "Whether a snapshot cannot go while there are clones of it."
    )

    sends_all = Attribute(
        "Whether a stream that follows a base brings everything anew."
    )

    def list() -> PoolContents:
        """List everything, at the cost of one listing, not one a dataset."""

    def look(dataset: DatasetID) -> Copy:
        """Look at one copy and who uses it; `written` is exact if nobody does."""

    def create(dataset: DatasetID, record: bytes, quota: int | None) -> None:
        """Make an empty writable copy together with its record, both or neither.

        As always when a copy appears, its record takes the place of the ledger's.

        Raises `FilesystemExists`, `PoolFull`.
        """

    def clone(
        dataset: DatasetID, origin: DatasetID, snapshot: SnapshotID, record: bytes
    ) -> None:
        """Make a writable copy that is what `snapshot` of `origin` was, without quota.

        At once, and it shares the data. Raises `FilesystemExists`, `NoSuchSnapshot`.
        """

    def destroy(dataset: DatasetID, record: bytes) -> None:
        """Write the record into the ledger, then destroy the copy with its snapshots.

        Raises `Busy`, `Held`, `HasClones`; then all is as before.
        """

    def set_aside(dataset: DatasetID, node: NodeID, epoch: int, record: bytes) -> Aside:
        """Write the record into the ledger, then take the copy, whole, out of the way.

        It gets a name that nothing had before. Raises `Busy`; then all is as before.
        """

    def destroy_aside(name: str) -> None:
        """Destroy a copy that was set aside. Raises `NoSuchAside`, `HasClones`."""

    def snapshot(dataset: DatasetID, name: str) -> PoolSnapshot:
        """Take a snapshot of the writable copy, durable with all written so far.

        Raises `SnapshotExists`, `NotWritable`, `PoolFull`, and `Incomplete` if there
        is something in it that no snapshot would hold. A pool that can only copy raises
        `BeingWritten` while it is written to; once nobody uses it, it can be taken.
        """

    def repeat(dataset: DatasetID, snapshot: SnapshotID, name: str) -> PoolSnapshot:
        """Add a snapshot to a copy that is read-only, with what an older one holds.

        It is the newest, and has an identity of its own: see Note [Only forward].
        A pool may have to copy all, and says `CannotRepeat` where that fails; then all
        is as before. Raises `NoSuchSnapshot`, `SnapshotExists`, `StillWritable`,
        `PoolFull`, `Unsaved`, `Busy`.
        """

    def destroy_snapshot(dataset: DatasetID, snapshot: SnapshotID) -> None:
        """Destroy one snapshot. Raises `NoSuchSnapshot`, `Held`, `HasClones`."""

    def hold(dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Keep a snapshot from being destroyed; again is fine.

        Raises `NoSuchSnapshot`.
        """

    def release(dataset: DatasetID, snapshot: SnapshotID, tag: str) -> None:
        """Take a hold back; one that is not there is fine. Raises `NoSuchSnapshot`."""

    def set_quota(dataset: DatasetID, quota: int | None) -> None:
        """Limit what the writable copy holds, in bytes, while it is in use or not.

        Raises `QuotaTooSmall`, `NotWritable`.
        """

    def make_writable(dataset: DatasetID, head: SnapshotID, quota: int | None) -> None:
        """Let the copy be written to from `head` on; one that is writable stays so.

        What holds more than its limit is limited to what it holds. Raises `Diverged`
        if the copy is not exactly `head`.
        """

    def make_read_only(dataset: DatasetID) -> None:
        """Let nobody write to the copy any more; one that is read-only stays so.

        Raises `Busy`, and `Unsaved` if that would lose what was written.
        """

    def mount(dataset: DatasetID, path: Path) -> None:
        """Mount the writable copy; where it is mounted already is fine.

        While nothing is mounted there, nobody can write to the directory `path`.
        Raises `NotWritable`, `BadMountPoint`.
        """

    def unmount(dataset: DatasetID, path: Path) -> None:
        """Unmount, and return when no mount namespace has the copy any more.

        Raises `NotMounted`, `Busy`; see Note [Never forced].
        """

    def estimate(
        dataset: DatasetID,
        snapshot: SnapshotID | None,
        base: SnapshotID | None,
        within: float,
    ) -> Estimate | None:
        """Say about how much `send` gives of a snapshot; or, of none, of what is now.

        That is what the writable copy is, but for what programs wrote in the last
        seconds: nothing is changed, nor written to disk, for an estimate. Gives None
        if nobody knows, or it cannot be counted `within` so many seconds. Raises
        `NoSuchSnapshot`, `NotWritable`.
        """

    def send(
        dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None
    ) -> IOutgoing:
        """Begin a stream of a snapshot, as what follows `base`, or of the whole of it.

        Both snapshots stay until it ends. Raises `NoSuchSnapshot`.
        """

    def receive(dataset: DatasetID, announced: Announced) -> IIncoming:
        """Begin to take a stream; the copy stays as it is until `finish`.

        Raises `Diverged` if the copy is not exactly the base, `StillWritable`, and
        `FilesystemExists` for a whole snapshot where there is a copy.
        """

    def write_record(dataset: DatasetID, record: bytes) -> None:
        """Replace the record, of the copy or else the ledger's, in one durable step."""

    def forget(dataset: DatasetID) -> None:
        """Take the dataset out of the ledger; one that is not in it is fine.

        Raises `FilesystemExists` where there is a copy.
        """


class IMortalMounts(Interface):
    """A pool whose mounts are served by a program, and answer nobody when it has died.

    The kernel keeps them, so no mount table shows that.
    """

    def find_dead() -> Set[DatasetID]:
        """Name the datasets that are mounted and answer nobody.

        Asked every few seconds: runs no command.
        """
