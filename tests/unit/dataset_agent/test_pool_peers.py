"""What a node answers to others, one guard at a time."""

import pytest
from attrs import evolve

from flocker.dataset_agent.pool_peers import Denial, confirm, offer, receive
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
    Sync,
    TakeStream,
)
from flocker.model.ids import BackendName, Epoch, MoveNumber, SnapshotID
from flocker.model.pools import (
    Buried,
    Move,
    NoCopy,
    Owned,
    PoolOwnership,
    Promised,
    Prune,
    Record,
    Released,
    Replica,
)
from flocker.testing.builders import dataset_id, node_id

A, B = node_id(1), node_id(2)
OLD, LAST, OTHER = SnapshotID("old"), SnapshotID("last"), SnapshotID("other")
ONE, TWO, THREE = Epoch(1), Epoch(2), Epoch(3)

ROW = PoolOwnership(
    dataset_id(),
    BackendName("default"),
    A,
    epoch=TWO,
    top=TWO,
    base=OLD,
    create=False,
    acquired=True,
    move=Move(MoveNumber(1), B),
    moves=MoveNumber(1),
    revision=5,
)
"""The dataset is on its way from A to B."""

FOLLOWING = Record(dataset_id(), Replica(TWO), THREE, revision=5)
BEHIND = Here(B, FOLLOWING, Idle(OLD, written=False, writable=False), ROW)
COMPLETE = evolve(BEHIND, found=Idle(LAST, written=False, writable=False))
OFFER = Offer(A, TWO, LAST, frozenset({OLD, LAST}))
QUESTION = Question(A, TWO)


def standing(here: Here, what, floor: Epoch = THREE) -> Here:
    """The same with another standing."""
    return evolve(here, record=evolve(here.record, standing=what, floor=floor))


def test_increment():
    """A11: what continues this copy is taken from where it ends."""
    assert receive(BEHIND, OFFER) == (TakeStream(OLD, LAST),)


def test_everything():
    """Where there is no copy all is taken; the record is written before (Note)."""
    empty = Here(B, Record(dataset_id(), floor=TWO), NoFilesystem(), ROW)
    assert receive(empty, OFFER) == (Follow(FOLLOWING), TakeStream(None, LAST))


@pytest.mark.parametrize("before", [Replica(ONE), Released(ONE, OLD, A)])
def test_a_later_epoch(before):
    """A copy of an epoch that is over follows the present one."""
    older = standing(BEHIND, before, TWO)
    assert receive(older, OFFER) == (Follow(FOLLOWING), TakeStream(OLD, LAST))
    complete = standing(COMPLETE, before, TWO)
    assert receive(complete, OFFER) == (Follow(FOLLOWING),)


def test_the_revision_is_brought_up_to_date():
    """What comes now is newer than any wish that was told before."""
    later = evolve(BEHIND, told=evolve(ROW, revision=9))
    follows = evolve(FOLLOWING, revision=9)
    assert receive(later, OFFER) == (Follow(follows), TakeStream(OLD, LAST))
    earlier = evolve(BEHIND, told=evolve(ROW, revision=3))
    assert receive(earlier, OFFER) == (TakeStream(OLD, LAST),)


@pytest.mark.parametrize(
    "found",
    [
        Idle(OTHER, written=False, writable=False),
        Idle(None, written=False, writable=False),
        Idle(OLD, written=True, writable=False),
        Idle(OLD, written=True, writable=True),
    ],
)
def test_no_continuation(found):
    """A12: a copy that the stream does not continue is set aside, never overwritten."""
    empty = evolve(FOLLOWING, standing=NoCopy())
    assert receive(evolve(BEHIND, found=found), OFFER) == (SetAside(found.head, empty),)


