"""How each step is done; synchronous, in one of the backend's threads.

Every step looks once more before it acts on what was planned: the device must still
be the volume's, and nobody may use what is to be taken away.
"""

from functools import singledispatch
from pathlib import Path
from typing import get_args

from flocker.backends.block_interface import (
    AlreadyAttachedVolume,
    BlockDeviceVolume,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
    NoSnapshots,
    SnapshotGivenUp,
    UnattachedVolume,
    UnknownSnapshot,
    UnknownVolume,
)
from flocker.convergence.outcome import Done, GiveUp, Outcome, TryAgain
from flocker.dataset_agent.causes import source_missing
from flocker.dataset_agent.filesystems import Busy
from flocker.dataset_agent.kinds import NotPermitted, TooSmall
from flocker.dataset_agent.rig import Backend, Rig
from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    DropSnapshot,
    Finish,
    Format,
    Grow,
    Mount,
    Step,
    TakeSnapshot,
    Unmount,
)
from flocker.model.cluster import Cause
from flocker.model.ids import SnapshotID, VolumeID
from flocker.runtime import logging
from flocker.runtime.crash_points import crash_point

DONE = Done()

BEFORE = {step: crash_point(f"before {step.__name__}") for step in get_args(Step)}
AFTER = {step: crash_point(f"after {step.__name__}") for step in get_args(Step)}


async def perform(step: Step, rig: Rig) -> Outcome:
    """Do one step. What it raises, `flocker.convergence.running` makes an outcome."""
    threads = rig.threads
    if not isinstance(step, Unmount):
        threads = rig.backends[step.backend].threads
    BEFORE[type(step)]()
    outcome = await threads.run(_perform_or_wait, step, rig)
    AFTER[type(step)]()
    return outcome


def _perform_or_wait(step: Step, rig: Rig) -> Outcome:
    try:
        return _perform(step, rig)
    except Busy as error:
        return TryAgain(Cause("busy", str(error), "end what uses it"))
    except NotPermitted as error:
        release = "give the agent's service CAP_SYS_RESOURCE"
        return TryAgain(Cause("not-permitted", str(error), release))
    except TooSmall as error:
        release = "delete it, and create a larger one or one with another filesystem"
        return GiveUp(Cause("too-small", str(error), release))


@singledispatch
def _perform(step: Step, rig: Rig) -> Outcome:
    raise TypeError(f"{step!r} is not a step")


@_perform.register
def _create(step: Create, rig: Rig) -> Outcome:
    backend = rig.backends[step.backend]
    for volume in backend.api.list_volumes():
        if volume.dataset_id == step.dataset:
            return DONE
    if step.origin is not None:
        return _clone(step, step.origin, backend)
    backend.created[step.dataset] = _make_volume(step, backend)
    return DONE


def _clone(step: Create, origin: SnapshotID, backend: Backend) -> Outcome:
    """Make a volume of a snapshot; it is whole when it is listed."""
    try:
        made = _snapshotting(backend).create_volume_from_snapshot(
            origin, step.dataset, step.size, step.life
        )
    except (UnknownSnapshot, NoSnapshots) as error:
        return TryAgain(source_missing(origin, str(error)))
    if made.life is None:
        backend.made[made.blockdevice_id] = step.life
    backend.created[step.dataset] = made
    return DONE


def _snapshotting(backend: Backend) -> ISnapshottingBlockDeviceAPI:
    found: ISnapshottingBlockDeviceAPI | None = ISnapshottingBlockDeviceAPI(
        backend.api, None
    )
    if found is None:
        raise NoSnapshots(f"backend {backend.name} ({backend.driver}) has none")
    return found


def _make_volume(step: Create, backend: Backend) -> BlockDeviceVolume:
    """Make it with a mark, or note that it was made here."""
    marking: IMarkingBlockDeviceAPI | None = IMarkingBlockDeviceAPI(backend.api, None)
    if marking is None or step.life is None:
        made = backend.api.create_volume(dataset_id=step.dataset, size=step.size)
        backend.made[made.blockdevice_id] = step.life
        return made
    return marking.create_marked_volume(step.dataset, step.size, step.life)


@_perform.register
def _attach(step: Attach, rig: Rig) -> Outcome:
    backend = rig.backends[step.backend]
    backend.made.pop(step.volume, None)
    instance = backend.api.compute_instance_id()
    try:
        backend.api.attach_volume(step.volume, attach_to=instance)
    except AlreadyAttachedVolume as error:
        logging.message("flocker:attach:already", volume=step.volume)
        if _device_of(backend, step.volume) is None:
            return TryAgain(_no_device(step.volume, error))
    except UnknownVolume:
        backend.created.pop(step.dataset, None)
        raise
    return DONE


@_perform.register
def _format(step: Format, rig: Rig) -> Outcome:
    changed = _changed(rig.backends[step.backend], step.volume, step.device)
    if changed is not None:
        return changed
    rig.filesystems.make(step.device, step.kind)
    return DONE


