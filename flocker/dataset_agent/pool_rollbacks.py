"""Going back to a snapshot: more guards of what a node may do, pure.

Called by `pool_transitions`, whose rules these are too. Nothing goes: what the dataset
is becomes a snapshot, and then what the older one holds becomes the newest. That one is
named by the number of the rollback, so where it is, the rollback is done, whoever died.

Note [Either before or after]: an agent that starts anew and has not heard control
serves what stands there. That is what was before, until the newest snapshot is the one
that was gone back to; from then on it is that, and what is written to it counts.
"""

from itertools import count
from typing import Final

from attrs import evolve

from flocker.dataset_agent.pool_states import Here, Idle, Served
from flocker.dataset_agent.pool_steps import (
    Reason,
    Repeat,
    Save,
    Seal,
    Settle,
    Step,
    Unmount,
)
from flocker.model.ids import RollbackNumber
from flocker.model.pools import Record, Rollback
from flocker.model.snapshots import Kept

BACK: Final = "flocker-back-"
"""How the names of snapshots begin that went back; the rollback's number follows."""


def name_of(number: RollbackNumber) -> str:
    """Name the snapshot that is a rollback's outcome."""
    return f"{BACK}{number}"


def number_in(name: str) -> int:
    """Give the rollback of which a snapshot is the outcome; 0: of none."""
    number = name.removeprefix(BACK)
    return int(number) if number != name and number.isdecimal() else 0


def may_go(name: str, record: Record) -> bool:
    """Whether a snapshot is no outcome of a rollback that is not on record as over."""
    return number_in(name) <= record.settled


def asked(here: Here) -> Rollback | None:
    """Give the rollback of the epoch that this node owns, unless that one is over."""
    told, record = here.told, here.record
    if told is None or told.deleted or not here.owner:
        return None
    if not record.owns or told.epoch != record.epoch or told.rollback is None:
        return None
    return told.rollback if told.rollback.number > record.settled else None


def is_done(here: Here, rollback: Rollback) -> bool:
    """Whether the copy went back already, be that on record or not."""
    return name_of(rollback.number) in here.names


def under_way(here: Here) -> Rollback | None:
    """Give the rollback that is to be done, if it is not and can be."""
    rollback = asked(here)
    if rollback is None or rollback.cancelled or is_done(here, rollback):
        return None
    return rollback if rollback.snapshot in here.snapshots else None


def is_missing(here: Here) -> Rollback | None:
    """Give the rollback that cannot be done, for want of its snapshot."""
    rollback = asked(here)
    if rollback is None or rollback.cancelled or is_done(here, rollback):
        return None
    return None if rollback.snapshot in here.snapshots else rollback


def let_go(here: Here) -> Step | None:
    """R1: unmount; nothing of the copy is touched while anybody uses it."""
    if under_way(here) and isinstance(here.found, Served):
        return Unmount(Reason.ROLLED_BACK)
    return None


def save(here: Here) -> Step | None:
    """R2: keep what there is, also what was written since it was kept."""
    rollback, found = under_way(here), here.found
    if rollback is None or not isinstance(found, Idle) or not found.writable:
        return None
    if rollback.safety not in here.names:
        return Save(rollback.safety)
    return Save(_unsaved(here, rollback)) if found.written else None


def _unsaved(here: Here, rollback: Rollback) -> str:
    """Give a name that no snapshot has, and by which control knows what it is."""
    parts = (Kept(rollback.number, each) for each in count(1))
    names = (part.in_pool(here.record.dataset) for part in parts)
    return next(name for name in names if name not in here.names)


def is_saved(here: Here, rollback: Rollback) -> bool:
    """Whether all that there is, to the last byte, is a snapshot that is kept."""
    found = here.found
    kept = isinstance(found, Idle) and not found.written and found.head is not None
    return kept and rollback.safety in here.names


def seal(here: Here) -> Step | None:
    """R3: let nobody write to what is a snapshot now."""
    rollback, found = under_way(here), here.found
    if rollback is None or not isinstance(found, Idle) or not found.writable:
        return None
    return Seal() if is_saved(here, rollback) else None


def repeat(here: Here) -> Step | None:
    """R4: go back. From here on it is done."""
    rollback, found = under_way(here), here.found
    if rollback is None or not isinstance(found, Idle) or found.writable:
        return None
    if not is_saved(here, rollback):
        return None
    return Repeat(rollback.snapshot, name_of(rollback.number))


def settle(here: Here) -> Step | None:
    """R5: never go back again for the same wish, be it told late, or cancelled."""
    rollback = asked(here)
    if rollback is None:
        return None
    over = evolve(here.record, settled=rollback.number)
    if is_done(here, rollback):
        return Settle(evolve(over, rolled_back=rollback.number))
    return Settle(over) if rollback.cancelled else None
