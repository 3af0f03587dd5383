"""Opening a data directory."""

import fcntl
import os
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from flocker.control.persistence.directory import (
    DATABASE,
    LOCK,
    DataDirectoryInUse,
    DataDirectoryUnusable,
)
from flocker.control.persistence.interface import StoreUnreadable
from flocker.control.persistence.migration import OLD_CONFIGURATION, OldFileUnusable
from flocker.control.persistence.opening import open_store

GOLDEN = Path(__file__).parents[3] / "golden" / "flocker-1"


class NoReactor:
    """Opening needs no turn of a reactor."""

    def callFromThread(self, *args, **kwargs) -> None:
        raise AssertionError


REACTOR = NoReactor()


def closed(store) -> UUID:
    """Let go of a store without a reactor; give its id."""
    store._database.close()
    store._writer.stop()
    store._release()
    return store.store_id


def test_everything_is_made(tmp_path: Path) -> None:
    """A first start makes the directory, for its owner only, and an empty store."""
    data = tmp_path / "var" / "lib" / "flocker"
    store = open_store(data, REACTOR, new_id=lambda: UUID(int=5))
    modes = {file.name: file.stat().st_mode & 0o777 for file in data.iterdir()}
    assert data.stat().st_mode & 0o777 == 0o700
    assert set(modes) >= {LOCK, DATABASE}
    assert set(modes.values()) == {0o600}
    assert closed(store) == UUID(int=5)


def test_id_is_made_once(tmp_path: Path) -> None:
    """A store has the id of its first start at every later one."""
    first = closed(open_store(tmp_path, REACTOR))
    assert closed(open_store(tmp_path, REACTOR)) == first


def test_directory_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    """A directory that a package made keeps its mode."""
    tmp_path.chmod(0o755)
    closed(open_store(tmp_path, REACTOR))
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_second_start_is_refused(tmp_path: Path) -> None:
    """Who holds the directory is named; nothing of it is touched."""
    store = open_store(tmp_path, REACTOR)
    with pytest.raises(DataDirectoryInUse) as caught:
        open_store(tmp_path, REACTOR)
    assert (caught.value.path, caught.value.pid) == (tmp_path, os.getpid())
    assert str(os.getpid()) in str(caught.value)
    closed(store)
    closed(open_store(tmp_path, REACTOR))


def test_unknown_holder(tmp_path: Path) -> None:
    """A holder that has not written its number yet is another process."""
    lock = os.open(tmp_path / LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(DataDirectoryInUse) as caught:
        open_store(tmp_path, REACTOR)
    assert "another process" in str(caught.value)
    os.close(lock)


def test_lock_is_not_inherited(tmp_path: Path) -> None:
    """A program that control starts does not hold the directory when control ends."""
    store = open_store(tmp_path, REACTOR)
    held = [
        int(link.name)
        for link in Path("/proc/self/fd").iterdir()
        if link.exists() and link.resolve() == tmp_path / LOCK
    ]
    assert [os.get_inheritable(number) for number in held] == [False]
    closed(store)


def test_old_configuration_is_imported(tmp_path: Path) -> None:
    """Where a first Flocker's configuration lies, a first start takes it over."""
    shutil.copy(GOLDEN / "v4.json", tmp_path / OLD_CONFIGURATION)
    store = open_store(tmp_path, REACTOR, new_id=lambda: UUID(int=5))
    assert len(store._database.load().datasets) == 3
    assert closed(store) == UUID(int=5)
    assert not (tmp_path / OLD_CONFIGURATION).exists()


def test_old_configuration_is_not_ignored(tmp_path: Path) -> None:
    """Where an old configuration cannot be imported control does not start empty."""
    (tmp_path / OLD_CONFIGURATION).write_text("{}")
    with pytest.raises(OldFileUnusable) as caught:
        open_store(tmp_path, REACTOR)
    assert str(tmp_path / OLD_CONFIGURATION) in str(caught.value)
    assert not (tmp_path / DATABASE).exists()


def test_lost_import(tmp_path: Path) -> None:
    """Where only the file that was imported is left, control does not start empty."""
    shutil.copy(GOLDEN / "v4.json", tmp_path / OLD_CONFIGURATION)
    closed(open_store(tmp_path, REACTOR))
    (tmp_path / DATABASE).unlink()
    with pytest.raises(StoreUnreadable, match="--import"):
        open_store(tmp_path, REACTOR)
    assert not (tmp_path / DATABASE).exists()


def test_old_configuration_beside_a_store(tmp_path: Path) -> None:
    """Once there is a store, the old file beside it is only a souvenir."""
    first = closed(open_store(tmp_path, REACTOR))
    (tmp_path / OLD_CONFIGURATION).write_text("{}")
    assert closed(open_store(tmp_path, REACTOR)) == first


def test_journal_without_database(tmp_path: Path) -> None:
    """Where the file is gone and its journal is not, control does not start empty."""
    (tmp_path / f"{DATABASE}-wal").write_bytes(b"journal")
    with pytest.raises(StoreUnreadable) as caught:
        open_store(tmp_path, REACTOR)
    assert "journal" in str(caught.value)
    assert not (tmp_path / DATABASE).exists()


def test_refused_start_holds_nothing(tmp_path: Path) -> None:
    """After a refusal for another reason the directory is free again."""
    (tmp_path / DATABASE).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StoreUnreadable):
            open_store(tmp_path, REACTOR)


@pytest.mark.parametrize("below", [".", "below"])
def test_a_file_is_no_directory(tmp_path: Path, below: str) -> None:
    """A file where the directory should be is named in one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryUnusable) as caught:
        open_store(tmp_path / "file" / below, REACTOR)
    assert str(tmp_path / "file") in str(caught.value)
