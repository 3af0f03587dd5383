"""Seeded runs: many fixed seeds, and each seed that has ever found something."""

import os
import subprocess
import sys

import pytest

from flocker.testing.simulation.__main__ import main
from flocker.testing.simulation.plans import plan
from flocker.testing.simulation.running import run

SEEDS = 600
CHUNK = 10


def failing(seeds: range) -> dict[int, str]:
    """The seeds in which something was violated, and what."""
    found = {seed: run(seed).violation for seed in seeds}
    return {seed: words for seed, words in found.items() if words is not None}


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeds(first: int) -> None:
    """Whatever happens, nothing is lost, and in the end all is well or says why.

    To see what happens in one: ``python -m flocker.testing.simulation --seed 17``.
    """
    assert failing(range(first, first + CHUNK)) == {}


def test_same_seed_same_run() -> None:
    """A seed is a whole run: done again, every line of its trace is the same."""
    for seed in range(5):
        once, again = run(seed, traced=True), run(seed, traced=True)
        assert once == again
        assert len(once.trace) > 20


def test_same_in_every_process() -> None:
    """A seed is the same run in another process, whatever order its sets have."""

    def in_process(hash_seed: str) -> str:
        command = [sys.executable, "-m", "flocker.testing.simulation", "--seed", "11"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    assert in_process("1") == in_process("2")


def test_a_trace_changes_nothing() -> None:
    """A run that is traced is the run that is not."""
    for seed in range(20, 25):
        traced, untraced = run(seed, traced=True), run(seed)
        assert (traced.events, traced.seconds) == (untraced.events, untraced.seconds)


def test_plans_differ() -> None:
    """Seeds give different plans, and together every kind of happening."""
    plans = [plan(seed) for seed in range(100)]
    assert len({each.steps for each in plans}) == 100
    kinds = {type(then.happening) for each in plans for then in each.steps}
    assert len(kinds) == 26


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The command counts what it ran, and says with its exit code that all holds."""
    assert main(["--seeds", "3", "--from", "40"]) == 0
    assert capsys.readouterr().out == "3 seeds, 0 failed\n"
