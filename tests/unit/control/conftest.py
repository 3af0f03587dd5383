"""Operations for the tests of what the one writer does."""

import pytest

from flocker.testing.fakes.stores import MemoryStore
from tests.unit.control.one_writer import Setup, SlowStore


@pytest.fixture
def slow() -> Setup:
    """Operations over a slow store."""
    return Setup(SlowStore())


@pytest.fixture
def quick() -> Setup:
    """Operations over a store that answers at once."""
    return Setup(MemoryStore())
