"""What two agents say to each other, byte by byte."""

from uuid import UUID

import pytest

from flocker.backends.pool_interface import Announced
from flocker.backends.pool_resuming import Unfinished
from flocker.dataset_agent.transfer.channel import understand
from flocker.dataset_agent.transfer.frames import (
    HEAD_SIZE,
    LONGEST_DATA,
    LONGEST_MESSAGE,
    LONGEST_OFFER,
    PROTOCOL,
    Arrived,
    Begin,
    Frame,
    Garbage,
    Have,
    Held,
    Kind,
    Offer,
    Packing,
    Refused,
    Whole,
    head,
    parse_head,
)
from flocker.model.ids import DatasetID, Epoch, MoveNumber, SnapshotID
from flocker.wire import json_codec

DATASET = DatasetID(UUID(int=1))
SNAPSHOT, BEFORE = SnapshotID("s2"), SnapshotID("s1")

SAID = [
    (
        Offer(DATASET, Epoch(3), MoveNumber(2), SNAPSHOT, (BEFORE, SNAPSHOT)),
        (
            b'{"dataset":"00000000-0000-0000-0000-000000000001","epoch":3,"move":2,'
            b'"snapshot":"s2","lineage":["s1","s2"],"released":false,"protocol":3}'
        ),
    ),
    (
        Have(BEFORE, (Packing.ZSTD,)),
        b'{"since":"s1","packings":["zstd"],"unfinished":null}',
    ),
    (
        Have(None, (), Unfinished(SNAPSHOT, None, "token", 7)),
        (
            b'{"since":null,"packings":[],"unfinished":'
            b'{"identity":"s2","base":null,"token":"token","came":7}}'
        ),
    ),
    (
        Begin(PROTOCOL, DATASET, 3, Announced("name", SNAPSHOT, BEFORE), 10),
        (
            b'{"protocol":3,"dataset":"00000000-0000-0000-0000-000000000001","epoch":3,'
            b'"announced":{"name":"name","identity":"s2","base":"s1"},"size":10,"packing":null,'
            b'"rest":false}'
        ),
    ),
    (Whole(10, "ab"), b'{"size":10,"checksum":"ab"}'),
    (Arrived(SNAPSHOT), b'{"identity":"s2"}'),
    (Held(SNAPSHOT), b'{"identity":"s2"}'),
    (Refused("Code", "why"), b'{"code":"Code","words":"why"}'),
]
"""Protocol 3. Whoever changes this raises the number."""


@pytest.mark.parametrize(("message", "golden"), SAID)
def test_golden(message, golden):
    """Messages are written, and read, as agents of this protocol do it."""
    assert json_codec.encode(message) == golden
    assert understand(type(message), Frame(Kind.OFFER, golden)) == message
    assert PROTOCOL == 3


def test_kinds():
    """So are the letters of the kinds."""
    letters = b"".join(kind.value for kind in Kind)
    assert letters == b"OHBRDWAQKXL"
    assert len(set(letters)) == len(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_there_and_back(kind):
    """What was written is read."""
    assert head(kind, 258) == kind.value + b"\x00\x00\x01\x02"
    assert parse_head(head(kind, 258)) == (kind, 258)


def test_no_longer_than_that():
    """Nobody makes us keep more than there is to say."""
    for kind in Kind:
        longest = {Kind.DATA: LONGEST_DATA, Kind.OFFER: LONGEST_OFFER}
        most = longest.get(kind, LONGEST_MESSAGE)
        assert parse_head(head(kind, most)) == (kind, most)
        with pytest.raises(Garbage):
            parse_head(head(kind, most + 1))


def test_garbage():
    """What is no frame is refused before it is kept."""
    with pytest.raises(Garbage):
        parse_head(b"GET / HTTP/1.1"[:HEAD_SIZE])


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"since":1}', b"\xff"])
def test_no_message(payload):
    """Nor is what is no message of its kind taken for one."""
    with pytest.raises(Garbage):
        understand(Have, Frame(Kind.HAVE, payload))
