"""Unmounting what a program has open, for ever or for a moment."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker.runtime.process import ProcessFailed
from flocker.runtime.unmounting import unmount

WITHIN = 30.0
WITH_GAPS = """
import os, sys, time
mine = os.stat(sys.argv[1]).st_dev
while os.stat(sys.argv[1]).st_dev == mine:
    with open(sys.argv[1] + "/file", "a"):
        print("open", flush=True)
        time.sleep(0.1)
    time.sleep(0.01)
"""
WITHOUT = """
import sys, time
with open(sys.argv[1] + "/file", "a"):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "test", str(tmp_path)], check=True)
    yield tmp_path
    if tmp_path.is_mount():
        subprocess.run(["umount", str(tmp_path)], check=True)


@contextmanager
def program(text: str, path: Path) -> Iterator[None]:
    """Run a program until it has a file open below `path`, and end it at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", text, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == b"open\n"
            yield
        finally:
            running.kill()


def test_finds_a_gap(mounted: Path) -> None:
    """A file that is open nearly all the time does not keep a filesystem."""
    with program(WITH_GAPS, mounted):
        unmount(mounted, WITHIN)
        assert not mounted.is_mount()


def test_in_use(mounted: Path) -> None:
    """A file that stays open keeps it, mounted as it was."""
    with program(WITHOUT, mounted):
        with pytest.raises(ProcessFailed, match="busy"):
            unmount(mounted, WITHIN)
        assert mounted.is_mount()
    unmount(mounted, WITHIN)
    assert not mounted.is_mount()


def test_not_mounted(tmp_path: Path) -> None:
    """What is not mounted is said to be so."""
    with pytest.raises(ProcessFailed, match="not mounted"):
        unmount(tmp_path, WITHIN)
