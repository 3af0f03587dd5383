"""Every step looks once more before it acts."""

from pathlib import Path

import pytest
from twisted.internet.defer import ensureDeferred

from flocker.backends.block_interface import AlreadyAttachedVolume, UnknownVolume
from flocker.convergence.outcome import Done, TryAgain
from flocker.dataset_agent.filesystems import NoDevice
from flocker.dataset_agent.performing import perform
from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    Format,
    Mount,
    Unmount,
)
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import InstanceID
from flocker.model.sizes import MEBIBYTE
from flocker.runtime.holders import Holder
from flocker.testing.builders import a_life, dataset_id
from flocker.testing.rigs import HERE, FakeRig
from flocker.testing.simulation.faults import Fault

DATASET = dataset_id(1)
OTHER = InstanceID("i-2")
WHERE = (DATASET, DEFAULT_BACKEND)


@pytest.fixture
def bench() -> FakeRig:
    return FakeRig()


def done(bench, step):
    """Perform a step; give its outcome, or raise what it raises."""
    results = []
    ensureDeferred(perform(step, bench.rig)).addBoth(results.append)
    [result] = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


def device(bench, volume) -> Path:
    return bench.service.devices[volume].path


def test_create(bench):
    """A volume of the wanted size is made, and known though it is not listed yet."""
    assert done(bench, Create(*WHERE, 3 * MEBIBYTE)) == Done()
    [volume] = bench.service.volumes.values()
    assert (volume.dataset_id, volume.size) == (DATASET, 3 * MEBIBYTE)
    assert bench.backend.created == {DATASET: volume}
    assert bench.backend.made == {volume.blockdevice_id: None}


def test_create_with_a_mark(bench):
    """The life that a volume is made for is on it, where it can carry that."""
    assert done(bench, Create(*WHERE, MEBIBYTE, a_life())) == Done()
    [volume] = bench.service.volumes.values()
    assert volume.life == a_life()
    assert bench.backend.made == {}


def test_create_looks_first(bench):
    """A volume that is listed by now is not made again."""
    volume = bench.volume(DATASET)
    assert done(bench, Create(*WHERE, MEBIBYTE)) == Done()
    assert set(bench.service.volumes) == {volume}


def test_attach(bench):
    """The volume is attached to this machine."""
    volume = bench.volume(DATASET)
    bench.backend.made[volume] = None
    assert done(bench, Attach(*WHERE, volume)) == Done()
    assert bench.service.get(volume).attached_to == HERE
    assert bench.backend.made == {}


def test_attach_again(bench):
    """A volume that is here already is no error."""
    volume = bench.volume(DATASET, attached=True)
    assert done(bench, Attach(*WHERE, volume)) == Done()


def test_attach_what_another_has(bench):
    """A volume that another machine got first is waited for."""
    volume = bench.volume(DATASET)
    bench.service.node(OTHER).attach_volume(volume, OTHER)
    outcome = done(bench, Attach(*WHERE, volume))
    assert isinstance(outcome, TryAgain)
    assert outcome.cause.code == "already-attached"


def test_attach_what_is_gone(bench):
    """A volume that was made here and is unknown by name is forgotten."""
    assert done(bench, Create(*WHERE, MEBIBYTE)) == Done()
    [volume] = bench.service.volumes
    bench.driver.destroy_volume(volume)
    with pytest.raises(UnknownVolume):
        done(bench, Attach(*WHERE, volume))
    assert bench.backend.created == {}


def test_format_and_mount(bench):
    """A blank device is formatted, then mounted in its place."""
    volume = bench.volume(DATASET, attached=True)
    where = (*WHERE, volume, device(bench, volume))
    assert done(bench, Format(*where)) == Done()
    assert done(bench, Mount(*where)) == Done()
    assert set(bench.kernel.mounted) == {bench.rig.place(DATASET)}


@pytest.mark.parametrize("step", [Format, Mount])
def test_device_changed(bench, step):
    """Nothing is done to a device that is not the volume's any more."""
    volume = bench.volume(DATASET, attached=True)
    planned = device(bench, volume)
    bench.driver.detach_volume(volume)
    bench.driver.attach_volume(volume, HERE)
    outcome = done(bench, step(*WHERE, volume, planned))
    assert isinstance(outcome, TryAgain)
    assert outcome.cause.code == "device-changed"
    assert str(device(bench, volume)) in outcome.cause.words
    assert bench.faults.calls.get("make", 0) == bench.faults.calls.get("mount", 0) == 0


