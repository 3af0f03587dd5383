"""Backups of a store, and their return."""

from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve

from flocker.control.persistence.backups import (
    BEFORE_RESTORE,
    BackupExists,
    NoStore,
    NotABackup,
    back_up,
    restore,
)
from flocker.control.persistence.database import Database, create
from flocker.control.persistence.directory import (
    DATABASE,
    DataDirectoryInUse,
    locked,
)
from flocker.control.persistence.interface import StoreUnreadable
from flocker.control.pool_doubts import doubt
from flocker.model.changes import Change, DatasetEdit, PoolEdit, apply
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.pools import PoolOwnership

STORE = UUID(int=1)
NEW = UUID(int=2)
NOW = 1796000000.5


def creation(number: int) -> Change:
    dataset = Dataset(DatasetID(UUID(int=number)), NodeID(UUID(int=9)))
    return Change((DatasetEdit(None, dataset),))


def a_store(data: Path, datasets: int) -> Database:
    """An open store with so many commits, in its journal."""
    data.mkdir(exist_ok=True)
    create(data / DATABASE, STORE)
    database = Database(data / DATABASE)
    for number in range(1, datasets + 1):
        database.commit([creation(number)], number - 1)
    return database


def content(path: Path) -> tuple[UUID, Configuration]:
    database = Database(path)
    try:
        return database.store_id, database.load()
    finally:
        database.close()


def restored_to(datasets: int) -> Configuration:
    """What a restored store holds: the same, and from where on it numbers."""
    return evolve(expected(datasets), numbers_from=int(NOW))


