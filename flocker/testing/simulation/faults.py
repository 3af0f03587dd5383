"""Drivers and kernels that fail when a test says so, and watch what is done to them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

from attrs import define, field, frozen
from zope.interface import implementer

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    IBlockDeviceAPI,
    ICloudAPI,
)
from flocker.dataset_agent.filesystems import IFilesystems
from flocker.dataset_agent.holders import Holder
from flocker.dataset_agent.signatures import Signature
from flocker.model.datasets import FilesystemKind
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, InstanceID, VolumeID
from flocker.testing.fakes.memory_block_devices import MemoryCloudNode
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems

T = TypeVar("T")


class Fault(Enum):
    """How a call fails."""

    BEFORE = "before it has done anything"
    AFTER = "after it has done everything"
    ODD = "with an exception that nobody knows"
    HALF = "half way (an attach without a device)"


@frozen
class Broken(FlockerError):
    """A test wanted this call to fail."""

    call: str

    def words(self) -> str:
        """Name the call."""
        return f"{self.call} fails, as the test wants it"


class OddError(Exception):
    """What a driver raises that was written in a hurry."""


@define
class Faults:
    """Which calls fail: `once` in order, `always` until taken out; `calls` counts.

    `always` has names of calls; or names and what a call is about, which is a volume
    or a device: ``"signature /dev/memory/d1"``.
    """

    once: dict[str, list[Fault]] = field(factory=dict)
    always: set[str] = field(factory=set)
    calls: dict[str, int] = field(factory=dict)

    def call(
        self,
        name: str,
        do: Callable[[], T],
        half: Callable[[], object] | None = None,
        about: object = None,
    ) -> T:
        """Do it, or fail as planned."""
        self.calls[name] = self.calls.get(name, 0) + 1
        if name in self.always or f"{name} {about}" in self.always:
            raise Broken(name)
        planned = self.once.get(name)
        fault = planned.pop(0) if planned else None
        if fault is Fault.ODD:
            raise OddError(name)
        if fault is Fault.HALF and half is not None:
            _ = half()
        if fault in {Fault.BEFORE, Fault.HALF}:
            raise Broken(name)
        result = do()
        if fault is Fault.AFTER:
            raise Broken(name)
        return result

    def clear(self) -> None:
        """Let everything work again."""
        self.once.clear()
        self.always.clear()


@define
class Watch:
    """What must never happen, and what is counted, over the whole world.

    `lag` is in seconds: so long after its creation a volume is not listed.
    """

    now: Callable[[], float]
    lag: float = 0.0
    made: dict[VolumeID, float] = field(factory=dict)
    formatted: dict[VolumeID, int] = field(factory=dict)
    violations: list[str] = field(factory=list)

    def listed(self, volume: BlockDeviceVolume) -> bool:
        """Whether the service lists it yet."""
        return self.now() >= self.made.get(volume.blockdevice_id, 0.0) + self.lag


@implementer(IBlockDeviceAPI, ICloudAPI)
@define(eq=False)
class FaultyBlockDevices:
    """The driver of one machine."""

    api: MemoryCloudNode
    faults: Faults
    watch: Watch

    def allocation_unit(self) -> int:
        """Ask."""
        return self.faults.call("allocation_unit", self.api.allocation_unit)

    def compute_instance_id(self) -> InstanceID:
        """Ask."""
        return self.faults.call("compute_instance_id", self.api.compute_instance_id)

    def create_volume(self, dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Create, and note when."""

        def create() -> BlockDeviceVolume:
            made = self.api.create_volume(dataset_id, size)
            self.watch.made[made.blockdevice_id] = self.watch.now()
            return made

        return self.faults.call("create_volume", create)

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Destroy."""
        self.faults.call(
            "destroy_volume",
            lambda: self.api.destroy_volume(blockdevice_id),
            about=blockdevice_id,
        )

    def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Attach."""
        service = self.api.service

        def half() -> None:
            if service.get(blockdevice_id).attached_to is None:
                service.half_attach(blockdevice_id, attach_to)

        return self.faults.call(
            "attach_volume",
            lambda: self.api.attach_volume(blockdevice_id, attach_to),
            half,
            about=blockdevice_id,
        )

    def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Detach; taking a volume from another machine that runs is a violation."""

        def detach() -> None:
            service = self.api.service
            holder = service.get(blockdevice_id).attached_to
            if holder not in {None, self.api.instance} and holder in service.live:
                words = f"{self.api.instance} took {blockdevice_id} from {holder}"
                self.watch.violations.append(words)
            self.api.detach_volume(blockdevice_id)

        self.faults.call("detach_volume", detach, about=blockdevice_id)

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """List what is listed yet."""
        found = self.faults.call("list_volumes", self.api.list_volumes)
        if not self.watch.lag:
            return found
        return [volume for volume in found if self.watch.listed(volume)]

    def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Ask."""
        return self.faults.call(
            "get_device_path",
            lambda: self.api.get_device_path(blockdevice_id),
            about=blockdevice_id,
        )

    def list_live_nodes(self) -> Collection[InstanceID]:
        """Ask."""
        return self.faults.call("list_live_nodes", self.api.list_live_nodes)

    def start_node(self, node_id: InstanceID) -> None:
        """Switch a machine on."""
        self.api.start_node(node_id)


@implementer(IFilesystems)
@define(eq=False)
class FaultyFilesystems:
    """The kernel of one machine."""

    kernel: MemoryFilesystems
    faults: Faults
    watch: Watch

    def device_number(self, device: Path) -> int | None:
        """Ask."""
        return self.kernel.device_number(device)

    def signature(self, device: Path) -> Signature | None:
        """Probe."""
        return self.faults.call(
            "signature", lambda: self.kernel.signature(device), about=device
        )

    def make(self, device: Path, kind: FilesystemKind = FilesystemKind.EXT4) -> None:
        """Format, and count."""

        def make() -> None:
            self.kernel.make(device, kind)
            found = self.kernel.service.device_at(device)
            assert found is not None
            formatted = self.watch.formatted
            formatted[found.volume] = formatted.get(found.volume, 0) + 1

        self.faults.call("make", make, about=device)

    def mount(self, device: Path, path: Path) -> None:
        """Mount."""
        self.faults.call("mount", lambda: self.kernel.mount(device, path), about=device)

    def unmount(self, path: Path, device: Path | None) -> None:
        """Unmount."""
        self.faults.call(
            "unmount", lambda: self.kernel.unmount(path, device), about=device
        )

    def device_size(self, device: Path) -> int:
        """Ask."""
        return self.kernel.device_size(device)

    def grow(self, device: Path, path: Path) -> None:
        """Grow."""
        self.faults.call("grow", lambda: self.kernel.grow(device, path), about=device)

    def holders(self, device: Path) -> tuple[Holder, ...]:
        """Ask."""
        return self.kernel.holders(device)

    def mounts(self) -> Mapping[int, tuple[Path, ...]]:
        """Ask."""
        return self.faults.call("mounts", self.kernel.mounts)
