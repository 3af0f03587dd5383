"""One look of a backend: one listing, one read of the kernel's mounts.

A look is *thorough*, at everything that concerns this node; or it passes over the
datasets at rest of which neither the listing nor the kernel's mount table says anything
new: these cost no call. A command is run only for a device that is attached and not
mounted, which few are. Called by `keeping`, one look after the other.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from itertools import chain
from pathlib import Path

from attrs import field, frozen
from twisted.python.failure import Failure

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    BlockSnapshot,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
    LivenessUnknown,
    UnattachedVolume,
    UnknownVolume,
)
from flocker.dataset_agent.causes import failed
from flocker.dataset_agent.discovery import (
    BackendSeen,
    Device,
    Observation,
    Unseen,
)
from flocker.dataset_agent.filesystems import IFilesystems
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.errors import FlockerError
from flocker.model.ids import (
    BackendName,
    DatasetID,
    InstanceID,
    NotAnIdentifier,
    VolumeID,
    parse_uuid,
)
from flocker.runtime import logging

Mounts = Mapping[int, tuple[Path, ...]]

NOBODY: frozenset[DatasetID] = frozenset()


@frozen
class Looking:
    """What to look at: `assigned` are told of here, `unsettled` are not at rest.

    `snapshots` says whether anybody wants any of them.
    """

    assigned: Set[DatasetID]
    unsettled: Set[DatasetID] = NOBODY
    thorough: bool = True
    snapshots: bool = False


@frozen
class Sight:
    """What one look saw: `looked` says of which datasets, `named` are mount points."""

    observation: Observation
    seen: BackendSeen | Unseen
    looked: Set[DatasetID] = NOBODY
    named: Set[DatasetID] = NOBODY


@frozen
class _Listed:
    """A listing; `by_dataset` has all of `volumes`, `here` those of this instance."""

    instance: InstanceID
    volumes: Sequence[BlockDeviceVolume]
    by_dataset: Mapping[DatasetID, tuple[BlockDeviceVolume, ...]]
    here: Set[DatasetID]


@frozen
class _Mounted:
    """The mount table, and which datasets' mount points are in it."""

    mounts: Mounts = field(factory=dict)
    points: frozenset[Path] = frozenset()
    at: Mapping[DatasetID, frozenset[int]] = field(factory=dict)


class Observer:
    """Looks at one backend, and knows what it saw the last time."""

    def __init__(self, backend: Backend, rig: Rig) -> None:
        self._backend = backend
        self._rig = rig
        self._listed = _Listed(InstanceID(""), (), {}, NOBODY)
        self._mounted = _Mounted()

    async def look(self, what: Looking) -> Sight:
        """Look once. A backend that fails is `Unseen`; what was known stays known.

        So it is while the kernel's mount table cannot be read.
        """
        name = self._backend.name
        try:
            mounts = await self._rig.threads.run(self._rig.filesystems.mounts)
        except Exception as error:  # noqa: BLE001  (a kernel out of files, a driver's)
            logging.failure("flocker:mounts:failed", Failure())
            return _unseen(name, {}, f"the kernel's mount table was not read: {error}")
        try:
            return await self._backend.threads.run(self._look, what, mounts)
        except FlockerError as error:
            words = f"backend {name} does not answer: {error}"
        except Exception as error:  # noqa: BLE001  (drivers raise what they like)
            logging.failure("flocker:backend:failed", Failure(), backend=name)
            words = f"backend {name} failed: {type(error).__name__}: {error}"
        return _unseen(name, mounts, words)

    def _look(self, what: Looking, mounts: Mounts) -> Sight:
        """Ask the driver; in one of its threads."""
        api = self._backend.api
        listed = _list(self._backend, self._listed)
        mounted = _mounted(mounts, self._mounted, self._rig.mount_root)
        if what.thorough:
            looked: Set[DatasetID] = (
                listed.here | mounted.at.keys() | set(what.assigned)
            )
        else:
            looked = (
                what.unsettled
                | _changed(self._listed.by_dataset, listed.by_dataset)
                | _changed(self._mounted.at, mounted.at)
            )
        volumes = {
            dataset: listed.by_dataset[dataset]
            for dataset in looked
            if dataset in listed.by_dataset
            and (dataset in what.assigned or dataset in listed.here)
        }
        flat = tuple(chain.from_iterable(volumes.values()))
        here = [v for v in flat if v.attached_to == listed.instance]
        devices, unread = _devices(self._backend, self._rig, here, mounts)
        seen = BackendSeen(
            instance=listed.instance,
            volumes=volumes,
            devices=devices,
            unread=unread,
            alive=_alive(self._backend, listed.instance, flat),
            gone=frozenset(self._backend.gone),
            unit=api.allocation_unit(),
            grows=IGrowingBlockDeviceAPI(api, None) is not None,
            made=dict(self._backend.made),
            snapshots=_snapshots(self._backend) if what.snapshots else None,
        )
        self._listed, self._mounted = listed, mounted
        observation = Observation({self._backend.name: seen}, mounts, mounted.points)
        return Sight(observation, seen, looked, mounted.at.keys())


