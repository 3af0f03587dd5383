"""A driver's calls run in its pool, and only while the service runs."""

from pathlib import Path
from uuid import UUID

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from flocker.backends.block_interface import UnknownVolume
from flocker.backends.threaded import (
    THREADS,
    BackendStopped,
    ThreadedBlockDevices,
    device_paths,
)
from flocker.model.ids import DatasetID, InstanceID, VolumeID
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices

DATASET = DatasetID(UUID("6a0e3a6b-4f11-4bd7-b30a-9f0f6a0e3a6b"))
ME = InstanceID("i-1")


class StepPool:
    """A pool whose calls run when the test says so."""

    def __init__(self, minimum: int, maximum: int, name: str) -> None:
        self.described = (minimum, maximum, name)
        self.state = "new"
        self.waiting: list = []

    def start(self) -> None:
        self.state = "started"

    def stop(self) -> None:
        self.state = "stopped"

    def callInThreadWithCallback(self, on_result, work, *args) -> None:
        def step() -> None:
            succeeded = False
            try:
                result = work(*args)
                succeeded = True
            except UnknownVolume:
                result = Failure()
            on_result(succeeded, result)

        self.waiting.append(step)

    def step(self) -> None:
        self.waiting.pop(0)()


class StepReactor:
    """A reactor whose thread is the test's, with a pool of its own."""

    def __init__(self) -> None:
        self.pool = StepPool(0, 1, "reactor")

    def callFromThread(self, function, *args) -> None:
        function(*args)

    def getThreadPool(self) -> StepPool:
        return self.pool


@pytest.fixture
def reactor():
    """The reactor."""
    return StepReactor()


@pytest.fixture
def pools():
    """The pools the backend made."""
    return []


@pytest.fixture
def service():
    """The storage service."""
    return MemoryBlockDevices()


@pytest.fixture
def backend(reactor, service, pools):
    """The backend, not started."""

    def make_pool(*args, **kwargs):
        pools.append(StepPool(*args, **kwargs))
        return pools[-1]

    api = service.cloud_node("i-1")
    return ThreadedBlockDevices(reactor, "fast", api, make_pool=make_pool)


def begun(coroutine):
    """A Deferred of a coroutine, with its result or Failure in the list."""
    results: list = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    return results


def test_own_pool(backend, pools):
    """A backend has a pool of its own, named after it."""
    backend.startService()
    assert [(pool.described, pool.state) for pool in pools] == [
        ((0, THREADS, "backend-fast"), "started")
    ]


def test_call_waits_for_its_thread(backend, pools, service):
    """A call does nothing in the reactor's thread."""
    backend.startService()
    results = begun(backend.create_volume(DATASET, 2**20))
    assert (results, list(service.volumes)) == ([], [])
    pools[0].step()
    assert results == list(service.volumes.values())


def test_every_method(backend, pools, service):
    """Each method of the driver gives what the driver gives."""
    backend.startService()
    api = service.node("i-1")
    volume = api.create_volume(DATASET, 2**20)
    name = volume.blockdevice_id

    def result(coroutine):
        results = begun(coroutine)
        pools[0].step()
        return results[0]

    assert result(backend.allocation_unit()) == api.allocation_unit()
    assert result(backend.compute_instance_id()) == ME
    assert result(backend.list_volumes()) == [volume]
    attached = result(backend.attach_volume(name, ME))
    assert attached == api.list_volumes()[0]
    assert result(backend.get_device_path(name)) == api.get_device_path(name)
    assert result(backend.device_paths([name])) == {name: api.get_device_path(name)}
    assert result(backend.list_live_nodes()) == {ME}
    result(backend.detach_volume(name))
    assert api.list_volumes() == [volume]
    result(backend.destroy_volume(name))
    assert api.list_volumes() == []


def test_errors_come_through(backend, pools):
    """What the driver raises is raised."""
    backend.startService()
    results = begun(backend.destroy_volume(VolumeID("none")))
    pools[0].step()
    assert isinstance(results[0].value, UnknownVolume)


def test_machines_unknown(reactor, service, pools):
    """A driver that does not know which machines run says None, without a thread."""
    backend = ThreadedBlockDevices(reactor, "fast", service.node("i-1"))
    assert begun(backend.list_live_nodes()) == [None]


def test_not_running(backend):
    """A backend that is not started, or stopped, refuses at once."""
    results = begun(backend.list_volumes())
    assert isinstance(results[0].value, BackendStopped)


def test_stopped(backend, reactor, pools):
    """Stopping waits for the pool in another thread, then calls are refused."""
    backend.startService()
    stopped: list = []
    backend.stopService().addBoth(stopped.append)
    assert (stopped, pools[0].state) == ([], "started")
    reactor.pool.step()
    assert (stopped, pools[0].state) == ([None], "stopped")
    assert isinstance(begun(backend.list_volumes())[0].value, BackendStopped)


def test_device_paths(service):
    """Devices are given of those volumes that have one here."""
    api = service.node("i-1")
    here, half, away = (api.create_volume(DATASET, 2**20) for _ in range(3))
    api.attach_volume(here.blockdevice_id, ME)
    service.half_attach(half.blockdevice_id, ME)
    volumes = [v.blockdevice_id for v in (here, half, away)]
    found = device_paths(api, [*volumes, VolumeID("none")])
    assert found == {here.blockdevice_id: Path("/dev/memory/d1")}
