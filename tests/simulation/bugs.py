"""Bugs that are put in, and must be found; or something else stands behind them.

A bug is a small patch of the real code, or of a fake that stands for a pool. Each
module lists its own, with what finds them.
"""

from collections.abc import Callable, Iterable

import pytest

from flocker.testing.simulation.invariants import Violated
from flocker.testing.simulation.pool_plans import pool_plan
from flocker.testing.simulation.running import run

Patch = pytest.MonkeyPatch
PutIn = Callable[[Patch], None]
Story = Callable[[], object]

OTHERS = 100
"""Seeds of which any will do, where plans have changed and the first finds no more."""


def each_of(bugs: Iterable[PutIn]) -> pytest.MarkDecorator:
    """Let a test be done with each bug, `put_in`, by itself."""
    return pytest.mark.parametrize("put_in", bugs, ids=lambda put_in: put_in.__name__)


def expect_found(story: Story, rule: str | None = None) -> None:
    """See that a story, which passes without, is stopped by what the oracle says."""
    with pytest.raises(Violated, match=rule):
        _ = story()


def first_that_finds(first: int, others: int = OTHERS) -> int | None:
    """Give the first seed that finds what is put in, if there is one."""
    seeds = (first, *range(others))
    return next((seed for seed in seeds if run(seed, plan=pool_plan).violation), None)
