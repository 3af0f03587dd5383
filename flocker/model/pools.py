"""Datasets on the nodes' own pools: who owns one, and what a node has on record of it.

The protocol that these values are for stands in docs/contributing/ownership.rst.
Candidates, promises and fence leases belong to failover: their fields are here, and
until there is failover every dataset is pinned.
"""

from enum import Enum

from attrs import evolve, frozen

from flocker.model.ids import (
    BackendName,
    DatasetID,
    Epoch,
    MoveNumber,
    NodeID,
    RollbackNumber,
    SnapshotID,
)
from flocker.model.snapshots import FoundSnapshot, Origin, UserSnapshot

FIRST_EPOCH = Epoch(1)
NO_EPOCH = Epoch(0)
NO_MOVE = MoveNumber(0)
NO_ROLLBACK = RollbackNumber(0)


def after(epoch: Epoch) -> Epoch:
    """Give the lowest epoch that is later."""
    return Epoch(epoch + 1)


# What the store has.


class Stage(Enum):
    """How far a move is: until it is *freezing* the source serves the dataset."""

    COPYING = "copying"
    FREEZING = "freezing"
    CANCELLING = "cancelling"


@frozen
class Move:
    """The dataset is on its way to `target`; `force` takes it from who leases it.

    With `max_downtime` (seconds) it is given up, rather than served by nobody for
    longer. It was frozen at `frozen_at` (control's clock, seconds since the epoch).
    """

    number: MoveNumber
    target: NodeID
    stage: Stage = Stage.COPYING
    force: bool = False
    max_downtime: float | None = None
    frozen_at: float | None = None


@frozen
class Prune:
    """`node` is to destroy its copy, if that still is `snapshot`."""

    node: NodeID
    snapshot: SnapshotID


@frozen
class Rollback:
    """The dataset is to become again what its `snapshot` was, which has that `name`.

    What it is before is kept as the snapshot that is called `safety` in the pool. One
    that is `cancelled` stands until the owner has put on record that it is over.
    """

    number: RollbackNumber
    name: str
    snapshot: SnapshotID
    safety: str
    cancelled: bool = False

    @property
    def kept_as(self) -> str:
        """How the user calls what it is before."""
        return self.safety.rpartition(".")[0]


@frozen
class NotRolledBack:
    """A rollback that control has given up, and why; `release` is what would help."""

    wish: Rollback
    why: str
    release: str | None = None


@frozen
class PoolOwnership:
    """Who owns a pool dataset: a row of the store, of which agents are told `told`.

    `top` is the highest epoch ever given out, `moves` the number of the last move.
    `base` is the snapshot that the epoch started from, None for one that started empty.
    `create` says that the owner is to make the filesystem: it was never acquired. In
    `holders` is every node that may ever have had a copy. `revision` grows with each
    edit of the row. `given_up` says why the last move was, if it was. What the owner is
    to make begins as its `origin`, or empty. `rollbacks` is the number of the last
    rollback, `rolled_back` that of the last that was done; `not_rolled_back` says of
    the last why it was given up, if it was. One that is `unsure` is from a backup: more
    may have happened since, and nothing is decided before nodes have said what.
    """

    dataset: DatasetID
    backend: BackendName
    owner: NodeID
    epoch: Epoch = FIRST_EPOCH
    top: Epoch = FIRST_EPOCH
    base: SnapshotID | None = None
    create: bool = True
    acquired: bool = False
    move: Move | None = None
    moves: MoveNumber = NO_MOVE
    prunes: tuple[Prune, ...] = ()
    holders: tuple[NodeID, ...] = ()
    deleted: bool = False
    revision: int = 1
    candidate: NodeID | None = None
    pinned: bool = True
    given_up: str | None = None
    origin: Origin | None = None
    rollback: Rollback | None = None
    rollbacks: RollbackNumber = NO_ROLLBACK
    rolled_back: RollbackNumber = NO_ROLLBACK
    not_rolled_back: NotRolledBack | None = None
    unsure: bool = False

    @property
    def told(self) -> "PoolOwnership":
        """What agents are told: not what control has for users only."""
        if self.not_rolled_back is None and not self.unsure:
            return self
        return evolve(self, not_rolled_back=None, unsure=False)

    def prune_on(self, node: NodeID) -> SnapshotID | None:
        """Give the copy that `node` is to destroy, if it is to."""
        return next((p.snapshot for p in self.prunes if p.node == node), None)

    def moves_to(self, node: NodeID) -> bool:
        """Whether it is on its way to `node`."""
        return self.move is not None and self.move.target == node


# What a node has on record.


