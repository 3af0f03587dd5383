"""A driver that is asked less: wraps another one. Made by `registry.build`.

This machine's name is asked for once. A device path is kept until the volume is
detached through this object or listed as not attached here, and believed only while the
path is a block device with the number it had: one stat. Drivers whose own answer is as
cheap, and says more, go without (`BackendDescription.keeps_device_paths`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, field, frozen
from zope.interface import implementer
from zope.interface.interface import InterfaceClass

from flocker.backends.block_interface import BlockDeviceVolume, IBlockDeviceAPI
from flocker.backends.devices import device_number
from flocker.model.ids import DatasetID, InstanceID, VolumeID


@frozen
class _KnownDevice:
    """Where a volume's device was, and which device that is."""

    path: Path
    number: int


@implementer(IBlockDeviceAPI)
@define(eq=False)
class CachingBlockDevices:
    """The driver `api`, remembering. Safe to use from several threads."""

    api: IBlockDeviceAPI
    keeps_device_paths: bool = True
    device_number: Callable[[Path], int | None] = device_number
    _instance: InstanceID | None = field(default=None, init=False)
    _devices: dict[VolumeID, _KnownDevice] = field(factory=dict, init=False)

    def __conform__(self, interface: InterfaceClass) -> object:
        """Offer what else the driver provides, such as `ICloudAPI`: ask the driver."""
        return interface(self.api, None)

    def allocation_unit(self) -> int:
        """Ask the driver."""
        return self.api.allocation_unit()

    def compute_instance_id(self) -> InstanceID:
        """Ask the driver until it has answered."""
        if self._instance is None:
            self._instance = self.api.compute_instance_id()
        return self._instance

    def create_volume(self, dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Ask the driver."""
        return self.api.create_volume(dataset_id, size)

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Ask the driver."""
        self._devices.pop(blockdevice_id, None)
        self.api.destroy_volume(blockdevice_id)

    def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Ask the driver."""
        self._devices.pop(blockdevice_id, None)
        return self.api.attach_volume(blockdevice_id, attach_to)

    def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Ask the driver, and forget the device, whatever comes of it."""
        self._devices.pop(blockdevice_id, None)
        try:
            self.api.detach_volume(blockdevice_id)
        finally:
            self._devices.pop(blockdevice_id, None)

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """Ask the driver, and forget the devices of what is not attached here."""
        volumes = self.api.list_volumes()
        if not self._devices:
            return volumes
        me = self.compute_instance_id()
        here = {v.blockdevice_id for v in volumes if v.attached_to == me}
        for volume in set(self._devices) - here:
            self._devices.pop(volume, None)
        return volumes

    def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Give the path we know, if it is still that device; else ask the driver."""
        known = self._devices.get(blockdevice_id)
        if known is not None and self.device_number(known.path) == known.number:
            return known.path
        path = self.api.get_device_path(blockdevice_id)
        number = self.device_number(path)
        if number is not None and self.keeps_device_paths:
            self._devices[blockdevice_id] = _KnownDevice(path, number)
        return path
