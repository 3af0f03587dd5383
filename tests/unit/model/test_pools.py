"""What rows and records say of themselves."""

import pytest

from flocker.model.ids import BackendName, Epoch, MoveNumber, SnapshotID
from flocker.model.pools import (
    FIRST_EPOCH,
    NO_EPOCH,
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
    after,
)
from flocker.testing.builders import dataset_id, node_id

SNAPSHOT = SnapshotID("s")
RELEASED = Released(Epoch(3), SNAPSHOT, node_id(2))


def a_record(standing, floor=FIRST_EPOCH):
    """A record of a dataset."""
    return Record(dataset_id(), standing, floor)


@pytest.mark.parametrize(
    ("standing", "epoch"),
    [
        (NoCopy(), NO_EPOCH),
        (Buried(), NO_EPOCH),
        (Replica(Epoch(2)), 2),
        (Owned(Epoch(3), SNAPSHOT), 3),
        (RELEASED, 3),
        (Promised(Epoch(4), RELEASED), 4),
    ],
)
def test_epoch(standing, epoch):
    """A copy is of an epoch; what is no copy is of none."""
    assert a_record(standing).epoch == epoch


def test_owns():
    """Only what is on record as owned is owned, and only until that is over."""
    owned = Owned(Epoch(3), SNAPSHOT)
    assert a_record(owned, Epoch(3)).owns
    assert not a_record(owned, Epoch(4)).owns
    assert not a_record(RELEASED).owns
    assert not a_record(Replica(Epoch(3))).owns


def test_row():
    """A row says whom it is moved to, and what is to be destroyed where."""
    row = PoolOwnership(
        dataset_id(),
        BackendName("default"),
        node_id(1),
        move=Move(MoveNumber(1), node_id(2)),
        prunes=(Prune(node_id(3), SNAPSHOT),),
    )
    assert row.moves_to(node_id(2))
    assert not row.moves_to(node_id(1))
    assert row.prune_on(node_id(3)) == SNAPSHOT
    assert row.prune_on(node_id(2)) is None


def test_after():
    """The next epoch is one later."""
    assert after(FIRST_EPOCH) == 2