@pytest.mark.parametrize("step", [Format, Mount])
def test_device_gone(bench, step):
    """Nothing is done to the device of a volume that was detached meanwhile."""
    volume = bench.volume(DATASET, attached=True)
    planned = device(bench, volume)
    bench.driver.detach_volume(volume)
    outcome = done(bench, step(*WHERE, volume, planned))
    assert outcome.cause.code == "device-changed"
    assert "no device" in outcome.cause.words


def test_unmount(bench):
    """What is in a place is unmounted."""
    volume = bench.mounted(DATASET)
    step = Unmount(DATASET, bench.rig.place(DATASET), device(bench, volume))
    assert done(bench, step) == Done()
    assert bench.kernel.mounted == {}


def test_unmount_whatever_it_is(bench):
    """What is in a place is unmounted though nobody knows its device."""
    bench.mounted(DATASET)
    step = Unmount(DATASET, bench.rig.place(DATASET), None)
    assert done(bench, step) == Done()
    assert bench.kernel.mounted == {}


@pytest.mark.parametrize("known", [True, False])
def test_unmount_busy(bench, known):
    """What somebody uses stays mounted, and the cause says who uses it."""
    volume = bench.mounted(DATASET)
    bench.kernel.hold(device(bench, volume), Holder(7, "writer", "open x"))
    path = device(bench, volume) if known else None
    outcome = done(bench, Unmount(DATASET, bench.rig.place(DATASET), path))
    assert outcome.cause.code == "busy"
    assert "process 7 (writer)" in outcome.cause.words
    assert set(bench.kernel.mounted) == {bench.rig.place(DATASET)}


def test_detach(bench):
    """A volume that nobody uses is detached."""
    volume = bench.volume(DATASET, attached=True)
    assert done(bench, Detach(*WHERE, volume)) == Done()
    assert bench.service.get(volume).attached_to is None


def test_detach_busy(bench):
    """A holder that appeared since the plan was made keeps the volume attached."""
    volume = bench.mounted(DATASET)
    outcome = done(bench, Detach(*WHERE, volume))
    assert outcome.cause.code == "busy"
    assert "detach_volume" not in bench.faults.calls


def test_detach_from_the_dead(bench):
    """A volume is taken from the machine that was planned."""
    volume = bench.volume(DATASET)
    bench.service.node(OTHER).attach_volume(volume, OTHER)
    bench.service.live.discard(OTHER)
    assert done(bench, Detach(*WHERE, volume, OTHER)) == Done()
    assert bench.service.get(volume).attached_to is None


@pytest.mark.parametrize("planned", [None, InstanceID("i-dead")])
def test_detach_from_another(bench, planned):
    """A volume that a third machine has by now is left there."""
    volume = bench.volume(DATASET)
    bench.service.node(OTHER).attach_volume(volume, OTHER)
    outcome = done(bench, Detach(*WHERE, volume, planned))
    assert outcome.cause.code == "attachment-changed"
    assert bench.service.get(volume).attached_to == OTHER


def test_detach_what_is_detached(bench):
    """A volume that is attached nowhere by now is looked at again."""
    volume = bench.volume(DATASET)
    outcome = done(bench, Detach(*WHERE, volume))
    assert outcome.cause.code == "attachment-changed"
    assert "is nowhere now" in outcome.cause.words


def test_destroy(bench):
    """A destroyed volume is known to be gone."""
    volume = bench.volume(DATASET)
    assert done(bench, Destroy(*WHERE, volume)) == Done()
    assert bench.service.volumes == {}
    assert bench.backend.gone == {volume}


def test_destroy_what_is_gone(bench):
    """What the backend does not know is destroyed."""
    volume = bench.volume(DATASET)
    bench.driver.destroy_volume(volume)
    assert done(bench, Destroy(*WHERE, volume)) == Done()
    assert bench.backend.gone == {volume}


def test_destroy_what_is_attached(bench):
    """A volume that somebody attached is not destroyed."""
    volume = bench.volume(DATASET, attached=True)
    with pytest.raises(AlreadyAttachedVolume):
        done(bench, Destroy(*WHERE, volume))
    assert bench.backend.gone == set()


def test_errors_are_passed_on(bench):
    """What a driver or the kernel raises is the runner's business."""
    bench.faults.once["mount"] = [Fault.ODD]
    volume = bench.volume(DATASET, attached=True)
    where = device(bench, volume)
    with pytest.raises(Exception, match="mount"):
        done(bench, Mount(*WHERE, volume, where))
    bench.service.devices.clear()
    with pytest.raises(NoDevice):
        bench.rig.filesystems.signature(where)
