"""What a node can do about a pool dataset: values, each one durable or visible effect.

Where an order matters there are several steps, and the guard of the later one in
`flocker.dataset_agent.pool_transitions` asks for the effect of the earlier.
"""

from enum import Enum
from typing import ClassVar

from attrs import frozen

from flocker.model.cluster import Phase
from flocker.model.ids import SnapshotID
from flocker.model.pools import Record
from flocker.model.snapshots import Origin


class Reason(Enum):
    """Why a filesystem is unmounted."""

    FROZEN = "frozen"
    SUPERSEDED = "superseded"
    DELETED = "deleted"
    FENCED = "fenced"
    DISMISSED = "dismissed"
    ROLLED_BACK = "rolled-back"


@frozen
class Unmount:
    """Unmount the filesystem from every mount namespace, never lazily."""

    phase: ClassVar = Phase.UNMOUNTING
    why: Reason


@frozen
class TakeSnapshot:
    """Give what was written a name that can be sent."""

    phase: ClassVar = Phase.COPYING


@frozen
class Create:
    """Make a filesystem with this record: empty, or a clone of its `origin`."""

    phase: ClassVar = Phase.CREATING
    record: Record
    origin: Origin | None = None


@frozen
class Acquire:
    """Put on record that this node owns the dataset from now on."""

    phase: ClassVar = Phase.HANDING_OVER
    record: Record


@frozen
class MakeWritable:
    """Make writable the filesystem that this node has on record as its own."""

    phase: ClassVar = Phase.MOUNTING


@frozen
class MakeReadOnly:
    """Let nobody write any more to a copy that this node does not own."""

    phase: ClassVar = Phase.HANDING_OVER


@frozen
class Mount:
    """Mount the filesystem in its place."""

    phase: ClassVar = Phase.MOUNTING


@frozen
class Release:
    """Put on record that this node never serves the epoch again: there is no return."""

    phase: ClassVar = Phase.HANDING_OVER
    record: Record


@frozen
class Refuse:
    """Put on record that this node takes no part in a move any more."""

    phase: ClassVar = Phase.MOUNTED
    record: Record


@frozen
class Save:
    """Keep what there is, before it goes back, as a snapshot of this name."""

    phase: ClassVar = Phase.ROLLING_BACK
    name: str


@frozen
class Seal:
    """Let nobody write any more to what goes back: it is a snapshot now."""

    phase: ClassVar = Phase.ROLLING_BACK


@frozen
class Repeat:
    """Go back: add a snapshot of this name that holds what an older one does."""

    phase: ClassVar = Phase.ROLLING_BACK
    snapshot: SnapshotID
    name: str


@frozen
class Settle:
    """Put on record that a rollback is over: done, or not to be done any more."""

    phase: ClassVar = Phase.ROLLING_BACK
    record: Record


@frozen
class Heed:
    """Put on record which of users' snapshots are deleted: they are taken no more."""

    phase: ClassVar = Phase.MOUNTED
    record: Record


@frozen
class RaiseFloor:
    """Put on record that epochs below the floor are over for this node."""

    phase: ClassVar = Phase.WAITING
    record: Record


@frozen
class Destroy:
    """Destroy the copy, if it still is `head`; the record is on the ledger before."""

    phase: ClassVar = Phase.DESTROYING
    head: SnapshotID | None
    record: Record


@frozen
class Bury:
    """Put on record that the dataset is deleted."""

    phase: ClassVar = Phase.DESTROYING
    record: Record


@frozen
class Forget:
    """Put on record that there is no copy any more."""

    phase: ClassVar = Phase.WAITING
    record: Record


@frozen
class Follow:
    """Put on record whose stream the copy follows, before anything of it comes."""

    phase: ClassVar = Phase.COPYING
    record: Record


@frozen
class TakeStream:
    """Take a stream that continues `since`; None: it carries everything."""

    phase: ClassVar = Phase.COPYING
    since: SnapshotID | None
    snapshot: SnapshotID


@frozen
class SetAside:
    """Rename a copy that cannot be continued, with node and epoch in its name."""

    phase: ClassVar = Phase.COPYING
    head: SnapshotID | None
    record: Record


@frozen
class Sync:
    """See to it that the copy is on the disk."""

    phase: ClassVar = Phase.COPYING


@frozen
class Promise:
    """Put on record that the copy stays as it is for the owner of an epoch."""

    phase: ClassVar = Phase.COPYING
    record: Record


@frozen
class Answer:
    """Tell the source that `snapshot` is on this node's disk."""

    phase: ClassVar = Phase.COPYING
    snapshot: SnapshotID


Write = (
    Create
    | Acquire
    | Release
    | Refuse
    | Settle
    | Heed
    | RaiseFloor
    | Destroy
    | Bury
    | Forget
    | Follow
    | SetAside
    | Promise
)
"""The steps that write the record."""

Step = (
    Write
    | Unmount
    | TakeSnapshot
    | MakeWritable
    | MakeReadOnly
    | Mount
    | Save
    | Seal
    | Repeat
    | TakeStream
    | Sync
    | Answer
)
