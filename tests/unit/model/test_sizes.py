"""Sizes are rounded up and written as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.sizes import GIBIBYTE, KIBIBYTE, MEBIBYTE, humanize, round_up


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
