"""What is done to the storage of a simulated world, and what must never be."""

from collections.abc import Callable

from attrs import define, field

from flocker.backends.block_interface import BlockDeviceVolume
from flocker.model.ids import DatasetID, InstanceID, VolumeID
from flocker.testing.fakes.memory_block_devices import Device


def _nothing_known(about: object) -> bool:
    return False


@define
class Watch:
    """What must never happen, and what is counted, over the whole world.

    `lag` is in seconds: so long after its creation a volume is not listed. `wanted`
    says of a dataset that it must not be destroyed, `dead` of a machine that it may be
    robbed; `spare` are volumes made while lists were not to be trusted, by a machine
    that control could not hear, or without a mark; `vanished` are numbers of devices
    that were taken away while they may have been in use. `treasures` are volumes that
    carry a dataset's id and hold what nobody put there under its present life.
    """

    now: Callable[[], float]
    lag: float = 0.0
    wanted: Callable[[DatasetID], bool] = _nothing_known
    dead: Callable[[InstanceID], bool] = _nothing_known
    made: dict[VolumeID, float] = field(factory=dict)
    formatted: dict[VolumeID, int] = field(factory=dict)
    spare: set[VolumeID] = field(factory=set)
    vanished: set[int] = field(factory=set)
    treasures: set[VolumeID] = field(factory=set)
    violations: list[str] = field(factory=list)

    def listed(self, volume: BlockDeviceVolume) -> bool:
        """Whether the service lists it yet."""
        return self.now() >= self.made.get(volume.blockdevice_id, 0.0) + self.lag

    def created(self, volume: BlockDeviceVolume, *, trusted: bool) -> None:
        """Note a new volume."""
        self.made[volume.blockdevice_id] = self.now()
        if self.lag or not trusted:
            self.spare.add(volume.blockdevice_id)

    def made_filesystem(self, volume: VolumeID, *, held_data: bool) -> None:
        """Count; twice, or over what somebody wrote, is a violation."""
        times = self.formatted[volume] = self.formatted.get(volume, 0) + 1
        if times > 1:
            self.violations.append(f"{volume} was formatted {times} times")
        if held_data:
            self.violations.append(f"{volume} was formatted, and held data")

    def destroying(self, volume: BlockDeviceVolume) -> None:
        """What is still wanted must not be destroyed, nor what nobody has claimed."""
        if volume.blockdevice_id in self.treasures:
            words = f"{volume.blockdevice_id} was destroyed, and nobody had claimed it"
            self.violations.append(words)
        if self.wanted(volume.dataset_id):
            words = f"{volume.blockdevice_id} was destroyed, and its dataset is wanted"
            self.violations.append(words)

    def ripped(
        self,
        volume: BlockDeviceVolume,
        device: Device | None,
        by: InstanceID,
        *,
        on: bool,
    ) -> None:
        """While a machine that runs uses it, it goes only if its node is marked dead.

        One that is only attached may go: an agent that has a new life, and is about to
        use it, waits for whoever is taking it away.
        """
        holder = volume.attached_to
        if device is None or holder is None:
            return
        if on and device.users and not self.dead(holder):
            words = f"{by} took {volume.blockdevice_id} from {holder}"
            self.violations.append(words)
        self.vanished.add(device.number)
