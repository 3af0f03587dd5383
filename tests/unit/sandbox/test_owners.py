"""How an owner is named in records and environments."""

import pytest
from hypothesis import given
from hypothesis.strategies import builds, integers, uuids

from flocker.sandbox.owners import VARIABLE, Owner, owner_in, parse_owner
from flocker.sandbox.processes import Process

NUMBERS = integers(min_value=1)
OWNERS = builds(Owner, builds(Process, NUMBERS, NUMBERS), uuids().map(str))


@given(OWNERS)
def test_comes_back(owner: Owner) -> None:
    """An owner is read as it was written, by itself and in an environment."""
    assert parse_owner(str(owner)) == owner
    assert owner_in({VARIABLE: str(owner)}) == owner


@pytest.mark.parametrize("text", ["", "12", "12:34", "a:b:c", "1:2:3:4"])
def test_nobody(text: str) -> None:
    """What is not a whole name names nobody."""
    assert parse_owner(text) is None
    assert owner_in({VARIABLE: text}) is None


def test_no_word_of_it() -> None:
    """An environment without the name names nobody."""
    assert owner_in({}) is None
