"""Whole clusters on a real OpenZFS, in a machine of its own: agents, TLS, namespaces.

They are the stories of the pools in this folder, chosen for what a kernel's ZFS may do
otherwise than zfs-fuse.
"""

import os
from pathlib import Path

import pytest

from flocker.sandbox.waiting import SLOWNESS
from flocker.testing.openzfs_tests import run_tests_in_guest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a system is made by root"),
]

SECONDS = 7200.0
TIMES = "20"
"""How many times longer than usual things may take in there."""

STORIES = {
    "openzfs_in_guest.py": ("", 3),
    "test_pool_crash_points.py": ("zfs and (Release or MakeWritable) and after", 2),
}
"""With which tests of a module, and how many there are."""


@pytest.mark.parametrize(
    ("module", "which", "number"), [(module, *told) for module, told in STORIES.items()]
)
def test_in_guest(module: str, which: str, number: int, tmp_path: Path) -> None:
    """Every test passes there, and none is left out."""
    chosen = ("-m", "slow or not slow", "-k", which, f"tests/acceptance/{module}")
    outcome = run_tests_in_guest(chosen, tmp_path, SECONDS, {SLOWNESS: TIMES})
    assert not outcome.troubles, "\n\n".join(outcome.troubles)
    assert len(outcome.passed) == number
