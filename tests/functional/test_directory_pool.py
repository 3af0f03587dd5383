"""What the pool `directory` sees of those who write to it: with real processes."""

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import pytest

from flocker.backends.directory.api import make_directory
from flocker.backends.folders.api import FolderPool
from flocker.backends.pool_errors import BeingWritten, Busy
from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.sandbox.waiting import until

RECORD = b"{}"
MAP = """
import ctypes, mmap, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR)
how = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED
at = ctypes.CDLL(None).mmap(None, mmap.PAGESIZE, *how, descriptor, ctypes.c_long(0))
assert at != -1
os.close(descriptor)
print("mapped", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def pool(tmp_path: Path) -> FolderPool:
    """A pool."""
    root = tmp_path / "pool"
    root.mkdir()
    return make_directory(root)


@pytest.fixture
def dataset(pool: FolderPool, tmp_path: Path) -> DatasetID:
    """A dataset that is served at `tmp_path/served`, with a file in it."""
    made = DatasetID(uuid4())
    pool.create(made, RECORD, None)
    pool.mount(made, tmp_path / "served")
    (tmp_path / "served" / "file").write_bytes(bytes(mmap.PAGESIZE))
    return made


@pytest.fixture
def programs() -> Iterator[list["subprocess.Popen[str]"]]:
    """Those that run beside the test, ended after it."""
    running: list[subprocess.Popen[str]] = []
    yield running
    for each in running:
        each.kill()
        each.communicate()


def run(programs: list["subprocess.Popen[str]"], program: str, file: Path) -> None:
    """Start a program about a file, and wait until it says that it works."""
    started = subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE, text=True
    )
    programs.append(started)
    assert started.stdout is not None
    assert started.stdout.readline()


@contextmanager
def writing_all_the_time(file: Path) -> Iterator[None]:
    """Write in a thread, without a pause: while a copy is made nobody else runs."""
    over = Event()

    def write() -> None:
        while not over.is_set():
            with file.open("ab") as opened:
                opened.write(b"more")

    writer = Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def test_no_snapshot_while_written_to(
    pool: FolderPool, dataset: DatasetID, tmp_path: Path
) -> None:
    """What is written to all the time has none; once it stands still it has."""
    (tmp_path / "served" / "much").write_bytes(os.urandom(MEBIBYTE) * 32)
    with (
        writing_all_the_time(tmp_path / "served" / "file"),
        pytest.raises(BeingWritten),
    ):
        pool.snapshot(dataset, "one")
    assert pool.look(dataset).snapshots == ()
    taken = pool.snapshot(dataset, "two")
    assert pool.look(dataset).head == taken.identity


def test_in_memory_is_in_use(
    pool: FolderPool, dataset: DatasetID, tmp_path: Path, programs: list
) -> None:
    """Who has a file mapped uses it, though he has nothing open."""
    run(programs, MAP, tmp_path / "served" / "file")
    pid = programs[0].pid
    with pytest.raises(Busy, match=f"process {pid} .* in its memory"):
        pool.unmount(dataset, tmp_path / "served")
    programs[0].kill()
    programs[0].wait()

    def unmounted() -> bool:
        pool.unmount(dataset, tmp_path / "served")
        return not pool.look(dataset).mounted_at

    until(unmounted, "the end of its use", 60)
