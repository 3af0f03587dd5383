"""The guards of a node, one rule at a time.

That they are enough together is explored in tests/simulation/test_pool_protocol.py;
here stands what each alone refuses, also what no story without failover leads to.
"""

import pytest
from attrs import evolve

from flocker.dataset_agent import pool_rollbacks, pool_transitions
from flocker.dataset_agent.pool_states import (
    Confirmation,
    Fence,
    Here,
    Idle,
    NoFilesystem,
    Served,
)
from flocker.dataset_agent.pool_steps import (
    Acquire,
    Bury,
    Create,
    Destroy,
    Forget,
    MakeReadOnly,
    MakeWritable,
    Mount,
    RaiseFloor,
    Reason,
    Refuse,
    Release,
    TakeSnapshot,
    Unmount,
)
from flocker.dataset_agent.pool_transitions import RULES
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
    Stage,
)
from flocker.testing.builders import dataset_id, node_id

A, B = node_id(1), node_id(2)
BASE, LAST = SnapshotID("base"), SnapshotID("last")
ONE, TWO, THREE = Epoch(1), Epoch(2), Epoch(3)
FIRST, SECOND = MoveNumber(1), MoveNumber(2)

ROW = PoolOwnership(
    dataset_id(),
    BackendName("default"),
    A,
    epoch=TWO,
    top=TWO,
    base=BASE,
    create=False,
    acquired=True,
    moves=FIRST,
    revision=5,
)
OWNED = Record(dataset_id(), Owned(TWO, BASE), TWO)
IDLE = Idle(LAST, written=False, writable=True)
SERVED = Served(LAST, written=True)
SERVING = Here(A, OWNED, SERVED, ROW)
RELEASED = Released(TWO, LAST, B)


def moving(stage: Stage, number: MoveNumber = FIRST) -> PoolOwnership:
    """The row of a move from A to B."""
    return evolve(ROW, move=Move(number, B, stage), moves=number)


def with_(here: Here, **fields) -> Here:
    """The same, and other fields; `standing`, `floor`... are the record's."""
    own = {
        name: fields.pop(name)
        for name in ("standing", "floor", "refused", "revision", "pinned")
        if name in fields
    }
    return evolve(here, record=evolve(here.record, **own), **fields)


def allowed(here: Here) -> list:
    """All that a node may do."""
    steps = (rule(here) for rule in RULES)
    return [step for step in steps if step is not None]


FREEZING = with_(SERVING, told=moving(Stage.FREEZING))
FROZEN = with_(FREEZING, found=IDLE)
CONFIRMED = with_(FROZEN, confirmation=Confirmation(FIRST, B, LAST))


def test_nothing_to_do():
    """What is served where it is owned is left alone."""
    assert allowed(SERVING) == []


def test_frozen_when_the_move_is_that_far():
    """A1: only the stage *freezing* of this epoch's move takes a dataset out of use."""
    unmount = Unmount(Reason.FROZEN)
    assert allowed(FREEZING) == [unmount]
    assert unmount not in allowed(with_(SERVING, told=moving(Stage.COPYING)))
    assert unmount not in allowed(with_(FREEZING, refused=FIRST))
    older = evolve(moving(Stage.FREEZING), epoch=ONE)
    assert allowed(with_(FREEZING, told=older)) == []
    other = evolve(moving(Stage.FREEZING), owner=B)
    assert unmount not in allowed(with_(FREEZING, told=other))


def test_snapshots_of_what_was_written():
    """A snapshot is taken while it is copied, and when it is frozen: the last."""
    copying = with_(SERVING, told=moving(Stage.COPYING))
    assert allowed(copying) == [TakeSnapshot()]
    assert allowed(with_(copying, found=Served(LAST, written=False))) == []
    assert allowed(FREEZING) == [Unmount(Reason.FROZEN)]
    written = evolve(IDLE, written=True)
    assert allowed(with_(FROZEN, found=written)) == [TakeSnapshot()]


def test_released_when_confirmed():
    """A3: the target has it all, has said so, and for this move."""
    record = evolve(OWNED, standing=RELEASED, floor=THREE)
    assert allowed(CONFIRMED) == [Release(record)]


@pytest.mark.parametrize(
    "here",
    [
        FROZEN,
        with_(CONFIRMED, confirmation=Confirmation(SECOND, B, LAST)),
        with_(CONFIRMED, confirmation=Confirmation(FIRST, A, LAST)),
        with_(CONFIRMED, confirmation=Confirmation(FIRST, B, BASE)),
        with_(CONFIRMED, refused=FIRST),
        with_(CONFIRMED, told=moving(Stage.CANCELLING)),
        with_(CONFIRMED, told=moving(Stage.COPYING)),
        with_(CONFIRMED, found=evolve(IDLE, written=True)),
        with_(CONFIRMED, found=evolve(IDLE, head=None)),
        with_(CONFIRMED, found=SERVED),
        with_(CONFIRMED, found=NoFilesystem()),
        with_(CONFIRMED, told=None),
    ],
)
def test_not_released(here):
    """Whatever is missing, nothing is let go of."""
    assert not any(isinstance(step, Release) for step in allowed(here))


