"""Directories for tests that make loop devices, and the sweep of what killed runs left.

Called by tests of loopback drivers and by `sweeping`. Only loop devices whose file lies
in a directory made here are ever touched.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flocker.backends.devices import device_number
from flocker.backends.loopback.loop_devices import (
    FileIdentity,
    LoopDeviceBusy,
    LoopDevices,
)
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.mount_table import parse_mountinfo
from flocker.runtime.process import run_sync
from flocker.sandbox.removing import Swept
from flocker.testing.claims import PARENT, claimed, empty, sweep_claims

PREFIX = "flocker-test-"
_MOUNTINFO = Path("/proc/self/mountinfo")
_ATTEMPTS, _PAUSE = 600, 0.1
"""How often, and with how many seconds between, what is busy is tried again."""


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give a directory; afterwards unmount, unbind and remove all that is below it."""
    with claimed(PREFIX, clear) as path:
        yield path


def bound_file(directory: Path, size: int) -> Path:
    """Make a sparse file of `size` bytes there and give a loop device bound to it."""
    descriptor, name = tempfile.mkstemp(prefix="device-", dir=directory)
    os.ftruncate(descriptor, size)
    os.close(descriptor)
    return LoopDevices().bind(Path(name))


def filesystem(scratch: Path, kind: str, size: int = 512 * MEBIBYTE) -> Path:
    """Make one of `size` bytes and mount it; give where. Clearing `scratch` ends it."""
    device = bound_file(scratch, size)
    run_sync([f"mkfs.{kind}", "-q", str(device)])
    path = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=scratch))
    run_sync(["mount", str(device), str(path)])
    return path


def sweep() -> Swept:
    """Clear and remove what runs left that died."""
    return sweep_claims(PREFIX, clear)


def _unbind(loops: LoopDevices, device: Path, file: FileIdentity) -> None:
    """Unbind; a namespace that another test makes may have the mount for a moment."""
    for _ in range(_ATTEMPTS):
        try:
            loops.unbind(device, file)
        except LoopDeviceBusy:
            time.sleep(_PAUSE)
        else:
            return
    loops.unbind(device, file)


def _bound_below(loops: LoopDevices, path: Path) -> list[tuple[Path, FileIdentity]]:
    """Give the loop devices whose files are below a directory."""
    return [
        (device, file)
        for device, file in loops.bound()
        if loops.backing_name(device).startswith(f"{path}/")
    ]


def clear(path: Path) -> None:
    """Unmount, unbind and remove everything below a directory made here."""
    if path.parent != PARENT or not path.name.startswith(PREFIX):
        raise ValueError(path)
    loops = LoopDevices()
    own = _bound_below(loops, path)
    numbers = {device_number(device) for device, _ in own}
    for mount in reversed(parse_mountinfo(_MOUNTINFO.read_text())):
        if mount.device in numbers or mount.path.is_relative_to(path):
            for device, file in _bound_below(loops, mount.path):
                _unbind(loops, device, file)
            run_sync(["umount", str(mount.path)])
    for device, file in _bound_below(loops, path):
        _unbind(loops, device, file)
    empty(path)
