"""Btrfs filesystems for tests, on loop devices of a scratch directory."""

import tempfile
from pathlib import Path

from flocker.runtime.process import run_sync
from flocker.testing.loop_devices import bound_file


def btrfs_filesystem(scratch: Path, size: int) -> Path:
    """Make one of `size` bytes and mount it; give where. Clearing `scratch` ends it."""
    device = bound_file(scratch, size)
    run_sync(["mkfs.btrfs", "--quiet", "--metadata", "single", str(device)])
    path = Path(tempfile.mkdtemp(prefix="btrfs-", dir=scratch))
    run_sync(["mount", str(device), str(path)])
    return path
