"""Brings the configuration file of a first Flocker into a new store.

Called by `opening` at a first start, and by ``flocker-control --import``.

Note [Kept, then imported]: the old file first gets a second name in the data directory
(or, from elsewhere, a copy). Then the store appears, complete, under its own name. Then
the first name goes. Whoever is killed between has the old state or the new one, and
`finish` takes the first name away: it is recognised as the very file that was kept.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from attrs import frozen

from flocker.control.importing import Import, convert
from flocker.control.persistence.database import create
from flocker.control.persistence.directory import DATABASE, copy, free_name, synced
from flocker.model.errors import FlockerError
from flocker.runtime import logging
from flocker.wire.upgrades import (
    NotAConfiguration,
    OldConfiguration,
    UnknownVersion,
    read,
)

OLD_CONFIGURATION = "current_configuration.json"
"""Where Flocker 1.15 and others since configuration version 2 kept theirs."""

VERSION_1 = "current_configuration.v1.json"
"""Where those before kept theirs."""

KEPT = ".imported"
"""Stands before the last suffix of a file that was imported."""

LARGEST = 256 * 1024 * 1024
"""Bytes of an old file that is read; 100,000 datasets have some 50 million."""


@frozen
class OldFileUnusable(FlockerError):
    """The configuration of a first Flocker cannot be imported."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the fault."""
        return f"{self.path} cannot be imported: {self.why}"


@frozen
class StoreExists(FlockerError):
    """There is a configuration already, which an import would hide."""

    path: Path

    def words(self) -> str:
        """Name the store."""
        return (
            f"{self.path} holds a configuration already; import into an empty data"
            " directory"
        )


def find(data_path: Path) -> Path | None:
    """Give the file that a first start in this directory imports, if there is one."""
    for name in (OLD_CONFIGURATION, VERSION_1):
        if (data_path / name).exists():
            return data_path / name
    return None


def find_kept(data_path: Path) -> Path | None:
    """Give a file that was imported in this directory, if there is one."""
    return next(iter(_kept(data_path)), None)


def inspect(file: Path) -> Import:
    """Read an old file and say what would come. Raises `OldFileUnusable`."""
    try:
        return convert(*_read(file))
    except (NotAConfiguration, UnknownVersion) as error:
        raise OldFileUnusable(file, str(error)) from error


def run(data_path: Path, file: Path, store_id: UUID) -> tuple[Import, Path]:
    """Import a file into a locked data directory; give where the file is kept.

    Raises `OldFileUnusable`, `StoreExists`, `StoreUnavailable`; then nothing has
    changed but that the file may be kept. See Note [Kept, then imported].
    """
    database = data_path / DATABASE
    if database.exists():
        raise StoreExists(database)
    found = inspect(file)
    with _translated(file):
        kept = _keep(file, data_path)
    create(database, store_id, found.change)
    logging.message(
        "flocker:control:imported",
        file=str(file),
        kept=str(kept),
        version=found.version,
        datasets=len(found.datasets),
        leases=found.leases,
        ownership=found.ownership,
        containers=[each.name for each in found.containers],
        strays=[str(each.volume) for each in found.strays],
    )
    finish(data_path)
    return found, kept


def finish(data_path: Path) -> None:
    """Take away the first name of a file that is imported and kept under another."""
    for name in (OLD_CONFIGURATION, VERSION_1):
        old = data_path / name
        with _translated(old):
            if old.exists() and any(old.samefile(kept) for kept in _kept(data_path)):
                old.unlink()
                synced(data_path)


def _kept(data_path: Path) -> list[Path]:
    return sorted(data_path.glob(f"current_configuration*{KEPT}*.json"))


def _read(file: Path) -> tuple[OldConfiguration, float]:
    """Give what a file says, and when it was last written."""
    with _translated(file), file.open("rb") as opened:
        data = opened.read(LARGEST + 1)
        written = os.fstat(opened.fileno()).st_mtime
    if len(data) > LARGEST:
        raise OldFileUnusable(file, f"it is larger than {LARGEST} bytes")
    return read(data), written


def _keep(file: Path, data_path: Path) -> Path:
    """Give the file another name in the data directory, if it has none yet."""
    for kept in _kept(data_path):
        if kept.samefile(file) or kept.read_bytes() == file.read_bytes():
            return kept
    name = file.name if file.parent.samefile(data_path) else OLD_CONFIGURATION
    stem, suffix = Path(name).stem, Path(name).suffix
    kept = free_name(data_path / f"{stem}{KEPT}{suffix}")
    if file.parent.samefile(data_path):
        os.link(file, kept)
    else:
        copy(file, kept)
    synced(data_path)
    return kept


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OldFileUnusable(file, error.strerror or str(error)) from error
