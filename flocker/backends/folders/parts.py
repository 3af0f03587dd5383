"""What the methods of a pool in folders are made of; `api` builds on it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from attrs import define, field

from flocker.backends.folders import reading
from flocker.backends.folders.layout import (
    NO_ROOM,
    CopyFolder,
    Layout,
    SnapshotFolder,
)
from flocker.backends.folders.trees import Trees
from flocker.backends.folders.values import NoRoom, says_full
from flocker.backends.pool_errors import (
    Busy,
    FilesystemExists,
    Held,
    NoSuchFilesystem,
    NoSuchSnapshot,
    NotWritable,
    PoolFull,
    PoolUnavailable,
    SnapshotExists,
    StillWritable,
)
from flocker.backends.pool_interface import PoolSnapshot
from flocker.model.ids import DatasetID, SnapshotID
from flocker.runtime import durable
from flocker.runtime.process import ProcessFailed

SENDING = "a stream that leaves"
"""The tag that a snapshot seems to have while it is sent."""


@define(eq=False)
class FolderParts:
    """A pool, without its interface."""

    layout: Layout
    trees: Trees
    _lock: RLock = field(factory=RLock, init=False)
    _sending: Counter[Path] = field(factory=Counter, init=False)

    def settle(self) -> None:
        """Return when all of the pool is on disk."""
        durable.sync_filesystem(self.layout.top)

    def find(self, dataset: DatasetID, snapshot: SnapshotID) -> SnapshotFolder:
        """Give a snapshot's folder. Raises `NoSuchFilesystem`, `NoSuchSnapshot`."""
        folder = self._existing(dataset)
        for each in reading.snapshots_of(folder, self.trees):
            if each.identity == snapshot:
                return folder.snapshot(each.name)
        raise NoSuchSnapshot(dataset, snapshot)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the filesystem says into errors of pools."""
        try:
            yield
        except NoRoom as error:
            raise PoolFull(str(self.layout.top), error.why) from error
        except ProcessFailed as error:
            if says_full(error.stderr):
                raise PoolFull(str(self.layout.top), error.stderr) from error
            raise PoolUnavailable(str(self.layout.top), error.words()) from error
        except OSError as error:
            why = error.strerror or str(error)
            if error.errno in NO_ROOM:
                raise PoolFull(str(self.layout.top), why) from error
            raise PoolUnavailable(str(self.layout.top), why) from error

    @contextmanager
    def _staged(self) -> Iterator[CopyFolder]:
        """Give a folder for something half made; afterwards destroy what is in it."""
        with self.explained():
            stage = self.layout.stage()
            try:
                yield CopyFolder(stage)
            finally:
                self.trees.destroy(stage)
                self.layout.reserve()

    def _existing(self, dataset: DatasetID) -> CopyFolder:
        folder = self.layout.copy(dataset)
        if not folder.exists:
            raise NoSuchFilesystem(dataset)
        return folder

    def _live(self, dataset: DatasetID) -> Path:
        """Give the writable tree. Raises `NoSuchFilesystem`, `NotWritable`."""
        live = self._existing(dataset).live
        if not live.exists():
            raise NotWritable(dataset)
        return live

    def _place(self, stage: CopyFolder, dataset: DatasetID, record: bytes) -> None:
        """Give a copy that is whole, but for its record, its place."""
        stage.snapshots.mkdir(mode=0o700, exist_ok=True)
        self.layout.write(stage.record, record)
        self.settle()
        with self._lock:
            if self.layout.copy(dataset).exists:
                raise FilesystemExists(dataset)
            place = self.layout.copy(dataset).path
            stage.path.rename(place)
            self.settle()
            self.layout.entry(dataset).unlink(missing_ok=True)

    def _add(self, dataset: DatasetID, made: SnapshotFolder, name: str) -> PoolSnapshot:
        """Give a snapshot that is whole its place."""
        place = self.layout.copy(dataset).snapshot(name)
        made.path.rename(place.path)
        self.settle()
        return PoolSnapshot(name, self.trees.describe(place.data).identity)

    def _check_repeats(self, dataset: DatasetID, name: str) -> None:
        """Raises `NoSuchFilesystem`, `StillWritable`, `SnapshotExists`."""
        folder = self._existing(dataset)
        if folder.live.exists():
            raise StillWritable(dataset)
        if folder.snapshot(name).path.exists():
            raise SnapshotExists(dataset, name)

    def _write_tags(self, snapshot: SnapshotFolder, tags: frozenset[str]) -> None:
        self.layout.write(snapshot.tags, "\n".join(sorted(tags)).encode())

    def _check_unused(self, dataset: DatasetID, folder: CopyFolder) -> None:
        if folder.live.exists() and (who := self.trees.users(folder.live)):
            raise Busy(dataset, who)

    def _check_unheld(self, dataset: DatasetID, snapshot: SnapshotFolder) -> None:
        tags = sorted(snapshot.holds())
        if self._sending[snapshot.path]:
            tags.append(SENDING)
        if tags:
            raise Held(dataset, snapshot.name, tuple(tags))