@_perform.register
def _mount(step: Mount, rig: Rig) -> Outcome:
    changed = _changed(rig.backends[step.backend], step.volume, step.device)
    if changed is not None:
        return changed
    rig.filesystems.mount(step.device, rig.place(step.dataset), copy=step.copy)
    return DONE


@_perform.register
def _unmount(step: Unmount, rig: Rig) -> Outcome:
    rig.finished.pop(step.dataset, None)
    rig.filesystems.unmount(step.path, step.device)
    return DONE


@_perform.register
def _grow(step: Grow, rig: Rig) -> Outcome:
    _growing(rig.backends[step.backend]).grow_volume(step.volume, step.size)
    return DONE


@_perform.register
def _finish(step: Finish, rig: Rig) -> Outcome:
    backend = rig.backends[step.backend]
    changed = _changed(backend, step.volume, step.device)
    if changed is not None:
        return changed
    place = rig.place(step.dataset)
    rig.filesystems.mount(step.device, place)
    if rig.filesystems.device_size(step.device) < step.size:
        _growing(backend).grow_volume(step.volume, step.size)
    rig.filesystems.grow(step.device, place)
    rig.finished[step.dataset] = step.size
    return DONE


def _growing(backend: Backend) -> IGrowingBlockDeviceAPI:
    return IGrowingBlockDeviceAPI(backend.api)


@_perform.register
def _detach(step: Detach, rig: Rig) -> Outcome:
    backend = rig.backends[step.backend]
    moved = _attached_otherwise(backend, step)
    if moved is not None:
        return moved
    device = _device_of(backend, step.volume)
    if device is not None:
        holders = rig.filesystems.holders(device)
        if holders:
            raise Busy(device, holders)
    backend.api.detach_volume(step.volume)
    return DONE


@_perform.register
def _destroy(step: Destroy, rig: Rig) -> Outcome:
    backend = rig.backends[step.backend]
    _destroy_snapshots(step, backend)
    try:
        backend.api.destroy_volume(step.volume)
    except UnknownVolume:
        logging.message("flocker:destroy:gone-already", volume=step.volume)
    backend.created.pop(step.dataset, None)
    backend.made.pop(step.volume, None)
    backend.gone.add(step.volume)
    return DONE


def _destroy_snapshots(step: Destroy, backend: Backend) -> None:
    """Destroy what is kept of a volume, before it: afterwards nobody asks for it."""
    snapshotting: ISnapshottingBlockDeviceAPI | None = ISnapshottingBlockDeviceAPI(
        backend.api, None
    )
    if snapshotting is None:
        return
    for snapshot in snapshotting.list_snapshots():
        if snapshot.of == step.volume:
            _drop(snapshotting, snapshot.id)


def _drop(snapshotting: ISnapshottingBlockDeviceAPI, snapshot: SnapshotID) -> None:
    try:
        snapshotting.destroy_snapshot(snapshot)
    except UnknownSnapshot:
        logging.message("flocker:snapshot:gone-already", snapshot=snapshot)


@_perform.register
def _take_snapshot(step: TakeSnapshot, rig: Rig) -> Outcome:
    rig.filesystems.flush(step.path)
    snapshotting = _snapshotting(rig.backends[step.backend])
    try:
        taken = snapshotting.take_snapshot(step.volume, step.mark)
    except SnapshotGivenUp as error:
        return GiveUp(Cause("snapshot-given-up", str(error), error.release))
    logging.message("flocker:snapshot:taken", volume=step.volume, snapshot=taken.id)
    return DONE


@_perform.register
def _drop_snapshot(step: DropSnapshot, rig: Rig) -> Outcome:
    _drop(_snapshotting(rig.backends[step.backend]), step.snapshot)
    return DONE


def _device_of(backend: Backend, volume: VolumeID) -> Path | None:
    """Give the device, if the volume has one here."""
    try:
        return backend.api.get_device_path(volume)
    except (UnattachedVolume, UnknownVolume):
        return None


def _no_device(volume: VolumeID, error: AlreadyAttachedVolume) -> Cause:
    """Say that the backend has a volume attached, and it has no device here."""
    return Cause(
        "already-attached",
        f"{error}, and no device of it has appeared on this node",
        f"wait for the device; if none comes, see to volume {volume} in the backend: it"
        " may be attached to another machine",
    )


def _attached_otherwise(backend: Backend, step: Detach) -> TryAgain | None:
    """Refuse to take a volume from a machine other than the one that was planned.

    The driver would take it from whoever has it now.
    """
    planned = step.instance or backend.api.compute_instance_id()
    for volume in backend.api.list_volumes():
        if volume.blockdevice_id == step.volume and volume.attached_to != planned:
            now = f"to {volume.attached_to}" if volume.attached_to else "nowhere"
            words = f"volume {step.volume} was attached to {planned} and is {now} now"
            return TryAgain(Cause("attachment-changed", words))
    return None


def _changed(backend: Backend, volume: VolumeID, planned: Path) -> TryAgain | None:
    """Refuse to act on a device that is not the volume's any more."""
    device = _device_of(backend, volume)
    if device == planned:
        return None
    words = f"volume {volume} was at {planned} and is at {device or 'no device'} now"
    return TryAgain(Cause("device-changed", words))
