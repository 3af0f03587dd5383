"""One look: each thing is asked once, and a failure hides only what it is about."""

import pytest
from twisted.internet.defer import ensureDeferred

from flocker.dataset_agent.discovery import BackendSeen, Device, Unseen
from flocker.dataset_agent.observing import Looking, Observer
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import InstanceID
from flocker.testing.builders import dataset_id
from flocker.testing.rigs import HERE, FakeRig
from flocker.testing.simulation.faults import Fault

ONE, TWO, THREE = dataset_id(1), dataset_id(2), dataset_id(3)
OTHER = InstanceID("i-2")


@pytest.fixture
def bench() -> FakeRig:
    return FakeRig()


def look(bench, *assigned, name=DEFAULT_BACKEND):
    """Look; everything takes no time."""
    results = []
    observer = Observer(bench.rig.backends[name], bench.rig)
    ensureDeferred(observer.look(Looking(set(assigned)))).addBoth(results.append)
    return results[0].observation


def seen(bench, *assigned) -> BackendSeen:
    return look(bench, *assigned).backends[DEFAULT_BACKEND]


def attach_elsewhere(bench, dataset):
    volume = bench.volume(dataset)
    bench.service.node(OTHER).attach_volume(volume, OTHER)
    return volume


def test_costs(bench):
    """500 mounted volumes cost one listing, one look at the mounts, and no probe."""
    datasets = [dataset_id(number) for number in range(500)]
    for dataset in datasets:
        bench.mounted(dataset)
    assert len(seen(bench, *datasets).devices) == 500
    assert bench.faults.calls == {
        "mounts": 1,
        "compute_instance_id": 1,
        "allocation_unit": 1,
        "list_volumes": 1,
        "get_device_path": 500,
    }


def test_only_what_matters(bench):
    """What this node was told of or has attached is seen, nothing else."""
    bench.volume(ONE)
    bench.volume(TWO, attached=True)
    bench.volume(THREE)
    assert set(seen(bench, ONE).volumes) == {ONE, TWO}


def test_devices(bench):
    """A device is probed if it is not mounted in its place."""
    mounted, blank = bench.mounted(ONE), bench.volume(TWO, attached=True)
    devices = seen(bench).devices
    paths = {name: each.path for name, each in bench.service.devices.items()}
    numbers = {name: each.number for name, each in bench.service.devices.items()}
    assert devices == {
        mounted: Device(paths[mounted], numbers[mounted]),
        blank: Device(paths[blank], numbers[blank]),
    }
    assert bench.faults.calls["signature"] == 1


@pytest.mark.parametrize(("kind", "usable"), [("ext4", True), ("swap", False)])
def test_signature(bench, kind, usable):
    """What a device carries is told, and whether we can mount it."""
    volume = bench.volume(ONE, attached=True)
    bench.service.contents[volume].signature = kind
    found = seen(bench).devices[volume]
    assert (found.signature, found.usable) == (kind, usable)


def test_no_device_yet(bench):
    """A volume whose device has not appeared has none."""
    bench.service.half_attach(bench.volume(ONE), HERE)
    found = seen(bench)
    assert (found.devices, found.unread) == ({}, {})


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.ODD])
@pytest.mark.parametrize("call", ["signature", "get_device_path"])
def test_one_device_fails(bench, call, fault):
    """A device that cannot be looked at says why, and hides no other."""
    bench.volume(ONE, attached=True)
    bench.volume(TWO, attached=True)
    bench.faults.once[call] = [fault]
    found = seen(bench)
    assert (len(found.devices), len(found.unread)) == (1, 1)
    assert call in next(iter(found.unread.values()))


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.ODD])
def test_backend_fails(bench, fault):
    """A backend that does not answer says why."""
    bench.faults.once["list_volumes"] = [fault]
    found = look(bench).backends[DEFAULT_BACKEND]
    assert isinstance(found, Unseen)
    assert found.cause.code == "backend-failed"
    assert "list_volumes" in found.cause.words


def test_alive_is_asked_when_it_matters(bench):
    """Which machines run is asked only while another one has a volume of ours."""
    bench.mounted(ONE)
    assert seen(bench, TWO).alive is None
    attach_elsewhere(bench, TWO)
    assert seen(bench, TWO).alive == {HERE, OTHER}
    assert seen(bench).alive is None


def test_created_and_not_listed(bench):
    """What this process made is there, though it is not listed yet."""
    volume = bench.volume(ONE)
    made = bench.service.volumes.pop(volume)
    bench.backend.created[ONE] = made
    assert seen(bench, ONE).volumes == {ONE: (made,)}
    bench.service.volumes[volume] = made
    assert seen(bench, ONE).volumes == {ONE: (made,)}
    assert bench.backend.created == {}


def test_mounts(bench):
    """Where the kernel has something mounted is told both ways."""
    volume = bench.mounted(ONE)
    place = bench.rig.place(ONE)
    observation = look(bench)
    assert observation.mounts == {bench.service.devices[volume].number: (place,)}
    assert observation.mount_points == {place}
