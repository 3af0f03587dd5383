"""Sizes are rounded up and written as people read them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.sizes import (
    GIBIBYTE,
    KIBIBYTE,
    MEBIBYTE,
    SMALLEST,
    TEBIBYTE,
    humanize,
    parse_size,
    round_up,
)


@given(st.integers(0, 2**60), st.integers(1, 2**40))
def test_round_up(size, unit):
    """The result is a multiple of the unit, holds the size, and no smaller one does."""
    rounded = round_up(size, unit)
    assert rounded % unit == 0
    assert rounded - unit < size <= rounded


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (KIBIBYTE, "1K"),
        (1536, "1.5K"),
        (75 * GIBIBYTE, "75G"),
        (1536 * MEBIBYTE, "1.5G"),
        (3 * 1024 * GIBIBYTE, "3T"),
        (5000 * 1024 * GIBIBYTE, "5000T"),
        (MEBIBYTE - 1, "1M"),
        (GIBIBYTE - 1, "1G"),
    ],
)
def test_humanize(size, text):
    """At most one decimal, and never 1024 of a unit."""
    assert humanize(size) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64M", 64 * MEBIBYTE),
        ("1.5G", 1536 * MEBIBYTE),
        ("1g", GIBIBYTE),
        ("10Gi", 10 * GIBIBYTE),
        ("10gb", 10 * GIBIBYTE),
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
        ("10 G", "'10 G' is not a size: write a number and T, G, M or K, as in 1.5G"),
        ("10m10", "'10m10' is not a size: write a number and T, G, M or K, as in 1.5G"),
        ("1.2.3G", "'1.2.3G' is not a size: 1.2.3 is no number"),
        ("1M", "'1M' is too small: 64M is the least"),
        ("0G", "'0G' is too small: 64M is the least"),
        ("9999999999T", "'9999999999T' is more than any storage can hold"),
    ],
)
def test_bad_size(text: str, complaint: str) -> None:
    """What is no size is refused with what is wrong about it."""
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        parse_size(text)


@given(st.decimals(min_value="0.0625", max_value=8000, places=4))
def test_size_is_enough(number: object) -> None:
    """A size holds what was asked for, and less than 1024 bytes more."""
    size = parse_size(f"{number}G")
    asked = int(number * 10000) * GIBIBYTE  # type: ignore[operator]
    assert 0 <= size * 10000 - asked < 1024 * 10000
    assert size % 1024 == 0
    assert size >= SMALLEST