def test_refused_when_cancelled():
    """A4: a cancelled move is refused once; then the dataset is served again."""
    cancelled = with_(FROZEN, told=moving(Stage.CANCELLING))
    assert allowed(cancelled) == [Refuse(evolve(OWNED, refused=FIRST))]
    assert allowed(with_(cancelled, refused=FIRST)) == [Mount()]


GIVEN = Here(
    A,
    Record(dataset_id(), Replica(ONE), TWO),
    Idle(BASE, written=False, writable=False),
    ROW,
)


def test_acquired_if_it_is_the_base():
    """A5: exactly what the epoch starts from; writable and mounted only afterwards."""
    assert allowed(GIVEN) == [Acquire(OWNED)]
    assert allowed(with_(GIVEN, standing=Owned(TWO, BASE))) == [MakeWritable()]
    writable = with_(GIVEN, standing=Owned(TWO, BASE), found=IDLE)
    assert allowed(writable) == [Mount()]


@pytest.mark.parametrize(
    "standing",
    [Released(ONE, BASE, B), Owned(ONE, None), Promised(TWO, Replica(ONE))],
)
def test_acquired_from(standing):
    """A copy of an earlier epoch goes on, and what was promised to this one."""
    assert Acquire(OWNED) in allowed(with_(GIVEN, standing=standing))


@pytest.mark.parametrize(
    "here",
    [
        with_(GIVEN, found=Idle(LAST, written=False, writable=False)),
        with_(GIVEN, found=Idle(BASE, written=True, writable=False)),
        with_(GIVEN, found=Idle(None, written=True, writable=False)),
        with_(GIVEN, found=NoFilesystem()),
        with_(GIVEN, floor=THREE),
        with_(GIVEN, standing=Released(TWO, BASE, B)),
        with_(GIVEN, standing=Promised(THREE, Replica(ONE))),
        with_(GIVEN, standing=NoCopy()),
        with_(GIVEN, standing=Buried()),
        with_(GIVEN, pinned=False),
        with_(GIVEN, pinned=False, fence=Fence(lease=1, confirmed=2)),
        with_(GIVEN, told=evolve(ROW, owner=B)),
        with_(GIVEN, told=evolve(ROW, deleted=True)),
        with_(GIVEN, told=None),
    ],
)
def test_not_acquired(here):
    """Whatever is missing, nothing is taken over."""
    assert not any(isinstance(step, Acquire) for step in allowed(here))


def test_promise_is_inert():
    """A9: nothing is done to a copy that is promised, until its epoch begins."""
    promised = with_(GIVEN, standing=Promised(THREE, Replica(ONE)))
    pruning = evolve(ROW, owner=B, prunes=(Prune(A, BASE),))
    steps = allowed(with_(promised, told=pruning, floor=THREE))
    assert steps == []


def test_mounted_before_control_is_heard():
    """A6: what is owned and pinned is served at once; other needs a valid lease."""
    restarted = with_(SERVING, found=IDLE, told=None)
    assert allowed(restarted) == [Mount()]
    assert allowed(with_(restarted, floor=THREE)) == []
    unpinned = with_(restarted, pinned=False)
    assert allowed(unpinned) == []
    assert allowed(with_(unpinned, fence=Fence(lease=1))) == [Mount()]
    assert allowed(with_(unpinned, fence=Fence(lease=2))) == []


@pytest.mark.parametrize(
    "told",
    [
        moving(Stage.FREEZING),
        moving(Stage.CANCELLING),
        evolve(ROW, epoch=THREE, top=THREE),
        evolve(ROW, owner=B),
        evolve(ROW, deleted=True),
    ],
)
def test_not_mounted(told):
    """What was told may speak against it."""
    assert Mount() not in allowed(with_(SERVING, found=IDLE, told=told))


def test_old_rows_do_not_keep_it_from_being_mounted():
    """A row of an epoch that is over says nothing about the present one."""
    old = evolve(moving(Stage.FREEZING), owner=B, epoch=ONE, top=ONE)
    assert allowed(with_(SERVING, found=IDLE, told=old)) == [Mount()]
    gone = evolve(old, deleted=True)
    assert allowed(with_(SERVING, found=IDLE, told=gone)) == [Mount()]


def test_superseded():
    """A7: unmount, and then never serve what is over, in this order."""
    later = evolve(ROW, owner=B, epoch=THREE, top=THREE)
    here = with_(SERVING, told=later)
    assert allowed(here) == [Unmount(Reason.SUPERSEDED)]
    raised = evolve(OWNED, floor=Epoch(4))
    assert allowed(with_(here, found=IDLE)) == [RaiseFloor(raised)]
    assert allowed(evolve(here, found=IDLE, record=raised)) == []


