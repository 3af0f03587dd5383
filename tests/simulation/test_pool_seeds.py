"""Seeded runs of clusters whose nodes have pools of their own."""

import pytest

from flocker.testing.simulation.__main__ import main
from flocker.testing.simulation.happenings import Clone, DeleteSnapshot, RollBack
from flocker.testing.simulation.plans import Storage, plan
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


def test_what_rollbacks_keep() -> None:
    """Users delete it, clone it, and go back to it; of each kind much is done."""
    used = {DeleteSnapshot: 0, Clone: 0, RollBack: 0}
    for seed in range(100):
        for then in pool_plan(seed).steps:
            match then.happening:
                case DeleteSnapshot(name=None) | Clone(name=None) | RollBack(name=None):
                    used[type(then.happening)] += 1
    assert min(used.values()) > 10, used


@pytest.mark.parametrize("plans", [plan, pool_plan])
def test_length(plans) -> None:
    """A plan is as long as it is wanted to be, from its seed."""
    short, long = (plans(7, range(n, n + 1)) for n in (6, 60))
    assert len(short.steps) < len(long.steps)
    assert len(long.steps) > 60


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command runs pools where that is asked for."""
    assert main(["--pools", "--seeds", "3", "--from", "40"]) == 0
    assert capsys.readouterr().out == "3 seeds, 0 failed\n"
    assert main(["--pools", "--seeds", "2", "--things", "40"]) == 0
    assert capsys.readouterr().out == "2 seeds, 0 failed\n"
    assert main(["--pools", "--seed", "3"]) == 0
    assert "snapshot d0" in capsys.readouterr().out
