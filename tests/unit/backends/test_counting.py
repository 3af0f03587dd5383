"""A counted driver does what the driver does."""

import pytest
from zope.interface.verify import verifyObject

from flocker.backends.block_interface import (
    IBlockDeviceAPI,
    ICloudAPI,
    UnknownVolume,
)
from flocker.backends.caching import CachingBlockDevices
from flocker.backends.counting import counting
from flocker.model.ids import InstanceID, VolumeID
from flocker.runtime import metrics
from flocker.testing.builders import dataset_id
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices


@pytest.fixture
def service() -> MemoryBlockDevices:
    return MemoryBlockDevices()


def count(operation: str, outcome: str) -> float:
    """How many calls of the driver `test` were counted."""
    labels = f'driver="test",operation="{operation}",outcome="{outcome}"'
    for line in metrics.exposition().decode().splitlines():
        if line.startswith(f"flocker_backend_calls_total{{{labels}}}"):
            return float(line.rpartition(" ")[2])
    return 0.0


def test_calls(service) -> None:
    """Calls are passed on, and counted by operation and outcome."""
    driver = counting("test", service.node(InstanceID("i-1")))
    before = count("create_volume", "ok"), count("destroy_volume", "UnknownVolume")
    made = driver.create_volume(dataset_id=dataset_id(), size=2**20)
    assert driver.list_volumes() == [made]
    with pytest.raises(UnknownVolume):
        driver.destroy_volume(VolumeID("none"))
    after = count("create_volume", "ok"), count("destroy_volume", "UnknownVolume")
    assert after == (before[0] + 1, before[1] + 1)


def test_interfaces(service) -> None:
    """It offers what the driver offers, and no more, also through the cache."""
    plain = counting("test", service.node(InstanceID("i-1")))
    cloud = counting("test", service.cloud_node(InstanceID("i-1")))
    assert verifyObject(IBlockDeviceAPI, plain)
    assert verifyObject(ICloudAPI, cloud)
    assert ICloudAPI(plain, None) is None
    assert ICloudAPI(CachingBlockDevices(plain), None) is None
    before = count("list_live_nodes", "ok")
    through = ICloudAPI(CachingBlockDevices(cloud))
    assert through.list_live_nodes() == frozenset(service.live)
    assert count("list_live_nodes", "ok") == before + 1
