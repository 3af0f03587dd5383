"""Subvolumes mounted in the places where datasets are served: bind mounts.

All subvolumes of a Btrfs have one device number in the mount table; which of them a
mount shows stands in its *root*, the path from the top of the filesystem, which the
kernel keeps up to date when a folder above is renamed. Open files are known by the
device number of the subvolume itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import define, frozen

from flocker.runtime import mount_points
from flocker.runtime.holders import (
    Holder,
    left_mounted,
    mounted_elsewhere,
    other_namespaces,
    users,
)
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.mount_table import Mount, seen_at
from flocker.runtime.mounted import read_mounts
from flocker.runtime.process import ProcessFailed, run_sync
from flocker.runtime.unmounting import unmount

_SECONDS = 60


@frozen
class Shown:
    """What the mounts of a directory show: a part of the filesystem of this device."""

    device: int
    root: str

    def by(self, mount: Mount) -> bool:
        """Whether a mount shows it, or something in it."""
        within = mount.root == self.root or mount.root.startswith(f"{self.root}/")
        return mount.device == self.device and within

    def wholly_by(self, mount: Mount) -> bool:
        """Whether a mount shows exactly it."""
        return (mount.device, mount.root) == (self.device, self.root)


def shown(directory: Path, table: Sequence[Mount]) -> Shown:
    """Say how the mounts of a directory look; pure. Raises `LookupError`."""
    around = [mount for mount in table if directory.is_relative_to(mount.path)]
    if not around:
        raise LookupError(directory)
    deepest = max(len(mount.path.parts) for mount in around)
    mount = [each for each in around if len(each.path.parts) == deepest][-1]
    root = Path(mount.root) / directory.relative_to(mount.path)
    return Shown(mount.device, str(root))


@define(eq=False)
class BindMounts:
    """The mounts of directories of one filesystem."""

    def mounted_at(
        self, directories: tuple[Path, ...]
    ) -> Mapping[Path, tuple[Path, ...]]:
        """Tell where this mount namespace has them, at the cost of one read."""
        table = read_mounts()
        places: dict[Path, tuple[Path, ...]] = {}
        by_root: dict[tuple[int, str], list[Path]] = {}
        for mount in table:
            by_root.setdefault((mount.device, mount.root), []).append(mount.path)
        for directory in directories:
            what = shown(directory, table)
            places[directory] = tuple(by_root.get((what.device, what.root), ()))
        return places

    def users(self, directory: Path) -> tuple[Holder, ...]:
        """Find the mounts of every namespace, and the processes with something open."""
        what = shown(directory, read_mounts())
        return (*_mounts(what), *users(directory.stat().st_dev))

    def mount(self, directory: Path, path: Path) -> None:
        """Bind it over a directory made for it. Raises `BadMountPoint`."""
        path = _real(path)
        table = read_mounts()
        seen = seen_at(table, path)
        if seen is not None and shown(directory, table).wholly_by(seen):
            return
        if seen is not None:
            raise BadMountPoint(path, "another filesystem is mounted there")
        mount_points.prepare(path)
        run_sync(["mount", "--bind", str(directory), str(path)], timeout=_SECONDS)

    def unmount(self, directory: Path, path: Path) -> tuple[Holder, ...]:
        """Unmount unless another mount would stay; give who keeps it then."""
        path = _real(path)
        table = read_mounts()
        what = shown(directory, table)
        ours = seen_at(table, path)
        if ours is None or not what.wholly_by(ours):
            raise BadMountPoint(path, "another filesystem is mounted there")
        if stay := left_mounted(ours, table, what.by):
            return stay
        try:
            unmount(path, _SECONDS)
        except ProcessFailed as error:
            found = users(directory.stat().st_dev)
            return found or (Holder(0, "kernel", f"umount says: {error.stderr}"),)
        return self.users(directory)


def _mounts(what: Shown) -> Iterator[Holder]:
    for mount in read_mounts():
        if what.by(mount):
            yield Holder(0, "kernel", f"it is mounted at {mount.path}")
    for namespace in other_namespaces():
        for mount in namespace.mounts:
            if what.by(mount):
                yield mounted_elsewhere(mount, namespace)


def _real(path: Path) -> Path:
    """Write a mount point as the kernel does, without touching the point itself."""
    return path.parent.resolve() / path.name
