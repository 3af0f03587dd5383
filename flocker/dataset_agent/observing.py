"""One look at the world: one listing a backend, one read of the kernel's mounts.

A command is run only for a device that is attached and not mounted, which few are. A
backend that does not answer hides its own datasets, never those of others.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    UnattachedVolume,
    UnknownVolume,
)
from flocker.dataset_agent.discovery import (
    BackendSeen,
    Device,
    Observation,
    Unseen,
)
from flocker.dataset_agent.filesystems import IFilesystems
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import Cause
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, InstanceID, VolumeID
from flocker.runtime import logging

Mounts = Mapping[int, tuple[Path, ...]]


async def observe(rig: Rig, assigned: Collection[DatasetID]) -> Observation:
    """Look at everything once; `assigned` are the datasets that matter here."""
    mounts = await rig.threads.run(rig.filesystems.mounts)
    backends = tuple(rig.backends.values())
    seen: list[BackendSeen | Unseen] = await gatherResults(
        [
            Deferred.fromCoroutine(_observe_backend(each, rig, assigned, mounts))
            for each in backends
        ]
    )
    return Observation(
        {backend.name: each for backend, each in zip(backends, seen, strict=True)},
        mounts,
        frozenset(path for paths in mounts.values() for path in paths),
    )


async def _observe_backend(
    backend: Backend, rig: Rig, assigned: Collection[DatasetID], mounts: Mounts
) -> BackendSeen | Unseen:
    try:
        return await backend.threads.run(_look, backend, rig, assigned, mounts)
    except FlockerError as error:
        words = f"backend {backend.name} does not answer: {error}"
        return Unseen(Cause("backend-failed", words))
    except Exception as error:  # noqa: BLE001  (drivers raise what they like)
        logging.failure("flocker:backend:failed", Failure(), backend=backend.name)
        words = f"backend {backend.name} failed: {type(error).__name__}: {error}"
        return Unseen(Cause("backend-failed", words))


def _look(
    backend: Backend, rig: Rig, assigned: Collection[DatasetID], mounts: Mounts
) -> BackendSeen:
    """Ask the driver; in one of its threads."""
    instance = backend.api.compute_instance_id()
    volumes = _relevant(backend, instance, assigned)
    here = [v for v in _flat(volumes) if v.attached_to == instance]
    devices, unread = _devices(backend, rig, here, mounts)
    elsewhere = any(v.attached_to not in {None, instance} for v in _flat(volumes))
    cloud: ICloudAPI | None = ICloudAPI(backend.api, None)
    alive = None
    if elsewhere and cloud is not None:
        alive = frozenset(cloud.list_live_nodes())
    return BackendSeen(
        instance=instance,
        volumes=volumes,
        devices=devices,
        unread=unread,
        alive=alive,
        gone=frozenset(backend.gone),
        unit=backend.api.allocation_unit(),
        grows=IGrowingBlockDeviceAPI(backend.api, None) is not None,
    )


def _relevant(
    backend: Backend, instance: InstanceID, assigned: Collection[DatasetID]
) -> dict[DatasetID, tuple[BlockDeviceVolume, ...]]:
    """List what this node is told of or has attached; Note [Listed late] in rig."""
    found: dict[DatasetID, tuple[BlockDeviceVolume, ...]] = {}
    for volume in backend.api.list_volumes():
        dataset = volume.dataset_id
        made = backend.created.get(dataset)
        if made is not None and made.blockdevice_id == volume.blockdevice_id:
            backend.created.pop(dataset, None)
        if dataset in assigned or volume.attached_to == instance:
            found[dataset] = (*found.get(dataset, ()), volume)
    for dataset, volume in dict(backend.created).items():
        found[dataset] = (*found.get(dataset, ()), volume)
    return found


def _flat(
    volumes: Mapping[DatasetID, tuple[BlockDeviceVolume, ...]],
) -> list[BlockDeviceVolume]:
    return [volume for several in volumes.values() for volume in several]


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