def _unseen(name: BackendName, mounts: Mounts, words: str) -> Sight:
    unseen = Unseen(failed(name, words))
    return Sight(Observation({name: unseen}, mounts), unseen)


def _list(backend: Backend, before: _Listed) -> _Listed:
    """List all; what is as it was stays the same object. Note [Listed late] in rig."""
    instance = backend.api.compute_instance_id()
    volumes = list(backend.api.list_volumes())
    if backend.created:
        for volume in volumes:
            made = backend.created.get(volume.dataset_id)
            if made is not None and made.blockdevice_id == volume.blockdevice_id:
                backend.created.pop(volume.dataset_id, None)
        volumes.extend(dict(backend.created).values())
    if volumes == before.volumes and instance == before.instance:
        return before
    found: dict[DatasetID, tuple[BlockDeviceVolume, ...]] = {}
    for volume in volumes:
        found[volume.dataset_id] = (*found.get(volume.dataset_id, ()), volume)
    here = {v.dataset_id for v in volumes if v.attached_to == instance}
    return _Listed(instance, volumes, found, here)


def _snapshots(
    backend: Backend,
) -> Mapping[VolumeID, tuple[BlockSnapshot, ...]] | None:
    """List the snapshots of each volume, where the backend has any."""
    snapshotting: ISnapshottingBlockDeviceAPI | None = ISnapshottingBlockDeviceAPI(
        backend.api, None
    )
    if snapshotting is None:
        return None
    found: dict[VolumeID, tuple[BlockSnapshot, ...]] = {}
    for snapshot in snapshotting.list_snapshots():
        found[snapshot.of] = (*found.get(snapshot.of, ()), snapshot)
    return found


def _mounted(mounts: Mounts, before: _Mounted, root: Path) -> _Mounted:
    """Find the mount points of datasets, whose parent is `root`."""
    if mounts is before.mounts or mounts == before.mounts:
        return before
    at: dict[DatasetID, frozenset[int]] = {}
    below = f"{root}/"
    for number, paths in mounts.items():
        for path in paths:
            dataset = _named_by(str(path).removeprefix(below))
            if dataset is not None:
                at[dataset] = at.get(dataset, frozenset()) | {number}
    points = frozenset(chain.from_iterable(mounts.values()))
    return _Mounted(mounts, points, at)


def _named_by(name: str) -> DatasetID | None:
    """Give the dataset that a mount point is named after, if it is one."""
    try:
        return DatasetID(parse_uuid(name))
    except NotAnIdentifier:
        return None


def _changed(
    before: Mapping[DatasetID, object], now: Mapping[DatasetID, object]
) -> Set[DatasetID]:
    """Name those of which something else is said than before."""
    if before is now:
        return NOBODY
    either = before.keys() | now.keys()
    return {each for each in either if before.get(each) != now.get(each)}


def _alive(
    backend: Backend, instance: InstanceID, volumes: Iterable[BlockDeviceVolume]
) -> frozenset[InstanceID] | None:
    """Ask which machines run, where it matters and the backend knows."""
    if all(volume.attached_to in {None, instance} for volume in volumes):
        return None
    cloud: ICloudAPI | None = ICloudAPI(backend.api, None)
    if cloud is None:
        return None
    try:
        return frozenset(cloud.list_live_nodes())
    except LivenessUnknown:
        return None


def _devices(
    backend: Backend, rig: Rig, here: Collection[BlockDeviceVolume], mounts: Mounts
) -> tuple[dict[VolumeID, Device], dict[VolumeID, str]]:
    """Look at each device; one that fails to be looked at hides itself only."""
    found, unread = {}, {}
    for volume in here:
        name = volume.blockdevice_id
        try:
            device = _device(backend, rig, volume, mounts)
        except (UnattachedVolume, UnknownVolume):
            continue
        except FlockerError as error:
            unread[name] = str(error)
        except Exception as error:  # noqa: BLE001  (drivers raise what they like)
            logging.failure("flocker:backend:failed", Failure(), volume=name)
            unread[name] = f"{type(error).__name__}: {error}"
        else:
            if device is not None:
                found[name] = device
    return found, unread


def _device(
    backend: Backend, rig: Rig, volume: BlockDeviceVolume, mounts: Mounts
) -> Device | None:
    path = backend.api.get_device_path(volume.blockdevice_id)
    number = rig.filesystems.device_number(path)
    if number is None:
        return None
    if rig.place(volume.dataset_id) in mounts.get(number, ()):
        return Device(path, number)
    return _probe(rig.filesystems, path, number)


def _probe(filesystems: IFilesystems, path: Path, number: int) -> Device:
    signature = filesystems.signature(path)
    if signature is None:
        return Device(path, number)
    return Device(path, number, signature.kind, signature.is_filesystem)