def test_fenced():
    """A14: a lease that is over takes out of use what is not pinned."""
    assert allowed(with_(SERVING, pinned=False)) == [Unmount(Reason.FENCED)]
    assert allowed(with_(SERVING, pinned=False, fence=Fence(lease=1))) == []


COPY = Here(
    B,
    Record(dataset_id(), Replica(TWO), THREE, revision=5),
    Idle(LAST, written=False, writable=False),
    evolve(ROW, prunes=(Prune(B, LAST),)),
)


def test_pruned_by_identity_and_revision():
    """A13: this very copy, and by a wish that is not older than the copy."""
    empty = evolve(COPY.record, standing=NoCopy())
    assert allowed(COPY) == [Destroy(LAST, empty)]


@pytest.mark.parametrize(
    "here",
    [
        with_(COPY, revision=6),
        with_(COPY, found=Idle(BASE, written=False, writable=False)),
        with_(COPY, found=Idle(LAST, written=True, writable=False)),
        with_(COPY, found=Served(LAST, written=False)),
        with_(COPY, standing=Owned(THREE, LAST)),
        with_(COPY, standing=Promised(THREE, Replica(TWO))),
        with_(COPY, told=evolve(COPY.told, owner=B)),
        with_(COPY, told=evolve(COPY.told, prunes=(Prune(A, LAST),))),
        with_(COPY, told=None),
    ],
)
def test_not_pruned(here):
    """Whatever is not as the wish says, nothing is destroyed."""
    assert not any(isinstance(step, Destroy) for step in allowed(here))


EMPTY = Here(
    A,
    Record(dataset_id()),
    NoFilesystem(),
    evolve(ROW, epoch=ONE, top=ONE, base=None, create=True, acquired=False),
)


def test_created_once():
    """A15: only what was never acquired, and nothing of which there is a memory."""
    owned = evolve(EMPTY.record, standing=Owned(ONE, None))
    assert allowed(EMPTY) == [Create(owned)]
    assert allowed(with_(EMPTY, standing=Owned(ONE, None))) == [Create(owned)]
    assert allowed(with_(EMPTY, floor=TWO)) == []
    assert allowed(with_(EMPTY, told=evolve(EMPTY.told, create=False))) == []
    assert allowed(with_(EMPTY, standing=Released(ONE, LAST, B))) == []
    assert allowed(with_(EMPTY, pinned=False)) == []


def test_a_lost_filesystem_is_not_made_again():
    """Its absence is an error, once it has been acquired."""
    assert allowed(with_(SERVING, found=NoFilesystem())) == []


def test_a_lost_copy_is_forgotten():
    """A replica may be gone; what was released is remembered until that is over."""
    lost = with_(COPY, found=NoFilesystem(), told=ROW)
    assert allowed(lost) == [Forget(evolve(COPY.record, standing=NoCopy()))]
    released = with_(FROZEN, standing=RELEASED, floor=THREE, found=NoFilesystem())
    assert allowed(released) == []
    later = evolve(ROW, owner=B, epoch=THREE, top=THREE)
    forget, raise_floor = Forget, RaiseFloor
    kinds = [type(step) for step in allowed(with_(released, told=later))]
    assert kinds == [raise_floor, forget]


def test_read_only_when_released():
    """What this node let go of is written to no more, and what was written stays."""
    released = with_(FROZEN, standing=RELEASED, floor=THREE)
    assert allowed(released) == [MakeReadOnly()]
    assert allowed(with_(released, found=evolve(IDLE, written=True))) == []


def test_deleted_in_order():
    """A16: unmount; on record; destroy; and then it is remembered."""
    gone = with_(SERVING, told=evolve(ROW, deleted=True))
    assert allowed(gone) == [Unmount(Reason.DELETED)]
    buried = evolve(OWNED, standing=Buried(), floor=THREE)
    idle = with_(gone, found=Idle(LAST, written=True, writable=False))
    assert Bury(buried) in allowed(idle)
    assert not any(isinstance(step, Destroy) for step in allowed(idle))
    assert allowed(evolve(idle, record=buried)) == [Destroy(LAST, buried)]
    assert allowed(evolve(idle, record=buried, found=NoFilesystem())) == []


def test_deletion_of_an_older_life():
    """What was made anew is not destroyed by what was told of its last life."""
    anew = with_(SERVING, told=evolve(ROW, epoch=ONE, top=ONE, deleted=True))
    assert allowed(anew) == []


def test_rules_have_names():
    """A rule is called by its name where its steps are told or explored."""
    names = [rule.__name__ for rule in RULES]
    assert len(set(names)) == len(names)
    modules = (pool_transitions, pool_rollbacks)
    assert all(any(hasattr(each, name) for each in modules) for name in names)
