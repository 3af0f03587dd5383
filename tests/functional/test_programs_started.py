"""How many programs an agent starts: each costs more than all else in its step."""

import os

import pytest

from admin.benchmarks.alone import a_life, a_node, counting, on_loops
from flocker.testing.loop_devices import scratch_directory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")

PROBES = ["wipefs", "blkid"]


@pytest.fixture
def node():
    """A node with loop devices, which do not outlive the test."""
    with scratch_directory() as path:
        yield a_node(path)


def test_programs_of_steps(node):
    """Each step starts no more programs than it needs; both probes before any mkfs."""
    assert dict(a_life(node)) == {
        "Create": [],
        "Attach": [],
        "Format": [*PROBES, *PROBES, "mkfs.ext4"],
        "Mount": [*PROBES, "mount"],
        "Finish": [],
        "Unmount": ["umount"],
        "Detach": [],
        "Destroy": [],
    }


def test_rounds_start_none(node):
    """A round at rest starts no program, be it a thorough one."""
    rounds = on_loops(3, node)
    with counting() as started:
        rounds.woken()
        rounds.thorough()
    assert started == []
