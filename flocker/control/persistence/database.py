"""One SQLite file that holds a configuration; blocking, for one thread at a time.

Used by `flocker.control.persistence.sqlite` (in its writer thread) and `opening`.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from flocker.control.persistence import schema
from flocker.control.persistence.directory import synced
from flocker.control.persistence.interface import (
    RevisionConflict,
    StoreUnavailable,
    StoreUnreadable,
)
from flocker.model.changes import Change
from flocker.model.configuration import Configuration

T = TypeVar("T")

DAMAGE = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_ERROR,  # our statements are right, so the tables are not
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
    }
)
"""SQLite's primary codes for a file that holds something else than it should."""

LOCK_TIMEOUT = 5.0
"""Seconds to wait while somebody else, such as a backup, has the file locked."""


def create(path: Path, store_id: UUID, content: Change | None = None) -> None:
    """Make a new file, readable by its owner only; `content` is its first commit.

    It stands at `path` when it is complete: whoever is killed before that leaves a
    ``.new`` that the next call replaces. Raises `StoreUnavailable`, and
    `StoreUnreadable` where the journal of another file would be taken for its own.
    """
    journal = path.with_name(path.name + "-wal")
    if journal.exists():
        why = f"it is gone, but its journal {journal.name} is still there"
        raise StoreUnreadable(str(path), why)
    unfinished = path.with_name(path.name + ".new")
    with _translated(path):
        for leftover in (
            unfinished,
            unfinished.with_name(unfinished.name + "-journal"),
        ):
            leftover.unlink(missing_ok=True)
        # SQLite gives its files the umask's mode, and its side files that of the file.
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(unfinished, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN")
            for statement in schema.CREATE:
                connection.execute(statement)
            connection.execute(schema.CREATE_META, (str(store_id),))
            if content:
                for written, values in schema.write(content, 1):
                    connection.execute(written, values)
            connection.execute("COMMIT")
        finally:
            connection.close()
        unfinished.rename(path)
        synced(path.parent)


def settled(path: Path) -> None:
    """Bring all of a file that nobody has open into the file itself: no journal.

    Raises `StoreUnavailable`, `StoreUnreadable`.
    """
    database = Database(path)
    try:
        database.settle()
    finally:
        database.close()


class Database:
    """An open file. Raises `StoreUnavailable`, `StoreUnreadable` when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: sqlite3.Connection | None = None
        try:
            self.store_id = self._read(self._check).store_id
        except BaseException:
            self.close()
            raise

    def load(self) -> Configuration:
        """Read everything. Raises `StoreUnavailable`, `StoreUnreadable`."""
        return self._read(self._load)

    def commit(self, changes: Sequence[Change], expected_revision: int) -> None:
        """Make `changes` durable, each as a revision of its own, all or none.

        Raises `RevisionConflict`, `StoreUnavailable`.
        """
        with _translated(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._expect(expected_revision)
                for revision, change in enumerate(changes, expected_revision + 1):
                    for statement, values in schema.write(change, revision):
                        self._connection.execute(statement, values)
                self._connection.execute("COMMIT")
            except BaseException:
                self._give_up()
                raise

    def copy(self, to: Path) -> None:
        """Copy the file as it is at this moment to a new one, for its owner only.

        Others may write meanwhile. Raises `StoreUnavailable`.
        """
        with _translated(to):
            os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            target = sqlite3.connect(to, isolation_level=None)
            try:
                self._connection.backup(target)
            finally:
                target.close()

    def become(self, store_id: UUID, numbers_from: int) -> None:
        """Make this another store with the same content. Raises `StoreUnavailable`.

        What it numbers anew begins behind `numbers_from`.
        """
        with _translated(self.path):
            values = (str(store_id), numbers_from)
            self._connection.execute(schema.SET_RESTORED, values)
        self.store_id = store_id

    def settle(self) -> None:
        """Do without a journal, until it is opened again. Raises `StoreUnavailable`."""
        with _translated(self.path):
            self._connection.execute("PRAGMA journal_mode = DELETE")

    def check(self) -> None:
        """Write what changes nothing. Raises `StoreUnavailable`, `StoreUnreadable`."""
        with _translated(self.path):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for statement in schema.TOUCH:
                    self._connection.execute(statement)
                self._connection.execute("COMMIT")
            except BaseException:
                self._give_up()
                raise

    def close(self) -> None:
        """Let go of the file."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            # Opened in the main thread, used in the writer's: never in two at a time.
            self._open = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=LOCK_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
            )
            self._open.execute("PRAGMA synchronous = FULL")
        return self._open

    def _check(self) -> schema.Meta:
        marks = self._marks()
        if marks[0] != schema.APPLICATION_ID:
            raise schema.Malformed("it is not a file of Flocker's control service")
        if marks[1] != schema.FORMAT and marks[1] not in schema.UPGRADES:
            raise schema.Malformed(
                f"its format is number {marks[1]}, and this version of Flocker knows"
                f" numbers {min(schema.UPGRADES)} to {schema.FORMAT}"
            )
        damage = self._value("PRAGMA quick_check(1)")
        if damage != "ok":
            raise schema.Malformed(f"it is damaged: {' '.join(str(damage).split())}")
        # Only now, that it is ours: this writes to the file.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._upgrade()
        return self._meta()

    def _marks(self) -> tuple[int, int]:
        """Say whose file it is, and its format, without changing it or its journal.

        SQLite brings a journal into the file when its last connection ends, but for one
        that may only read. Such a one cannot undo what a killed process left half done;
        then the file is opened as ever.
        """
        looking = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCK_TIMEOUT
        )
        with closing(looking):
            try:
                return _read_marks(looking)
            except sqlite3.OperationalError as error:
                if _code(error) & 0xFF != sqlite3.SQLITE_READONLY:
                    raise
        return _read_marks(self._connection)

    def _upgrade(self) -> None:
        """Take a file of an older format to ours, all the way or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            found = int(str(self._value("PRAGMA user_version")))
            for number in range(found, schema.FORMAT):
                for statement in schema.UPGRADES[number]:
                    self._connection.execute(statement)
            self._connection.execute("COMMIT")
        except BaseException:
            self._give_up()
            raise

    def _load(self) -> Configuration:
        self._connection.execute("BEGIN")
        try:
            rows = self._connection.execute(schema.READ_OBJECTS)
            return schema.read(self._meta(), rows)
        finally:
            self._give_up()

    def _meta(self) -> schema.Meta:
        rows = self._connection.execute(schema.READ_META).fetchall()
        if len(rows) != 1:
            raise schema.Malformed(f"it has {len(rows)} rows about itself, not one")
        store_id, *numbers = rows[0]
        return schema.Meta(UUID(store_id), *(int(number) for number in numbers))

    def _expect(self, revision: int) -> None:
        found = int(str(self._value(schema.READ_REVISION)))
        if found != revision:
            raise RevisionConflict(revision, found)

    def _value(self, statement: str) -> object:
        row = self._connection.execute(statement).fetchone()
        if row is None:
            raise schema.Malformed(f"{statement} finds nothing in it")
        return row[0]

    def _give_up(self) -> None:
        """End the transaction, if SQLite has not done so itself (as on a full disk)."""
        if self._open is None or not self._open.in_transaction:
            return
        try:
            self._open.execute("ROLLBACK")
        except sqlite3.Error:
            # What is left of the transaction goes with the connection.
            self.close()

    def _read(self, reading: Callable[[], T]) -> T:
        where = str(self.path)
        try:
            return reading()
        except sqlite3.Error as error:
            if _code(error) & 0xFF in DAMAGE:
                raise StoreUnreadable(where, str(error)) from error
            raise StoreUnavailable(where, _reason(error)) from error
        except (schema.Malformed, ValueError, TypeError) as error:
            raise StoreUnreadable(where, str(error)) from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Raise what goes wrong inside as `StoreUnavailable`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(str(path), _reason(error)) from error
    except OSError as error:
        raise StoreUnavailable(str(path), error.strerror or str(error)) from error


def _read_marks(connection: sqlite3.Connection) -> tuple[int, int]:
    found = [
        connection.execute(f"PRAGMA {mark}").fetchone()[0]
        for mark in ("application_id", "user_version")
    ]
    return found[0], found[1]


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _reason(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", None)
    return f"{error} ({name})" if name else str(error)
