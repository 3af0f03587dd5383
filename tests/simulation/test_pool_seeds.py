"""Seeded runs of clusters whose nodes have pools of their own."""

import pytest

from flocker.testing.simulation.__main__ import main
from flocker.testing.simulation.plans import Storage
from flocker.testing.simulation.pool_plans import pool_plan
from flocker.testing.simulation.running import run

SEEDS = 1000
MORE = 4000
CHUNK = 10


def failing(seeds: range) -> dict[int, str]:
    """The seeds in which something was violated, and what."""
    found = {seed: run(seed, plan=pool_plan).violation for seed in seeds}
    return {seed: words for seed, words in found.items() if words is not None}


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeds(first: int) -> None:
    """Whatever happens, nothing is lost or forked, and each has one home in the end.

    To see what happens: ``python -m flocker.testing.simulation --pools --seed 17``.
    """
    assert failing(range(first, first + CHUNK)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(SEEDS, MORE, CHUNK))
def test_more_seeds(first: int) -> None:
    """What holds in the first seeds does in others."""
    assert failing(range(first, first + CHUNK)) == {}


def test_same_seed_same_run() -> None:
    """A seed is a whole run: done again, every line of its trace is the same."""
    for seed in range(5):
        once = run(seed, traced=True, plan=pool_plan)
        assert once == run(seed, traced=True, plan=pool_plan)
        assert len(once.trace) > 20


def test_a_trace_changes_nothing() -> None:
    """A run that is traced is the run that is not."""
    for seed in range(20, 25):
        traced = run(seed, traced=True, plan=pool_plan)
        untraced = run(seed, plan=pool_plan)
        assert (traced.events, traced.seconds) == (untraced.events, untraced.seconds)


def test_plans_differ() -> None:
    """Seeds give different plans, and together every kind of happening of pools."""
    plans = [pool_plan(seed) for seed in range(100)]
    assert len({each.steps for each in plans}) == 100
    kinds = {type(then.happening) for each in plans for then in each.steps}
    assert len(kinds) == 40
    assert {each.shape.storage for each in plans} == {Storage.POOL, Storage.BOTH}


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs pools where that is asked for."""
    assert main(["--pools", "--seeds", "3", "--from", "40"]) == 0
    assert capsys.readouterr().out == "3 seeds, 0 failed\n"
    assert main(["--pools", "--seed", "3"]) == 0
    assert "snapshot d0" in capsys.readouterr().out
