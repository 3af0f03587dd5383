"""Waits grow, end somewhere, and are not in step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.runtime.backoff import JITTER, LONGEST, delay, jittered


def half() -> float:
    """A chance that changes nothing."""
    return 0.5


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 0.1), (2, 0.4), (3, 1.6), (4, 6.4), (5, 10), (99, 10)]
)
def test_growth(attempts, seconds):
    """Four times longer each time, at most ten seconds."""
    assert delay(attempts, half) == pytest.approx(seconds)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_never_spins_nor_sleeps_for_ever(attempts, chance):
    """However often something failed, it is tried again, and not at once."""
    assert 0.08 <= delay(attempts, lambda: chance) <= LONGEST * (1 + JITTER)


@given(st.floats(0, 1000), st.floats(0, 1, exclude_max=True))
def test_jitter(seconds, chance):
    """A wait is spread by a fifth either way."""
    spread = jittered(seconds, lambda: chance)
    assert seconds * 0.8 <= spread <= seconds * 1.2 + 1e-9
