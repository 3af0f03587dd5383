"""What may be asked of pool datasets: pure functions from configuration to Change.

The guards C1, C2, C3, C8, C12 and C16 of the ownership protocol. Each is one commit, so
what it checks is still so when it is durable.
"""

from typing import Final

from attrs import evolve, frozen

from flocker.control.admission import admit
from flocker.model.changes import Change, Edit, LeaseEdit, PoolEdit
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Epoch,
    MoveNumber,
    NodeID,
    RollbackNumber,
    SnapshotID,
)
from flocker.model.leases import Lease
from flocker.model.pools import Move, PoolOwnership, Prune, Released, Stage, after

UNSURE: Final = "control was restored from a backup, and has yet to hear who owns it"


@frozen
class NotInPool(FlockerError):
    """The dataset is none of a pool, or was never made."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"dataset {self.dataset} is in no pool"


@frozen
class MoveRefused(FlockerError):
    """The dataset cannot be moved now; `why` says what is in the way."""

    dataset: DatasetID
    target: NodeID
    why: str

    def words(self) -> str:
        """Name the dataset, the node and the obstacle."""
        return (
            f"dataset {self.dataset} cannot be moved to node {self.target}: {self.why}"
        )


@frozen
class NoMove(FlockerError):
    """There is no move of the dataset that could be cancelled."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"dataset {self.dataset} is not being moved"


@frozen
class InUse(FlockerError):
    """The dataset is leased, and nobody said that this does not matter."""

    lease: Lease

    def words(self) -> str:
        """Name the dataset and who uses it."""
        holders = ", ".join(holder.name for holder in self.lease.holders)
        return (
            f"dataset {self.lease.dataset} is in use on node {self.lease.node}"
            f" by {holders}"
        )


@frozen
class CopyNeeded(FlockerError):
    """A copy cannot be given up; `why` says what it is still good for."""

    dataset: DatasetID
    node: NodeID
    why: str

    def words(self) -> str:
        """Name the copy and its use."""
        return (
            f"the copy of dataset {self.dataset} on node {self.node} is needed:"
            f" {self.why}"
        )


def start(
    configuration: Configuration,
    dataset: DatasetID,
    owner: NodeID,
    backend: BackendName,
) -> Change:
    """Let `owner` make the dataset in its pool.

    An id that was used before goes on with a later epoch: nodes may remember the life
    that is over, and control may not forget it.
    """
    before = configuration.pools.get(dataset)
    if before is not None and not before.deleted:
        return Change()
    last = configuration.numbers_from
    new = _numbered(PoolOwnership(dataset, backend, owner, holders=(owner,)), last)
    if before is not None:
        epoch = after(max(before.top, Epoch(last)))
        new = evolve(
            new,
            epoch=epoch,
            top=epoch,
            moves=max(before.moves, new.moves),
            rollbacks=max(before.rollbacks, new.rollbacks),
            revision=max(before.revision, last) + 1,
        )
    return Change((PoolEdit(before, new),))


def _numbered(row: PoolOwnership, last: int) -> PoolOwnership:
    """Number what begins behind what a restored store may have forgotten."""
    if not last:
        return row
    epoch = after(Epoch(last))
    return evolve(
        row,
        epoch=epoch,
        top=epoch,
        moves=MoveNumber(last),
        rollbacks=RollbackNumber(last),
        revision=last + 1,
    )


def move(
    configuration: Configuration,
    dataset: DatasetID,
    target: NodeID,
    *,
    force: bool = False,
    max_downtime: float | None = None,
) -> Change:
    """C1: send the dataset on its way.

    Raises `NotInPool`, `MoveRefused`, `NodeRefuses`.

    With `force` it is taken, in the end, from who leases it where it is; with
    `max_downtime` (seconds) it stays rather than be served by nobody for longer.
    """
    row = alive(configuration, dataset)
    obstacle = _obstacle(row, target)
    if obstacle is not None:
        raise MoveRefused(dataset, target, obstacle)
    admit(configuration, target)
    number = MoveNumber(row.moves + 1)
    holders = row.holders if target in row.holders else (*row.holders, target)
    moving = Move(number, target, force=force, max_downtime=max_downtime)
    there = evolve(
        row,
        move=moving,
        moves=number,
        holders=holders,
        given_up=None,
        not_rolled_back=None,
    )
    return edited(row, there)


def _obstacle(row: PoolOwnership, target: NodeID) -> str | None:
    if row.move is not None:
        return f"it is on its way to node {row.move.target} already"
    engaged = engagement(row)
    if engaged is not None:
        return engaged
    if target == row.owner:
        return "it is there"
    if row.prune_on(target) is not None:
        return "an old copy is being destroyed there"
    return None


def engagement(row: PoolOwnership) -> str | None:
    """Say why a dataset, which is not moving, can neither move nor be rolled back."""
    if row.rollback is not None:
        return f"it is being rolled back to its snapshot {row.rollback.name} already"
    if row.candidate is not None:
        return f"node {row.candidate} is about to take it over"
    return _unsettled(row, "it")


