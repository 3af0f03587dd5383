"""What a restored store may believe of pools."""

import pytest
from attrs import evolve

from flocker.control.pool_doubts import (
    doubt,
    doubt_all,
    forgotten,
    is_behind,
    settle,
)
from flocker.model.changes import apply
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import Epoch, MoveNumber, RollbackNumber, SnapshotID
from flocker.model.pools import (
    Buried,
    Move,
    NoCopy,
    Owned,
    PoolFact,
    PoolOwnership,
    Record,
    Released,
    Replica,
    Stage,
    Standing,
)
from flocker.testing.builders import a_configuration, dataset_id, node_id

DATASET = dataset_id()
A, B, C = node_id(1), node_id(2), node_id(3)
S = SnapshotID("s")
THEN = 1796000000
"""When the store was restored."""

ROW = PoolOwnership(
    DATASET,
    DEFAULT_BACKEND,
    A,
    epoch=Epoch(3),
    top=Epoch(3),
    base=SnapshotID("r"),
    create=False,
    acquired=True,
    moves=MoveNumber(2),
    holders=(A,),
)
UNSURE = doubt(ROW, THEN)


def says(
    standing: Standing, floor: int = 1, refused: int = 0, *, exists: bool = True
) -> PoolFact:
    record = Record(DATASET, standing, Epoch(floor), MoveNumber(refused))
    return PoolFact(record, exists, S if exists else None)


OWNED_3 = says(Owned(Epoch(3), ROW.base), 3)
RELEASED_3 = says(Released(Epoch(3), S, B), 4)
OWNED_4 = says(Owned(Epoch(4), S), 4)


def test_numbers_go_on_behind_the_restore() -> None:
    """None that the lost store may have given out is given out again."""
    assert UNSURE.unsure
    assert (UNSURE.owner, UNSURE.epoch) == (A, Epoch(3))
    counts = UNSURE.top, UNSURE.moves, UNSURE.rollbacks, UNSURE.revision
    assert counts == (THEN, THEN, THEN, THEN + 1)


def test_numbers_never_go_back() -> None:
    """Where the clock is behind, what the backup has counts."""
    row = evolve(ROW, rollbacks=RollbackNumber(9), revision=8)
    doubted = doubt(row, 1)
    counts = doubted.top, doubted.moves, doubted.rollbacks, doubted.revision
    assert counts == (3, 2, 9, 9)


def test_not_told() -> None:
    """That a row is unsure agents are not told."""
    assert UNSURE.told == evolve(UNSURE, unsure=False)


def test_owner_still_owns_it() -> None:
    """Nothing has happened since."""
    found = settle(UNSURE, {A: OWNED_3})
    assert found == evolve(UNSURE, unsure=False, revision=UNSURE.revision + 1)


@pytest.mark.parametrize("refused", [2, 7])
def test_refused_since(refused: int) -> None:
    """A move of the backup that its source has refused since is over."""
    moving = evolve(ROW, move=Move(MoveNumber(2), B, Stage.FREEZING))
    found = settle(doubt(moving, THEN), {A: says(Owned(Epoch(3), None), 3, refused)})
    assert found is not None
    assert found.move is None


def test_move_stands() -> None:
    """One that it has not refused goes on, under the number that it had."""
    moving = evolve(ROW, move=Move(MoveNumber(2), B, Stage.FREEZING))
    found = settle(doubt(moving, THEN), {A: OWNED_3})
    assert found is not None
    assert found.move == moving.move


@pytest.mark.parametrize("heard", [{}, {A: RELEASED_3}])
def test_moved_since(heard: dict) -> None:
    """Who owns a later epoch is the owner, whoever else was heard."""
    found = settle(UNSURE, {**heard, B: OWNED_4})
    assert found is not None
    assert (found.owner, found.epoch, found.base) == (B, Epoch(4), S)
    assert found.acquired
    assert not found.unsure
    assert found.holders == (A, B)
    assert found.top == THEN


def test_moved_and_back_since() -> None:
    """That may be the same node."""
    found = settle(UNSURE, {A: says(Owned(Epoch(5), S), 5)})
    assert found is not None
    assert (found.owner, found.epoch) == (A, Epoch(5))


OPEN: dict[str, dict] = {
    "nobody-heard": {},
    "let-go-and-target-away": {A: RELEASED_3},
    "target-has-no-copy": {A: RELEASED_3, B: says(NoCopy(), 4, exists=False)},
    "target-follows-a-later-one": {A: RELEASED_3, B: says(Replica(Epoch(4)), 5)},
    "target-let-go": {A: RELEASED_3, B: says(Released(Epoch(4), S, C), 5)},
    "copy-destroyed": {A: says(NoCopy(), 4, exists=False)},
    "copy-follows": {A: says(Replica(Epoch(4)), 5)},
    "pool-exchanged": {A: says(NoCopy(), exists=False)},
    "deleted": {A: says(Buried(), 5, exists=False)},
    "only-a-copy": {B: says(Replica(Epoch(3)), 4)},
    "an-epoch-that-is-over": {B: says(Owned(Epoch(2), None), 2)},
    "superseded": {B: says(Owned(Epoch(4), S), 6)},
    "the-same-epoch-elsewhere": {B: says(Owned(Epoch(3), S), 3)},
}


