"""What is mounted in this process's mount namespace, asked of the kernel: proc(5)."""

import os
from pathlib import Path

from flocker.runtime.mount_table import Mount, parse_mountinfo

MOUNTINFO = Path("/proc/self/mountinfo")


def read_mounts(table: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """Read a mount table; the kernel answers at once, whatever hangs."""
    return parse_mountinfo(os.fsdecode(table.read_bytes()))


def mounted_paths(table: Path = MOUNTINFO) -> frozenset[Path]:
    """Give the paths at which anything is mounted."""
    return frozenset(mount.path for mount in read_mounts(table))
