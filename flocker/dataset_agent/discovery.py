"""From raw observations to the named situation of each dataset; pure.

The order of the rules is the order in which a situation is recognised.
"""

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen
from pyrsistent import PMap, pmap

from flocker.backends.block_interface import BlockDeviceVolume
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
    Missing,
    Mounted,
    OnDeadNode,
    Registered,
    Stranded,
    Unknown,
    Unreadable,
    Unregistered,
)
from flocker.model.cluster import Assignment, Cause
from flocker.model.ids import BackendName, DatasetID, InstanceID, VolumeID

_NO_DEVICES: PMap[VolumeID, "Device"] = pmap()
_ALL_READ: PMap[VolumeID, str] = pmap()


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
    are no more; `grows` says whether it can make volumes larger.
    """

    instance: InstanceID
    volumes: Mapping[DatasetID, tuple[BlockDeviceVolume, ...]]
    devices: Mapping[VolumeID, Device] = _NO_DEVICES
    unread: Mapping[VolumeID, str] = _ALL_READ
    alive: frozenset[InstanceID] | None = None
    gone: frozenset[VolumeID] = frozenset()
    unit: int = 1
    grows: bool = False


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
        volume = _candidate(listed, seen)
        if assignment is not None and volume is not None:
            return Unregistered(dataset, volume.blockdevice_id, volume.size)
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


def _candidate(
    listed: tuple[BlockDeviceVolume, ...], seen: BackendSeen
) -> BlockDeviceVolume | None:
    """Pick one of the volumes of a dataset that has none on record, always the same."""

    def order(volume: BlockDeviceVolume) -> tuple[bool, str]:
        return volume.attached_to != seen.instance, volume.blockdevice_id

    return min(listed, key=order, default=None)


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
    if place not in observation.mount_points:
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
            return Stranded(situation.dataset, situation.volume, place)
