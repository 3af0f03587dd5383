"""What the nodes of a live cluster have in their pools, by the backends' own means.

Tests look here, and do here what an operator may do by hand: whatever Flocker says of
its pools is not asked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from attrs import frozen

from flocker.dataset_agent.pool_marks import OURS
from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.process import ProcessFailed
from flocker.sandbox.names import MachineName
from flocker.sandbox.pools import ZFS, zpool_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster
from flocker.testing.moving import PATIENCE, seen

THEIRS = "theirs\n"
"""What `IDisk.spoil` leaves in a file of that name."""


class IDisk(Protocol):
    """The pool of one node."""

    def copies(self, dataset: DatasetID) -> list[str]:
        """Tell what there is of it: ``copies``, and ``asides`` for each set aside."""
        ...

    def snapshots(self, dataset: DatasetID) -> list[str]:
        """Give the names of the snapshots that its copy has."""
        ...

    @contextmanager
    def content(self, dataset: DatasetID, name: str) -> Iterator[Path]:
        """Show what is in a snapshot."""
        ...

    @contextmanager
    def aside(self, dataset: DatasetID) -> Iterator[Path]:
        """Show what is in the one copy of a dataset that was set aside."""
        ...

    def used(self) -> int:
        """Count the bytes that are allocated, when all is on the disk."""
        ...

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room, for as long as it takes."""
        ...

    def spoil(self, dataset: DatasetID) -> None:
        """Write into a copy that nobody may write to."""
        ...

    def forget_snapshots(self, dataset: DatasetID) -> None:
        """Destroy all snapshots of a copy."""
        ...


def disk(live: LiveCluster, node: MachineName) -> IDisk:
    """Give the pool of a node."""
    return (_Zpool if live.sandbox.backend == ZFS else _Btrfs)(live, node)


def of_users(names: Sequence[str]) -> dict[str, str]:
    """Give the snapshots that users want, by what the users call them."""
    return {name.split(".")[0]: name for name in names if not name.startswith(OURS)}


_FILL = """
mkdir "$1"; size=8192; i=0
while [ $size -ge 4 ]; do
    i=$((i+1))
    fallocate -l ${size}M "$1/$i" 2>/dev/null || { rm -f "$1/$i"; size=$((size/2)); }
done
"""
"""Reserves all there is, in ever smaller pieces."""
_STEP = 8 * MEBIBYTE
"""What ZFS says to be available is more than it lets be reserved."""
_SPOIL = """
for data in "$1"/*/data; do
    btrfs property set -f "$data" ro false; echo theirs >"$data/theirs"
done
"""


@frozen
class _Btrfs:
    live: LiveCluster
    node: MachineName

    @property
    def _pool(self) -> Path:
        return self.live.sandbox.layout.pool(self.node)

    @property
    def _kept(self) -> Path:
        """Give the place as this process reaches it."""
        return seen(self.live, self.node, self._pool) / ".flocker"

    def _snapshots(self, dataset: DatasetID) -> Path:
        return self._pool / ".flocker/copies" / str(dataset) / "snapshots"

    def copies(self, dataset: DatasetID) -> list[str]:
        found = [each for each in self._kept.glob(f"*/{dataset}*") if each.is_dir()]
        return sorted(each.parent.name for each in found)

    def snapshots(self, dataset: DatasetID) -> list[str]:
        found = seen(self.live, self.node, self._snapshots(dataset))
        return sorted(path.name for path in found.iterdir())

    @contextmanager
    def content(self, dataset: DatasetID, name: str) -> Iterator[Path]:
        yield seen(self.live, self.node, self._snapshots(dataset) / name / "data")

    @contextmanager
    def aside(self, dataset: DatasetID) -> Iterator[Path]:
        (found,) = self._kept.glob(f"asides/{dataset}*")
        yield max(found.glob("snapshots/*/data"))

    def used(self) -> int:
        btrfs = ("btrfs", "filesystem")
        self.live.run(self.node, *btrfs, "sync", str(self._pool))
        told = self.live.run(self.node, *btrfs, "df", "--raw", str(self._pool))
        (line,) = [line for line in told.splitlines() if line.startswith("Data")]
        return int(line.rpartition("used=")[2])

    @contextmanager
    def full(self) -> Iterator[None]:
        ballast = str(self._pool / "ballast")
        self.live.run(self.node, "sh", "-c", _FILL, "sh", ballast)
        try:
            yield
        finally:
            self.live.run(self.node, "rm", "-r", ballast)

    def spoil(self, dataset: DatasetID) -> None:
        where = str(self._snapshots(dataset))
        self.live.run(self.node, "sh", "-c", _SPOIL, "sh", where)

    def forget_snapshots(self, dataset: DatasetID) -> None:
        for name in self.snapshots(dataset):
            data = str(self._snapshots(dataset) / name / "data")
            self.live.run(self.node, "btrfs", "-q", "subvolume", "delete", data)


