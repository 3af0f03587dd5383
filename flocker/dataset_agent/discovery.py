"""From raw observations to the named situation of each dataset; pure.

The order of the rules is the order in which a situation is recognised.

Note [Whose volume]: an id may be used again, and a volume of its former life may still
be there, with data that nobody has given up. So a volume without a record is taken only
if it was made for the present life: its mark says so, where the backend can carry one,
or this very process made it. Datasets that were imported have no life: no id was ever
used twice in the first Flocker, so what carries theirs is theirs.
"""

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen
from pyrsistent import PMap, pmap

from flocker.backends.block_interface import BlockDeviceVolume, BlockSnapshot
from flocker.dataset_agent.states import (
    Appearing,
    Attached,
    Blank,
    Destroyed,
    Detached,
    Discovered,
    Elsewhere,
    Emptied,
    Foreign,
    Found,
    Missing,
    Mounted,
    OnDeadNode,
    Registered,
    Stranded,
    Unclaimed,
    Unknown,
    Unreadable,
    Unregistered,
)
from flocker.model.cluster import Assignment, Cause
from flocker.model.ids import BackendName, DatasetID, InstanceID, Life, VolumeID

_NO_DEVICES: PMap[VolumeID, "Device"] = pmap()
_ALL_READ: PMap[VolumeID, str] = pmap()
_NONE_MADE: PMap[VolumeID, Life | None] = pmap()


UNLISTED = "the backend does not list it"
"""Why what is mounted may not be its volume."""


@frozen
class Device:
    """A device of a volume attached here; `number` is the kernel's.

    `signature` says what it carries, None when it is blank or was not looked at
    because it is mounted in its place; `usable` that we can mount that.
    """

    path: Path
    number: int
    signature: str | None = None
    usable: bool = False


@frozen
class BackendSeen:
    """One backend as this node sees it now.

    `unit` is its allocation unit in bytes; `unread` says of volumes attached here why
    their devices could not be looked at; `alive` are the instances that run, None
    where the backend does not know; `gone` are volumes of which it was said that they
    are no more; `grows` says whether it can make volumes larger. `made` are volumes
    that this process made, and for which life of their datasets. `snapshots` are those
    of each volume, None where the backend has none, or was not asked.
    """

    instance: InstanceID
    volumes: Mapping[DatasetID, tuple[BlockDeviceVolume, ...]]
    devices: Mapping[VolumeID, Device] = _NO_DEVICES
    unread: Mapping[VolumeID, str] = _ALL_READ
    alive: frozenset[InstanceID] | None = None
    gone: frozenset[VolumeID] = frozenset()
    unit: int = 1
    grows: bool = False
    made: Mapping[VolumeID, Life | None] = _NONE_MADE
    snapshots: Mapping[VolumeID, tuple[BlockSnapshot, ...]] | None = None


@frozen
class Unseen:
    """A backend that could not be asked, and why."""

    cause: Cause


@frozen
class Observation:
    """All that this node saw in one look; `mounts` is device number to mount points."""

    backends: Mapping[BackendName, BackendSeen | Unseen]
    mounts: Mapping[int, tuple[Path, ...]] = field(factory=dict)
    mount_points: frozenset[Path] = frozenset()


def discover(
    dataset: DatasetID,
    assignment: Assignment | None,
    seen: BackendSeen,
    observation: Observation,
    place: Path,
) -> Discovered:
    """Name the situation of `dataset`, whose mount point is to be `place`."""
    ownership = None if assignment is None else assignment.ownership
    listed = seen.volumes.get(dataset, ())
    if ownership is None:
        life = _life(assignment)
        volume = _candidate(listed, life, seen)
        if assignment is not None and volume is not None:
            return _unrecorded(volume, life, seen)
        acquired = True
    else:
        matching = [v for v in listed if v.blockdevice_id == ownership.volume]
        volume = matching[0] if matching else None
        acquired = ownership.acquired
    dead = () if assignment is None else assignment.dead
    situation = _situation(dataset, volume, seen, dead, acquired=acquired)
    if volume is None and ownership is not None:
        gone = ownership.volume in seen.gone
        situation = (Destroyed if gone else Registered)(dataset, ownership.volume)
    return _in_place(situation, seen, observation, place)


