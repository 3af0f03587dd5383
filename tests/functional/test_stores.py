"""The store on a real kernel: killed processes, full disks, read-only mounts."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from pyrsistent import pmap

from flocker.control.persistence.database import Database, create
from flocker.control.persistence.directory import (
    DATABASE,
    DataDirectoryInUse,
    DataDirectoryUnusable,
)
from flocker.control.persistence.interface import StoreUnavailable
from flocker.control.persistence.opening import open_store
from flocker.model.changes import Change, DatasetEdit, apply
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.loop_devices import scratch_directory

WRITER = Path(__file__).with_name("store_writer.py")

SMALL = 256 * 1024
PAGE = 4096

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


class NoReactor:
    """Opening needs no turn of a reactor."""

    def callFromThread(self, *args, **kwargs) -> None:
        raise AssertionError


@contextmanager
def writer(directory: Path) -> Iterator[subprocess.Popen]:
    """A process that commits, until it is killed without any warning."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def a_large_dataset(number: int) -> Change:
    metadata = pmap({str(key): "x" * 256 for key in range(16)})
    dataset = Dataset(
        DatasetID(UUID(int=number)), NodeID(UUID(int=1)), metadata=metadata
    )
    return Change((DatasetEdit(None, dataset),))


def fill(database: Database) -> tuple[Configuration, str]:
    """Commit until it is refused; give what was not refused, and what was said."""
    kept = Configuration()
    while True:
        change = a_large_dataset(kept.revision + 1)
        try:
            database.commit([change], kept.revision)
        except StoreUnavailable as error:
            return kept, str(error)
        kept = apply(change, kept)


@pytest.fixture
def tmpfs():
    """A small filesystem, and the way to mount it otherwise."""
    with scratch_directory() as scratch:
        disk = scratch / "disk"
        disk.mkdir()

        def mount(options: str) -> None:
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
            subprocess.run(command, check=True)

        mount(f"size={SMALL}")
        yield disk, lambda options: mount(f"remount,{options}")


def test_acknowledged_commits_survive_kill(tmp_path: Path) -> None:
    """Whenever the process is killed, all that it acknowledged is there, and whole."""
    acknowledged = 0
    for burst in (1, 7, 40, 200):
        with writer(tmp_path) as process:
            for _ in range(burst):
                acknowledged = int(process.stdout.readline())
        database = Database(tmp_path / DATABASE)
        found = database.load()
        database.close()
        expected = {UUID(int=number) for number in range(1, found.revision + 1)}
        assert found.revision >= acknowledged >= burst
        assert set(found.datasets) == expected
        assert set(found.ownership) == expected


def test_killed_holder_frees_the_directory(tmp_path: Path) -> None:
    """A second process is told who holds the directory; a dead one holds nothing."""
    with writer(tmp_path) as process:
        process.stdout.readline()
        with pytest.raises(DataDirectoryInUse) as caught:
            open_store(tmp_path, NoReactor())
        assert caught.value.pid == process.pid
    with writer(tmp_path) as process:
        assert int(process.stdout.readline()) > 1


@needs_root
def test_full_disk(tmpfs) -> None:
    """What does not fit on the disk is refused whole; with room again it goes in."""
    disk, remount = tmpfs
    path = disk / DATABASE
    create(path, UUID(int=1))
    database = Database(path)
    kept, refusal = fill(database)
    assert "disk is full" in refusal
    assert str(path) in refusal
    assert kept.revision > 1
    assert database.load() == kept
    remount("size=4m")
    for _ in range(50):
        change = a_large_dataset(kept.revision + 1)
        database.commit([change], kept.revision)
        kept = apply(change, kept)
    database.close()
    reopened = Database(path)
    assert reopened.load() == kept
    reopened.close()


@needs_root
@pytest.mark.parametrize("pages", range(8))
def test_no_room_to_start(tmpfs, pages: int) -> None:
    """Where a first start finds no room it says so, and the next one starts anew."""
    disk, _ = tmpfs
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (SMALL - pages * PAGE))
    with pytest.raises((StoreUnavailable, DataDirectoryUnusable)) as caught:
        open_and_close(disk)
    assert "\n" not in str(caught.value)
    ballast.unlink()
    open_and_close(disk)


def open_and_close(data: Path) -> None:
    store = open_store(data, NoReactor())
    store._database.close()
    store._writer.stop()
    store._release()


@needs_root
def test_read_only(tmpfs) -> None:
    """A directory on a read-only mount is refused with one clear sentence."""
    disk, remount = tmpfs
    open_and_close(disk)
    remount("ro")
    with pytest.raises(DataDirectoryUnusable) as caught:
        open_store(disk, NoReactor())
    sentence = f"the data directory {disk} cannot be used: Read-only file system"
    assert str(caught.value) == sentence


@needs_root
@pytest.mark.parametrize("below", [".", "data"])
def test_no_permission(below: str) -> None:
    """A directory of somebody else's is refused with one clear sentence."""
    with scratch_directory() as scratch:
        scratch.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(DataDirectoryUnusable) as caught:
                open_store(scratch / below, NoReactor())
        finally:
            os.seteuid(0)
    assert str(caught.value).endswith("cannot be used: Permission denied")
