"""Filesystems on block devices: probe, make, mount, grow. Called by `performing`.

All methods are synchronous and meant for threads. A device is compared by its number,
never by its name. Nothing here forces anything: no mkfs over what is there, no lazy
unmount.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from attrs import define, field, frozen
from zope.interface import Interface, implementer

from flocker.backends.devices import device_at, device_number, device_size
from flocker.dataset_agent import kinds
from flocker.dataset_agent.signatures import Signature, probe
from flocker.model.datasets import FilesystemKind
from flocker.model.errors import FlockerError
from flocker.runtime import mount_points
from flocker.runtime.holders import (
    Holder,
    enumerate_words,
    left_mounted,
    mounted_elsewhere,
    other_namespaces,
    users,
)
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.mount_table import (
    Mount,
    by_device,
    parse_mountinfo,
    seen_at,
)
from flocker.runtime.mounted import MountText, read_mounts
from flocker.runtime.process import ProcessFailed, run_sync
from flocker.runtime.unmounting import unmount

_LET_GO_ATTEMPTS = 10
_BETWEEN_ATTEMPTS = 0.02


@frozen
class NoDevice(FlockerError):
    """There is no usable block device at a path."""

    device: Path
    why: str

    def words(self) -> str:
        """Name the device."""
        return f"{self.device} {self.why}"


@frozen
class Busy(FlockerError):
    """A device or its filesystem is in use; trying again later is all one can do."""

    device: Path
    holders: tuple[Holder, ...]

    def words(self) -> str:
        """Name the first holders."""
        return f"{self.device} is busy: {enumerate_words(self.holders)}"


@frozen
class SignatureFound(FlockerError):
    """A device that should be blank carries something; it is not formatted."""

    device: Path
    signature: Signature

    def words(self) -> str:
        """Name the device and what is on it."""
        return f"{self.device} is not formatted: it carries {self.signature.kind}"


@frozen
class MountedElsewhere(FlockerError):
    """A device that should be mounted at one path is mounted at others."""

    device: Path
    path: Path
    mounted: tuple[Path, ...]

    def words(self) -> str:
        """Name the device and the paths."""
        where = ", ".join(str(path) for path in self.mounted) or "no path"
        return f"{self.device} is mounted at {where}, not at {self.path}"


@frozen
class NoFilesystem(FlockerError):
    """A device carries nothing that we can mount."""

    device: Path
    carries: Signature | None

    def words(self) -> str:
        """Name the device and what is on it."""
        carries = "nothing" if self.carries is None else self.carries.kind
        return f"{self.device} is not mounted: it carries {carries}"


class IFilesystems(Interface):
    """What the kernel of a node does with block devices and filesystems."""

    def device_number(device: Path) -> int | None:
        """Give the number of a block device; None while there is none at the path."""

    def signature(device: Path) -> Signature | None:
        """Find anything written on a device; None if it is blank.

        Raises `NoDevice`, and `ProcessFailed` if the device cannot be probed.
        """

    def make(device: Path, kind: FilesystemKind = FilesystemKind.EXT4) -> None:
        """Make a filesystem on a blank device that nobody uses.

        Raises `SignatureFound`, `Busy`, `kinds.TooSmall` and what `signature` raises.
        """

    def mount(device: Path, path: Path, *, copy: bool = False) -> None:
        """Mount at a directory made for it; done before is fine, half done is finished.

        It is mounted as what it is, and one never used before is made writable for
        everybody. One that is a `copy` may have the UUID of another that is mounted.
        Raises `NoDevice`, `NoFilesystem`, `MountedElsewhere`, `BadMountPoint`,
        `kinds.SameFilesystem`, `ProcessFailed`.
        """

    def flush(path: Path) -> None:
        """Give the device all that was written to the filesystem mounted at `path`.

        Nobody who writes waits for it. Raises `BadMountPoint`, `ProcessFailed`.
        """

    def unmount(path: Path, device: Path | None) -> None:
        """Unmount and remove the mount point; done before is fine, half done too.

        Without a device, whatever is mounted there goes. When it returns no mount
        namespace has the filesystem any more. Raises `Busy`, `MountedElsewhere`,
        `BadMountPoint`, `ProcessFailed`.
        """

    def device_size(device: Path) -> int:
        """Give the bytes of a device. Raises `NoDevice`."""

    def grow(device: Path, path: Path) -> None:
        """Make the filesystem mounted at `path` fill its device; if it does, fine.

        It may be written to meanwhile. Raises `NoDevice`, `MountedElsewhere`,
        `BadMountPoint`, `kinds.NotPermitted`, `ProcessFailed`.
        """

    def holders(device: Path) -> tuple[Holder, ...]:
        """Tell who uses a device or a filesystem on it, in any mount namespace."""

    def mounts() -> Mapping[int, tuple[Path, ...]]:
        """Give the paths at which each device number is mounted here; one read."""


def _is_claimed(device: Path) -> bool:
    """Say whether the kernel has given the device to somebody, such as a filesystem."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return True
        if error.errno in {errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM}:
            return False
        raise
    return False