@pytest.mark.parametrize(
    ("here", "why"),
    [
        (evolve(BEHIND, told=None), Denial.NOT_TOLD),
        (evolve(BEHIND, told=evolve(ROW, move=None)), Denial.NOT_TOLD),
        (evolve(BEHIND, told=evolve(ROW, deleted=True)), Denial.NOT_TOLD),
        (evolve(BEHIND, told=evolve(ROW, prunes=(Prune(B, OLD),))), Denial.NOT_TOLD),
        (standing(BEHIND, Replica(TWO), Epoch(4)), Denial.OUTDATED),
        (standing(BEHIND, Released(TWO, OLD, A)), Denial.OUTDATED),
        (standing(BEHIND, Owned(TWO, OLD)), Denial.TAKEN),
        (standing(BEHIND, Promised(THREE, Replica(TWO))), Denial.TAKEN),
        (
            evolve(standing(BEHIND, Owned(TWO, OLD)), found=NoFilesystem()),
            Denial.TAKEN,
        ),
        (evolve(BEHIND, found=Served(OLD, written=True)), Denial.TAKEN),
        (
            evolve(BEHIND, found=Idle(OLD, written=False, writable=True)),
            Denial.TAKEN,
        ),
        (standing(BEHIND, NoCopy()), Denial.UNRECORDED),
        (standing(BEHIND, Buried()), Denial.UNRECORDED),
        (COMPLETE, Denial.NOTHING_NEW),
    ],
)
def test_not_received(here, why):
    """What must stay as it is stays so, with a reason."""
    assert receive(here, OFFER) is why


def test_the_owner_to_be_may_get_its_base():
    """What the new owner lacks it gets from the node that let go, though that is over.

    When it has it, it takes nothing more.
    """
    given = evolve(ROW, owner=B, epoch=Epoch(5), base=LAST, acquired=False, move=None)
    here = evolve(standing(BEHIND, Replica(TWO), Epoch(5)), told=given)
    released = evolve(OFFER, released=True)
    assert receive(here, OFFER) is Denial.OUTDATED
    taken = receive(here, released)
    assert isinstance(taken, tuple)
    assert taken[-1] == TakeStream(OLD, LAST)
    complete = evolve(here, found=COMPLETE.found)
    assert receive(complete, released) is Denial.NOTHING_NEW


def test_confirmed():
    """A2: synced first, then promised on record, then said."""
    assert confirm(COMPLETE, QUESTION) == (Sync(), Answer(LAST))
    earlier = standing(COMPLETE, Replica(ONE), TWO)
    promised = evolve(FOLLOWING, standing=Replica(ONE))
    assert confirm(earlier, QUESTION) == (Sync(), Promise(promised), Answer(LAST))


@pytest.mark.parametrize(
    ("here", "why"),
    [
        (evolve(COMPLETE, told=None), Denial.NOT_TOLD),
        (evolve(COMPLETE, told=evolve(ROW, epoch=THREE)), Denial.NOT_TOLD),
        (evolve(COMPLETE, told=evolve(ROW, owner=B)), Denial.NOT_TOLD),
        (evolve(COMPLETE, told=evolve(ROW, deleted=True)), Denial.NOT_TOLD),
        (evolve(COMPLETE, told=evolve(ROW, prunes=(Prune(B, OLD),))), Denial.NOT_TOLD),
        (standing(COMPLETE, Replica(TWO), Epoch(4)), Denial.OUTDATED),
        (standing(COMPLETE, Owned(TWO, LAST)), Denial.TAKEN),
        (standing(COMPLETE, Released(TWO, LAST, A)), Denial.TAKEN),
        (standing(COMPLETE, Promised(THREE, Replica(TWO))), Denial.TAKEN),
        (evolve(COMPLETE, found=NoFilesystem()), Denial.NO_COPY),
        (evolve(COMPLETE, found=Served(LAST, written=False)), Denial.NO_COPY),
        (
            evolve(COMPLETE, found=Idle(LAST, written=True, writable=False)),
            Denial.NO_COPY,
        ),
        (
            evolve(COMPLETE, found=Idle(None, written=False, writable=False)),
            Denial.NO_COPY,
        ),
    ],
)
def test_not_confirmed(here, why):
    """What may not stay as it is is not promised."""
    assert confirm(here, QUESTION) is why


@pytest.mark.parametrize(
    ("what", "released"), [(Owned(TWO, OLD), False), (Released(TWO, LAST, B), True)]
)
def test_offered(what, released):
    """What is owned is sent, and what was let go of last."""
    here = evolve(standing(COMPLETE, what), node=A)
    assert offer(here, OFFER.lineage) == evolve(OFFER, released=released)


def test_not_offered():
    """A copy is not sent on, nor what has no snapshot."""
    assert offer(COMPLETE, OFFER.lineage) is None
    owned = standing(COMPLETE, Owned(TWO, OLD))
    assert offer(evolve(owned, found=NoFilesystem()), OFFER.lineage) is None
    bare = evolve(owned, found=Served(None, written=True))
    assert offer(bare, OFFER.lineage) is None
