"""The pool `zfs` keeps its promises on a real OpenZFS, in a machine of its own."""

import os
from pathlib import Path

import pytest

from flocker.testing.openzfs_tests import run_tests_in_guest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a system is made by root"),
]

TESTS = "tests/conformance/openzfs_in_guest.py"
SECONDS = 5400.0


@pytest.fixture(autouse=True)
def _beside_others() -> None:
    """Others need not wait for the hours this takes: they see nothing it mounts."""


SUITES = {
    "TestPromises": 50,
    "TestEstimates": 5,
    "TestCrashes": 12,
    "TestRepeating": 7,
    "TestResuming": 30,
    "TestEncrypted": 15,
}
"""With the number of tests that each has at least."""


@pytest.mark.parametrize(("suite", "fewest"), SUITES.items())
def test_in_guest(suite: str, fewest: int, tmp_path: Path) -> None:
    """Every test of the suite passes there, and none is left out."""
    outcome = run_tests_in_guest([f"{TESTS}::{suite}"], tmp_path, SECONDS)
    assert not outcome.troubles, "\n\n".join(outcome.troubles)
    assert len(outcome.passed) >= fewest