@frozen
class _Zpool:
    live: LiveCluster
    node: MachineName

    @property
    def _pool(self) -> str:
        return zpool_name(self.live.sandbox.layout, self.node)

    def _copy(self, dataset: DatasetID) -> str:
        return f"{self._pool}/flocker/copies/{dataset}"

    def _zfs(self, *arguments: str) -> str:
        return self.live.run(self.node, "zfs", *arguments)

    def _names(self, *more: str) -> list[str]:
        return self._zfs("list", "-Hro", "name", *more).split()

    def copies(self, dataset: DatasetID) -> list[str]:
        names = [name.split("/") for name in self._names(f"{self._pool}/flocker")]
        found = [name[-2] for name in names if name[-1].startswith(str(dataset))]
        return sorted(found)

    def snapshots(self, dataset: DatasetID) -> list[str]:
        names = self._names("-t", "snapshot", self._copy(dataset))
        return [name.partition("@")[2] for name in names]

    @contextmanager
    def content(self, dataset: DatasetID, name: str) -> Iterator[Path]:
        clone = f"{self._pool}/shown-{uuid4()}"
        options = ("-o", "canmount=noauto", "-o", "readonly=on")
        self._zfs("clone", *options, f"{self._copy(dataset)}@{name}", clone)
        try:
            with self._mounted(clone) as path:
                yield path
        finally:
            self._insist("destroy", clone)

    @contextmanager
    def aside(self, dataset: DatasetID) -> Iterator[Path]:
        found = [name for name in self._names(self._pool) if "/asides/" in name]
        (name,) = [each for each in found if str(dataset) in each]
        with self._mounted(name) as path:
            yield path

    @contextmanager
    def _mounted(self, name: str) -> Iterator[Path]:
        """Mount what is mounted nowhere, for a moment."""
        path = Path("/run") / str(uuid4())
        self._zfs("set", f"mountpoint={path}", name)
        self._zfs("mount", name)
        try:
            yield seen(self.live, self.node, path)
        finally:
            self.live.run(self.node, "umount", str(path))
            self._insist("inherit", "mountpoint", name)

    def _insist(self, *arguments: str) -> None:
        """Ask until what was unmounted a moment ago is let go."""

        def done() -> bool:
            try:
                self._zfs(*arguments)
            except ProcessFailed as error:
                if "busy" not in error.stderr:
                    raise
                return False
            return True

        until(done, f"zfs {' '.join(arguments)}", PATIENCE)

    def _number(self, key: str) -> int:
        # What is set is answered when all before it is on the disk and counted.
        self._zfs("set", f"test:synced={uuid4()}", self._pool)
        return int(self._zfs("get", "-Hpo", "value", key, self._pool))

    def used(self) -> int:
        return self._number("used")

    @contextmanager
    def full(self) -> Iterator[None]:
        ballast, room = f"{self._pool}/ballast", self._number("available")
        self._zfs("create", "-o", "canmount=off", ballast)
        while room > 0:
            try:
                self._zfs("set", f"reservation={room}", ballast)
            except ProcessFailed:
                room -= _STEP
            else:
                break
        try:
            yield
        finally:
            self._zfs("destroy", ballast)

    def spoil(self, dataset: DatasetID) -> None:
        name = self._copy(dataset)
        self._zfs("set", "readonly=off", name)
        with self._mounted(name) as path:
            (path / "theirs").write_text(THEIRS)
        self._zfs("set", "readonly=on", name)

    def forget_snapshots(self, dataset: DatasetID) -> None:
        for name in self.snapshots(dataset):
            self._zfs("destroy", f"{self._copy(dataset)}@{name}")
