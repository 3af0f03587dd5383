"""The loop devices bound to files of a sandbox: they are common to all namespaces.

A dead machine unbinds nothing, so the sandbox does it, and only when nobody has the
device mounted any more: two nodes with one ext4 mounted would destroy it.

Note [Names without their mount]: the kernel names a device's file by the mount through
which it was opened. Of a machine that is dead nothing is left of that, and the name
begins where the filesystem does.
"""

import os
from functools import partial
from pathlib import Path

from attrs import frozen

from flocker.backends.loopback.loop_devices import (
    FileIdentity,
    LoopDeviceBusy,
    LoopDevices,
)
from flocker.model.errors import FlockerError
from flocker.sandbox.places import places
from flocker.sandbox.processes import command, holders_of_device
from flocker.sandbox.waiting import Waited, until

_LONGEST = 30.0
"""Seconds until the last mount of a killed machine must be gone, and on its disk."""


@frozen
class StillMounted(FlockerError):
    """A loop device of a sandbox is in use outside of its machines."""

    device: str
    file: str
    holders: tuple[str, ...]

    def words(self) -> str:
        """Name the device, its file and the processes."""
        who = ", ".join(self.holders) or "a process that cannot be found"
        return f"{self.device} ({self.file}) is still in use: {who}"


@frozen
class Binding:
    """A loop device, and the file it is bound to."""

    device: Path
    file: FileIdentity
    name: str


def bound_below(directory: Path) -> list[Binding]:
    """Find the loop devices bound to files below a directory, deleted ones too.

    Only root can have any. See Note [Names without their mount].
    """
    if places().rootless:
        return []
    loops, here = LoopDevices(), directory.exists()
    device = directory.stat().st_dev if here else None
    top = _top_of(directory) if here else directory
    bindings = [
        Binding(*bound, loops.backing_name(bound[0])) for bound in loops.bound()
    ]
    return [
        found
        for found in bindings
        if Path(found.name).is_relative_to(directory)
        or (
            found.file.device == device
            and (top / found.name.lstrip("/")).is_relative_to(directory)
        )
    ]


def _top_of(directory: Path) -> Path:
    """Give where the filesystem of a directory is mounted."""
    device = directory.stat().st_dev
    above = (each for each in directory.parents if each.stat().st_dev == device)
    return min((directory, *above), key=lambda each: len(each.parts))


def unbind_below(directory: Path) -> None:
    """Take all loop devices from files below a directory; the mounts must be ending.

    Raises `StillMounted`.
    """
    for binding in bound_below(directory):
        try:
            until(partial(_unbound, binding), str(binding.device), _LONGEST)
        except Waited:
            raise _still_mounted(binding) from None


def _unbound(binding: Binding) -> bool:
    """Try to unbind; False if the device is in use."""
    try:
        LoopDevices().unbind(binding.device, binding.file)
    except LoopDeviceBusy:
        return False
    return True


def _still_mounted(binding: Binding) -> StillMounted:
    holders = holders_of_device(device_number(binding.device))
    named = tuple(f"process {pid} ({command(pid)})" for pid in holders)
    return StillMounted(str(binding.device), binding.name, named)


def device_number(device: Path) -> str:
    """Give a block device's number as the kernel writes it, ``major:minor``."""
    number = device.stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"
