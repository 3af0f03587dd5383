"""The configuration tag and conditional requests."""

from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.configuration import Configuration
from flocker.restapi.conditions import known, require, tag
from flocker.restapi.errors import ConfigurationChanged

STORE = UUID(int=1)


def test_tag_is_thirty_two_lower_case_hexadecimal_digits() -> None:
    """The tag looks as it always has."""
    found = tag(STORE, Configuration())
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")


@given(first=st.integers(0, 2**63), second=st.integers(0, 2**63))
def test_tag_changes_with_the_datasets(first: int, second: int) -> None:
    """Two tags of a store are equal if and only if no dataset has changed."""
    one, other = (
        tag(STORE, Configuration(revision=n, datasets_revision=n))
        for n in (first, second)
    )
    assert (one == other) == (first == second)


def test_tag_stays_while_only_records_change() -> None:
    """Ownership and leases come and go without a new tag."""
    before = Configuration(revision=5, datasets_revision=3)
    assert tag(STORE, evolve(before, revision=6)) == tag(STORE, before)


def test_stores_have_different_tags() -> None:
    """Another cluster's tag never fits."""
    assert tag(UUID(int=2), Configuration()) != tag(STORE, Configuration())


@pytest.mark.parametrize("required", [(), ("now",), ("old", "now")])
def test_met(required: tuple[str, ...]) -> None:
    """A condition is met by any value that is the tag, or by there being none."""
    require(required, "now")


@pytest.mark.parametrize("required", [("",), ("NOW",), ("now,old",), ("*",)])
def test_unmet(required: tuple[str, ...]) -> None:
    """Nothing but the very tag meets a condition: no lists, no wildcards."""
    with pytest.raises(ConfigurationChanged) as caught:
        require(required, "now")
    assert (caught.value.required, caught.value.current) == (required, "now")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        ([b'"a"'], True),
        ([b'W/"a"'], True),
        ([b'"b", "a"'], True),
        ([b'"b"', b'"a"'], True),
        ([b"*"], True),
        ([b"a"], False),
        ([b'"b"'], False),
    ],
)
def test_known(lines, expected) -> None:
    """If-None-Match is read as HTTP defines it."""
    assert known(lines, b'"a"') is expected
