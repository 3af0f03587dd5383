"""Payloads are cut into boxes and put together again; every format is read for ever."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.cluster import AgentIdentity
from flocker.testing.builders import a_dataset
from flocker.wire.json_codec import decode, encode_briefly
from flocker.wire.protocol import (
    LARGEST_PAYLOAD,
    PART_SIZE,
    PROTOCOL,
    Assembler,
    OutOfOrder,
    split,
)
from tests.unit.wire.released_payloads import BY_NUMBER, RELEASED

EVERY = Path(__file__).parents[2] / "golden" / "agent-protocol"
GOLDEN = EVERY / str(PROTOCOL)

sizes = st.integers(0, 5 * PART_SIZE) | st.integers(-2, 2).map(
    lambda more: 3 * PART_SIZE + more
)


def put_together(parts) -> bytes:
    """What an assembler makes of parts."""
    assembler = Assembler()
    *none, payload = [assembler.add(*part) for part in parts]
    assert none == [None] * len(none)
    assert payload is not None
    return payload


@given(sizes)
def test_split_and_assembled(size):
    """A payload of any size comes out as it went in."""
    payload = bytes(number % 251 for number in range(size))
    assert put_together(split(payload)) == payload


@given(sizes)
def test_parts_fit(size):
    """No part is larger than a box has room for; even nothing is one part."""
    parts = list(split(bytes(size)))
    assert [part for part, _, _ in parts] == list(range(1, len(parts) + 1))
    assert {total for _, total, _ in parts} == {len(parts)}
    assert max(len(data) for _, _, data in parts) <= PART_SIZE


@given(st.data())
def test_disorder_is_refused(data):
    """Parts that come twice, too early or not at all never make a payload."""
    parts = list(split(bytes(data.draw(st.integers(2, 5)) * PART_SIZE)))
    picked = data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=8))
    assembler, expected = Assembler(), 1
    for part, total, content in picked:
        if part not in {1, expected}:
            with pytest.raises(OutOfOrder):
                assembler.add(part, total, content)
            expected = 1
            continue
        whole = assembler.add(part, total, content)
        assert (whole is not None) == (part == total)
        expected = 1 if part == total else part + 1


@pytest.mark.parametrize(
    ("part", "parts"),
    [(0, 1), (2, 1), (1, 0), (-1, -1), (2, 2), (1, LARGEST_PAYLOAD // PART_SIZE + 1)],
)
def test_impossible_parts(part, parts):
    """Numbers that no sender counts are refused."""
    with pytest.raises(OutOfOrder):
        Assembler().add(part, parts, b"")


def test_number_of_parts_stays():
    """A payload does not grow while it comes."""
    assembler = Assembler()
    assembler.add(1, 2, b"a")
    with pytest.raises(OutOfOrder):
        assembler.add(2, 3, b"b")


def test_larger_than_announced():
    """A part beyond its size is refused, so a payload is never beyond its own."""
    with pytest.raises(OutOfOrder):
        Assembler().add(1, 1, bytes(PART_SIZE + 1))


def test_again_from_the_beginning():
    """After a refusal, and after a payload that was given up, the next one is taken."""
    assembler = Assembler()
    assembler.add(1, 3, b"given up")
    assembler.add(1, 2, b"a")
    with pytest.raises(OutOfOrder):
        assembler.add(1, 0, b"")
    assembler.add(1, 2, b"b")
    assert assembler.add(2, 2, b"c") == b"bc"


def test_disorder_in_words():
    """The refusal names the parts."""
    assert str(OutOfOrder(3, 2, 4)) == "part 3 of 4 came where 2 was due"


def test_released_number():
    """There are golden files of every number that was ever spoken."""
    numbers = {each.name for each in EVERY.iterdir()}
    assert numbers == {str(number) for number in range(1, PROTOCOL + 1)}


@pytest.mark.parametrize(
    ("number", "name"),
    [(number, name) for number in BY_NUMBER for name in BY_NUMBER[number]],
)
def test_released_payloads_are_read(number, name):
    """What a protocol sends was settled with its release, and is still understood."""
    value = BY_NUMBER[number][name]
    assert decode(type(value), (EVERY / number / name).read_bytes()) == value


@pytest.mark.parametrize("name", RELEASED)
def test_released_payloads_are_written(name):
    """What is sent is what the protocol has, byte for byte; else it is the next one."""
    assert encode_briefly(RELEASED[name]) + b"\n" == (GOLDEN / name).read_bytes()


def test_all_of_the_identity():
    """The golden identity leaves no field at its default."""
    identity = decode(AgentIdentity, (GOLDEN / "identity.json").read_bytes())
    assert identity.backends
    assert identity.node == a_dataset().primary
