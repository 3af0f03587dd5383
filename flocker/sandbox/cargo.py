"""What the demonstration puts on a volume, and how it is read back.

``python -m flocker.sandbox.cargo write|read DIRECTORY`` runs on a node and prints what
it found as JSON: equal prints mean equal data. The data is random, so nothing but the
volume can have brought it.
"""

import hashlib
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from attrs import asdict, frozen

MEBIBYTE = 1024 * 1024
SIZE = 100 * MEBIBYTE
ROWS = 1000
_SHOWN = 12
"""Digits of a checksum that people are shown."""
_FILE = "random-bytes"
_DATABASE = "database.sqlite"


@frozen
class Cargo:
    """What was found in a directory."""

    bytes: int
    sha256: str
    rows: int
    rows_sha256: str

    def __str__(self) -> str:
        return (
            f"{self.bytes} random bytes (SHA-256 {self.sha256[:_SHOWN]}...), "
            f"{self.rows} rows (SHA-256 {self.rows_sha256[:_SHOWN]}...)"
        )


def write(directory: Path, size: int = SIZE, rows: int = ROWS) -> Cargo:
    """Fill a directory with new data, durably, and read it."""
    with (directory / _FILE).open("wb") as file:
        for start in range(0, size, MEBIBYTE):
            file.write(os.urandom(min(MEBIBYTE, size - start)))
        file.flush()
        os.fsync(file.fileno())
    with closing(sqlite3.connect(directory / _DATABASE)) as database, database:
        database.execute("CREATE TABLE cargo (number INTEGER PRIMARY KEY, what BLOB)")
        database.executemany(
            "INSERT INTO cargo VALUES (?, ?)",
            ((number, os.urandom(32)) for number in range(rows)),
        )
    return read(directory)


def read(directory: Path) -> Cargo:
    """Read all of it; raises what the system and SQLite raise if it is damaged."""
    with (directory / _FILE).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    rows = hashlib.sha256()
    count = 0
    with closing(sqlite3.connect(directory / _DATABASE)) as database:
        for number, what in database.execute("SELECT * FROM cargo ORDER BY number"):
            rows.update(b"%d:%s;" % (number, what))
            count += 1
    return Cargo(size, digest, count, rows.hexdigest())


def main(arguments: Sequence[str]) -> None:
    """Write or read, and print what was found."""
    verb, directory = arguments
    verbs: dict[str, Callable[[Path], Cargo]] = {"write": write, "read": read}
    sys.stdout.write(json.dumps(asdict(verbs[verb](Path(directory)))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
