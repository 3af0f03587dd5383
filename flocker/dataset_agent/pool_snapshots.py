"""Users' snapshots on a node: which to take, which to destroy, which there are; pure.

They are told by name, and each name in a pool is one snapshot's for ever: so what was
taken by an agent that died is not taken again. Only the owner takes one; whoever has a
copy destroys what is deleted. None goes that a stream or a hand-over may rest on. What
the owner destroys is on record as deleted before: a row of before does not bring it
back, whoever tells it.
"""

from collections.abc import Iterable

from flocker.backends.pool_interface import Copy, PoolSnapshot
from flocker.dataset_agent.pool_states import Here
from flocker.dataset_agent.pool_transitions import move_asked
from flocker.dataset_agent.pool_work import TakeUsers
from flocker.model.ids import SnapshotID
from flocker.model.pools import Owned, Released, Replica, Stage
from flocker.model.snapshots import (
    FoundSnapshot,
    UserSnapshots,
    kept_as,
    unsaved_in,
)


def to_take(
    here: Here, copy: Copy | None, wanted: UserSnapshots | None
) -> TakeUsers | None:
    """Give the next snapshot that is to be taken, if one is and can be now.

    Between the freeze of a move and its hand-over none is: what the target confirms
    must stay the newest.
    """
    told, record = here.told, here.record
    if copy is None or wanted is None or told is None or not copy.writable:
        return None
    if told.deleted or not here.owner or not record.owns or told.epoch != record.epoch:
        return None
    if wanted.revision < record.heeded:
        return None  # it is a row of before
    move = move_asked(here)
    if move is not None and move.stage is not Stage.COPYING:
        return None
    there = {each.name for each in copy.snapshots}
    for each in wanted.wanted:
        due = each.taken is None and each.deleted is None
        if not due or each.in_pool in there:
            continue
        if kept_as(wanted.dataset, each.id) is None:  # else R2 takes it
            return TakeUsers(each.id, each.in_pool)
    return None


def to_destroy(
    here: Here, copy: Copy, wanted: UserSnapshots | None
) -> tuple[SnapshotID, ...]:
    """Give what is deleted and can go.

    While the dataset is on its way, or to go back, nothing does. Afterwards what an
    epoch began from stays: the next move goes on from it; and so does the newest of a
    copy that follows or was let go of: that is what it is.
    """
    standing = here.record.standing
    if wanted is None or not isinstance(standing, Owned | Replica | Released):
        return ()
    told = here.told
    if told is None or told.deleted or told.move or told.rollback:
        return ()
    needed, heeded = {told.base}, wanted.deletions
    if isinstance(standing, Owned):
        needed.add(standing.base)
        heeded = standing.heeded
    elif copy.snapshots:
        needed.add(copy.snapshots[-1].identity)
    deleted = {
        each.in_pool
        for each in wanted.wanted
        if each.deleted is not None and each.deleted <= heeded
    }
    return tuple(
        each.identity
        for each in copy.snapshots
        if each.name in deleted and each.identity not in needed
    )


def found(
    snapshots: Iterable[PoolSnapshot], wanted: UserSnapshots | None
) -> tuple[FoundSnapshot, ...]:
    """Give those of the wanted snapshots, deleted ones too, that a copy has.

    And what it has of the parts that rollbacks kept besides, wanted yet or not.
    """
    if wanted is None:
        return ()
    names = {each.in_pool: each.id for each in wanted.wanted}
    there = {each.name: each.identity for each in snapshots}
    for name in there:
        kept = None if name in names else unsaved_in(wanted.dataset, name)
        if kept is not None:
            names[name] = kept.id_in(wanted.dataset)
    return tuple(
        FoundSnapshot(names[name], there[name]) for name in names if name in there
    )
