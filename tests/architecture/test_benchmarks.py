"""Benchmarks are run by hand; that they can still be run is seen here."""

import importlib
from pathlib import Path

import pytest

from admin.benchmarks.__main__ import PARTS, load

HERE = Path(__file__).parents[2] / "admin/benchmarks"
MODULES = sorted(path.stem for path in HERE.glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_benchmark_can_be_imported(name: str) -> None:
    """What a benchmark imports is there, and importing it measures nothing."""
    assert importlib.import_module(f"admin.benchmarks.{name}")


@pytest.mark.parametrize("name", PARTS)
def test_part_says_what_is_wanted(name: str) -> None:
    """Each part can be chosen by its name, and says how what is wanted is measured."""
    part = load(name)
    assert part.name == name
    assert part.wanted
    assert all(wanted.how for wanted in part.wanted.values())