@pytest.mark.parametrize("case", OPEN)
def test_open(case: str) -> None:
    """Where somebody may own a later epoch, nothing is decided."""
    assert settle(UNSURE, OPEN[case]) is None


def test_given_back() -> None:
    """Who let go for a node that has not acquired it may have it again."""
    words = {A: RELEASED_3, B: says(Replica(Epoch(3)), 4)}
    found = settle(UNSURE, words)
    assert found is not None
    assert (found.owner, found.epoch, found.base) == (A, Epoch(THEN + 1), S)
    assert (found.acquired, found.create, found.unsure) == (False, False, False)


def test_given_back_to_a_later_owner() -> None:
    """Also if that is another one than the backup knows."""
    words = {B: says(Released(Epoch(6), S, C), 7), C: says(Replica(Epoch(6)), 7)}
    found = settle(UNSURE, words)
    assert found is not None
    assert (found.owner, found.epoch) == (B, Epoch(THEN + 1))


def test_given_back_in_no_epoch_of_the_target() -> None:
    """It may have been told of the next one."""
    words = {A: RELEASED_3, B: says(Replica(Epoch(3)), 4)}
    found = settle(doubt(ROW, 1), words)
    assert found is not None
    assert found.epoch == Epoch(5)


@pytest.mark.parametrize("standing", [NoCopy(), Replica(Epoch(2))])
def test_never_acquired(standing: Standing) -> None:
    """Whom the backup gives it has not acquired it, so nobody has a later epoch."""
    row = doubt(evolve(ROW, acquired=False), THEN)
    found = settle(row, {A: says(standing, 3)})
    assert found == evolve(row, unsure=False, revision=row.revision + 1)


@pytest.mark.parametrize("standing", [NoCopy(), Buried(), Released(Epoch(3), S, B)])
def test_acquired_since(standing: Standing) -> None:
    """A floor above the epoch says that it was."""
    row = doubt(evolve(ROW, acquired=False), THEN)
    assert settle(row, {A: says(standing, 4)}) is None


def test_all_rows_that_are_wanted() -> None:
    """What was being deleted goes on to be, as far as the backup knew of it."""
    ids = [dataset_id(number) for number in range(1, 5)]
    rows = [evolve(ROW, dataset=each) for each in ids]
    rows[1] = evolve(rows[1], deleted=True)
    datasets = [Dataset(each, A) for each in ids[:3]]
    datasets[2] = evolve(datasets[2], deleted=True)
    bare = a_configuration(datasets)
    pools = bare.pools.update({row.dataset: row for row in rows})
    before = evolve(bare, pools=pools)
    after = apply(doubt_all(before, THEN), before)
    assert [after.pools[each].unsure for each in ids] == [True, False, False, False]


@pytest.mark.parametrize(
    "word",
    [
        says(Owned(Epoch(4), S), 4),
        says(Replica(Epoch(3)), 5),
        says(NoCopy(), 5, exists=False),
        says(Owned(Epoch(3), None), 3, refused=3),
    ],
)
def test_nodes_know_more(word: PoolFact) -> None:
    """A number that the store never gave out shows that it has forgotten."""
    assert is_behind(ROW, {B: word})


@pytest.mark.parametrize("word", [OWNED_3, RELEASED_3, says(Replica(Epoch(3)), 4)])
def test_nodes_know_no_more(word: PoolFact) -> None:
    """What follows from what the store has given out shows nothing."""
    assert not is_behind(ROW, {A: word})


def test_there_already() -> None:
    """A dataset of which a node owns a copy is that, though the row was forgotten."""
    found = forgotten(DATASET, DEFAULT_BACKEND, None, {B: OWNED_4}, THEN)
    assert found is not None
    assert (found.owner, found.epoch, found.top) == (B, Epoch(4), THEN)
    assert (found.acquired, found.create, found.unsure) == (True, False, False)


OVER = evolve(ROW, top=Epoch(4), deleted=True)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (None, {}),
        (None, {B: says(Replica(Epoch(4)), 5)}),
        (None, {B: says(Owned(Epoch(4), S), 4, exists=False)}),
        (OVER, {B: OWNED_4}),
    ],
)
def test_not_there(before: PoolOwnership | None, words: dict) -> None:
    """A copy of a life that is over, or that nobody owns, is none of it."""
    assert forgotten(DATASET, DEFAULT_BACKEND, before, words, THEN) is None


def test_nothing_to_doubt() -> None:
    """A store without pools has no edits."""
    assert not doubt_all(Configuration(), THEN)
