"""What is written is read back the same; anything else is refused, in one way."""

import json
from uuid import UUID

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from flocker.model.cluster import AgentIdentity, Assignment, Cause, Fact
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, Era
from flocker.model.leases import Holder, Lease
from flocker.model.ownership import Ownership
from flocker.model.pools import PoolFact, PoolOwnership, Record
from flocker.testing import strategies
from flocker.testing.builders import a_dataset, a_fact, dataset_id
from flocker.wire.json_codec import (
    LONGEST_WHY,
    Undecodable,
    decode,
    encode,
    encode_briefly,
)
from flocker.wire.protocol import Report, Slice

STRATEGIES = {
    Dataset: strategies.datasets,
    Ownership: strategies.ownerships,
    PoolOwnership: strategies.pool_ownerships,
    Record: strategies.records,
    PoolFact: strategies.pool_facts,
    Lease: strategies.leases,
    Fact: strategies.facts,
    Assignment: strategies.assignments,
    AgentIdentity: strategies.identities,
    Slice: strategies.slices,
    Report: strategies.reports,
}
each_kind = pytest.mark.parametrize("kind", STRATEGIES)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["mounted", str(UUID(int=1)), "1", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)

FIRST = dataset_id()


@frozen
class Sample:
    """One field of each kind that has a trap."""

    text: str = ""
    whole: int = 0
    number: float = 0.0
    flag: bool = False
    id: DatasetID = FIRST


def places(value, path=()):
    """Every place in a JSON value, as the keys that lead to it."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


def put(value, path, new):
    """The same value with another one at `path`."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def read_or_refused(kind, data: bytes) -> None:
    """Anything but a value or `Undecodable` fails the test."""
    try:
        found = decode(kind, data)
    except Undecodable:
        return
    assert isinstance(found, kind)


@each_kind
@given(data=st.data())
def test_round_trip(kind, data):
    """What is stored or sent is read back equal."""
    value = data.draw(STRATEGIES[kind])
    assert decode(kind, encode(value)) == value


@each_kind
@given(garbage=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
@example(garbage=b"[" * 100_000)
@example(garbage=b"\xff\xfe[\x00]\x00")
@example(garbage=b"1" * 5000)
def test_garbage(kind, garbage):
    """Bytes that hold no such value are refused, whatever they are."""
    with pytest.raises(Undecodable):
        decode(kind, garbage)


@each_kind
@given(data=st.data())
def test_something_else_in_a_place(kind, data):
    """A JSON value anywhere in an encoded one gives a value, or is refused."""
    plain = json.loads(encode(data.draw(STRATEGIES[kind])))
    place = data.draw(st.sampled_from(list(places(plain))))
    changed = put(plain, place, data.draw(json_values))
    read_or_refused(kind, json.dumps(changed).encode())


@each_kind
@given(data=st.data())
def test_cut_off(kind, data):
    """A value of which the end is missing is refused."""
    whole = encode(data.draw(STRATEGIES[kind]))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Undecodable):
        decode(kind, whole[:cut])


@pytest.mark.parametrize(
    "plain",
    [
        {"text": 1},
        {"text": None},
        {"whole": "1"},
        {"whole": 1.0},
        {"whole": True},
        {"number": "1"},
        {"number": True},
        {"flag": 1},
        {"flag": "false"},
        {"id": "{00000000-0000-0000-0000-000000000000}"},
        {"id": "00000000000000000000000000000000"},
        {"more": 1},
    ],
    ids=json.dumps,
)
def test_nothing_is_taken_for_something_else(plain):
    """A text is no number, 1 is not true, and there is one spelling of a UUID."""
    with pytest.raises(Undecodable):
        decode(Sample, json.dumps(plain).encode())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 400])
def test_numbers_are_finite(number):
    """A number that no clock shows is refused, however it is spelled."""
    with pytest.raises(Undecodable):
        decode(Sample, b'{"number": %s}' % number.encode())


def test_whole_number_of_seconds():
    """JSON has one kind of number: 1 is one second."""
    assert decode(Sample, b'{"number": 1}') == Sample(number=1.0)


@pytest.mark.parametrize("half", [rb"\ud800", rb"\uDFFF", b"\xed\xa0\x80"])
def test_halves_of_pairs_are_refused(half):
    """A text that UTF-8 cannot hold does not come in: it could never go out again."""
    with pytest.raises(Undecodable):
        decode(Sample, b'{"text": "%s"}' % half)


def test_pairs_are_texts():
    """Both halves of a surrogate pair make a character."""
    assert decode(Sample, rb'{"text": "\ud83d\ude00"}') == Sample(
        text="\N{GRINNING FACE}"
    )


def test_any_name_can_be_written():
    """A file or process whose name is no UTF-8 does not stop a report."""
    cause = Cause("busy", "held by \udcff")
    written = encode(a_fact(cause=cause))
    assert decode(Fact, written).cause == Cause("busy", "held by ?")


def test_fault_is_told_briefly():
    """An error quotes little of what was sent: it goes into logs and answers."""
    with pytest.raises(Undecodable) as caught:
        decode(Dataset, json.dumps({"id": "x" * 60_000}).encode())
    assert len(caught.value.why) <= LONGEST_WHY


def test_compact():
    """No byte is spent on spaces, and letters are not escaped."""
    assert encode(Cause("é", "w")) == (
        '{"code":"é","words":"w","release":null,"permanent":false}'.encode()
    )


@each_kind
@given(st.data())
def test_brief_round_trip(kind, data):
    """What is written without its defaults is the same value, and no longer."""
    value = data.draw(STRATEGIES[kind])
    assert decode(kind, encode_briefly(value)) == value
    assert len(encode_briefly(value)) <= len(encode(value))


def test_brief():
    """A field that has its default is left out."""
    assert encode_briefly(Sample(whole=3, text="")) == b'{"whole":3}'


def test_missing_keys_have_their_defaults():
    """What an older writer did not know of has its default."""
    dataset = a_dataset()
    plain = json.loads(encode(dataset))
    del plain["backend"], plain["destroyed"]
    assert decode(Dataset, json.dumps(plain).encode()) == dataset


def test_holders_without_an_era():
    """A holder is written as before there were eras, unless it has one."""
    assert encode(Holder("a")) == b'{"name":"a","expires":null}'
    era = UUID(int=7)
    assert encode(Holder("a", None, Era(era))) == (
        f'{{"name":"a","expires":null,"era":"{era}"}}'.encode()
    )