def expected(datasets: int) -> Configuration:
    configuration = Configuration()
    for number in range(1, datasets + 1):
        configuration = apply(creation(number), configuration)
    return configuration


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_backup_of_an_open_store(tmp_path: Path) -> None:
    """A backup is one file, for its owner only, with all that was committed."""
    database = a_store(tmp_path / "data", 3)
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "backup"
    assert back_up(tmp_path / "data", file) == expected(3)
    database.commit([creation(4)], 3)
    assert database.load() == expected(4)
    database.close()
    assert names(tmp_path / "out") == {"backup"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert content(file) == (STORE, expected(3))


def test_backup_replaces_nothing(tmp_path: Path) -> None:
    """A file that is there stays, whatever it is."""
    a_store(tmp_path, 1).close()
    file = tmp_path / "backup"
    file.write_text("precious")
    with pytest.raises(BackupExists):
        back_up(tmp_path, file)
    assert file.read_text() == "precious"


def test_nothing_to_back_up(tmp_path: Path) -> None:
    """A directory without a store is named, and none is made."""
    with pytest.raises(NoStore, match=DATABASE):
        back_up(tmp_path, tmp_path / "backup")
    assert names(tmp_path) == set()


def test_damaged_store_makes_no_backup(tmp_path: Path) -> None:
    """What cannot be read is no backup."""
    (tmp_path / DATABASE).write_text("not a store")
    with pytest.raises(StoreUnreadable):
        back_up(tmp_path, tmp_path / "backup")
    assert "backup" not in names(tmp_path)


def test_restore(tmp_path: Path) -> None:
    """The backup is the store, under a new id; what was there is kept."""
    database = a_store(tmp_path / "data", 2)
    back_up(tmp_path / "data", tmp_path / "backup")
    database.commit([creation(3)], 2)
    database.close()
    restored = restore(tmp_path / "data", tmp_path / "backup", lambda: NEW, lambda: NOW)
    assert restored.configuration == expected(2)
    assert restored.kept == tmp_path / "data" / BEFORE_RESTORE
    assert content(tmp_path / "data" / DATABASE) == (NEW, restored_to(2))
    assert content(restored.kept) == (STORE, expected(3))
    assert content(tmp_path / "backup") == (STORE, expected(2))


def test_restored_rows_are_unsure(tmp_path: Path) -> None:
    """What a backup says of datasets in pools is to be confirmed by their nodes."""
    database = a_store(tmp_path / "data", 1)
    row = PoolOwnership(DatasetID(UUID(int=1)), DEFAULT_BACKEND, NodeID(UUID(int=9)))
    database.commit([Change((PoolEdit(None, row),))], 1)
    database.close()
    back_up(tmp_path / "data", tmp_path / "backup")
    restore(tmp_path / "data", tmp_path / "backup", lambda: NEW, lambda: NOW)
    _, found = content(tmp_path / "data" / DATABASE)
    assert found.pools[row.dataset] == doubt(row, int(NOW))
    assert found.revision == 3


def test_restore_into_an_empty_directory(tmp_path: Path) -> None:
    """On a new machine there is nothing to keep."""
    a_store(tmp_path / "old", 2).close()
    back_up(tmp_path / "old", tmp_path / "backup")
    restored = restore(tmp_path / "new", tmp_path / "backup", lambda: NEW, lambda: NOW)
    assert restored.kept is None
    assert content(tmp_path / "new" / DATABASE) == (NEW, restored_to(2))


def test_restore_twice(tmp_path: Path) -> None:
    """Every store that is replaced is kept."""
    a_store(tmp_path, 1).close()
    back_up(tmp_path, tmp_path / "backup")
    first = restore(tmp_path, tmp_path / "backup", lambda: NEW, lambda: NOW)
    second = restore(tmp_path, tmp_path / "backup", lambda: NEW, lambda: NOW)
    assert {first.kept, second.kept} == {
        tmp_path / BEFORE_RESTORE,
        tmp_path / "configuration.before-restore-2.sqlite",
    }
    assert content(second.kept) == (NEW, restored_to(1))


def test_restore_what_was_kept(tmp_path: Path) -> None:
    """A restore is taken back by restoring what it kept."""
    database = a_store(tmp_path, 1)
    back_up(tmp_path, tmp_path / "backup")
    database.commit([creation(2)], 1)
    database.close()
    kept = restore(tmp_path, tmp_path / "backup").kept
    assert restore(tmp_path, kept, lambda: NEW, lambda: NOW).configuration == expected(
        2
    )


def test_journal_of_the_old_store_is_not_taken_for_the_new_ones(
    tmp_path: Path,
) -> None:
    """A store that was killed goes with its journal, and is kept whole."""
    database = a_store(tmp_path / "data", 1)
    back_up(tmp_path / "data", tmp_path / "backup")
    database.commit([creation(2)], 1)
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in (tmp_path / "data").iterdir():
        (killed / path.name).write_bytes(path.read_bytes())
    database.close()
    assert f"{DATABASE}-wal" in names(killed)
    kept = restore(killed, tmp_path / "backup", lambda: NEW, lambda: NOW).kept
    assert content(killed / DATABASE) == (NEW, restored_to(1))
    assert content(kept) == (STORE, expected(2))


def test_damaged_store_is_replaced_and_kept(tmp_path: Path) -> None:
    """A store that cannot be read is kept as it is, with its journal."""
    a_store(tmp_path / "data", 1).close()
    back_up(tmp_path / "data", tmp_path / "backup")
    (tmp_path / "data" / DATABASE).write_bytes(b"damaged")
    (tmp_path / "data" / f"{DATABASE}-wal").write_bytes(b"journal")
    kept = restore(
        tmp_path / "data", tmp_path / "backup", lambda: NEW, lambda: NOW
    ).kept
    assert kept.read_bytes() == b"damaged"
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"journal"
    assert content(tmp_path / "data" / DATABASE) == (NEW, restored_to(1))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "No such file"),
        (b"", "not a file of Flocker"),
        (b"x" * 5000, "not a database"),
        (b"SQLite format 3\0" + b"\0" * 5000, ""),
    ],
)
def test_foreign_file(tmp_path: Path, data: bytes | None, words: str) -> None:
    """What is no backup is refused in one line; the store is what it was."""
    a_store(tmp_path / "data", 1).close()
    file = tmp_path / "foreign"
    if data is not None:
        file.write_bytes(data)
    before = names(tmp_path / "data")
    with pytest.raises(NotABackup) as caught:
        restore(tmp_path / "data", file)
    assert str(caught.value).startswith(f"{file} cannot be restored: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path / "data") - before <= {"control.lock"}
    assert content(tmp_path / "data" / DATABASE) == (STORE, expected(1))


def test_store_is_no_backup_of_itself(tmp_path: Path) -> None:
    """A store is not restored over itself."""
    a_store(tmp_path, 1).close()
    with pytest.raises(NotABackup, match="the store itself"):
        restore(tmp_path, tmp_path / DATABASE)


def test_running_service(tmp_path: Path) -> None:
    """Nothing is restored under a service that runs."""
    a_store(tmp_path / "data", 1).close()
    back_up(tmp_path / "data", tmp_path / "backup")
    with locked(tmp_path / "data"), pytest.raises(DataDirectoryInUse):
        restore(tmp_path / "data", tmp_path / "backup")
