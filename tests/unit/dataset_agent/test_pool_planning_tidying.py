"""When a node destroys the snapshots that it took, or got, for rounds of a move.

And what else a move leaves behind.
"""

import pytest
from attrs import evolve

from flocker.backends.pool_interface import Copy, PoolSnapshot
from flocker.dataset_agent.pool_marks import END, ROUND, stamp
from flocker.dataset_agent.pool_planning import (
    PUT_UP_WITH,
    Asked,
    AtRest,
    Following,
    decide,
)
from flocker.dataset_agent.pool_states import Here, Idle, Served
from flocker.dataset_agent.pool_steps import MakeReadOnly
from flocker.dataset_agent.pool_work import Tidy
from flocker.model.ids import BackendName, Epoch, MoveNumber, SnapshotID
from flocker.model.pools import (
    Move,
    Owned,
    PoolOwnership,
    Record,
    Released,
    Replica,
    Stage,
    after,
)
from flocker.testing.builders import dataset_id, node_id

SOURCE, TARGET = node_id(1), node_id(2)
EPOCH, MOVE = Epoch(1), MoveNumber(1)
STAGES = (None, Stage.COPYING, Stage.FREEZING, Stage.CANCELLING)
FEW, MANY = END + 1, END + PUT_UP_WITH + 1


def rounds(number: int) -> tuple[PoolSnapshot, ...]:
    """So many snapshots, oldest first."""
    return tuple(
        PoolSnapshot(f"{ROUND}{stamp(TARGET, str(each))}", SnapshotID(f"round {each}"))
        for each in range(number)
    )


def decided(node: object, stage: Stage | None, number: int) -> object:
    """What the source, or the target, of a move in this stage does next."""
    here, copy = a_situation(node, stage, number)
    head = copy.snapshots[-1].identity
    following = Following(MOVE, head, rounds=number, size=1, seconds=0.1)
    known = following if node == SOURCE else None
    return decide(here, copy, Asked(following=known, refresh=False, begun=MOVE))


def a_situation(node: object, stage: Stage | None, number: int) -> tuple[Here, Copy]:
    """Where a node stands that has so many rounds."""
    snapshots = rounds(number)
    head = snapshots[-1].identity
    source = node == SOURCE
    row = PoolOwnership(
        dataset_id(),
        BackendName("default"),
        SOURCE,
        epoch=EPOCH,
        top=EPOCH,
        base=None,
        create=False,
        acquired=True,
        moves=MOVE,
        move=None if stage is None else Move(MOVE, TARGET, stage),
        revision=5,
    )
    standing = Owned(EPOCH, None) if source else Replica(EPOCH)
    served = source and stage in {None, Stage.COPYING}
    here = Here(
        node,
        Record(dataset_id(), standing, EPOCH if source else after(EPOCH)),
        Served(head, written=False)
        if served
        else Idle(head, written=False, writable=source),
        row,
    )
    copy = Copy(dataset_id(), b"{}", snapshots, writable=source, written=False)
    return here, copy


@pytest.mark.parametrize("node", [SOURCE, TARGET])
def test_afterwards(node):
    """When the dataset moves no more, all but the last two go at once."""
    tidy = decided(node, None, FEW + 1)
    assert tidy == Tidy(tuple(each.identity for each in rounds(2)))


@pytest.mark.parametrize("node", [SOURCE, TARGET])
def test_few_are_left_alone(node):
    """Nothing is destroyed in the few rounds that most moves take."""
    for stage in STAGES[1:]:
        assert not isinstance(decided(node, stage, FEW), Tidy)


@pytest.mark.parametrize("node", [SOURCE, TARGET])
def test_many(node):
    """While it is served many go, as in a move that waits; not while nobody serves."""
    assert isinstance(decided(node, Stage.COPYING, MANY), Tidy)
    assert not isinstance(decided(node, Stage.FREEZING, MANY), Tidy)
    assert not isinstance(decided(node, Stage.CANCELLING, MANY), Tidy)


def test_what_was_let_go_of():
    """It becomes read-only once the new owner has it on record, who comes first."""
    here, copy = a_situation(SOURCE, Stage.FREEZING, FEW)
    head = copy.snapshots[-1].identity
    released = evolve(here.record, standing=Released(EPOCH, head, TARGET))
    here = evolve(here, record=evolve(released, floor=after(after(EPOCH))))
    handed_over = evolve(
        here.told, owner=TARGET, epoch=after(EPOCH), base=head, move=None
    )
    waits = evolve(handed_over, acquired=False)
    for told, step in (
        (here.told, AtRest()),
        (waits, AtRest()),
        (handed_over, MakeReadOnly()),
    ):
        assert decide(evolve(here, told=told), copy, Asked()) == step
