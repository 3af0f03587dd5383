"""What a node answers to another one about a pool dataset: more guards, pure.

Nothing here is decided by control's word alone: a question and an offer come from the
node that has the dataset, and the record says whether they come too late.

Note [Record before data]: the record of a copy that is received is written before
anything of it comes. Written afterwards, a crash between the two would leave new data
under an old revision; then a wish to destroy the copy that was there before, told late,
would be taken for one about the new copy, though its snapshot was confirmed meanwhile.
"""

from enum import Enum

from attrs import evolve

from flocker.dataset_agent.pool_states import (
    Here,
    Idle,
    NoFilesystem,
    Offer,
    Question,
    Served,
)
from flocker.dataset_agent.pool_steps import (
    Answer,
    Follow,
    Promise,
    SetAside,
    Step,
    Sync,
    TakeStream,
)
from flocker.model.ids import Epoch, SnapshotID
from flocker.model.pools import (
    Buried,
    NoCopy,
    Owned,
    PoolOwnership,
    Promised,
    Record,
    Released,
    Replica,
    after,
)


def offer(here: Here, lineage: frozenset[SnapshotID]) -> Offer | None:
    """Give what this node can send: what it owns, or let go of last.

    `lineage` are the snapshots that its newest one contains, with itself.
    """
    found, standing = here.found, here.record.standing
    if isinstance(found, NoFilesystem) or found.head is None:
        return None
    match standing:
        case Owned(epoch) | Released(epoch, _, _):
            let_go = isinstance(standing, Released)
            return Offer(here.node, epoch, found.head, lineage, released=let_go)
        case _:
            return None


class Denial(Enum):
    """Why a node does not do what another one asks."""

    NOT_TOLD = "not-told"
    OUTDATED = "outdated"
    TAKEN = "taken"
    UNRECORDED = "unrecorded"
    NOTHING_NEW = "nothing-new"
    NO_COPY = "no-copy"


Steps = tuple[Step, ...]


def confirm(here: Here, asked: Question) -> Steps | Denial:
    """A2: say what is on this disk, which is a promise that it stays there."""
    told, found, record = here.told, here.found, here.record
    if told is None or told.deleted or not _is_owner(told, asked.source, asked.epoch):
        return Denial.NOT_TOLD
    if told.prune_on(here.node) is not None:
        return Denial.NOT_TOLD
    if record.floor > after(asked.epoch):
        return Denial.OUTDATED
    if not isinstance(record.standing, Replica):
        return Denial.TAKEN
    if not isinstance(found, Idle) or found.head is None or found.written:
        return Denial.NO_COPY
    promised = _bound(record, asked.epoch, told)
    write: Steps = (Promise(promised),) if promised != record else ()
    return (Sync(), *write, Answer(found.head))


def receive(here: Here, offer: Offer) -> Steps | Denial:
    """A11, A12: take a stream that continues this copy, or make room for all of it.

    See Note [Record before data].
    """
    told = here.told
    if told is None or not expects(here, told):
        return Denial.NOT_TOLD
    if is_outdated(here, told, offer):
        return Denial.OUTDATED
    return _deny(here, told, offer) or _steps(here, told, offer)


def _deny(here: Here, told: PoolOwnership, offer: Offer) -> Denial | None:
    found, standing = here.found, here.record.standing
    if isinstance(found, NoFilesystem):
        lost = isinstance(standing, Owned | Promised)
        return Denial.TAKEN if lost else None
    if isinstance(standing, Owned | Promised) or _in_use(found):
        return Denial.TAKEN
    if isinstance(standing, NoCopy | Buried):
        return Denial.UNRECORDED
    return Denial.NOTHING_NEW if _has(here, told, offer) else None


def _steps(here: Here, told: PoolOwnership, offer: Offer) -> Steps:
    found = here.found
    if isinstance(found, Idle) and (found.written or not continues(found, offer)):
        empty = evolve(_bound(here.record, offer.epoch, told), standing=NoCopy())
        return (SetAside(found.head, empty),)
    return _take(here, told, offer)


def expects(here: Here, told: PoolOwnership) -> bool:
    """Whether control said that a stream is to come to this node."""
    if told.deleted or told.prune_on(here.node) is not None:
        return False
    return told.moves_to(here.node) or (here.owner and not told.acquired)


def is_outdated(here: Here, told: PoolOwnership, offer: Offer) -> bool:
    """Whether the sender's epoch is over, as far as this node has promised."""
    standing = here.record.standing
    if isinstance(standing, Released) and offer.epoch <= standing.epoch:
        return True
    last = here.owner and offer.released and offer.snapshot == told.base
    return after(offer.epoch) < here.record.floor and not last


def continues(found: Idle, offer: Offer) -> bool:
    """Whether the stream goes on from what stands here; by identity, never by name."""
    return found.head is not None and found.head in offer.lineage


def _in_use(found: Idle | Served) -> bool:
    """Whether somebody writes to the copy, or still may."""
    return isinstance(found, Served) or (found.writable and not found.written)


def _has(here: Here, told: PoolOwnership, offer: Offer) -> bool:
    found, standing = here.found, here.record.standing
    if not isinstance(found, Idle) or found.written:
        return False
    if here.owner and found.head == told.base:
        return True
    return found.head == offer.snapshot and standing == Replica(offer.epoch)


def _take(here: Here, told: PoolOwnership, offer: Offer) -> Steps:
    since = here.found.head if isinstance(here.found, Idle) else None
    more: Steps = ()
    if since != offer.snapshot:
        more = (TakeStream(since, offer.snapshot),)
    follows = evolve(
        _bound(here.record, offer.epoch, told), standing=Replica(offer.epoch)
    )
    write: Steps = (Follow(follows),) if follows != here.record else ()
    return (*write, *more)


def _bound(record: Record, epoch: Epoch, told: PoolOwnership) -> Record:
    """Give the record of a copy that is kept for the owner of an epoch."""
    return evolve(
        record,
        floor=max(record.floor, after(epoch)),
        revision=max(record.revision, told.revision),
    )


def _is_owner(told: PoolOwnership, node: object, epoch: Epoch) -> bool:
    return told.owner == node and told.epoch == epoch
