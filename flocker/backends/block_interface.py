"""What a driver of block storage promises; who writes a driver starts here.

The names and exceptions are those of Flocker 1.15, so that its drivers are easy to
bring along; the types are plain: `str`, `int`, `pathlib.Path`, `uuid.UUID`. Methods are
synchronous and run in a thread of the backend's own pool, several at once: a driver
locks what it must. They should fail rather than wait for ever; the agent tries again.

Prove a driver with `flocker.testing.conformance.blockdevices`.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from attrs import frozen
from zope.interface import Interface

from flocker.model.errors import FlockerError
from flocker.model.ids import (
    DatasetID,
    InstanceID,
    Life,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)


class VolumeException(FlockerError):
    """Something about one volume; `blockdevice_id` names it."""

    def __init__(self, blockdevice_id: str) -> None:
        super().__init__(blockdevice_id)
        self.blockdevice_id = blockdevice_id


class UnknownVolume(VolumeException):
    """The backend has no volume of this id."""

    def words(self) -> str:
        """Name the volume."""
        return f"the backend has no volume {self.blockdevice_id}"


class AlreadyAttachedVolume(VolumeException):
    """The volume is attached, here or elsewhere, where it should not be."""

    def words(self) -> str:
        """Name the volume."""
        return f"volume {self.blockdevice_id} is attached already"


class UnattachedVolume(VolumeException):
    """The volume is not attached where it should be."""

    def words(self) -> str:
        """Name the volume."""
        return f"volume {self.blockdevice_id} is not attached"


class VolumeBusy(VolumeException):
    """The backend or the kernel still uses the volume; `why` says how."""

    def __init__(self, blockdevice_id: str, why: str) -> None:
        super().__init__(blockdevice_id)
        self.why = why

    def words(self) -> str:
        """Name the volume and its user."""
        return f"volume {self.blockdevice_id} is busy: {self.why}"


class CannotShrink(VolumeException):
    """The volume is larger than it was asked to grow to."""

    def words(self) -> str:
        """Name the volume."""
        return f"volume {self.blockdevice_id} is larger already and cannot shrink"


@frozen
class UnknownSnapshot(FlockerError):
    """The backend has no snapshot of this id."""

    snapshot: SnapshotID

    def words(self) -> str:
        """Name the snapshot."""
        return f"the backend has no snapshot {self.snapshot}"


@frozen
class NoSnapshots(FlockerError):
    """The backend cannot take snapshots as it is set up here."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"no snapshots can be taken: {self.why}"


@frozen
class SnapshotGivenUp(FlockerError):
    """A snapshot was not taken: who writes to the volume would have waited too long.

    It is not tried again for the same mark; `release` says what to do about it.
    """

    volume: VolumeID
    why: str
    release: str

    def words(self) -> str:
        """Name the volume and the reason."""
        return f"no snapshot of volume {self.volume} was taken: {self.why}"


@frozen
class UnknownInstanceID(FlockerError):
    """The driver cannot tell which machine this is."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"the backend does not know this machine: {self.why}"


@frozen
class LivenessUnknown(FlockerError):
    """The backend cannot tell which instances run; nothing follows from that."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"which machines run is not known: {self.why}"


@frozen
class BlockDeviceVolume:
    """One volume as the backend lists it; `size` in bytes.

    `life` is what `IMarkingBlockDeviceAPI` was given, None for any other volume.
    """

    blockdevice_id: VolumeID
    size: int
    attached_to: InstanceID | None
    dataset_id: DatasetID
    life: Life | None = None


@frozen
class BlockSnapshot:
    """What volume `of` held at one moment, as the backend lists it.

    `size` is that of the volume then, in bytes; `mark` is what it was asked for with.
    """

    id: SnapshotID
    of: VolumeID
    mark: UserSnapshotID
    size: int


@frozen
class Copied:
    """How many bytes were copied until now, of how many about."""

    done: int
    whole: int


