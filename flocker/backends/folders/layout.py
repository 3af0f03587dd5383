"""Where things are in a pool made of folders. Called by `api`.

    .flocker/format.json                         which layout this is
            /reserve                             see Note [Reserve]
    .flocker/copies/DATASET/record               one for each copy
                           /live                 its writable tree, if it has one
                           /snapshots/NAME/data  read-only trees
                           /snapshots/NAME/holds tags, one a line
    .flocker/ledger/DATASET                      records of datasets without a copy
    .flocker/asides/DATASET.NODE.EPOCH[.N]       copies that were set aside
    .flocker/staging/UUID                        what is being made or thrown away

Note [One rename]: a copy, or a snapshot of it, comes and goes as one folder by one
rename; it is made whole in ``staging`` before, and taken apart there after. So whatever
is outside of ``staging`` is whole.

Note [Reserve]: records are written on a pool that is full too: nothing could be
destroyed there otherwise. Some room is kept for that in a file without use. It is given
up when a record does not fit, and taken again when there is room.
"""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

from attrs import frozen

from flocker.backends.asides import AsideName, new_aside, parse_aside
from flocker.backends.folders.values import DATA
from flocker.backends.pool_errors import PoolUnavailable
from flocker.model.ids import DatasetID, NodeID, NotAnIdentifier, parse_uuid
from flocker.model.sizes import MEBIBYTE
from flocker.runtime import durable

FORMAT = 1
"""Number of this layout; raised with every change of it."""
_RESERVED = 4 * MEBIBYTE


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the kernel says when there is none."""


def _uuid(text: str) -> UUID | None:
    try:
        return parse_uuid(text)
    except NotAnIdentifier:
        return None


def check_format(path: Path) -> None:
    """Refuse a pool of another layout. Raises `PoolUnavailable`."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PoolUnavailable(str(path), str(error)) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        why = f"its format is {found!r}, and {FORMAT} is known"
        raise PoolUnavailable(str(path), why)


@frozen
class Layout:
    """The folders of a pool at `top`."""

    top: Path

    @property
    def copies(self) -> Path:
        """The folder of copies."""
        return self.top / "copies"

    @property
    def asides(self) -> Path:
        """The folder of copies set aside."""
        return self.top / "asides"

    @property
    def ledger(self) -> Path:
        """The folder of records without a copy."""
        return self.top / "ledger"

    @property
    def staging(self) -> Path:
        """The folder of what is half made."""
        return self.top / "staging"

    def prepare(self) -> None:
        """Make the folders, or find them. Raises `PoolUnavailable`."""
        try:
            self.top.mkdir(mode=0o700, exist_ok=True)
            for folder in (self.copies, self.asides, self.ledger, self.staging):
                folder.mkdir(mode=0o700, exist_ok=True)
            file = self.top / "format.json"
            if not file.exists():
                durable.replace(file, json.dumps({"format": FORMAT}).encode() + b"\n")
                durable.sync(self.top.parent)
        except OSError as error:
            raise PoolUnavailable(str(self.top), error.strerror or "?") from error
        check_format(file)

    def reserve(self) -> None:
        """Take some room, or leave it; see Note [Reserve]."""
        file = self.top / "reserve"
        if file.exists():
            return
        try:
            with file.open("wb") as opened:
                os.posix_fallocate(opened.fileno(), 0, _RESERVED)
        except OSError as error:
            file.unlink(missing_ok=True)
            if error.errno not in NO_ROOM:
                raise

    def write(self, file: Path, content: bytes) -> None:
        """Replace a small file durably, though the pool be full."""
        try:
            durable.replace(file, content)
        except OSError as error:
            if error.errno not in NO_ROOM or not (self.top / "reserve").exists():
                raise
            (self.top / "reserve").unlink()
            durable.sync_filesystem(self.top)
            durable.replace(file, content)

    def stage(self) -> Path:
        """Make an empty folder for something half made."""
        folder = self.staging / str(uuid4())
        folder.mkdir(mode=0o700)
        return folder

    def copy(self, dataset: DatasetID) -> "CopyFolder":
        """Give the folder of a copy, which may not exist."""
        return CopyFolder(self.copies / str(dataset))

    def datasets(self) -> Iterator[DatasetID]:
        """Go through the datasets that have a copy."""
        yield from _datasets(self.copies)

    def entry(self, dataset: DatasetID) -> Path:
        """Give the file of a dataset in the ledger."""
        return self.ledger / str(dataset)

    def entries(self) -> Iterator[DatasetID]:
        """Go through the datasets in the ledger."""
        yield from _datasets(self.ledger)

    def aside_names(self) -> Iterator[AsideName]:
        """Go through the copies set aside."""
        for path in self.asides.iterdir():
            name = parse_aside(path.name)
            if name is not None:
                yield name

    def new_aside(self, dataset: DatasetID, node: NodeID, epoch: int) -> AsideName:
        """Give a name that no copy set aside has."""
        taken = {name.text for name in self.aside_names()}
        return new_aside(dataset, node, epoch, taken)


def _datasets(folder: Path) -> Iterator[DatasetID]:
    for path in folder.iterdir():
        found = _uuid(path.name)
        if found is not None and path.name == str(found):
            yield DatasetID(found)


@frozen
class CopyFolder:
    """The folder of one copy, in its place or half made."""

    path: Path

    @property
    def record(self) -> Path:
        """The file with its record."""
        return self.path / "record"

    @property
    def live(self) -> Path:
        """Its writable tree."""
        return self.path / "live"

    @property
    def snapshots(self) -> Path:
        """The folder of its snapshots."""
        return self.path / "snapshots"

    @property
    def exists(self) -> bool:
        """Whether there is such a copy."""
        return self.record.exists()

    def snapshot(self, name: str) -> "SnapshotFolder":
        """Give the folder of one snapshot, which may not exist."""
        return SnapshotFolder(self.snapshots / name)

    def each_tree(self) -> Iterator[Path]:
        """Go through its trees, the writable one first, in no order then."""
        if self.live.exists():
            yield self.live
        yield from (each.data for each in self.each_snapshot())

    def each_snapshot(self) -> Iterator["SnapshotFolder"]:
        """Go through the folders of its snapshots, in no order."""
        for path in self.snapshots.iterdir():
            yield SnapshotFolder(path)


@frozen
class SnapshotFolder:
    """The folder of one snapshot."""

    path: Path

    @property
    def name(self) -> str:
        """Its name, for people."""
        return self.path.name

    @property
    def data(self) -> Path:
        """Its tree."""
        return self.path / DATA

    def holds(self) -> frozenset[str]:
        """Read its tags."""
        try:
            return frozenset(self.tags.read_text().split())
        except FileNotFoundError:
            return frozenset()

    @property
    def tags(self) -> Path:
        """The file with its tags."""
        return self.path / "holds"
