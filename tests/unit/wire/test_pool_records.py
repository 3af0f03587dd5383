"""What a pool keeps of a dataset is read back the same, for ever."""

from pathlib import Path

import pytest
from hypothesis import given

from flocker.model.ids import Epoch, MoveNumber, RollbackNumber, SnapshotID
from flocker.model.pools import (
    Buried,
    NoCopy,
    Owned,
    Promised,
    Record,
    Released,
    Replica,
)
from flocker.testing import strategies
from flocker.testing.builders import dataset_id, node_id
from flocker.wire.json_codec import Undecodable
from flocker.wire.pool_records import FORMAT, decode, encode

EVERY = Path(__file__).parents[2] / "golden" / "pool-record"
GOLDEN = EVERY / str(FORMAT)

RELEASED = Released(Epoch(3), SnapshotID("8107439012345678901"), node_id(2))

RECORDS = {
    "no-copy": Record(dataset_id(), NoCopy(), Epoch(4)),
    "replica": Record(dataset_id(), Replica(Epoch(3)), Epoch(4), revision=17),
    "owned": Record(
        dataset_id(),
        Owned(Epoch(3), SnapshotID("8107439012345678900")),
        Epoch(3),
        MoveNumber(2),
        pinned=False,
    ),
    "created": Record(dataset_id(), Owned(Epoch(1), None)),
    "released": Record(dataset_id(), RELEASED, Epoch(4), MoveNumber(2), 17),
    "promised": Record(dataset_id(), Promised(Epoch(5), RELEASED), Epoch(4)),
    "buried": Record(dataset_id(), Buried(), Epoch(6)),
}
"""A record of each kind, as the files of every format have them."""
WENT_BACK = {
    "went-back": Record(
        dataset_id(),
        Owned(Epoch(3), SnapshotID("8107439012345678900")),
        Epoch(3),
        MoveNumber(2),
        settled=RollbackNumber(2),
        rolled_back=RollbackNumber(1),
    )
}
"""What those of format 2 have besides."""
HEEDING = {
    "heeding": Record(
        dataset_id(),
        Owned(Epoch(3), SnapshotID("8107439012345678900"), heeded=6),
        Epoch(3),
    )
}
"""What those of format 3 have besides."""


@given(strategies.records)
def test_read_back(record):
    """What is written is read back the same."""
    assert decode(encode(record)) == record


@pytest.mark.parametrize("name", [*RECORDS, *WENT_BACK, *HEEDING])
def test_golden(name):
    """What a released version has written is read, and written the same."""
    data = (GOLDEN / f"{name}.json").read_bytes()
    record = {**RECORDS, **WENT_BACK, **HEEDING}[name]
    assert decode(data) == record
    assert encode(record) + b"\n" == data


@pytest.mark.parametrize("name", RECORDS)
def test_golden_of_format_1(name):
    """What the first version has written is read as well."""
    assert decode((EVERY / "1" / f"{name}.json").read_bytes()) == RECORDS[name]


@pytest.mark.parametrize("name", [*RECORDS, *WENT_BACK])
def test_golden_of_format_2(name):
    """What was written before snapshots were heeded is read as well."""
    record = {**RECORDS, **WENT_BACK}[name]
    assert decode((EVERY / "2" / f"{name}.json").read_bytes()) == record


@pytest.mark.parametrize("name", RECORDS)
def test_fits_a_property(name):
    """A record is one line, and short enough for a property of an old ZFS."""
    data = encode(RECORDS[name])
    assert data.isascii()
    assert b"\n" not in data
    assert len(data) < 1000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "JSONDecodeError"),
        (b"{}", "it does not say in which format it is"),
        (b'{"format":"1"}', "it does not say in which format it is"),
        (b'{"format":4,"record":{}}', "its format is 4, and 1, 2 and 3 are known"),
        (b'{"format":1}', "KeyError"),
        (encode(RECORDS["owned"]).replace(b"owned", b"lent"), "lent"),
        (encode(RECORDS["owned"]).replace(b'"floor"', b'"ceiling"'), "ceiling"),
    ],
)
def test_not_half_understood(data, why):
    """What is no record of this format is refused, with a reason."""
    with pytest.raises(Undecodable, match=why):
        decode(data)
