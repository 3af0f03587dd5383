"""A lock goes with its process, however that ends: real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker.runtime.process import run_sync
from flocker.runtime.start_lock import Held, take
from flocker.sandbox.waiting import until
from flocker.testing.loop_devices import bound_file, scratch_directory

HOLD = """
import os, sys, threading, time
from pathlib import Path
from flocker.runtime.start_lock import take
take(Path(sys.argv[1]), from_killed=True)
def write():
    with open(sys.argv[2], "wb", buffering=0) as file:
        file.write(b"x")
threading.Thread(target=write, daemon=True).start()
print("held", flush=True)
time.sleep(1000)
"""
SIZE = 16 * 1024 * 1024


@contextmanager
def holder(lock: Path, file: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds a lock, with a thread that writes to a file."""
    command = [sys.executable, "-c", HOLD, str(lock), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def refuses(lock: Path, pid: int) -> None:
    """Who holds the lock is named."""
    with pytest.raises(Held) as caught:
        take(lock, from_killed=True)
    assert caught.value.pid == pid


def test_killed(tmp_path: Path) -> None:
    """A second process is refused as long as the first one lives, and no longer."""
    lock = tmp_path / "lock"
    with holder(lock, tmp_path / "file") as process:
        refuses(lock, process.pid)
        process.kill()
        process.wait()
        os.close(take(lock, from_killed=True))


def test_stopped(tmp_path: Path) -> None:
    """A process that only stands still has its lock."""
    lock = tmp_path / "lock"
    with holder(lock, tmp_path / "file") as process:
        process.send_signal(signal.SIGSTOP)
        refuses(lock, process.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_killed_while_its_disk_hangs(tmp_path: Path) -> None:
    """Who was killed does not count, though a disk keeps a thread of it for ever."""
    lock = tmp_path / "lock"
    with scratch_directory() as directory:
        device, disk = bound_file(directory, SIZE), directory / "disk"
        disk.mkdir()
        run_sync(["mkfs.ext4", "-q", str(device)])
        run_sync(["mount", str(device), str(disk)])
        (disk / "file").touch()
        run_sync(["fsfreeze", "--freeze", str(disk)])
        try:
            with holder(lock, disk / "file") as process:
                until(lambda: "D" in threads(process.pid), "a thread that hangs", 30.0)
                refuses(lock, process.pid)
                process.kill()
                until(lambda: "Z" in threads(process.pid), "its end", 30.0)
                assert "D" in threads(process.pid)
                with pytest.raises(Held):
                    take(lock)
                successor = take(lock, from_killed=True)
                refuses(lock, os.getpid())
                os.close(successor)
                run_sync(["fsfreeze", "--unfreeze", str(disk)])
        finally:
            run_sync(["fsfreeze", "--unfreeze", str(disk)], expected=(0, 1))


def threads(pid: int) -> set[str]:
    """The states of a process's threads; none of one that is gone."""
    found = set()
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            found.add(task.read_text().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            time.sleep(0)
    return found
