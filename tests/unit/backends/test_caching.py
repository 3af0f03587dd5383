"""What the cache asks the driver, and when it believes itself."""

from uuid import UUID

import pytest

from flocker.backends.block_interface import ICloudAPI, UnattachedVolume
from flocker.backends.caching import CachingBlockDevices
from flocker.model.ids import DatasetID, InstanceID
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices, MemoryNode

DATASET = DatasetID(UUID("6a0e3a6b-4f11-4bd7-b30a-9f0f6a0e3a6b"))
ME = InstanceID("i-1")


class CountingNode(MemoryNode):
    """A driver that counts how often it is asked."""

    def __init__(self, service: MemoryBlockDevices) -> None:
        super().__init__(service, ME)
        self.asked: list[str] = []

    def compute_instance_id(self):
        self.asked.append("instance")
        return super().compute_instance_id()

    def get_device_path(self, blockdevice_id):
        self.asked.append("path")
        return super().get_device_path(blockdevice_id)


@pytest.fixture
def service():
    """The storage service."""
    return MemoryBlockDevices()


@pytest.fixture
def driver(service):
    """The driver that counts."""
    return CountingNode(service)


@pytest.fixture
def cache(driver, service):
    """The cache before it."""
    return CachingBlockDevices(driver, device_number=service.number_at)


@pytest.fixture
def volume(cache):
    """A volume attached here."""
    made = cache.create_volume(DATASET, 2**20)
    cache.attach_volume(made.blockdevice_id, ME)
    return made.blockdevice_id


def test_instance_is_asked_once(cache, driver):
    """The name of this machine is asked for once."""
    assert {cache.compute_instance_id() for _ in range(3)} == {ME}
    assert driver.asked == ["instance"]


def test_path_is_asked_once(cache, driver, volume):
    """A device path is asked for once, over many rounds of listing."""
    paths = set()
    for _ in range(3):
        cache.list_volumes()
        paths.add(cache.get_device_path(volume))
    assert len(paths) == 1
    assert driver.asked.count("path") == 1


def test_detached_through_the_cache(cache, volume):
    """A device path is forgotten with the volume's detach."""
    cache.get_device_path(volume)
    cache.detach_volume(volume)
    with pytest.raises(UnattachedVolume):
        cache.get_device_path(volume)


def test_attached_again(cache, volume):
    """A volume attached again has its new device, not the old one."""
    before = cache.get_device_path(volume)
    cache.detach_volume(volume)
    cache.attach_volume(volume, ME)
    assert cache.get_device_path(volume) != before


def test_listed_elsewhere(cache, driver, service, volume):
    """A device path is forgotten once the volume is listed as not attached here."""
    before = cache.get_device_path(volume)
    service.node("i-2").detach_volume(volume)
    cache.list_volumes()
    driver.attach_volume(volume, ME)
    after = cache.get_device_path(volume)
    assert (after != before, driver.asked.count("path")) == (True, 2)


def test_device_went(cache, driver, service, volume):
    """A path at which the device is no more is not believed."""
    cache.get_device_path(volume)
    driver.detach_volume(volume)
    with pytest.raises(UnattachedVolume):
        cache.get_device_path(volume)


def test_another_device_at_the_path(driver, service, volume):
    """A path at which there is another device now is not believed."""
    numbers = iter([1, 2, 2])
    cache = CachingBlockDevices(driver, device_number=lambda _: next(numbers))
    driver.asked.clear()
    cache.get_device_path(volume)
    cache.get_device_path(volume)
    assert driver.asked == ["path", "path"]


def test_paths_not_kept(driver, service, volume):
    """Where the driver's own answer is better, it is asked each time."""
    cache = CachingBlockDevices(
        driver, keeps_device_paths=False, device_number=service.number_at
    )
    driver.asked.clear()
    for _ in range(3):
        cache.get_device_path(volume)
    assert driver.asked == ["path"] * 3


def test_cloud(cache, service):
    """The cache of a driver that knows which machines run offers that too."""
    assert ICloudAPI(cache, None) is None
    behind = service.cloud_node("i-1")
    assert ICloudAPI(CachingBlockDevices(behind), None) is behind
