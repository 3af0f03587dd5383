"""What a node may do about a pool dataset: the guards of the ownership protocol, pure.

A rule gives a step if its guard holds, else None. Whatever rule is taken first, no data
is lost or forked: flocker.testing.ownership tries all orders. The rules are named as in
docs/contributing/ownership.rst. A node acts on what it is told only where its own
record does not know better; so an old row, told late, changes nothing.
"""

from collections.abc import Callable

from attrs import evolve

from flocker.dataset_agent import pool_rollbacks
from flocker.dataset_agent.pool_states import Here, Idle, NoFilesystem, Served
from flocker.dataset_agent.pool_steps import (
    Acquire,
    Bury,
    Create,
    Destroy,
    Forget,
    Heed,
    MakeReadOnly,
    MakeWritable,
    Mount,
    RaiseFloor,
    Reason,
    Refuse,
    Release,
    Step,
    TakeSnapshot,
    Unmount,
)
from flocker.model.pools import (
    Buried,
    Move,
    NoCopy,
    Owned,
    PoolOwnership,
    Promised,
    Released,
    Replica,
    Stage,
    after,
)

Rule = Callable[[Here], Step | None]


def move_asked(here: Here) -> Move | None:
    """Give the move of the epoch that this node owns, unless it refused that one."""
    told, record = here.told, here.record
    if told is None or told.deleted or not here.owner:
        return None
    if not record.owns or told.epoch != record.epoch or told.move is None:
        return None
    return told.move if told.move.number > record.refused else None


def in_stage(here: Here, stage: Stage) -> Move | None:
    """Give the move that this node is asked for, if it is that far."""
    move = move_asked(here)
    return move if move is not None and move.stage is stage else None


def deletion(here: Here) -> PoolOwnership | None:
    """Give the row that says that the dataset is deleted, if that means this copy."""
    told = here.told
    if told is None or not told.deleted or here.record.epoch > told.top:
        return None
    return told


# The source of a move.


def freeze(here: Here) -> Step | None:
    """A1: unmount for a move that is that far, unless it was refused."""
    if in_stage(here, Stage.FREEZING) and isinstance(here.found, Served):
        return Unmount(Reason.FROZEN)
    return None


def take_snapshot(here: Here) -> Step | None:
    """Name what the target does not have: while it is served, and the last of all."""
    if not isinstance(here.found, Idle | Served) or not here.found.written:
        return None
    if in_stage(here, Stage.COPYING):
        return TakeSnapshot()
    frozen = in_stage(here, Stage.FREEZING) and isinstance(here.found, Idle)
    return TakeSnapshot() if frozen else None


def release(here: Here) -> Step | None:
    """A3: let go, when the target has all of it on disk and has said so."""
    move, found, record = in_stage(here, Stage.FREEZING), here.found, here.record
    if move is None or not isinstance(found, Idle) or found.head is None:
        return None
    if not confirmed(here, move):
        return None
    released = Released(record.epoch, found.head, move.target)
    return Release(evolve(record, standing=released, floor=after(record.epoch)))


def confirmed(here: Here, move: Move) -> bool:
    """Whether the target of this very move has what stands here, to the last byte."""
    said, found = here.confirmation, here.found
    if said is None or not isinstance(found, Idle) or found.written:
        return False
    by_target = said.move == move.number and said.node == move.target
    return by_target and said.snapshot == found.head


def refuse(here: Here) -> Step | None:
    """A4: take no part any more in a move that is being cancelled."""
    move = in_stage(here, Stage.CANCELLING)
    return Refuse(evolve(here.record, refused=move.number)) if move else None


# The owner.


def create(here: Here) -> Step | None:
    """A15: make what was never acquired by anybody.

    A clone too: the record that owns it is written in the same step as the filesystem.
    """
    told, record = here.told, here.record
    if told is None or not here.owner or told.deleted or not told.create:
        return None
    if not isinstance(here.found, NoFilesystem) or told.epoch < record.floor:
        return None
    match record.standing:
        case NoCopy() | Buried() | Owned(told.epoch, None):
            empty = True
        case _:
            empty = False
    if not empty or not here.secure:
        return None
    owned = Owned(told.epoch, None, here.deletions)
    owning = evolve(record, standing=owned, floor=told.epoch)
    return Create(owning, told.origin)


def acquire(here: Here) -> Step | None:
    """A5, first of three: own what control gave to this node, if it is all here."""
    told, record = here.told, here.record
    if told is None or not here.owner or told.deleted or told.epoch < record.floor:
        return None
    if not may_be_owned(here, told) or not is_base(here, told) or not here.secure:
        return None
    owned = Owned(told.epoch, told.base, here.deletions)
    return Acquire(evolve(record, standing=owned, floor=told.epoch))


def may_be_owned(here: Here, told: PoolOwnership) -> bool:
    """Whether the copy is of an epoch from which it may go on to the one told."""
    match here.record.standing:
        case Replica():
            return True
        case Owned(epoch) | Released(epoch, _, _):
            return epoch < told.epoch
        case Promised(epoch, _):
            return epoch == told.epoch
        case NoCopy() | Buried():
            return False


def is_base(here: Here, told: PoolOwnership) -> bool:
    """Whether what stands here is exactly what the epoch starts from."""
    found = here.found
    if not isinstance(found, Idle) or found.written or found.head is None:
        return False
    return found.head == told.base


