"""What control makes of what it hears about copies."""

import pytest
from attrs import evolve

from flocker.control.pool_upkeep import is_gone, keep
from flocker.model.ids import BackendName, Epoch, MoveNumber, SnapshotID
from flocker.model.pools import (
    Buried,
    Move,
    NoCopy,
    Owned,
    PoolFact,
    PoolOwnership,
    Prune,
    Record,
    Released,
    Replica,
    Stage,
)
from flocker.testing.builders import dataset_id, node_id

DATASET = dataset_id()
A, B, C = (node_id(number) for number in (1, 2, 3))
BASE, LAST = SnapshotID("base"), SnapshotID("last")
TWO, FIRST = Epoch(2), MoveNumber(1)
ROW = PoolOwnership(
    DATASET,
    BackendName("default"),
    A,
    epoch=TWO,
    top=Epoch(6),
    base=BASE,
    create=False,
    acquired=True,
    moves=FIRST,
    holders=(A, B),
    revision=10,
)
GIVEN = evolve(
    ROW, epoch=Epoch(7), top=Epoch(7), base=LAST, acquired=False, revision=11
)
"""In the next epoch, which starts from LAST."""


def moving(stage: Stage, to=B) -> PoolOwnership:
    """The row of a move from A."""
    return evolve(ROW, move=Move(FIRST, to, stage))


def fact(standing, head=LAST, *, exists: bool = True, refused: int = 0) -> PoolFact:
    """What a node says."""
    record = Record(DATASET, standing, refused=MoveNumber(refused))
    return PoolFact(record, exists, head)


RELEASED = fact(Released(TWO, LAST, B))
OWNED = fact(Owned(TWO, BASE))


def test_handed_over():
    """C5: released for the move that stands: the target's, in an epoch never given."""
    row = keep(moving(Stage.FREEZING), {A: RELEASED})
    assert row == evolve(GIVEN, owner=B)


@pytest.mark.parametrize("row", [ROW, moving(Stage.CANCELLING)])
def test_given_back(row):
    """C6: released for a move that is no more: back, in an epoch never given."""
    assert keep(row, {A: RELEASED}) == GIVEN


def test_given_back_with_another_move():
    """A move to somebody else goes on after that."""
    other = moving(Stage.FREEZING, to=C)
    assert keep(other, {A: RELEASED}) == evolve(GIVEN, move=other.move)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {A: OWNED},
        {A: fact(Replica(TWO))},
        {A: fact(Released(Epoch(1), LAST, B))},
        {A: fact(Released(Epoch(3), LAST, B))},
        {B: RELEASED},
        {B: fact(Owned(TWO, BASE))},
    ],
)
def test_not_handed_over(facts):
    """Nothing else gives the dataset away."""
    assert keep(moving(Stage.FREEZING), facts) is None


def test_acquired():
    """C7: the owner has it on record; from then on it was never not made."""
    new = evolve(ROW, acquired=False, create=True, base=None)
    row = keep(new, {A: OWNED})
    assert row == evolve(ROW, revision=11)
    assert keep(new, {A: fact(Owned(Epoch(1), BASE))}) is None
    assert keep(new, {B: OWNED}) is None


def test_cancelled():
    """C4: the move is over when the owner has refused it."""
    cancelling = moving(Stage.CANCELLING)
    refused = fact(Owned(TWO, BASE), refused=1)
    assert keep(cancelling, {A: refused}) == evolve(ROW, revision=11)
    assert keep(cancelling, {A: OWNED}) is None
    assert keep(cancelling, {B: refused}) is None
    older = fact(Owned(Epoch(1), BASE), refused=1)
    assert keep(cancelling, {A: older}) is None
    assert keep(moving(Stage.FREEZING), {A: refused}) is None


WISH = Prune(B, LAST)
PRUNING = evolve(ROW, prunes=(Prune(C, BASE), WISH))


@pytest.mark.parametrize(
    "said",
    [
        fact(NoCopy(), None, exists=False),
        fact(Replica(TWO), BASE),
        fact(Owned(Epoch(1), None)),
    ],
)
def test_pruned(said):
    """C13: the copy is gone, or another one: the wish is answered."""
    left = evolve(ROW, prunes=(Prune(C, BASE),), revision=11)
    assert keep(PRUNING, {B: said}) == left


def test_not_pruned():
    """While the copy is there the wish stands."""
    assert keep(PRUNING, {B: fact(Replica(TWO)), A: OWNED}) is None


def test_one_after_the_other():
    """All that follows from what is known is done at once, each with its revision."""
    row = evolve(moving(Stage.FREEZING), prunes=(Prune(C, BASE),))
    facts = {A: RELEASED, C: fact(NoCopy(), None, exists=False)}
    assert keep(row, facts) == evolve(GIVEN, owner=B, revision=12)


def test_noticed():
    """A node with a copy that control did not know of is to be told, as others are."""
    there = evolve(ROW, holders=(A, B, C), revision=11)
    assert keep(ROW, {A: OWNED, C: fact(Replica(TWO))}) == there
    assert keep(ROW, {C: fact(NoCopy(), None, exists=False)}) is None


def test_nothing_about_the_deleted():
    """Of a deleted dataset nobody is given anything."""
    deleted = evolve(moving(Stage.FREEZING), deleted=True)
    assert keep(deleted, {A: RELEASED}) is None


def test_gone():
    """A deleted dataset is gone when every node that may have a copy says so."""
    deleted = evolve(ROW, deleted=True)
    earlier = fact(Buried(), None, exists=False)
    buried = evolve(earlier, record=evolve(earlier.record, floor=Epoch(ROW.top + 1)))
    assert is_gone(deleted, {A: buried, B: buried})
    assert not is_gone(ROW, {A: buried, B: buried})
    assert not is_gone(deleted, {A: buried})
    assert not is_gone(deleted, {A: buried, B: fact(Buried())})
    # What it buried was another dataset of this id; it may be about to make this one.
    assert not is_gone(deleted, {A: buried, B: earlier})
    assert not is_gone(deleted, {A: buried, B: fact(NoCopy(), None, exists=False)})
