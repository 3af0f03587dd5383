"""Drivers and kernels that fail when a test says so, and watch what is done to them."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from enum import Enum
from pathlib import Path
from typing import TypeVar

from attrs import define, field, frozen
from zope.interface import implementer

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    BlockSnapshot,
    IBlockDeviceAPI,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
)
from flocker.dataset_agent.filesystems import IFilesystems
from flocker.dataset_agent.signatures import Signature
from flocker.model.datasets import FilesystemKind
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    DatasetID,
    InstanceID,
    Life,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)
from flocker.runtime.holders import Holder
from flocker.testing.fakes.memory_block_devices import MemoryCloudNode
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.simulation.watching import Watch

T = TypeVar("T")

CHANGING = frozenset(
    {
        "create_volume",
        "attach_volume",
        "detach_volume",
        "destroy_volume",
        "grow_volume",
        "make",
        "mount",
        "unmount",
        "grow",
        "take_snapshot",
        "destroy_snapshot",
    }
)
"""The calls that change storage."""


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


def _always() -> bool:
    return True


@define
class Faults:
    """Which calls fail: `once` in order, `always` until taken out; `calls` counts.

    `changes` counts those that change storage.

    `always` has names of calls; or names and what a call is about, which is a volume
    or a device: ``"signature /dev/memory/d1"``. Volumes in `hidden` are not listed,
    and with `doubled` each that is listed is so twice. `heard` says whether control can
    hear of what is done; `said` is told of each call that changes storage, or fails.
    `changing` are the calls that do.
    """

    once: dict[str, list[Fault]] = field(factory=dict)
    always: set[str] = field(factory=set)
    calls: dict[str, int] = field(factory=dict)
    changes: int = 0
    hidden: set[VolumeID] = field(factory=set)
    doubled: bool = False
    heard: Callable[[], bool] = _always
    said: Callable[[str], None] | None = None
    changing: Set[str] = CHANGING

    def call(
        self,
        name: str,
        do: Callable[[], T],
        half: Callable[[], object] | None = None,
        about: object = None,
    ) -> T:
        """Do it, or fail as planned."""
        self.calls[name] = self.calls.get(name, 0) + 1
        self.changes += name in self.changing
        if self.said is None:
            return self._call(name, do, half, about)
        what = name if about is None else f"{name} {about}"
        try:
            result = self._call(name, do, half, about)
        except Exception as error:
            self.said(f"{what}: {type(error).__name__}: {error}")
            raise
        if name in self.changing:
            self.said(what)
        return result

    def _call(
        self,
        name: str,
        do: Callable[[], T],
        half: Callable[[], object] | None,
        about: object,
    ) -> T:
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
        self.hidden.clear()
        self.doubled = False

    def list_once(self) -> None:
        """List no volume twice any more."""
        self.doubled = False

    def listed(
        self, volumes: Sequence[BlockDeviceVolume]
    ) -> Sequence[BlockDeviceVolume]:
        """Make of a true list what is listed."""
        if self.hidden:
            volumes = [v for v in volumes if v.blockdevice_id not in self.hidden]
        return [*volumes, *volumes] if self.doubled else volumes


@implementer(IBlockDeviceAPI, ICloudAPI, IGrowingBlockDeviceAPI)
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
        return self._create(lambda: self.api.create_volume(dataset_id, size))

    def _create(self, make: Callable[[], BlockDeviceVolume]) -> BlockDeviceVolume:
        def create() -> BlockDeviceVolume:
            made = make()
            sure = self.faults.heard() and not self.faults.hidden
            self.watch.created(made, trusted=sure and made.life is not None)
            return made

        return self.faults.call("create_volume", create)

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Destroy; what is still wanted must not be."""

        def destroy() -> None:
            volume = self.api.service.get(blockdevice_id)
            self.api.destroy_volume(blockdevice_id)
            self.watch.destroying(volume)

        self.faults.call("destroy_volume", destroy, about=blockdevice_id)

    def grow_volume(self, blockdevice_id: VolumeID, size: int) -> None:
        """Grow, or only the volume and not its device."""
        self.faults.call(
            "grow_volume",
            lambda: self.api.grow_volume(blockdevice_id, size),
            lambda: self.api.service.half_grow(blockdevice_id, size),
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
            volume = service.get(blockdevice_id)
            device = service.devices.get(blockdevice_id)
            if volume.attached_to in {None, self.api.instance}:
                self.api.detach_volume(blockdevice_id)
                return
            service.rip(blockdevice_id)
            on = volume.attached_to in service.live
            self.watch.ripped(volume, device, self.api.instance, on=on)

        self.faults.call("detach_volume", detach, about=blockdevice_id)

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """List what is listed yet."""
        found = self.faults.call("list_volumes", self.api.list_volumes)
        if self.watch.lag:
            found = [volume for volume in found if self.watch.listed(volume)]
        return self.faults.listed(found)

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


@implementer(IMarkingBlockDeviceAPI, ISnapshottingBlockDeviceAPI)
@define(eq=False)
class FaultyMarkingBlockDevices(FaultyBlockDevices):
    """The driver of one machine, whose volumes carry a mark, and can be kept."""

    def create_marked_volume(
        self, dataset_id: DatasetID, size: int, life: Life
    ) -> BlockDeviceVolume:
        """Create, and note when."""
        return self._create(
            lambda: self.api.create_marked_volume(dataset_id, size, life)
        )

    def check_snapshots(self) -> None:
        """Ask."""
        self.faults.call("check_snapshots", self.api.check_snapshots)

    def take_snapshot(
        self, blockdevice_id: VolumeID, mark: UserSnapshotID
    ) -> BlockSnapshot:
        """Take."""
        return self.faults.call(
            "take_snapshot", lambda: self.api.take_snapshot(blockdevice_id, mark)
        )

    def list_snapshots(self) -> Sequence[BlockSnapshot]:
        """List."""
        return self.faults.call("list_snapshots", self.api.list_snapshots)

    def destroy_snapshot(self, snapshot_id: SnapshotID) -> None:
        """Destroy."""
        self.faults.call(
            "destroy_snapshot", lambda: self.api.destroy_snapshot(snapshot_id)
        )

    def create_volume_from_snapshot(
        self,
        snapshot_id: SnapshotID,
        dataset_id: DatasetID,
        size: int,
        life: Life | None,
    ) -> BlockDeviceVolume:
        """Create, and note when."""
        return self._create(
            lambda: self.api.create_volume_from_snapshot(
                snapshot_id, dataset_id, size, life
            )
        )


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
            held_data = bool(found.content.files)
            self.watch.made_filesystem(found.volume, held_data=held_data)

        self.faults.call("make", make, about=device)

    def flush(self, path: Path) -> None:
        """Flush."""
        self.faults.call("flush", lambda: self.kernel.flush(path), about=path)

    def mount(self, device: Path, path: Path, *, copy: bool = False) -> None:
        """Mount."""

        def mount() -> None:
            self.kernel.mount(device, path, copy=copy)

        self.faults.call("mount", mount, about=device)

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
