"""Bringing an old file into a data directory."""

import os
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from flocker.control.persistence.database import Database
from flocker.control.persistence.directory import DATABASE
from flocker.control.persistence.migration import (
    OLD_CONFIGURATION,
    VERSION_1,
    OldFileUnusable,
    StoreExists,
    find,
    finish,
    inspect,
    run,
)
from flocker.model.changes import apply
from flocker.model.configuration import Configuration

GOLDEN = Path(__file__).parents[3] / "golden" / "flocker-1"
STORE = UUID(int=9)
KEPT = "current_configuration.imported.json"


def imported(data: Path) -> Configuration:
    database = Database(data / DATABASE)
    try:
        return database.load()
    finally:
        database.close()


def lay(data: Path, name: str = OLD_CONFIGURATION, golden: str = "v6.json") -> Path:
    shutil.copy(GOLDEN / golden, data / name)
    return data / name


def test_import(tmp_path: Path) -> None:
    """The store holds all of the file in one commit; the file has another name."""
    file = lay(tmp_path)
    expected = inspect(file)
    found, kept = run(tmp_path, file, STORE)
    assert found == expected
    assert imported(tmp_path) == apply(expected.change, Configuration())
    assert imported(tmp_path).revision == 1
    assert kept == tmp_path / KEPT
    assert kept.read_bytes() == (GOLDEN / "v6.json").read_bytes()
    assert not file.exists()


def test_datasets_were_asked_for_when_the_file_was_written(tmp_path: Path) -> None:
    """How long something waits is not counted from the import."""
    file = lay(tmp_path)
    os.utime(file, (1_480_000_000, 1_480_000_000))
    assert {d.asked for d in inspect(file).datasets} == {1_480_000_000.0}


def test_version_1_has_its_own_name(tmp_path: Path) -> None:
    """The first version's file is found, and kept under its own name."""
    file = lay(tmp_path, VERSION_1, "v1.json")
    assert find(tmp_path) == file
    _, kept = run(tmp_path, file, STORE)
    assert kept.name == "current_configuration.v1.imported.json"
    assert not file.exists()


def test_later_file_goes_first(tmp_path: Path) -> None:
    """Where both lie, the first Flocker itself had gone on with the later one."""
    lay(tmp_path, VERSION_1, "v1.json")
    later = lay(tmp_path)
    assert find(tmp_path) == later
    run(tmp_path, later, STORE)
    assert (tmp_path / VERSION_1).exists()


def test_file_from_elsewhere(tmp_path: Path) -> None:
    """A file from elsewhere stays there; a copy for its owner only is kept."""
    data = tmp_path / "data"
    data.mkdir()
    elsewhere = lay(tmp_path, "from-1.15.json")
    _, kept = run(data, elsewhere, STORE)
    assert elsewhere.exists()
    assert kept == data / KEPT
    assert kept.read_bytes() == elsewhere.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_kept_file_is_not_replaced(tmp_path: Path) -> None:
    """Another file that was kept before stays; the new one gets another name."""
    (tmp_path / KEPT).write_text("{}")
    _, kept = run(tmp_path, lay(tmp_path), STORE)
    assert kept.name == "current_configuration.imported-2.json"
    assert (tmp_path / KEPT).read_text() == "{}"


def test_kept_file_can_be_imported_again(tmp_path: Path) -> None:
    """Where the store was lost, the kept file is as good as the first."""
    run(tmp_path, lay(tmp_path), STORE)
    (tmp_path / DATABASE).unlink()
    _, kept = run(tmp_path, tmp_path / KEPT, STORE)
    assert kept == tmp_path / KEPT
    assert len(imported(tmp_path).datasets) == 3


def test_store_is_not_hidden(tmp_path: Path) -> None:
    """Nothing is imported over a configuration."""
    run(tmp_path, lay(tmp_path), STORE)
    again = lay(tmp_path, golden="v6-empty.json")
    with pytest.raises(StoreExists):
        run(tmp_path, again, STORE)
    assert again.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON"),
        (b'{"$__class__$": "Configuration", "version": 7}', "its version is 7"),
        (b"SQLite format 3\0\xff", "not UTF-8"),
    ],
)
def test_refused_file_is_left(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that cannot be imported is named in one line, and nothing is made."""
    file = tmp_path / OLD_CONFIGURATION
    file.write_bytes(content)
    with pytest.raises(OldFileUnusable, match=words) as caught:
        run(tmp_path, file, STORE)
    assert str(caught.value).startswith(f"{file} cannot be imported: ")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [OLD_CONFIGURATION]


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_no_file(tmp_path: Path, name: str) -> None:
    """What cannot be read is named with the system's reason."""
    with pytest.raises(OldFileUnusable, match=r"No such file|Is a directory"):
        inspect(tmp_path / name)


def test_finish_takes_only_what_is_kept(tmp_path: Path) -> None:
    """A file that was never imported keeps its name beside a store."""
    run(tmp_path, lay(tmp_path), STORE)
    other = lay(tmp_path, golden="v5.json")
    finish(tmp_path)
    assert other.exists()


def test_finish_an_import_that_was_cut_short(tmp_path: Path) -> None:
    """A file with both names, where there is a store, loses its first."""
    run(tmp_path, lay(tmp_path), STORE)
    os.link(tmp_path / KEPT, tmp_path / OLD_CONFIGURATION)
    finish(tmp_path)
    assert not (tmp_path / OLD_CONFIGURATION).exists()
    assert (tmp_path / KEPT).exists()