def _real(path: Path) -> Path:
    """Write a mount point as the kernel does, without touching the point itself."""
    return path.parent.resolve() / path.name


@implementer(IFilesystems)
@define(eq=False)
class Filesystems:
    """The real kernel, through the tools of util-linux, e2fsprogs and xfsprogs."""

    pause: Callable[[float], None] = time.sleep
    _text: MountText = field(factory=MountText)
    _read: tuple[bytes, Mapping[int, tuple[Path, ...]]] = (b"", {})
    """The text of the mount table as it was last read, and what it says."""

    def device_number(self, device: Path) -> int | None:
        """Stat the device."""
        return device_number(device)

    def signature(self, device: Path) -> Signature | None:
        """Ask wipefs and blkid; see `signatures`."""
        self._require(device)
        return probe(device)

    def make(self, device: Path, kind: FilesystemKind = FilesystemKind.EXT4) -> None:
        """Run mkfs, once nobody has the device and nothing is on it."""
        self._require(device)
        self._refuse_if_held(device)
        signature = self.signature(device)
        if signature is not None:
            raise SignatureFound(device, signature)
        kinds.make(device, kind)

    def mount(self, device: Path, path: Path, *, copy: bool = False) -> None:
        """Mount, and look in the kernel's table whether that is what happened."""
        number = self._require(device)
        path = _real(path)
        if self._mounted(device, number, path) is None:
            mount_points.prepare(path)
            carries = self.signature(device)
            if carries is None or carries.filesystem is None:
                raise NoFilesystem(device, carries)
            table = read_mounts()
            kinds.mount(device, path, carries.filesystem, table, copy=copy)
        kinds.open_root(path, self._require_mounted(device, number, path).filesystem)

    def flush(self, path: Path) -> None:
        """Sync that filesystem, and no other."""
        if seen_at(read_mounts(), _real(path)) is None:
            raise BadMountPoint(path, "nothing is mounted there")
        run_sync(["sync", "--file-system", str(path)], timeout=kinds.WORK_SECONDS)

    def unmount(self, path: Path, device: Path | None) -> None:
        """Look for other mounts, unmount, and see that the kernel let the device go."""
        path = _real(path)
        table = read_mounts()
        seen = seen_at(table, path)
        if device is None and seen is not None:
            device = device_at(seen.device)
        number = None if device is None else self.device_number(device)
        if seen is not None and number not in {None, seen.device}:
            raise BadMountPoint(path, "another filesystem is mounted there")
        if seen is not None:
            self._refuse_if_staying(device or path, seen, table)
            self._unmount(device or path, path, seen.device)
        elif device is not None and number is not None:
            self._refuse_if_mounted(device, number, path, table)
        if device is not None:
            self._wait_until_let_go(device)
        mount_points.remove(path)

    def device_size(self, device: Path) -> int:
        """Ask the kernel."""
        self._require(device)
        return device_size(device)

    def grow(self, device: Path, path: Path) -> None:
        """Compare the superblock with the device, and run a command if they differ."""
        number = self._require(device)
        path = _real(path)
        mounted = self._require_mounted(device, number, path)
        kinds.grow(device, path, mounted.filesystem)

    def holders(self, device: Path) -> tuple[Holder, ...]:
        """Look through all mount namespaces and all processes, then ask the kernel."""
        number = self.device_number(device)
        if number is None:
            return ()
        found = (*self._mounted_by(number), *users(number))
        if not found and _is_claimed(device):
            what = "the kernel has it claimed, perhaps by a mount no process shows"
            return (Holder(0, "kernel", what),)
        return found

    def mounts(self) -> Mapping[int, tuple[Path, ...]]:
        """Read ``/proc/self/mountinfo``; the same text gives the same object."""
        text, mounts = self._read
        now = self._text.read()
        if now is not text:
            mounts = by_device(parse_mountinfo(os.fsdecode(now)))
            self._read = now, mounts
        return mounts

    def _require(self, device: Path) -> int:
        """Give the number of a device that can be read. Raises `NoDevice`."""
        number = self.device_number(device)
        if number is None:
            raise NoDevice(device, "is not a block device")
        try:
            size = device_size(device)
        except OSError as error:
            raise NoDevice(device, error.strerror or str(error)) from error
        if size == 0:
            raise NoDevice(device, "has no size: nothing is attached to it")
        return number

    def _require_mounted(self, device: Path, number: int, path: Path) -> Mount:
        mounted = self._mounted(device, number, path)
        if mounted is None:
            raise MountedElsewhere(device, path, ())
        return mounted

    def _mounted(self, device: Path, number: int, path: Path) -> Mount | None:
        """Give the mount of the device that is seen at the path, None if it is nowhere.

        Raises `MountedElsewhere` if it is mounted at others only, `BadMountPoint` if
        another is seen there.
        """
        table = read_mounts()
        seen = seen_at(table, path)
        if seen is not None and seen.device == number:
            return seen
        if seen is not None:
            raise BadMountPoint(path, "another filesystem is mounted there")
        others = by_device(table).get(number, ())
        if others:
            raise MountedElsewhere(device, path, others)
        return None

    def _refuse_if_held(self, device: Path) -> None:
        holders = self.holders(device)
        if holders:
            raise Busy(device, holders)

    def _mounted_by(self, number: int) -> Iterator[Holder]:
        for mount in read_mounts():
            if mount.device == number:
                yield Holder(0, "kernel", f"it is mounted at {mount.path}")
        for namespace in other_namespaces(device=number):
            for mount in namespace.mounts:
                yield mounted_elsewhere(mount, namespace)

    def _refuse_if_staying(
        self, device: Path, ours: Mount, table: tuple[Mount, ...]
    ) -> None:
        """Refuse while the filesystem is mounted where ours does not take it along."""
        if left := left_mounted(ours, table):
            raise Busy(device, left)

    def _refuse_if_mounted(
        self, device: Path, number: int, path: Path, table: tuple[Mount, ...]
    ) -> None:
        others = by_device(table).get(number, ())
        if others:
            raise MountedElsewhere(device, path, others)

    def _unmount(self, device: Path, path: Path, number: int) -> None:
        try:
            unmount(path, kinds.WORK_SECONDS)
        except ProcessFailed:
            found = users(number)
            if not found:
                raise
            raise Busy(device, found) from None

    def _wait_until_let_go(self, device: Path) -> None:
        """See the kernel let go of the device, which may lag behind a moment."""
        for attempt in range(_LET_GO_ATTEMPTS):
            if attempt:
                self.pause(_BETWEEN_ATTEMPTS)
            if not _is_claimed(device):
                return
        holders = self.holders(device)
        if holders:
            raise Busy(device, holders)
