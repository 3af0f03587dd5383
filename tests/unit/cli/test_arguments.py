"""Tests of what users type."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.cli.arguments import (
    parse_addresses,
    parse_metadata,
    parse_seconds,
    write_metadata,
)
from flocker.client.routes import Address


def whole(sentence: str) -> str:
    """A pattern of exactly this sentence."""
    return f"^{re.escape(sentence)}$"


@pytest.mark.parametrize(
    ("text", "metadata"),
    [
        ("", {}),
        ("name=pg", {"name": "pg"}),
        ("a=b,c=d=e,f=", {"a": "b", "c": "d=e", "f": ""}),
        ("a=b,", {"a": "b"}),
    ],
)
def test_metadata(text: str, metadata: dict[str, str]) -> None:
    """Metadata are pairs; the first equals sign ends a key."""
    assert parse_metadata(text) == pmap(metadata)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name", "'name' is not key=value"),
        ("=pg", "'=pg' is not key=value"),
        ("a=b,a=c", "the key 'a' is there twice"),
    ],
)
def test_bad_metadata(text: str, complaint: str) -> None:
    """What is no pair is refused, by itself."""
    with pytest.raises(ValueError, match=whole(complaint)):
        parse_metadata(text)


_WORDS = st.text(st.characters(exclude_characters=",="), min_size=1, max_size=9)


@given(st.dictionaries(_WORDS, _WORDS))
def test_metadata_round_trip(metadata: dict[str, str]) -> None:
    """What is written can be read."""
    assert parse_metadata(write_metadata(metadata)) == pmap(metadata)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("host", [Address("host", 4523)]),
        ("host:1", [Address("host", 1)]),
        ("a, b:2,", [Address("a", 4523), Address("b", 2)]),
        ("10.0.0.1", [Address("10.0.0.1", 4523)]),
        ("::1", [Address("::1", 4523)]),
        ("[::1]", [Address("::1", 4523)]),
        ("[fe80::1]:7", [Address("fe80::1", 7)]),
    ],
)
def test_addresses(text: str, addresses: list[Address]) -> None:
    """Addresses are hosts, each with its own port or the given one."""
    assert parse_addresses(text, 4523) == tuple(addresses)


@pytest.mark.parametrize("text", ["", ",", "host:", "host:x", "host:70000", ":1"])
def test_bad_addresses(text: str) -> None:
    """What cannot be dialled is refused."""
    with pytest.raises(ValueError, match=r"no address|is not host or host:port"):
        parse_addresses(text, 4523)


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf"])
def test_bad_seconds(text: str) -> None:
    """A time is a number that passes."""
    with pytest.raises(ValueError, match=r"seconds|passes"):
        parse_seconds(text)


def test_seconds() -> None:
    """A time may have a fraction."""
    assert parse_seconds("1.5") == 1.5
