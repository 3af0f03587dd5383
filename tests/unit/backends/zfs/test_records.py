"""The first and the last record of a stream."""

import struct

import pytest

from flocker.backends.zfs.records import SIZE, Begin, is_end, parse_begin
from flocker.model.ids import SnapshotID

TO, SINCE = 18045356022991673458, 7934816433334442380

# What zfs-fuse 0.7 sent of a whole snapshot: up to the snapshot's name.
SENT = bytes.fromhex(
    "0000000000000000accbbaf502000000"
    "0100000000000000e9700b6b00000000"
    "020000000000000072d8dfcbb1fb6dfa"
    "0000000000000000"
)


def begin(order: str, *, since: int = 0, version: int = 1, kind: int = 0) -> bytes:
    fields = (kind, 0, 0x2F5BACBAC, version, 1, 2, 0, TO, since, b"tank/a@s")
    return struct.pack(f"{order}IIQQQIIQQ256s", *fields)


def test_sent():
    """What ZFS really sends is understood."""
    record = SENT.ljust(SIZE, b"\0")
    assert parse_begin(record) == Begin(SnapshotID(str(TO)), None)


@pytest.mark.parametrize("order", "<>")
def test_begin(order):
    """The sender's byte order does not matter."""
    assert len(begin(order)) == SIZE
    assert parse_begin(begin(order)) == Begin(SnapshotID(str(TO)), None)
    follows = Begin(SnapshotID(str(TO)), SnapshotID(str(SINCE)))
    assert parse_begin(begin(order, since=SINCE)) == follows


@pytest.mark.parametrize(
    "record",
    [
        b"\0" * SIZE,
        b"garbage" * 50,
        begin("<", version=2),
        begin("<", version=0),
        begin("<", kind=3),
    ],
)
def test_other(record):
    """Neither garbage is taken, nor a stream that may bring properties."""
    assert parse_begin(record) is None


@pytest.mark.parametrize("order", "<>")
def test_end(order):
    """The last record is known by its kind and its size."""
    end = struct.pack(f"{order}I", 5).ljust(SIZE, b"\1")
    assert is_end(end)
    assert not is_end(end[:-1])
    assert not is_end(begin(order))
    assert not is_end(b"")
