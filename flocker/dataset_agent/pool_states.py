"""What a node knows of a pool dataset when it decides what to do about it.

The record is durable, the filesystem is looked at, the row is what control said last;
the confirmation and the fence lease live in the agent's memory.
"""

from attrs import frozen

from flocker.model.ids import Epoch, MoveNumber, NodeID, SnapshotID
from flocker.model.pools import PoolOwnership, Record


@frozen
class NoFilesystem:
    """The pool answers, and has no filesystem of the dataset."""


@frozen
class Idle:
    """The filesystem is mounted nowhere: in no mount namespace of this machine.

    `head` is its newest snapshot; `written` says that it has more than that.
    """

    head: SnapshotID | None
    written: bool
    writable: bool


@frozen
class Served:
    """The filesystem is mounted writable, in some mount namespace."""

    head: SnapshotID | None
    written: bool


Found = NoFilesystem | Idle | Served


@frozen
class Confirmation:
    """The target of a move has said that `snapshot` is on its disk, synced."""

    move: MoveNumber
    node: NodeID
    snapshot: SnapshotID


@frozen
class Fence:
    """The fence lease: of which generation it is, None where it is over.

    `confirmed` is the generation of which the row is applied durably.
    """

    lease: int | None = None
    confirmed: int = 1

    @property
    def valid(self) -> bool:
        """Whether control will not give this node's datasets to another meanwhile."""
        return self.lease is not None and self.lease == self.confirmed


NO_FENCE = Fence()
"""Of a node that never asked for a lease: good enough for pinned datasets."""


@frozen
class Here:
    """All that `node` decides from; `told` is None until control was heard.

    The copy has these `snapshots`, of these `names`. Of those that users want one was
    deleted last in the revision `deletions` of their row; 0: none is.
    """

    node: NodeID
    record: Record
    found: Found
    told: PoolOwnership | None = None
    confirmation: Confirmation | None = None
    fence: Fence = NO_FENCE
    snapshots: frozenset[SnapshotID] = frozenset()
    names: frozenset[str] = frozenset()
    deletions: int = 0

    @property
    def owner(self) -> bool:
        """Whether control says that this node owns the dataset."""
        return self.told is not None and self.told.owner == self.node

    @property
    def secure(self) -> bool:
        """Whether nobody else can be given the dataset without this node's word."""
        return self.record.pinned or self.fence.valid


@frozen
class Question:
    """The source of a move asks which snapshot is on this node's disk."""

    source: NodeID
    epoch: Epoch


@frozen
class Offer:
    """A node that owns the dataset, or did, offers to send `snapshot`.

    `lineage` are the snapshots that `snapshot` contains, with itself. `released` says
    that the source has let go of it.
    """

    source: NodeID
    epoch: Epoch
    snapshot: SnapshotID
    lineage: frozenset[SnapshotID]
    released: bool = False
