"""ZFS filesystems mounted where datasets are served.

A mount of ZFS names its filesystem in the mount table, in every mount namespace, so it
is known by that name whatever its device number is. ``zfs mount`` mounts at the place
that the filesystem has as a property; nothing is ever mounted by itself.

Note [Dead mounts]: when zfs-fuse dies its mounts stay, and whoever touches one is told
ENOTCONN. Such a mount serves nothing: it is not listed, and is unmounted, as any other
is, before the filesystem is mounted there again.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from attrs import define

from flocker.backends.zfs import translate
from flocker.backends.zfs.commands import StillBusy, Zfs
from flocker.runtime import mount_points
from flocker.runtime.holders import (
    Holder,
    enumerate_words,
    left_mounted,
    mounted_elsewhere,
    other_namespaces,
    users,
    who_is_below,
)
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.mount_table import Mount, seen_at
from flocker.runtime.mounted import read_mounts
from flocker.runtime.process import ProcessFailed
from flocker.runtime.unmounting import found_a_gap

ROOTS: Final = Path("/run/flocker-zfs")
"""Where filesystems are mounted that are not served; only root comes there."""
PATIENCE: Final = 2.0
"""Seconds in which a mount is let go that nobody is found to use."""
_WHOLE: Final = "/"
ELSEWHERE: Final = "ZFS mounts it elsewhere; was the pool imported with `-R`?"


def is_of(mount: Mount, name: str) -> bool:
    """Whether a mount shows a filesystem, something in it, or a snapshot of it."""
    zfs = mount.filesystem == "zfs" or mount.filesystem.startswith("fuse")
    return zfs and mount.source.partition("@")[0] == name


def is_dead(mount: Mount) -> bool:
    """See Note [Dead mounts]."""
    if not mount.filesystem.startswith("fuse"):
        return False
    try:
        os.stat(mount.path)  # noqa: PTH116  (a Path's would say False)
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


@define(eq=False)
class ZfsMounts:
    """The mounts of filesystems of one pool."""

    zfs: Zfs

    def places(self) -> Mapping[str, tuple[Path, ...]]:
        """Tell where this mount namespace has which, at the cost of one read."""
        found: dict[str, tuple[Path, ...]] = {}
        for mount in read_mounts():
            whole = mount.root == _WHOLE and mount.source.startswith(self.zfs.pool)
            served = whole and mount.path.parent != ROOTS
            if served and is_of(mount, mount.source) and not is_dead(mount):
                found[mount.source] = (*found.get(mount.source, ()), mount.path)
        return found

    def dead(self) -> tuple[str, ...]:
        """Name the filesystems that this mount namespace has mounted dead."""
        return tuple(
            mount.source
            for mount in read_mounts()
            if mount.source.startswith(f"{self.zfs.pool}/")
            and mount.path.parent != ROOTS
            and is_of(mount, mount.source)
            and is_dead(mount)
        )

    def users(self, name: str) -> tuple[Holder, ...]:
        """Find the mounts of every namespace, and the processes with something open."""
        own = [mount for mount in read_mounts() if is_of(mount, name)]
        found = [
            Holder(0, "kernel", f"it is mounted at {mount.path}")
            for mount in own
            if not is_dead(mount)
        ]
        devices = {mount.device for mount in own}
        for namespace in other_namespaces():
            for mount in namespace.mounts:
                if is_of(mount, name):
                    found.append(mounted_elsewhere(mount, namespace))
                    devices.add(mount.device)
        return (*found, *_users(devices))

    def mount(self, name: str, path: Path, place: Callable[[Path], None]) -> None:
        """Mount it at a directory made for it; `place` tells ZFS where that is.

        ZFS is only told while it is not mounted: it would mount it anew. Raises
        `BadMountPoint`, `PoolUnavailable`.
        """
        path = _real(path)
        table = read_mounts()
        seen = seen_at(table, path)
        if seen is not None and is_of(seen, name) and is_dead(seen):
            self._bury(path)
            table = read_mounts()
            seen = seen_at(table, path)
        if seen is not None and is_of(seen, name) and seen.root == _WHOLE:
            return
        if seen is not None:
            raise BadMountPoint(path, "another filesystem is mounted there")
        for other in _alive(table, name):
            why = f"the same filesystem is mounted at {other.path}"
            raise BadMountPoint(path, why)
        mount_points.prepare(path)
        try:
            place(path)
            self.zfs.change("mount", name)
        except StillBusy as error:
            raise BadMountPoint(path, error.said) from error
        except ProcessFailed as error:
            raise self.zfs.explained(error) from error
        seen = seen_at(read_mounts(), path)
        if seen is None or not is_of(seen, name):
            self._take_back(name)
            raise BadMountPoint(path, ELSEWHERE)

    def _take_back(self, name: str) -> None:
        """Unmount what ZFS mounted where nobody asked for it."""
        for mount in tuple(_alive(read_mounts(), name)):
            with suppress(ProcessFailed):  # who looks next finds it
                self._unmount(mount.path)

    def _bury(self, path: Path) -> None:
        """Unmount what is dead. Raises `BadMountPoint` with who still has it open."""
        try:
            self._unmount(path)
        except ProcessFailed as error:
            why = f"ZFS died and is back, but what it had mounted stays: {error.stderr}"
            who = who_is_below(path)
            why = f"{why}; {enumerate_words(who)}" if who else why
            raise BadMountPoint(path, why) from error

    def is_mounted(self, name: str) -> bool:
        """Whether this mount namespace has it anywhere, alive or dead."""
        return any(is_of(mount, name) for mount in read_mounts())

    def open_root(self, path: Path) -> None:
        """Let everybody write to what is mounted there. Raises `PoolUnavailable`."""
        try:
            self.zfs.run("chmod", "0777", str(path))
        except ProcessFailed as error:
            raise self.zfs.explained(error) from error

    def open_root_of(self, name: str) -> None:
        """Let everybody write to what never was mounted, and will be sent before."""
        with self.shown(name) as path:
            self.open_root(path)
        self._forget_place(name)

    @contextmanager
    def shown(self, name: str) -> Iterator[Path]:
        """Have it mounted where only root comes. Raises `PoolUnavailable`, `PoolFull`.

        What was written is on disk with the next change. ZFS goes on saying that it
        belongs there.
        """
        path = ROOTS / str(uuid4())
        try:
            try:
                self.zfs.run("install", "--directory", "--mode=0700", str(ROOTS))
                self.zfs.change("set", f"mountpoint={path}", name)
                self.zfs.change("mount", name)
            except ProcessFailed as error:
                raise self.zfs.explained(error) from error
            yield path
        finally:
            self.hide(name)

    def hide(self, name: str) -> None:
        """Let it be mounted there no longer, if it is."""
        ask = ("get", "-Hp", "-o", "value", "mountpoint", name)
        self._leave(self.zfs.ask(*ask).strip())

    def leave_root_of(self, name: str, mountpoint: str) -> None:
        """Undo what a killed agent did, or was about to do, to open a root."""
        if self._leave(mountpoint):
            self._forget_place(name)

    def _leave(self, mountpoint: str) -> bool:
        """Unmount what is, or was about to be, mounted there; False if that is served.

        Who had it open, and was killed, lets it go a moment later.
        """
        if Path(mountpoint).parent != ROOTS:
            return False
        try:
            self.zfs.patiently("umount", mountpoint)
        except ProcessFailed as error:
            if not translate.says_unmounted(error.stderr):
                raise self.zfs.explained(error) from error
        except StillBusy as error:
            raise self.zfs.unavailable(error.said) from error
        try:
            self.zfs.run("rm", "--dir", "--force", mountpoint)
        except ProcessFailed as error:
            raise self.zfs.explained(error) from error
        return True

    def _forget_place(self, name: str) -> None:
        try:
            self.zfs.change("inherit", "mountpoint", name)
        except ProcessFailed as error:
            raise self.zfs.explained(error) from error

    def is_at(self, name: str, path: Path) -> bool:
        """Whether it is what is mounted there, alive or dead."""
        seen = seen_at(read_mounts(), _real(path))
        return seen is not None and is_of(seen, name)

    def unmount(self, name: str, path: Path) -> tuple[Holder, ...]:
        """Unmount unless another mount would stay; give who keeps it then.

        One whom nobody finds who looks is about to let go: it is tried again.
        """
        path = _real(path)
        table = read_mounts()
        ours = seen_at(table, path)
        if ours is None or not is_of(ours, name):
            raise BadMountPoint(path, "another filesystem is mounted there")
        if stay := left_mounted(ours, table):
            return stay
        give_up = self.zfs.now() + PATIENCE
        try:
            self._unmount(path)
        except ProcessFailed as error:
            while not found_a_gap(path):
                if found := users(ours.device):
                    return found
                if self.zfs.now() > give_up:
                    said = f"umount says: {error.stderr}"
                    return (Holder(0, "kernel", said),)
        return self.users(name)

    def _unmount(self, path: Path) -> None:
        self.zfs.run("umount", str(path))


def _alive(table: Iterable[Mount], name: str) -> Iterator[Mount]:
    for mount in table:
        if is_of(mount, name) and not is_dead(mount):
            yield mount


def _users(devices: Iterable[int]) -> Iterator[Holder]:
    for device in devices:
        yield from users(device)


def _real(path: Path) -> Path:
    """Write a mount point as the kernel does, without touching the point itself."""
    return path.parent.resolve() / path.name
