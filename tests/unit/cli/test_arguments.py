"""Tests of what users type."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.cli.arguments import (
    SMALLEST,
    parse_addresses,
    parse_metadata,
    parse_seconds,
    parse_size,
    write_metadata,
)
from flocker.client.routes import Address
from flocker.model.sizes import GIBIBYTE, MEBIBYTE, TEBIBYTE


def whole(sentence: str) -> str:
    """A pattern of exactly this sentence."""
    return f"^{re.escape(sentence)}$"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64M", 64 * MEBIBYTE),
        ("1.5G", 1536 * MEBIBYTE),
        ("1g", GIBIBYTE),
        (" 2TiB ", 2 * TEBIBYTE),
        ("65536K", 64 * MEBIBYTE),
        ("67108864", 64 * MEBIBYTE),
        ("67108865", 64 * MEBIBYTE + 1024),
        ("0.1G", 107374592),
    ],
)
def test_size(text: str, size: int) -> None:
    """A size is a number and a unit of 1024, rounded up to a multiple of 1024."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a size: write a number and T, G, M or K, as in 1.5G"),
        ("3Q", "'3Q' is not a size: write a number and T, G, M or K, as in 1.5G"),
        ("-1G", "'-1G' is not a size: write a number and T, G, M or K, as in 1.5G"),
        ("1.2.3G", "'1.2.3G' is not a size: 1.2.3 is no number"),
        ("1M", "'1M' is too small: 64M is the least"),
        ("0G", "'0G' is too small: 64M is the least"),
        ("9999999999T", "'9999999999T' is more than any storage can hold"),
    ],
)
def test_bad_size(text: str, complaint: str) -> None:
    """What is no size is refused with what is wrong about it."""
    with pytest.raises(ValueError, match=whole(complaint)):
        parse_size(text)


@given(st.decimals(min_value="0.0625", max_value=8000, places=4))
def test_size_is_enough(number: object) -> None:
    """A size holds what was asked for, and less than 1024 bytes more."""
    size = parse_size(f"{number}G")
    asked = int(number * 10000) * GIBIBYTE  # type: ignore[operator]
    assert 0 <= size * 10000 - asked < 1024 * 10000
    assert size % 1024 == 0
    assert size >= SMALLEST


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