def freeze(
    configuration: Configuration, dataset: DatasetID, now: float | None = None
) -> Change:
    """C2: stop serving it at the source, for the last of it to be sent.

    That nobody leases it is checked in the same commit. No change where there is
    nothing to freeze; `now` is control's clock. Raises `NotInPool`, `InUse`.
    """
    row = alive(configuration, dataset)
    moving = row.move
    if moving is None or moving.stage is not Stage.COPYING or row.unsure:
        return Change()
    lease = configuration.leases.get(dataset)
    in_the_way = lease is not None and lease.node != moving.target
    if lease is not None and in_the_way and not moving.force:
        raise InUse(lease)
    taken: tuple[Edit, ...] = (LeaseEdit(lease, None),) if in_the_way else ()
    freezing = evolve(row, move=evolve(moving, stage=Stage.FREEZING, frozen_at=now))
    return Change((PoolEdit(row, renewed(row, freezing)), *taken))


def cancel(
    configuration: Configuration, dataset: DatasetID, why: str | None = None
) -> Change:
    """C3: the dataset stays where it is. Raises `NotInPool`, `NoMove`.

    Once the source was told to freeze the move stands until the source has refused it.
    `why` is what control itself has against the move.
    """
    row = alive(configuration, dataset)
    match row.move:
        case None:
            raise NoMove(dataset)
        case Move(stage=Stage.COPYING):
            return edited(row, evolve(row, move=None, given_up=why))
        case Move(stage=Stage.FREEZING):
            cancelling = evolve(row.move, stage=Stage.CANCELLING)
            return edited(row, evolve(row, move=cancelling, given_up=why))
        case _:
            return Change()


def admits_lease(row: PoolOwnership | None, node: NodeID) -> bool:
    """C8: whether `node` may lease the dataset now.

    Not while it is taken away, nor while it is rolled back.
    """
    if row is not None and row.rollback is not None:
        return False
    if row is None or row.move is None or row.move.stage is Stage.COPYING:
        return True
    return row.move.stage is Stage.FREEZING and row.move.target == node


def prune(
    configuration: Configuration,
    dataset: DatasetID,
    copy: Prune,
    lineage: frozenset[SnapshotID],
) -> Change:
    """C12: want a copy destroyed that the owner has all of.

    `lineage` are the snapshots contained in what the owner's epoch started from. Raises
    `NotInPool`, `CopyNeeded`.
    """
    row = alive(configuration, dataset)
    why = _needed(row, copy, lineage)
    if why is not None:
        raise CopyNeeded(dataset, copy.node, why)
    if row.prune_on(copy.node) is not None:
        return Change()
    return edited(row, evolve(row, prunes=(*row.prunes, copy)))


def _needed(
    row: PoolOwnership, copy: Prune, lineage: frozenset[SnapshotID]
) -> str | None:
    if copy.node == row.owner:
        return "it is the dataset"
    if row.moves_to(copy.node):
        return "the dataset is on its way there"
    unsettled = _unsettled(row, "the dataset")
    if unsettled is not None:
        return unsettled
    if copy.node == row.candidate:
        return "it is about to become the dataset"
    if copy.snapshot not in lineage:
        return "the dataset is not known to contain it"
    return None


def _unsettled(row: PoolOwnership, what: str) -> str | None:
    """Say why nobody can be said to have the dataset, if that is so."""
    if row.unsure:
        return UNSURE
    if not row.acquired:
        return f"node {row.owner} has not taken {what} into use yet"
    return None


def bury(
    configuration: Configuration, dataset: DatasetID, *, force: bool = False
) -> Change:
    """C16: have every copy destroyed. Raises `NotInPool`, `InUse` unless `force`."""
    row = alive(configuration, dataset)
    lease = configuration.leases.get(dataset)
    if lease is not None and not force:
        raise InUse(lease)
    deleted = evolve(
        row,
        deleted=True,
        move=None,
        rollback=None,
        candidate=None,
        prunes=(),
        unsure=False,
    )
    return edited(row, deleted)


def edited(before: PoolOwnership, after: PoolOwnership) -> Change:
    """Give the change from one row to the next."""
    return Change((PoolEdit(before, renewed(before, after)),))


def renewed(before: PoolOwnership, after: PoolOwnership) -> PoolOwnership:
    """Give a row that follows on another: each has a revision of its own."""
    return evolve(after, revision=before.revision + 1)


def given(
    row: PoolOwnership, node: NodeID, let_go: Released, move: Move | None
) -> PoolOwnership:
    """Give what was let go of to a node, in a new epoch that starts from there."""
    epoch = new_epoch(row)
    there = evolve(
        row,
        owner=node,
        epoch=epoch,
        top=epoch,
        base=let_go.snapshot,
        acquired=False,
        create=False,
        move=move,
        candidate=None,
    )
    return renewed(row, there)


def new_epoch(row: PoolOwnership) -> Epoch:
    """Give the epoch that nobody was ever given."""
    return after(row.top)


def alive(configuration: Configuration, dataset: DatasetID) -> PoolOwnership:
    """Give the row of a dataset that is not deleted. Raises `NotInPool`."""
    row = configuration.pools.get(dataset)
    if row is None or row.deleted:
        raise NotInPool(dataset)
    return row
