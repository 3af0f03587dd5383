"""A storage service in memory, shared by the nodes of a test.

It passes `flocker.testing.conformance.blockdevices`. Its device paths are names in no
file system; `memory_filesystems` knows what they mean.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from threading import RLock
from uuid import UUID, uuid4

from attrs import define, evolve, field
from zope.interface import implementer

from flocker.backends.block_interface import (
    AlreadyAttachedVolume,
    BlockDeviceVolume,
    BlockSnapshot,
    CannotShrink,
    IBlockDeviceAPI,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
    NoSnapshots,
    SnapshotGivenUp,
    UnattachedVolume,
    UnknownSnapshot,
    UnknownVolume,
    VolumeBusy,
)
from flocker.model.ids import (
    DatasetID,
    InstanceID,
    Life,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)
from flocker.model.sizes import MEBIBYTE

_FIRST_DEVICE = 0x700
DEVICES = Path("/dev/memory")
"""Where the fake device paths seem to be."""


@define(eq=False)
class Device:
    """An attachment as the kernel of its node sees it, of `size` bytes.

    `users` are words for what keeps it from being detached; `content` outlives it.
    """

    number: int
    path: Path
    volume: VolumeID
    content: "Content"
    size: int
    users: list[str] = field(factory=list)


@define(eq=False)
class Content:
    """What is written on a volume: the kind of signature, None if blank, and files.

    `filesystem_size` is in bytes, 0 where there is no filesystem.
    """

    signature: str | None = None
    filesystem_size: int = 0
    files: dict[str, bytes] = field(factory=dict)

    def copy(self) -> "Content":
        """Give the same, as it is now."""
        return evolve(self, files=dict(self.files))


@define(eq=False)
class MemoryBlockDevices:
    """The service: what all nodes see. Safe to use from several threads."""

    allocation_unit: int = MEBIBYTE
    unique: Callable[[], UUID] = uuid4
    volumes: dict[VolumeID, BlockDeviceVolume] = field(factory=dict)
    contents: dict[VolumeID, Content] = field(factory=dict)
    devices: dict[VolumeID, Device] = field(factory=dict)
    live: set[InstanceID] = field(factory=set)
    snapshots: dict[SnapshotID, tuple[BlockSnapshot, Content]] = field(factory=dict)
    why_no_snapshots: str | None = None
    too_slow: tuple[str, str] | None = None
    """Why no snapshot can be taken in time, and what to do about it."""
    lock: RLock = field(factory=RLock)
    _attached: int = 0
    _at: dict[Path, VolumeID] = field(factory=dict)

    def fixed_node(self, instance: str) -> "MemoryFixedNode":
        """Give a driver that cannot make volumes larger, nor mark them."""
        self.live.add(InstanceID(instance))
        return MemoryFixedNode(self, InstanceID(instance))

    def node(self, instance: str) -> "MemoryNode":
        """Give the driver as it runs on one machine, which is on from now."""
        self.live.add(InstanceID(instance))
        return MemoryNode(self, InstanceID(instance))

    def cloud_node(self, instance: str) -> "MemoryCloudNode":
        """Give a driver that also tells which machines run."""
        self.live.add(InstanceID(instance))
        return MemoryCloudNode(self, InstanceID(instance))

    def get(self, volume: VolumeID) -> BlockDeviceVolume:
        """Look a volume up. Raises `UnknownVolume`."""
        try:
            return self.volumes[volume]
        except KeyError:
            raise UnknownVolume(volume) from None

    def make(
        self, dataset: DatasetID, size: int, life: Life | None = None
    ) -> BlockDeviceVolume:
        """Make a blank volume."""
        volume = BlockDeviceVolume(
            blockdevice_id=VolumeID(f"memory-{self.unique()}"),
            size=size,
            attached_to=None,
            dataset_id=dataset,
            life=life,
        )
        with self.lock:
            self.volumes[volume.blockdevice_id] = volume
            self.contents[volume.blockdevice_id] = Content()
        return volume

    def connect(self, volume: VolumeID) -> None:
        """Make the device of an attached volume appear; its number is never reused."""
        self._attached += 1
        number = _FIRST_DEVICE + self._attached
        path = DEVICES / f"d{self._attached}"
        self._at[path] = volume
        self.devices[volume] = Device(
            number, path, volume, self.contents[volume], self.get(volume).size
        )

    def half_attach(self, volume: VolumeID, instance: InstanceID) -> None:
        """Leave what an attach leaves that was cut short: no device appeared."""
        self.volumes[volume] = evolve(self.get(volume), attached_to=instance)

    def rip(self, volume: VolumeID) -> None:
        """Take a volume away, whoever uses it, as a cloud does from a dead machine."""
        with self.lock:
            _ = self.devices.pop(volume, None)
            self.volumes[volume] = evolve(self.get(volume), attached_to=None)

    def half_grow(self, volume: VolumeID, size: int) -> None:
        """Leave what a growing leaves that was cut short: the device is as before."""
        self.volumes[volume] = evolve(self.get(volume), size=size)

    def device_at(self, path: Path) -> Device | None:
        """Give the device with this path."""
        with self.lock:
            volume = self._at.get(path)
            device = None if volume is None else self.devices.get(volume)
            return device if device is not None and device.path == path else None

    def number_at(self, path: Path) -> int | None:
        """Give the number of the device with this path; None if there is none."""
        device = self.device_at(path)
        return None if device is None else device.number


@implementer(IBlockDeviceAPI)
@define(eq=False)
class MemoryFixedNode:
    """The driver on one machine, of a service whose volumes keep their size."""

    service: MemoryBlockDevices
    instance: InstanceID

    def allocation_unit(self) -> int:
        """Give the service's unit in bytes."""
        return self.service.allocation_unit

    def compute_instance_id(self) -> InstanceID:
        """Name this machine."""
        return self.instance

    def create_volume(self, dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Make a blank volume."""
        return self.service.make(dataset_id, size)

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Forget a detached volume."""
        with self.service.lock:
            if self.service.get(blockdevice_id).attached_to is not None:
                raise AlreadyAttachedVolume(blockdevice_id)
            del self.service.volumes[blockdevice_id]
            del self.service.contents[blockdevice_id]

    def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Attach, or finish an attach that was cut short."""
        with self.service.lock:
            volume = self.service.get(blockdevice_id)
            half_done = (
                volume.attached_to == attach_to
                and blockdevice_id not in self.service.devices
            )
            if volume.attached_to is not None and not half_done:
                raise AlreadyAttachedVolume(blockdevice_id)
            attached = evolve(volume, attached_to=attach_to)
            self.service.volumes[blockdevice_id] = attached
            self.service.connect(blockdevice_id)
            return attached

    def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Detach from whatever machine has it."""
        with self.service.lock:
            volume = self.service.get(blockdevice_id)
            if volume.attached_to is None:
                raise UnattachedVolume(blockdevice_id)
            device = self.service.devices.get(blockdevice_id)
            if device is not None and device.users:
                raise VolumeBusy(blockdevice_id, device.users[0])
            self.service.devices.pop(blockdevice_id, None)
            self.service.volumes[blockdevice_id] = evolve(volume, attached_to=None)

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """List all."""
        with self.service.lock:
            return list(self.service.volumes.values())

    def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Give the fake path."""
        with self.service.lock:
            volume = self.service.get(blockdevice_id)
            device = self.service.devices.get(blockdevice_id)
            if volume.attached_to != self.instance or device is None:
                raise UnattachedVolume(blockdevice_id)
            return device.path


@implementer(
    IGrowingBlockDeviceAPI, IMarkingBlockDeviceAPI, ISnapshottingBlockDeviceAPI
)
@define(eq=False)
class MemoryNode(MemoryFixedNode):
    """The driver on one machine."""

    def check_snapshots(self) -> None:
        """Ask the service."""
        if self.service.why_no_snapshots is not None:
            raise NoSnapshots(self.service.why_no_snapshots)

    def take_snapshot(
        self, blockdevice_id: VolumeID, mark: UserSnapshotID
    ) -> BlockSnapshot:
        """Keep a copy of the content."""
        self.check_snapshots()
        with self.service.lock:
            volume = self.service.get(blockdevice_id)
            if volume.attached_to != self.instance:
                raise UnattachedVolume(blockdevice_id)
            name = SnapshotID(f"{blockdevice_id}@{mark}")
            made = BlockSnapshot(name, blockdevice_id, mark, volume.size)
            if self.service.too_slow is not None:
                raise SnapshotGivenUp(blockdevice_id, *self.service.too_slow)
            content = self.service.contents[blockdevice_id].copy()
            return self.service.snapshots.setdefault(name, (made, content))[0]

    def list_snapshots(self) -> Sequence[BlockSnapshot]:
        """List all."""
        with self.service.lock:
            return [snapshot for snapshot, _ in self.service.snapshots.values()]

    def destroy_snapshot(self, snapshot_id: SnapshotID) -> None:
        """Forget it."""
        with self.service.lock:
            if self.service.snapshots.pop(snapshot_id, None) is None:
                raise UnknownSnapshot(snapshot_id)

    def create_volume_from_snapshot(
        self,
        snapshot_id: SnapshotID,
        dataset_id: DatasetID,
        size: int,
        life: Life | None,
    ) -> BlockDeviceVolume:
        """Make a volume with a copy of the content."""
        self.check_snapshots()
        with self.service.lock:
            if snapshot_id not in self.service.snapshots:
                raise UnknownSnapshot(snapshot_id)
            snapshot, content = self.service.snapshots[snapshot_id]
            made = self.service.make(dataset_id, max(size, snapshot.size), life)
            self.service.contents[made.blockdevice_id] = content.copy()
            return made

    def create_marked_volume(
        self, dataset_id: DatasetID, size: int, life: Life
    ) -> BlockDeviceVolume:
        """Make a blank volume with a mark."""
        return self.service.make(dataset_id, size, life)

    def grow_volume(self, blockdevice_id: VolumeID, size: int) -> None:
        """Grow the volume, then the device."""
        with self.service.lock:
            if size < self.service.get(blockdevice_id).size:
                raise CannotShrink(blockdevice_id)
            self.service.half_grow(blockdevice_id, size)
            device = self.service.devices.get(blockdevice_id)
            if device is not None:
                device.size = size


@implementer(ICloudAPI)
@define(eq=False)
class MemoryCloudNode(MemoryNode):
    """The driver of a service that knows which machines run."""

    def list_live_nodes(self) -> Collection[InstanceID]:
        """Name the machines that are on."""
        return frozenset(self.service.live)

    def start_node(self, node_id: InstanceID) -> None:
        """Switch a machine on."""
        self.service.live.add(node_id)
