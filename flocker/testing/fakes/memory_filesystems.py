"""Filesystems of one machine in memory, on the devices of `memory_block_devices`.

It passes `flocker.testing.conformance.filesystems`. What is written stays with the
volume, so it is found again where the volume is attached next.
"""

from collections.abc import Mapping
from pathlib import Path

from attrs import define, field
from zope.interface import implementer

from flocker.dataset_agent.filesystems import (
    Busy,
    IFilesystems,
    MountedElsewhere,
    NoDevice,
    NoFilesystem,
    SignatureFound,
)
from flocker.dataset_agent.kinds import TooSmall
from flocker.dataset_agent.signatures import Signature
from flocker.model.datasets import LEAST_SIZE, FilesystemKind
from flocker.runtime.holders import Holder
from flocker.runtime.mount_points import BadMountPoint
from flocker.testing.fakes.memory_block_devices import Device, MemoryBlockDevices


@implementer(IFilesystems)
@define(eq=False)
class MemoryFilesystems:
    """The kernel of one machine; `held` are the holders that a test makes up."""

    service: MemoryBlockDevices
    mounted: dict[Path, Device] = field(factory=dict)
    held: dict[Path, list[Holder]] = field(factory=dict)
    """By device path."""

    def files(self, path: Path) -> dict[str, bytes]:
        """Give the files of what is mounted at a path, to be read and changed."""
        return self.mounted[path].content.files

    def hold(self, device: Path, holder: Holder) -> None:
        """Let somebody use the device or a file on it."""
        self.held.setdefault(device, []).append(holder)
        self._device(device).users.append(holder.words())

    def let_go(self, device: Path) -> None:
        """End what `hold` began; the device may be gone."""
        found = self.service.device_at(device)
        for holder in self.held.pop(device, []):
            if found is not None:
                found.users.remove(holder.words())

    def crash(self) -> None:
        """Forget all mounts and holders, as a machine does that is switched off."""
        for path, device in self.mounted.items():
            device.users.remove(_mounted_at(path))
        self.mounted.clear()
        for path in list(self.held):
            self.let_go(path)

    def device_number(self, device: Path) -> int | None:
        """Look the device up."""
        return self.service.number_at(device)

    def signature(self, device: Path) -> Signature | None:
        """Read what is on the volume."""
        kind = self._device(device).content.signature
        return None if kind is None else Signature((kind,))

    def make(self, device: Path, kind: FilesystemKind = FilesystemKind.EXT4) -> None:
        """Note the filesystem on the volume."""
        found = self._device(device)
        if holders := self.holders(device):
            raise Busy(device, holders)
        if signature := self.signature(device):
            raise SignatureFound(device, signature)
        if found.size < LEAST_SIZE[kind]:
            raise TooSmall(device, kind, found.size)
        found.content.signature = kind.value
        found.content.filesystem_size = found.size

    def flush(self, path: Path) -> None:
        """See that something is mounted: what is written is on the volume at once."""
        if path not in self.mounted:
            raise BadMountPoint(path, "nothing is mounted there")

    def mount(self, device: Path, path: Path, *, copy: bool = False) -> None:
        """Note the mount; a copy has no UUID that could be another's."""
        found = self._device(device)
        at_path = self.mounted.get(path)
        if at_path is found:
            return
        if at_path is not None:
            raise BadMountPoint(path, "another filesystem is mounted there")
        if others := self.mounts().get(found.number):
            raise MountedElsewhere(device, path, others)
        carries = self.signature(device)
        if carries is None or not carries.is_filesystem:
            raise NoFilesystem(device, carries)
        found.users.append(_mounted_at(path))
        self.mounted[path] = found

    def unmount(self, path: Path, device: Path | None) -> None:
        """Forget the mount, if nobody holds it."""
        at_path = self.mounted.get(path)
        if device is None:
            if at_path is None:
                return
            device = at_path.path
        number = self.device_number(device)
        if at_path is None:
            if others := self.mounts().get(number or 0):
                raise MountedElsewhere(device, path, others)
            return
        if number not in {None, at_path.number}:
            raise BadMountPoint(path, "another filesystem is mounted there")
        if held := self.held.get(at_path.path):
            raise Busy(device, tuple(held))
        del self.mounted[path]
        at_path.users.remove(_mounted_at(path))

    def device_size(self, device: Path) -> int:
        """Look the device up."""
        return self._device(device).size

    def grow(self, device: Path, path: Path) -> None:
        """Note the filesystem's new size."""
        found = self._device(device)
        at_path = self.mounted.get(path)
        if at_path is None:
            others = self.mounts().get(found.number, ())
            raise MountedElsewhere(device, path, others)
        if at_path is not found:
            raise BadMountPoint(path, "another filesystem is mounted there")
        found.content.filesystem_size = found.size

    def holders(self, device: Path) -> tuple[Holder, ...]:
        """Tell of mounts and of what a test made up."""
        number = self.device_number(device)
        mounts = self.mounts().get(number or 0, ())
        found = [Holder(0, "kernel", _mounted_at(path)) for path in mounts]
        return (*found, *self.held.get(device, ()))

    def mounts(self) -> Mapping[int, tuple[Path, ...]]:
        """Give what `mount` noted."""
        return {device.number: (path,) for path, device in self.mounted.items()}

    def _device(self, device: Path) -> Device:
        found = self.service.device_at(device)
        if found is None:
            raise NoDevice(device, "is not a block device")
        return found


def _mounted_at(path: Path) -> str:
    return f"it is mounted at {path}"
