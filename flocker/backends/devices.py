"""What the kernel says about a block device, without running a command.

Called by drivers, by the cache of device paths and by the dataset agent. A device is
its number (`st_rdev`); its path is only one of the names it has.
"""

import os
import stat
from pathlib import Path

_DEVICES = Path("/sys/dev/block")


def device_number(device: Path) -> int | None:
    """Give the device number of a block device; None if there is none at the path."""
    try:
        status = device.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_rdev if stat.S_ISBLK(status.st_mode) else None


def device_at(number: int) -> Path | None:
    """Give the path of the block device with a number; None if there is none."""
    entry = _DEVICES / f"{os.major(number)}:{os.minor(number)}"
    if not entry.exists():
        return None
    device = Path("/dev") / entry.resolve().name.replace("!", "/")
    return device if device_number(device) == number else None


def device_size(device: Path) -> int:
    """Give the bytes a block device holds."""
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    finally:
        os.close(descriptor)