class IBlockDeviceAPI(Interface):
    """Volumes of one cluster on one storage service, seen from one node."""

    def allocation_unit() -> int:
        """Give the bytes that every size passed to `create_volume` is a multiple of."""

    def compute_instance_id() -> InstanceID:
        """Name this machine as `attached_to` does; stable until reboot.

        Raises `UnknownInstanceID`.
        """

    def create_volume(dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Make a detached volume of exactly `size` bytes that knows its dataset."""

    def destroy_volume(blockdevice_id: VolumeID) -> None:
        """Destroy a detached volume and its data.

        Raises `UnknownVolume` (also when destroyed before), `AlreadyAttachedVolume`.
        """

    def attach_volume(
        blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Attach to the instance; return when its device is usable there.

        Recovers what an attach that was cut short left behind. Raises `UnknownVolume`,
        `AlreadyAttachedVolume` (here, with its device, or elsewhere).
        """

    def detach_volume(blockdevice_id: VolumeID) -> None:
        """Take the volume from whatever instance has it; return once its device went.

        Another instance is asked for only when its node was marked dead. From the
        return on it cannot write to the volume, though it should run after all.

        Raises `UnknownVolume`, `UnattachedVolume`, `VolumeBusy`.
        """

    def list_volumes() -> Sequence[BlockDeviceVolume]:
        """List all volumes of this cluster, and no others."""

    def get_device_path(blockdevice_id: VolumeID) -> Path:
        """Give the block device of a volume attached to this machine.

        It is identified by what the device says of itself (serial, backing file),
        never by a guess. Raises `UnknownVolume`, `UnattachedVolume` (also while the
        device has not appeared).
        """


class IMarkingBlockDeviceAPI(Interface):
    """What a driver may add whose volumes carry one more mark than their dataset's id.

    An id may be used again when its dataset was forgotten. A volume is known by the
    mark for one that was made for the present dataset, though whoever made it has died
    before it told. Without this a person must say so (`flockerctl adopt`).
    """

    def create_marked_volume(
        dataset_id: DatasetID, size: int, life: Life
    ) -> BlockDeviceVolume:
        """Do as `create_volume`; it is listed with this `life` from the beginning."""


class ICloudAPI(Interface):
    """What a driver may add that knows which machines run."""

    def list_live_nodes() -> Collection[InstanceID]:
        """Name the instances that run; one that is absent is surely off.

        Raises `LivenessUnknown` rather than leave one out that may run.
        """

    def start_node(node_id: InstanceID) -> None:
        """Try to start an instance; for tests."""


class IGrowingBlockDeviceAPI(Interface):
    """What a driver may add that can make volumes larger while they are in use."""

    def grow_volume(blockdevice_id: VolumeID, size: int) -> None:
        """Make a volume and its device, if it has one here, `size` bytes large.

        The device may be mounted and written to; its data stays. A volume that has
        that size already is no error: what an earlier call left undone is finished.
        Raises `UnknownVolume`, and `CannotShrink` for a size below the present.
        """


class ISnapshottingBlockDeviceAPI(Interface):
    """What a driver may add that keeps what a volume holds, while it is in use.

    A snapshot is all that the volume held at one moment: every write that was answered
    before, and of those under way each or not, as a power cut would have left it. It is
    whole or not there, whatever is killed when, and outlives its volume.
    """

    def check_snapshots() -> None:
        """Raises `NoSnapshots` where none can be taken as things are set up here.

        Asked whenever the agent connects, and again while it fails with anything else;
        it costs little and leaves nothing behind.
        """

    def take_snapshot(blockdevice_id: VolumeID, mark: UserSnapshotID) -> BlockSnapshot:
        """Keep what a volume attached to this machine holds now.

        There is one of a volume and mark: asked again, it is given as it is. Who writes
        to the volume waits for moments, or for as long as the operator allows; whatever
        is killed then, he goes on. Raises `UnknownVolume`, `UnattachedVolume` (also
        where another machine has it), `NoSnapshots`, `SnapshotGivenUp`.
        """

    def list_snapshots() -> Sequence[BlockSnapshot]:
        """List all snapshots of this cluster's volumes, and no others."""

    def destroy_snapshot(snapshot_id: SnapshotID) -> None:
        """Destroy a snapshot; what was made from it stays. Raises `UnknownSnapshot`."""

    def create_volume_from_snapshot(
        snapshot_id: SnapshotID, dataset_id: DatasetID, size: int, life: Life | None
    ) -> BlockDeviceVolume:
        """Make a detached volume that begins as a snapshot.

        It has `size` bytes, or those of the snapshot if that is larger; and the mark
        `life`, where the driver marks volumes. It is listed when it is whole. Raises
        `UnknownSnapshot`, `NoSnapshots`.
        """


class ITellingBlockDeviceAPI(Interface):
    """What a driver may add whose `create_volume_from_snapshot` takes its time."""

    def copied(dataset_id: DatasetID) -> Copied | None:
        """Say how far the volume is that is being made for a dataset; None if none is.

        It is asked outside of the driver's threads: it answers at once, from memory.
        """
