"""What a pool keeps as it is, and what it refuses."""

from uuid import UUID

import pytest

from flocker.backends.pool_errors import BadName
from flocker.backends.pool_interface import (
    LONGEST_RECORD,
    Copy,
    PoolSnapshot,
    check_name,
    check_record,
)
from flocker.model.ids import DatasetID, Epoch, MoveNumber, NodeID, SnapshotID
from flocker.model.pools import Promised, Record, Released
from flocker.wire.pool_records import encode

DATASET = DatasetID(UUID(int=2**128 - 1))
SNAPSHOT = SnapshotID(f"{DATASET}+{2**64}")


def test_longest_record_of_the_agents():
    """The longest record that the agents write is one that every pool keeps."""
    largest = 2**64
    released = Released(Epoch(largest), SNAPSHOT, NodeID(UUID(int=2**128 - 1)))
    record = Record(
        DATASET,
        Promised(Epoch(largest), released),
        Epoch(largest),
        MoveNumber(largest),
        largest,
    )
    assert check_record(encode(record)) == encode(record)


@pytest.mark.parametrize("size", [1, LONGEST_RECORD])
def test_records(size):
    """A record is one line of a certain length."""
    assert check_record(b"x" * size) == b"x" * size
    with pytest.raises(BadName, match="cannot be a record"):
        check_record(b"x" * (size - 1) + b"\n")
    with pytest.raises(BadName):
        check_record(b"x" * (LONGEST_RECORD + size))


@pytest.mark.parametrize("name", ["a", "move-7", "2026-11-28T10:00", "x" * 63])
def test_names(name):
    """A name is of the letters that all pools can keep."""
    assert check_name(name) == name
    with pytest.raises(BadName, match="cannot be a name"):
        check_name(f"{name}@")


@pytest.mark.parametrize(
    ("written", "taken", "head"),
    [(False, ("a", "b"), "b"), (True, ("a", "b"), None), (False, (), None)],
)
def test_head(written, taken, head):
    """A copy is its newest snapshot, unless it may have been written to since."""
    snapshots = tuple(PoolSnapshot(each, SnapshotID(each)) for each in taken)
    copy = Copy(DATASET, b"{}", snapshots, writable=True, written=written)
    assert copy.head == head