def _life(assignment: Assignment | None) -> Life | None:
    if assignment is None or assignment.dataset is None:
        return None
    return assignment.dataset.life


def _candidate(
    listed: tuple[BlockDeviceVolume, ...], life: Life | None, seen: BackendSeen
) -> BlockDeviceVolume | None:
    """Pick one of the volumes of a dataset that has none on record, always the same.

    One that was made for it goes before any other; one that is in use, before one that
    is attached nowhere and may be what a late answer left.
    """

    def order(volume: BlockDeviceVolume) -> tuple[bool, bool, bool, str]:
        return (
            not _was_made_for(life, volume, seen),
            volume.attached_to != seen.instance,
            volume.attached_to is None,
            volume.blockdevice_id,
        )

    return min(listed, key=order, default=None)


def _was_made_for(
    life: Life | None, volume: BlockDeviceVolume, seen: BackendSeen
) -> bool:
    """Say whether it is certain; see Note [Whose volume]."""
    if volume.life is not None:
        return volume.life == life
    name = volume.blockdevice_id
    return name in seen.made and seen.made[name] == life


def _unrecorded(
    volume: BlockDeviceVolume, life: Life | None, seen: BackendSeen
) -> Unregistered | Found | Unclaimed:
    dataset, name, size = volume.dataset_id, volume.blockdevice_id, volume.size
    if _was_made_for(life, volume, seen):
        return Unregistered(dataset, name, size, life)
    if life is None and volume.life is None:
        return Found(dataset, name, size)
    return Unclaimed(dataset, name, size)


def _situation(
    dataset: DatasetID,
    volume: BlockDeviceVolume | None,
    seen: BackendSeen,
    dead: tuple[InstanceID, ...],
    *,
    acquired: bool,
) -> Discovered:
    if volume is None:
        return Missing(dataset)
    name, size, holder = volume.blockdevice_id, volume.size, volume.attached_to
    if holder is None:
        return Detached(dataset, name, size)
    if holder != seen.instance:
        return _elsewhere(dataset, volume, holder, seen, dead)
    if name in seen.unread:
        return Unreadable(dataset, name, size, seen.unread[name])
    device = seen.devices.get(name)
    if device is None:
        return Appearing(dataset, name, size)
    return _by_content(dataset, volume, device, acquired=acquired)


def _elsewhere(
    dataset: DatasetID,
    volume: BlockDeviceVolume,
    holder: InstanceID,
    seen: BackendSeen,
    dead: tuple[InstanceID, ...],
) -> Discovered:
    name, size = volume.blockdevice_id, volume.size
    off = seen.alive is not None and holder not in seen.alive
    if off or holder in dead:
        return OnDeadNode(dataset, name, size, holder, off)
    return Elsewhere(dataset, name, size, holder)


def _by_content(
    dataset: DatasetID, volume: BlockDeviceVolume, device: Device, *, acquired: bool
) -> Discovered:
    name, size = volume.blockdevice_id, volume.size
    if device.signature is None:
        return (Emptied if acquired else Blank)(dataset, name, size, device.path)
    if not device.usable:
        return Foreign(dataset, name, size, device.path, device.signature)
    return Attached(dataset, name, size, device.path, device.signature)


def _in_place(
    situation: Discovered, seen: BackendSeen, observation: Observation, place: Path
) -> Discovered:
    """Take into account what the kernel has mounted where the dataset belongs."""
    if place not in observation.mount_points or isinstance(situation, Unclaimed):
        return situation
    match situation:
        case Appearing() | Blank() | Emptied() | Foreign() | Attached():
            device = seen.devices.get(situation.volume)
            if device and place in observation.mounts.get(device.number, ()):
                return Mounted(
                    situation.dataset,
                    situation.volume,
                    situation.size,
                    device.path,
                    place,
                )
            return Stranded(situation.dataset, situation.volume, place)
        case Unreadable():
            return Stranded(situation.dataset, situation.volume, place, situation.why)
        case Unknown() | Missing():
            return Stranded(situation.dataset, None, place)
        case _:
            why = UNLISTED if isinstance(situation, Registered) else None
            return Stranded(situation.dataset, situation.volume, place, why)
