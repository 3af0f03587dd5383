"""The driver `loopback`: volumes as sparse files on a directory that the nodes share.

For tests, sandboxes and single machines; `flocker.backends.registry` makes it. The
rename of the file decides who has a volume; the loop device follows it. So after a
crash at any point the volume is in one place, at worst without its device, and the next
`attach_volume` (or `detach_volume`) of the same instance finishes the work.

Note [Detaching another's volume]: its file may be taken only if nobody writes to it any
more. Loop devices are common to all nodes of one kernel, so there we can look: a device
that nobody uses is unbound, any other is cut off (Note [Cut off] in `loop_devices`), so
that its writes fail as those of a disk that is gone. About another machine that shares
the directory over a network we know nothing: refused.

Note [Growing]: first the file grows, durably, then our loop device is told. A kill in
between leaves a device smaller than its volume, which the same call again makes good.
The device of another instance is left to that instance.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from uuid import UUID, uuid4

from attrs import define, field, frozen
from zope.interface import implementer

from flocker.backends.block_interface import (
    AlreadyAttachedVolume,
    BlockDeviceVolume,
    BlockSnapshot,
    CannotShrink,
    Copied,
    IBlockDeviceAPI,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
    ITellingBlockDeviceAPI,
    UnattachedVolume,
    UnknownInstanceID,
    UnknownVolume,
    VolumeBusy,
)
from flocker.backends.loopback.directory import StoredVolume, VolumeDirectory
from flocker.backends.loopback.keeping import Keeping
from flocker.backends.loopback.loop_devices import (
    FileIdentity,
    LoopDeviceBusy,
    LoopDevices,
    NoLoopDevice,
)
from flocker.backends.loopback.machines import LiveMachines
from flocker.backends.loopback.snapshots import StoredSnapshot
from flocker.backends.loopback.standing_still import StandingStill
from flocker.backends.loopback.translate import (
    SECTOR,
    SnapshotFile,
    VolumeFile,
    is_instance_name,
    is_local,
    new_file,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    ClusterID,
    DatasetID,
    InstanceID,
    Life,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)

DEFAULT_ROOT = "/var/lib/flocker/loopback"
FREEZE_SECONDS = 10
"""For how long a filesystem may be frozen where its volume has to be copied."""
MACHINE_ID = Path("/etc/machine-id")
MOUNTINFO = Path("/proc/self/mountinfo")


@frozen
class NotThisInstance(FlockerError):
    """A loop device can be made only on the machine that asks for it."""

    volume: VolumeID
    asked: InstanceID
    own: InstanceID

    def words(self) -> str:
        """Name both instances."""
        return (
            f"loopback on {self.own} attaches volumes to itself only, not {self.volume}"
            f" to {self.asked}"
        )


@frozen
class WrongSize(FlockerError):
    """A volume's size, or the allocation unit, that loop devices cannot have."""

    size: int
    unit: int

    def words(self) -> str:
        """Name both numbers."""
        return f"{self.size} bytes are not a positive multiple of {self.unit}"


@frozen
class BadFreeze(FlockerError):
    """A filesystem cannot be frozen for a time below nothing."""

    seconds: int

    def words(self) -> str:
        """Name the key and its value."""
        return f"freeze_seconds is {self.seconds}; 0 means never, and less is no time"


def stable_instance_id(machine_id: Path = MACHINE_ID) -> InstanceID:
    """Read this machine's id, which survives restarts. Raises `UnknownInstanceID`."""
    try:
        text = machine_id.read_text().strip()
    except OSError as error:
        text, why = "", error.strerror or str(error)
    else:
        why = "it holds no machine id"
    if len(text) != 32 or not is_instance_name(text):
        raise UnknownInstanceID(
            f"{machine_id}: {why}; set compute_instance_id in agent.yml"
        )
    return InstanceID(text)


def make_loopback(
    cluster_id: ClusterID,
    root_path: str = DEFAULT_ROOT,
    compute_instance_id: str = "",
    allocation_unit: int = SECTOR,
    freeze_seconds: int = FREEZE_SECONDS,
) -> "LoopbackBlockDevices":
    """Open the cluster's directory below `root_path` for this machine.

    `allocation_unit` in bytes, a multiple of 512. What an agent of before left frozen
    is thawed. Raises `UnknownInstanceID`, `WrongSize`, `BadFreeze` and what
    `VolumeDirectory.open` raises.
    """
    if compute_instance_id and not is_instance_name(compute_instance_id):
        raise UnknownInstanceID(
            f"compute_instance_id {compute_instance_id!r} cannot be the name of a file"
        )
    if allocation_unit < SECTOR or allocation_unit % SECTOR:
        raise WrongSize(allocation_unit, SECTOR)
    if freeze_seconds < 0:
        raise BadFreeze(freeze_seconds)
    me = InstanceID(compute_instance_id) or stable_instance_id()
    directory = VolumeDirectory(Path(root_path) / str(cluster_id))
    directory.open()
    machines = LiveMachines(Path(root_path))
    still = StandingStill(freeze_seconds)
    made = LoopbackBlockDevices(directory, me, machines, allocation_unit, still)
    made.sweep()
    return made


