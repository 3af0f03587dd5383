"""What the demonstration compares."""

import sqlite3
from contextlib import closing
from pathlib import Path

from flocker.sandbox.cargo import MEBIBYTE, read, write

SIZE = MEBIBYTE + 10


def test_same_data_reads_the_same(tmp_path: Path) -> None:
    """What was written is found again, all of it."""
    written = write(tmp_path, SIZE, 3)
    assert (written.bytes, written.rows) == (SIZE, 3)
    assert read(tmp_path) == written


def test_new_data_each_time(tmp_path: Path) -> None:
    """No two demonstrations have the same data."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = write(tmp_path / "a", 16, 1), write(tmp_path / "b", 16, 1)
    assert (one.sha256 == two.sha256, one.rows_sha256 == two.rows_sha256) == (
        False,
        False,
    )


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    """One byte of the file that is not what was written makes a difference."""
    written = write(tmp_path, SIZE, 3)
    with (tmp_path / "random-bytes").open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))
    assert read(tmp_path) != written


def test_a_changed_row_is_found(tmp_path: Path) -> None:
    """One row of the database that is not what was written makes a difference."""
    written = write(tmp_path, 16, 3)
    database = tmp_path / "database.sqlite"
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE cargo SET what = x'00' WHERE number = 1")
    assert read(tmp_path) != written
