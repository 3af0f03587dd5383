"""Drivers of the first Flocker's kind, made to keep our interface. Used by `registry`.

They may give bytes for text, `FilePath` or nothing for a device, sizes of the package
bitmath, and have exceptions and volumes of their own: those are known by their names.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, SupportsInt, runtime_checkable
from uuid import UUID

from attrs import define, frozen
from zope.interface import implementer
from zope.interface.interface import InterfaceClass

from flocker.backends.block_interface import (
    AlreadyAttachedVolume,
    BlockDeviceVolume,
    IBlockDeviceAPI,
    ICloudAPI,
    UnattachedVolume,
    UnknownInstanceID,
    UnknownVolume,
    VolumeBusy,
    VolumeException,
)
from flocker.backends.finding import text
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, InstanceID, VolumeID

_ERRORS: Mapping[str, Callable[[str], VolumeException]] = {
    "UnknownVolume": UnknownVolume,
    "AlreadyAttachedVolume": AlreadyAttachedVolume,
    "UnattachedVolume": UnattachedVolume,
}


class Bytes(Protocol):
    """What `Quantity` gives."""

    value: float


@runtime_checkable
class Quantity(Protocol):
    """A size as the package bitmath has it."""

    def to_Byte(self) -> Bytes:
        """Give it in bytes."""


class HasPath(Protocol):
    """A path as Twisted's `FilePath` has it."""

    path: str | bytes


class ForeignVolume(Protocol):
    """A volume as the first Flocker had it."""

    blockdevice_id: str | bytes
    size: SupportsInt | Quantity
    attached_to: str | bytes | None
    dataset_id: UUID | str | bytes


@frozen
class NotADriver(FlockerError):
    """What a driver's factory gave does not have the methods of a driver."""

    where: str
    name: str
    missing: tuple[str, ...]

    def words(self) -> str:
        """Name the driver and the methods."""
        methods = ", ".join(self.missing)
        return f"{self.where}: what {self.name} made is no driver: it lacks {methods}"


def adapt(made: object, name: str, where: str) -> IBlockDeviceAPI:
    """Give what keeps our interface: itself or a wrapper. Raises `NotADriver`."""
    if IBlockDeviceAPI.providedBy(made):
        driver: IBlockDeviceAPI = IBlockDeviceAPI(made)
        return driver
    methods = sorted(str(method) for method in IBlockDeviceAPI)
    missing = [each for each in methods if not callable(getattr(made, each, None))]
    if missing:
        raise NotADriver(where, name, tuple(missing))
    return ForeignBlockDevices(made)


def size_in_bytes(value: SupportsInt | Quantity) -> int:
    """Read a size: a number of bytes, or a quantity of bitmath."""
    return int(value.to_Byte().value if isinstance(value, Quantity) else value)


def device_path(value: str | bytes | Path | HasPath | None) -> Path | None:
    """Read a path: text, bytes, a `pathlib.Path`, Twisted's `FilePath` or None."""
    match value:
        case None | Path():
            return value
        case str() | bytes():
            return Path(text(value))
        case _:
            return Path(text(value.path))


def volume(value: ForeignVolume) -> BlockDeviceVolume:
    """Read a volume, by its attributes."""
    attached_to = value.attached_to
    return BlockDeviceVolume(
        blockdevice_id=VolumeID(text(value.blockdevice_id)),
        size=size_in_bytes(value.size),
        attached_to=None if attached_to is None else InstanceID(text(attached_to)),
        dataset_id=DatasetID(UUID(text(value.dataset_id))),
    )


@contextmanager
def _our_errors(blockdevice_id: str) -> Iterator[None]:
    """Raise our exception instead of the driver's own of the same name."""
    try:
        yield
    except FlockerError:
        raise
    except Exception as error:
        for kind in type(error).__mro__:
            if kind.__name__ in _ERRORS:
                raise _ERRORS[kind.__name__](blockdevice_id) from error
            if kind.__name__ == "VolumeBusy":
                raise VolumeBusy(blockdevice_id, str(error)) from error
        raise


@implementer(IBlockDeviceAPI)
@define(eq=False)
class ForeignBlockDevices:
    """The driver `_driver`, of which only the methods' names are certain."""

    _driver: Any

    def __conform__(self, interface: InterfaceClass) -> object:
        """Offer what else the driver can, if it has the methods."""
        if interface is ICloudAPI and hasattr(self._driver, "list_live_nodes"):
            return ForeignCloud(self._driver)
        return None

    def allocation_unit(self) -> int:
        """Ask the driver."""
        return size_in_bytes(self._driver.allocation_unit())

    def compute_instance_id(self) -> InstanceID:
        """Ask the driver; None or an empty name is none."""
        try:
            name = self._driver.compute_instance_id()
        except FlockerError:
            raise
        except Exception as error:
            if "UnknownInstanceID" in [kind.__name__ for kind in type(error).__mro__]:
                raise UnknownInstanceID(str(error)) from error
            raise
        if not name:
            raise UnknownInstanceID("the driver gave no name")
        return InstanceID(text(name))

    def create_volume(self, dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Ask the driver."""
        return volume(self._driver.create_volume(dataset_id, size))

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Ask the driver."""
        with _our_errors(blockdevice_id):
            self._driver.destroy_volume(blockdevice_id)

    def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Ask the driver."""
        with _our_errors(blockdevice_id):
            return volume(self._driver.attach_volume(blockdevice_id, attach_to))

    def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Ask the driver."""
        with _our_errors(blockdevice_id):
            self._driver.detach_volume(blockdevice_id)

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """Ask the driver."""
        return [volume(each) for each in self._driver.list_volumes()]

    def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Ask the driver; no path means that the device has not appeared."""
        with _our_errors(blockdevice_id):
            path = device_path(self._driver.get_device_path(blockdevice_id))
        if path is None:
            raise UnattachedVolume(blockdevice_id)
        return path


@implementer(ICloudAPI)
@define(eq=False)
class ForeignCloud:
    """What such a driver says of the machines."""

    _driver: Any

    def list_live_nodes(self) -> Collection[InstanceID]:
        """Ask the driver."""
        return frozenset(
            InstanceID(text(node)) for node in self._driver.list_live_nodes()
        )

    def start_node(self, node_id: InstanceID) -> None:
        """Ask the driver."""
        self._driver.start_node(node_id)
