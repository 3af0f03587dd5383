"""What may be asked of pool datasets, and what is refused, in words."""

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control.admission import NodeRefuses
from flocker.control.leases import OnItsWay, acquire
from flocker.control.pool_moves import (
    UNSURE,
    CopyNeeded,
    InUse,
    MoveRefused,
    NoMove,
    NotInPool,
    admits_lease,
    bury,
    cancel,
    freeze,
    move,
    prune,
    start,
)
from flocker.model.changes import LeaseEdit, apply
from flocker.model.configuration import Configuration
from flocker.model.ids import BackendName, Epoch, MoveNumber, SnapshotID
from flocker.model.leases import Holder
from flocker.model.pools import Move, PoolOwnership, Prune, Stage
from flocker.testing.builders import (
    a_configuration,
    a_lease,
    a_mark,
    a_node,
    dataset_id,
    node_id,
)

DATASET, BACKEND = dataset_id(), BackendName("default")
A, B, C = (node_id(number) for number in (1, 2, 3))
BASE = SnapshotID("base")
ROW = PoolOwnership(
    DATASET,
    BACKEND,
    A,
    epoch=Epoch(3),
    top=Epoch(4),
    base=BASE,
    create=False,
    acquired=True,
    moves=MoveNumber(6),
    holders=(A,),
    revision=10,
)


def with_row(row: PoolOwnership = ROW, lease=None) -> Configuration:
    """A configuration with one row, and perhaps a lease."""
    bare = a_configuration(leases=() if lease is None else (lease,))
    return evolve(bare, pools=pmap({DATASET: row}))


def moving(stage: Stage, *, force: bool = False) -> PoolOwnership:
    """The row of a move from A to B."""
    return evolve(ROW, move=Move(MoveNumber(6), B, stage, force))


def after(change, configuration) -> PoolOwnership:
    """The row that a change leads to."""
    return apply(change, configuration).pools[DATASET]


def test_started():
    """The owner is to make it, in the first epoch."""
    nothing = Configuration()
    row = after(start(nothing, DATASET, A, BACKEND), nothing)
    assert row == PoolOwnership(DATASET, BACKEND, A, holders=(A,))
    assert row.create
    again = apply(start(nothing, DATASET, A, BACKEND), nothing)
    assert not start(again, DATASET, B, BACKEND)


def test_started_anew():
    """A life after another goes on with later epochs: nodes may remember the first."""
    gone = with_row(evolve(ROW, deleted=True))
    row = after(start(gone, DATASET, B, BACKEND), gone)
    assert (row.epoch, row.top, row.revision) == (5, 5, 11)
    assert row.moves == ROW.moves
    assert row.create
    assert not row.deleted


@pytest.mark.parametrize("before", [None, evolve(ROW, deleted=True)])
def test_started_after_a_restore(before):
    """Numbers that the lost store may have given out are not given out again."""
    bare = evolve(a_configuration(), numbers_from=1000)
    found = bare if before is None else evolve(bare, pools=pmap({DATASET: before}))
    row = after(start(found, DATASET, A, BACKEND), found)
    assert (row.epoch, row.top, row.moves, row.rollbacks) == (1001, 1001, 1000, 1000)
    assert row.revision == 1001


def test_moved():
    """C1: a move has a number of its own, and the target counts as a holder."""
    there = after(move(with_row(), DATASET, B), with_row())
    assert there.move == Move(MoveNumber(7), B)
    assert there.moves == 7
    assert there.holders == (A, B)
    assert there.revision == 11
    again = with_row(evolve(ROW, holders=(A, B)))
    assert after(move(again, DATASET, B, force=True), again).holders == (A, B)


@pytest.mark.parametrize(
    ("row", "target", "why"),
    [
        (moving(Stage.COPYING), C, f"it is on its way to node {B} already"),
        (evolve(ROW, candidate=C), B, f"node {C} is about to take it over"),
        (evolve(ROW, acquired=False), B, f"node {A} has not taken it into use yet"),
        (evolve(ROW, unsure=True), B, UNSURE),
        (ROW, A, "it is there"),
        (
            evolve(ROW, prunes=(Prune(B, BASE),)),
            B,
            "an old copy is being destroyed there",
        ),
    ],
)
def test_not_moved(row, target, why):
    """What is in the way is said."""
    with pytest.raises(MoveRefused) as caught:
        move(with_row(row), DATASET, target)
    assert str(caught.value) == (
        f"dataset {DATASET} cannot be moved to node {target}: {why}"
    )


def test_not_moved_to_the_dead():
    """Nothing is moved to a node that is marked dead."""
    dead = evolve(with_row(), nodes=pmap({B: a_node(2, dead=a_mark(2))}))
    with pytest.raises(NodeRefuses):
        move(dead, DATASET, B)