def _as_volume(stored: StoredVolume) -> BlockDeviceVolume:
    return BlockDeviceVolume(
        blockdevice_id=stored.file.volume,
        size=stored.size,
        attached_to=stored.attached_to,
        dataset_id=stored.file.dataset,
        life=stored.file.life,
    )


def _as_snapshot(stored: StoredSnapshot) -> BlockSnapshot:
    file = stored.file
    return BlockSnapshot(file.snapshot, file.of, file.mark, stored.size)


@implementer(
    IBlockDeviceAPI,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
    ITellingBlockDeviceAPI,
)
@define(eq=False)
class LoopbackBlockDevices:
    """The volumes of one cluster, seen from the instance `me`."""

    _directory: VolumeDirectory
    _me: InstanceID
    _machines: LiveMachines
    _unit: int = SECTOR
    _still: StandingStill = field(factory=lambda: StandingStill(FREEZE_SECONDS))
    _loops: LoopDevices = field(factory=LoopDevices)
    _unique: Callable[[], UUID] = uuid4
    _mountinfo: Path = MOUNTINFO
    _keeping: Keeping = field(init=False)
    _listed: tuple[Sequence[StoredVolume], list[BlockDeviceVolume]] = ([], [])
    """What was listed last: the same files are the same volumes."""

    def __attrs_post_init__(self) -> None:
        """Look for snapshots beside the volumes."""
        self._keeping = Keeping(self._directory, self._me, self._loops, self._still)

    def sweep(self) -> None:
        """Thaw and remove what killed processes left. Raises `StorageFailed`."""
        self._keeping.sweep()

    def allocation_unit(self) -> int:
        """Give the configured unit in bytes."""
        return self._unit

    def compute_instance_id(self) -> InstanceID:
        """Name this machine."""
        return self._me

    def create_volume(self, dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Make a sparse file; its blocks are taken when they are written.

        Raises `WrongSize`, `StorageFailed`.
        """
        return self._create(new_file(self._unique(), dataset_id), size)

    def create_marked_volume(
        self, dataset_id: DatasetID, size: int, life: Life
    ) -> BlockDeviceVolume:
        """Make a sparse file whose name has the mark. Raises as `create_volume`."""
        return self._create(new_file(self._unique(), dataset_id, life), size)

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Remove the file; also refused while anybody has a loop device for it."""
        with self._directory.locked():
            stored = self._find(blockdevice_id)
            if stored.attached_to is not None:
                raise AlreadyAttachedVolume(blockdevice_id)
            self._refuse_if_bound(stored)
            self._directory.remove(stored)

    def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Take the file and bind a loop device; finish an attach that was cut short.

        Raises also `NotThisInstance`, `VolumeBusy`, `NoLoopDevice`, `StorageFailed`.
        """
        if attach_to != self._me:
            raise NotThisInstance(blockdevice_id, attach_to, self._me)
        with self._directory.locked():
            stored = self._find(blockdevice_id)
            if stored.attached_to is None:
                self._refuse_if_bound(stored)
                self._take(stored)
            elif stored.attached_to == self._me and self._loop_of(stored) is None:
                self._loops.bind(stored.path)
            else:
                raise AlreadyAttachedVolume(blockdevice_id)
            return _as_volume(self._find(blockdevice_id))

    def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Unbind the loop device, write the file to disk, let it go.

        A device that is mounted anywhere or held open stays, and so does the file. For
        a volume of another instance see Note [Detaching another's volume].
        """
        self._flush_early(blockdevice_id)
        with self._directory.locked():
            stored = self._find(blockdevice_id)
            if stored.attached_to is None:
                raise UnattachedVolume(blockdevice_id)
            if stored.attached_to == self._me:
                self._unbind(stored)
            else:
                self._refuse_if_remote(stored)
                self._cut_off(stored)
            self._directory.flush(stored.path)
            self._directory.move(stored, None)

    def grow_volume(self, blockdevice_id: VolumeID, size: int) -> None:
        """Grow the file and our loop device for it; see Note [Growing].

        Raises also `WrongSize`, `StorageFailed`.
        """
        self._refuse_if_odd(size)
        with self._directory.locked():
            stored = self._find(blockdevice_id)
            if size < stored.size:
                raise CannotShrink(blockdevice_id)
            if size > stored.size:
                self._directory.grow(stored, size)
            if stored.attached_to == self._me:
                self._fit(stored)

    def check_snapshots(self) -> None:
        """Say whether they are taken, by sharing blocks or by copying.

        Raises also `StorageFailed`.
        """
        self._keeping.check()

    def take_snapshot(
        self, blockdevice_id: VolumeID, mark: UserSnapshotID
    ) -> BlockSnapshot:
        """Clone or copy the file; see `keeping`. Raises also `StorageFailed`."""
        self._flush_early(blockdevice_id)
        file = SnapshotFile(mark, blockdevice_id)
        return _as_snapshot(self._keeping.take(blockdevice_id, file))

    def list_snapshots(self) -> Sequence[BlockSnapshot]:
        """List the files, where they may have changed."""
        return [_as_snapshot(each) for each in self._keeping.list()]

    def destroy_snapshot(self, snapshot_id: SnapshotID) -> None:
        """Remove the file. Raises also `StorageFailed`."""
        self._keeping.destroy(snapshot_id)

    def create_volume_from_snapshot(
        self,
        snapshot_id: SnapshotID,
        dataset_id: DatasetID,
        size: int,
        life: Life | None,
    ) -> BlockDeviceVolume:
        """Clone or copy the file.

        Raises also `WrongSize`, `StorageFailed`, `NoRoom`.
        """
        self._refuse_if_odd(size)
        file = new_file(self._unique(), dataset_id, life)
        return _as_volume(self._keeping.make_volume(snapshot_id, file, size))

    def copied(self, dataset_id: DatasetID) -> Copied | None:
        """Say how far the copy of a snapshot is."""
        return self._keeping.copied(dataset_id)

    def list_live_nodes(self) -> Collection[InstanceID]:
        """Name the instances that run, where somebody keeps that true.

        Raises `LivenessUnknown`; see `flocker.backends.loopback.machines`.
        """
        return self._machines.names()

    def start_node(self, node_id: InstanceID) -> None:
        """Take an instance for one that runs."""
        self._machines.runs(node_id)

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """List every file once, with one scan a directory."""
        with self._directory.locked(shared=True):
            stored = self._directory.listed()
        last, volumes = self._listed
        if stored is not last:
            volumes = [_as_volume(each) for each in stored]
            self._listed = stored, volumes
        return list(volumes)

    def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Give the loop device that the kernel says is bound to the volume's file."""
        status = self._directory.status_at(blockdevice_id, self._me)
        if status is None:
            with self._directory.locked(shared=True):
                stored = self._find(blockdevice_id)
                if stored.attached_to != self._me:
                    raise UnattachedVolume(blockdevice_id)
                status = stored.path.stat()
        device = self._loops.find(FileIdentity.of(status))
        if device is None:
            raise UnattachedVolume(blockdevice_id)
        return device

    def _create(self, file: VolumeFile, size: int) -> BlockDeviceVolume:
        self._refuse_if_odd(size)
        with self._directory.locked():
            return _as_volume(self._directory.create(file, size, self._me))

    def _find(self, volume: VolumeID) -> StoredVolume:
        stored = self._directory.find(volume)
        if stored is None:
            raise UnknownVolume(volume)
        return stored

    def _loop_of(self, stored: StoredVolume) -> Path | None:
        return self._loops.find(FileIdentity.of(stored.path.stat()))

    def _refuse_if_odd(self, size: int) -> None:
        if size <= 0 or size % self._unit:
            raise WrongSize(size, self._unit)

    def _fit(self, stored: StoredVolume) -> None:
        device = self._loop_of(stored)
        if device is not None:
            self._loops.fit(device, FileIdentity.of(stored.path.stat()))

    def _take(self, stored: StoredVolume) -> None:
        """Take the file, then bind it; give it back if the kernel refuses.

        Otherwise a machine without loop devices would keep the volume from all others.
        """
        path = self._directory.move(stored, self._me)
        try:
            self._loops.bind(path)
        except NoLoopDevice:
            self._directory.move(self._find(stored.file.volume), None)
            raise

    def _unbind(self, stored: StoredVolume) -> None:
        device = self._loop_of(stored)
        if device is None:
            return
        try:
            self._loops.unbind(device, FileIdentity.of(stored.path.stat()))
        except LoopDeviceBusy as busy:
            raise VolumeBusy(stored.file.volume, str(busy)) from busy

    def _refuse_if_bound(self, stored: StoredVolume) -> None:
        """Refuse an unattached volume that something else bound to a loop device."""
        device = self._loop_of(stored)
        if device is not None:
            raise VolumeBusy(
                stored.file.volume, f"{device} is bound to it, though it is unattached"
            )

    def _cut_off(self, stored: StoredVolume) -> None:
        """Let nobody write to it any more."""
        device = self._loop_of(stored)
        if device is None:
            return
        identity = FileIdentity.of(stored.path.stat())
        try:
            self._loops.unbind(device, identity)
        except LoopDeviceBusy:
            self._loops.cut_off(device, identity)

    def _refuse_if_remote(self, stored: StoredVolume) -> None:
        if not is_local(self._mountinfo.read_text(), stored.path.stat().st_dev):
            why = (
                f"instance {stored.attached_to} has it and may be another machine; only"
                " that one can say that its device is gone"
            )
            raise VolumeBusy(stored.file.volume, why)

    def _flush_early(self, volume: VolumeID) -> None:
        """Write most pages before the lock is taken, so that nobody waits for them."""
        path = self._directory.path_at(volume, self._me)
        if path is not None:
            self._directory.flush(path)
