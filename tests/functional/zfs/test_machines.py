"""What machines with ZFS leave alone that others have on the same kernel."""

import os
import subprocess

import pytest

from flocker.runtime.mounted import read_mounts
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.zfs_pools import zfs_machine
from tests.functional.zfs.zfs_bench import PROGRAMS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def test_mounts_of_others_stay():
    """A machine lets go of what others mounted, also where that would be seen by all.

    So it is where systemd made the root of all mounts a shared one.
    """
    with scratch_directory() as scratch:
        root = scratch / "root"
        place = root / "theirs"
        root.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "theirs", root], check=True)
        subprocess.run(["mount", "--make-shared", root], check=True)
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "theirs", place], check=True)
        with zfs_machine(scratch, PROGRAMS) as machine:
            assert str(root) not in machine.run("findmnt", "-rno", "TARGET")
            assert {root, place} <= {mount.path for mount in read_mounts()}