@pytest.mark.parametrize("ask", [freeze, cancel, bury])
def test_in_no_pool(ask):
    """Of what is in no pool, or deleted, nothing is asked."""
    for found in (Configuration(), with_row(evolve(ROW, deleted=True))):
        with pytest.raises(NotInPool) as caught:
            ask(found, DATASET)
        assert str(caught.value) == f"dataset {DATASET} is in no pool"


@pytest.mark.parametrize("lease", [None, a_lease(1, on=2)])
def test_frozen(lease):
    """C2: nobody but the target has it leased."""
    found = with_row(moving(Stage.COPYING), lease)
    assert after(freeze(found, DATASET), found).move.stage is Stage.FREEZING
    assert apply(freeze(found, DATASET), found).leases == found.leases


def test_not_frozen_in_use():
    """C2: what is leased where it is stays in use there, unless it is forced away."""
    lease = a_lease(1, on=1)
    found = with_row(moving(Stage.COPYING), lease)
    with pytest.raises(InUse) as caught:
        freeze(found, DATASET)
    assert str(caught.value) == f"dataset {DATASET} is in use on node {A} by user"
    forced = with_row(moving(Stage.COPYING, force=True), lease)
    change = freeze(forced, DATASET)
    assert change.edits[1:] == (LeaseEdit(lease, None),)
    assert after(change, forced).move.stage is Stage.FREEZING


@pytest.mark.parametrize("row", [ROW, moving(Stage.FREEZING), moving(Stage.CANCELLING)])
def test_nothing_to_freeze(row):
    """Only what is being copied is frozen."""
    assert not freeze(with_row(row), DATASET)


def test_cancelled():
    """C3: before the freeze the move goes; after it the source has to refuse it."""
    copying = with_row(moving(Stage.COPYING))
    assert after(cancel(copying, DATASET), copying).move is None
    freezing = with_row(moving(Stage.FREEZING))
    assert after(cancel(freezing, DATASET), freezing).move.stage is Stage.CANCELLING
    assert not cancel(with_row(moving(Stage.CANCELLING)), DATASET)
    with pytest.raises(NoMove) as caught:
        cancel(with_row(), DATASET)
    assert str(caught.value) == f"dataset {DATASET} is not being moved"


@pytest.mark.parametrize(
    ("row", "nodes"),
    [
        (None, {A, B, C}),
        (ROW, {A, B, C}),
        (moving(Stage.COPYING), {A, B, C}),
        (moving(Stage.FREEZING), {B}),
        (moving(Stage.CANCELLING), set()),
    ],
)
def test_leases(row, nodes):
    """C8: nobody leases what is being taken away, but who gets it."""
    assert {node for node in (A, B, C) if admits_lease(row, node)} == nodes


def test_lease_refused_in_words():
    """Who asks for a lease in the meantime is told to ask again."""
    with pytest.raises(OnItsWay) as caught:
        acquire(with_row(moving(Stage.FREEZING)), DATASET, A, Holder("user"))
    assert str(caught.value) == (
        f"dataset {DATASET} cannot be leased to node {A} while it is handed from one"
        " node to another; ask again when that is over"
    )
    assert acquire(with_row(moving(Stage.FREEZING)), DATASET, B, Holder("user"))


def test_pruned():
    """C12: a copy that the owner has all of may go."""
    copy = Prune(B, BASE)
    found = with_row()
    row = after(prune(found, DATASET, copy, frozenset({BASE})), found)
    assert row.prunes == (copy,)
    assert not prune(with_row(row), DATASET, copy, frozenset({BASE}))


@pytest.mark.parametrize(
    ("row", "copy", "why"),
    [
        (ROW, Prune(A, BASE), "it is the dataset"),
        (
            moving(Stage.COPYING),
            Prune(B, BASE),
            "the dataset is on its way there",
        ),
        (
            evolve(ROW, acquired=False),
            Prune(B, BASE),
            f"node {A} has not taken the dataset into use yet",
        ),
        (
            evolve(ROW, candidate=B),
            Prune(B, BASE),
            "it is about to become the dataset",
        ),
        (
            ROW,
            Prune(B, SnapshotID("other")),
            "the dataset is not known to contain it",
        ),
    ],
)
def test_not_pruned(row, copy, why):
    """A copy that may be of use stays, and it is said of which."""
    with pytest.raises(CopyNeeded) as caught:
        prune(with_row(row), DATASET, copy, frozenset({BASE}))
    assert str(caught.value) == (
        f"the copy of dataset {DATASET} on node {copy.node} is needed: {why}"
    )


def test_buried():
    """C16: a deletion ends a move and other wishes; a lease must be gone, or forced."""
    busy = evolve(moving(Stage.FREEZING), prunes=(Prune(C, BASE),), candidate=C)
    row = after(bury(with_row(busy), DATASET), with_row(busy))
    assert row.deleted
    assert (row.move, row.candidate, row.prunes) == (None, None, ())
    leased = with_row(ROW, a_lease(1, on=1))
    with pytest.raises(InUse):
        bury(leased, DATASET)
    assert after(bury(leased, DATASET, force=True), leased).deleted