def make_writable(here: Here) -> Step | None:
    """A5, second: only what this node has on record as its own.

    Not what is about to go back, unless there is something in it to be kept first.
    """
    if not isinstance(here.found, Idle) or here.found.writable:
        return None
    back = pool_rollbacks.under_way(here)
    if back is not None and pool_rollbacks.is_saved(here, back):
        return None
    return MakeWritable() if here.record.owns else None


def mount(here: Here) -> Step | None:
    """A6, and the third of A5: serve what this node owns, unless it was told not to.

    Before control is heard that is decided by the record, and by the fence lease.
    """
    found = here.found
    if not isinstance(found, Idle) or not found.writable or not here.record.owns:
        return None
    return Mount() if here.secure and not may_not_serve(here) else None


def may_not_serve(here: Here) -> bool:
    """Whether what control said speaks against serving the epoch on record."""
    told, record = here.told, here.record
    if told is None:
        return False
    if told.deleted and deletion(here):
        return True
    if told.epoch > record.epoch or (told.epoch == record.epoch and not here.owner):
        return True
    if pool_rollbacks.under_way(here):
        return True
    move = move_asked(here)
    return move is not None and move.stage is not Stage.COPYING


def heed(here: Here) -> Step | None:
    """A17: take none of the snapshots any more that users have deleted.

    Before they are destroyed, and before control counts on it: else a row of before,
    told late, would have them taken again when nobody knows of them any more.
    """
    told, standing = here.told, here.record.standing
    if told is None or told.deleted or not here.owner or not here.record.owns:
        return None
    if not isinstance(standing, Owned) or told.epoch != standing.epoch:
        return None
    if told.move or told.rollback or here.deletions <= here.record.heeded:
        return None
    return Heed(evolve(here.record, standing=evolve(standing, heeded=here.deletions)))


def fence(here: Here) -> Step | None:
    """A14: a lease that is over is over."""
    if isinstance(here.found, Served) and not here.secure:
        return Unmount(Reason.FENCED)
    return None


# Whoever had it before.


def step_down(here: Here) -> Step | None:
    """A7, first: a later epoch has begun, so unmount."""
    told = here.told
    if told is None or not isinstance(here.found, Served):
        return None
    return Unmount(Reason.SUPERSEDED) if told.epoch > here.record.epoch else None


def raise_floor(here: Here) -> Step | None:
    """A7, second: what is over is over, also if it is told again."""
    told = here.told
    if told is None or told.deleted or isinstance(here.found, Served):
        return None
    floor = told.epoch if here.owner else after(told.epoch)
    if floor <= here.record.floor:
        return None
    return RaiseFloor(evolve(here.record, floor=floor))


def make_read_only(here: Here) -> Step | None:
    """Before it can follow a stream; what was written and not sent stays as it is."""
    found = here.found
    if not isinstance(found, Idle) or not found.writable or found.written:
        return None
    standing = here.record.standing
    return MakeReadOnly() if isinstance(standing, Replica | Released) else None


def prune(here: Here) -> Step | None:
    """A13: destroy a copy that nobody needs, by its identity and a wish not too old."""
    told, found = here.told, here.found
    if told is None or here.owner or told.deleted or not isinstance(found, Idle):
        return None
    if not isinstance(here.record.standing, Replica | Released) or found.written:
        return None
    wish = told.prune_on(here.node)
    if wish is None or wish != found.head or told.revision < here.record.revision:
        return None
    return Destroy(found.head, evolve(here.record, standing=NoCopy()))


def forget(here: Here) -> Step | None:
    """A copy that is gone is not on record; an owner's must not be gone."""
    record, told = here.record, here.told
    if not isinstance(here.found, NoFilesystem):
        return None
    if isinstance(record.standing, NoCopy | Buried):
        return None
    over = told is not None and told.epoch > record.epoch
    if not isinstance(record.standing, Replica) and not over:
        return None
    return Forget(evolve(record, standing=NoCopy()))


# Deletion.


def unmount_deleted(here: Here) -> Step | None:
    """A16, first."""
    if deletion(here) and isinstance(here.found, Served):
        return Unmount(Reason.DELETED)
    return None


def bury(here: Here) -> Step | None:
    """A16, second: never made again, whatever is told late."""
    told, record = deletion(here), here.record
    if told is None or isinstance(here.found, Served):
        return None
    buried = evolve(record, standing=Buried(), floor=max(record.floor, after(told.top)))
    return Bury(buried) if buried != record else None


def destroy_buried(here: Here) -> Step | None:
    """A16, third: copies that were set aside stay."""
    if isinstance(here.record.standing, Buried) and isinstance(here.found, Idle):
        return Destroy(here.found.head, here.record)
    return None


RULES: tuple[Rule, ...] = (
    fence,
    unmount_deleted,
    bury,
    destroy_buried,
    step_down,
    raise_floor,
    pool_rollbacks.let_go,
    pool_rollbacks.save,
    pool_rollbacks.seal,
    pool_rollbacks.repeat,
    freeze,
    release,
    take_snapshot,
    refuse,
    create,
    acquire,
    make_writable,
    mount,
    pool_rollbacks.settle,
    make_read_only,
    prune,
    forget,
    heed,
)
"""In the order in which a node takes them.

That a rollback is over is put on record when the dataset is served: a pool that is full
may not take the record, and is no reason to serve nobody.
"""