@frozen
class NoCopy:
    """The node has no copy, and may have had one."""


@frozen
class Replica:
    """The copy follows what the owner of `epoch` sends."""

    epoch: Epoch


@frozen
class Owned:
    """The node owns the dataset in `epoch`, which started from `base`.

    Of users' snapshots none is taken any more that was deleted up to the revision
    `heeded` of their row. With a new epoch that begins anew: who is told an older row
    is told an older epoch.
    """

    epoch: Epoch
    base: SnapshotID | None
    heeded: int = 0


@frozen
class Released:
    """The node never serves `epoch` again: `target` holds `snapshot`, its last."""

    epoch: Epoch
    snapshot: SnapshotID
    target: NodeID


@frozen
class Promised:
    """The copy waits, untouched, to be owned in `epoch`; else it is what it `was`."""

    epoch: Epoch
    was: Replica | Released


@frozen
class Buried:
    """The dataset is deleted: what is left of the copy is to be destroyed."""


Standing = NoCopy | Replica | Owned | Released | Promised | Buried


@frozen
class Record:
    """What a node has on record of a dataset: written in one piece, durable.

    It outlives the copy. `floor` is the lowest epoch that the node may still acquire or
    serve, `refused` the last move that it has refused, `revision` that of the row under
    which the copy was last promised to somebody: what destroys must not be older.
    Rollbacks up to `settled` are over, done or not; `rolled_back` is the last one done.
    """

    dataset: DatasetID
    standing: Standing = NoCopy()
    floor: Epoch = FIRST_EPOCH
    refused: MoveNumber = NO_MOVE
    revision: int = 0
    pinned: bool = True
    settled: RollbackNumber = NO_ROLLBACK
    rolled_back: RollbackNumber = NO_ROLLBACK

    @property
    def epoch(self) -> Epoch:
        """The epoch of the copy; 0 where there is none."""
        match self.standing:
            case NoCopy() | Buried():
                return NO_EPOCH
            case _:
                return self.standing.epoch

    @property
    def heeded(self) -> int:
        """The revision up to which an owner takes nothing that is deleted; else 0."""
        return self.standing.heeded if isinstance(self.standing, Owned) else 0

    @property
    def owns(self) -> bool:
        """Whether the node owns the dataset, as far as it knows."""
        return isinstance(self.standing, Owned) and self.standing.epoch >= self.floor


@frozen
class Copying:
    """How far the source of a move is; sizes in bytes, times in seconds.

    `done` of about `total` bytes of the present round are sent, at `rate` a second.
    When it is `ready`, the target follows so closely that another round would not
    bring it closer; `downtime` is how long the last step is expected to take then.
    """

    move: MoveNumber
    round: int = 1
    done: int = 0
    total: int | None = None
    rate: float | None = None
    ready: bool = False
    downtime: float | None = None

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest of the round takes at this rate, if that is known."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


@frozen
class PoolFact:
    """What a node says of a pool dataset: its record, and the copy that it has.

    `head` is its newest snapshot, None where there is none or no copy at all, and
    `snapshots` are all that the copy contains, oldest first. `asides` are the names of
    copies that continued nothing and were set aside. Of what users want it has `users`;
    the node knew of the row of that revision, `heard`, when it looked, and has done
    nothing about an older one since. While one of them is to go, `under` is the
    revision of the dataset's own row that it knew then; else 0.
    """

    record: Record
    exists: bool
    head: SnapshotID | None = None
    copying: Copying | None = None
    asides: tuple[str, ...] = ()
    snapshots: tuple[SnapshotID, ...] = ()
    users: tuple[FoundSnapshot, ...] = ()
    heard: int = 0
    under: int = 0

    @property
    def lasting(self) -> "PoolFact":
        """Give what is so still when the connection is over on which it was said.

        Whoever comes next may be another process, and know of other rows.
        """
        return evolve(self, copying=None, heard=0, under=0)

    def is_rid_of(
        self, deleted: UserSnapshot, row: PoolOwnership, *, owner: bool
    ) -> bool:
        """Whether the copy has none of a deleted snapshot, nor will while `row` stands.

        A node that knows of this very row takes no stream, as nothing moves. The owner
        has put on record that it does not take the snapshot any more.
        """
        if deleted.deleted is None or row.move is not None or not row.acquired:
            return False
        if self.heard < deleted.deleted or self.under != row.revision:
            return False
        if any(each.id == deleted.id for each in self.users):
            return False
        if not owner:
            return True
        heeds = self.record.heeded >= deleted.deleted
        return heeds and self.record.epoch == row.epoch
