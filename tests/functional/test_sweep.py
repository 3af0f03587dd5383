"""What runs of tests left in the kernel goes with the next; what lives stays."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from flocker.backends.devices import device_size
from flocker.backends.loopback.loop_devices import LoopDevices
from flocker.testing.loop_devices import bound_file, scratch_directory, sweep

SIZE = 2**24

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


def bound_below(place):
    """The loop devices whose files are below it."""
    names = [LoopDevices().backing_name(device) for device, _ in LoopDevices().bound()]
    return [name for name in names if name.startswith(f"{place}/")]


def test_sweep():
    """The sweep unmounts, unbinds and removes what a killed run left, and no more."""
    script = """
import os, signal, sys
from flocker.dataset_agent.filesystems import Filesystems
from flocker.testing.loop_devices import bound_file, scratch_directory
with scratch_directory() as path:
    device = bound_file(path, 2**24)
    Filesystems().make(device)
    Filesystems().mount(device, path / "mounts" / "a")
    print(path, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    with scratch_directory() as scratch:
        mine = bound_file(scratch, SIZE)
        sweep()
        assert not left.exists()
        assert not bound_below(left)
        assert device_size(mine) == SIZE


GOING = """
import os, sys
from flocker.testing.loop_devices import bound_file, scratch_directory
with scratch_directory() as path:
    bound_file(path, 2**24)
    print(path, flush=True)
    sys.stdin.readline()
    remove = os.rmdir
    def slowly(which, **how):
        if str(which) == str(path):
            print("going", flush=True)
            sys.stdin.readline()
        remove(which, **how)
    os.rmdir = slowly
"""


def test_sweep_beside_another_run():
    """What a process has that runs is its own, also while it is just removing it."""
    with subprocess.Popen(
        [sys.executable, "-c", GOING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        place = Path(other.stdout.readline().strip())
        sweep()
        assert bound_below(place)
        other.stdin.write("go\n")
        other.stdin.flush()
        assert other.stdout.readline() == "going\n"
        sweeping = Thread(target=sweep)
        sweeping.start()
        sweeping.join(0.5)
        other.communicate("go\n")
        sweeping.join()
    assert other.returncode == 0
    assert not place.exists()
