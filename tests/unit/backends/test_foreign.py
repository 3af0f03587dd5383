"""A driver of the first Flocker's kind behind our interface."""

from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from twisted.python.filepath import FilePath
from zope.interface.verify import verifyObject

from flocker.backends import block_interface
from flocker.backends.block_interface import (
    BlockDeviceVolume,
    IBlockDeviceAPI,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    UnattachedVolume,
    UnknownInstanceID,
    VolumeBusy,
)
from flocker.backends.caching import CachingBlockDevices
from flocker.backends.foreign import adapt, device_path, size_in_bytes, volume
from flocker.model.ids import DatasetID, InstanceID, VolumeID
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices

DATASET = DatasetID(UUID("11c50000-0000-4000-8000-00000000abcd"))
VOLUME = VolumeID("vol-1")


class VolumeException(Exception):
    """The driver's own, as are these below."""


class UnknownVolume(VolumeException): ...


class AlreadyAttachedVolume(VolumeException): ...


class UnattachedVolumeHere(VolumeException): ...


class Unattached(UnattachedVolumeHere): ...


Unattached.__name__ = "UnattachedVolume"


class Busy(VolumeException): ...


Busy.__name__ = "VolumeBusy"


class OwnUnknownInstanceID(Exception): ...


OwnUnknownInstanceID.__name__ = "UnknownInstanceID"


class GiB:
    """A size as bitmath has it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def to_Byte(self) -> SimpleNamespace:
        return SimpleNamespace(value=float(self.number * 2**30))


class OldDriver:
    """Answers in the types of the time, or raises what it is told to."""

    def __init__(self, error: Exception | None = None, path: object = None) -> None:
        self.error = error
        self.path = path
        self.calls: list[tuple[object, ...]] = []

    def _did(self, *call: object) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    def allocation_unit(self):
        return GiB(1)

    def compute_instance_id(self):
        self._did("instance")
        return b"i-1"

    def create_volume(self, dataset_id, size):
        self._did("create", dataset_id, size)
        return self._volume(None)

    def destroy_volume(self, blockdevice_id):
        self._did("destroy", blockdevice_id)

    def attach_volume(self, blockdevice_id, attach_to):
        self._did("attach", blockdevice_id, attach_to)
        return self._volume(attach_to.encode())

    def detach_volume(self, blockdevice_id):
        self._did("detach", blockdevice_id)

    def list_volumes(self):
        return (self._volume(each) for each in (None, b"i-1"))

    def get_device_path(self, blockdevice_id):
        self._did("path", blockdevice_id)
        return self.path

    @staticmethod
    def _volume(attached_to):
        return SimpleNamespace(
            blockdevice_id=b"vol-1",
            size=GiB(2),
            attached_to=attached_to,
            dataset_id=str(DATASET),
        )


class OldCloud(OldDriver):
    """One that knows which machines run."""

    def list_live_nodes(self):
        return [b"i-1", "i-2"]

    def start_node(self, node_id):
        self._did("start", node_id)


def adapted(driver: object) -> IBlockDeviceAPI:
    return adapt(driver, "old", "agent.yml: dataset")


def ours(attached_to: str | None) -> BlockDeviceVolume:
    name = None if attached_to is None else InstanceID(attached_to)
    return BlockDeviceVolume(VOLUME, 2 * 2**30, name, DATASET)


def test_new_driver_is_left_alone():
    """A driver that provides our interface is used as it is."""
    driver = MemoryBlockDevices().node("i-1")
    assert adapted(driver) is driver


def test_plain_types():
    """What it gives is made plain, what it gets is plain."""
    driver = OldDriver()
    api = adapted(driver)
    assert verifyObject(IBlockDeviceAPI, api)
    assert api.allocation_unit() == 2**30
    assert api.compute_instance_id() == "i-1"
    assert api.create_volume(DATASET, 2**31) == ours(None)
    assert api.attach_volume(VOLUME, InstanceID("i-1")) == ours("i-1")
    assert api.list_volumes() == [ours(None), ours("i-1")]
    api.detach_volume(VOLUME)
    api.destroy_volume(VOLUME)
    assert driver.calls == [
        ("instance",),
        ("create", DATASET, 2**31),
        ("attach", VOLUME, "i-1"),
        ("detach", VOLUME),
        ("destroy", VOLUME),
    ]


@pytest.mark.parametrize(
    "path", [FilePath("/dev/sdf"), FilePath(b"/dev/sdf"), "/dev/sdf", Path("/dev/sdf")]
)
def test_device_path(path):
    """A path in whatever type is a path."""
    assert adapted(OldDriver(path=path)).get_device_path(VOLUME) == Path("/dev/sdf")
    assert device_path(path) == Path("/dev/sdf")


def test_no_device_path():
    """No path means that there is no device yet."""
    with pytest.raises(UnattachedVolume) as caught:
        adapted(OldDriver()).get_device_path(VOLUME)
    assert caught.value.blockdevice_id == VOLUME


@pytest.mark.parametrize("size", [2**31, 2.0**31, GiB(2)])
def test_sizes(size):
    """A size is a number of bytes, or a quantity."""
    assert size_in_bytes(size) == 2**31


def test_volume_with_uuid():
    """The dataset of a volume may be a UUID or its text."""
    found = SimpleNamespace(
        blockdevice_id="vol-1", size=2**31, attached_to="i-1", dataset_id=DATASET
    )
    assert volume(found) == ours("i-1")


CALLS = [
    lambda api: api.destroy_volume(VOLUME),
    lambda api: api.attach_volume(VOLUME, InstanceID("i-1")),
    lambda api: api.detach_volume(VOLUME),
    lambda api: api.get_device_path(VOLUME),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("own", [UnknownVolume, AlreadyAttachedVolume, Unattached])
def test_own_exceptions(call, own):
    """A driver's own exception becomes ours if its class, or a base, has our name."""
    driver = OldDriver(error=type("More", (own,), {})("whatever"))
    expected = getattr(block_interface, own.__name__)
    with pytest.raises(expected) as caught:
        call(adapted(driver))
    assert caught.value.blockdevice_id == VOLUME
    assert caught.value.__cause__ is driver.error


def test_busy():
    """So it is with a busy volume, whose words are kept."""
    with pytest.raises(VolumeBusy, match="in use by host 3"):
        adapted(OldDriver(error=Busy("in use by host 3"))).detach_volume(VOLUME)


@pytest.mark.parametrize("error", [VolumeException("x"), OSError("x"), KeyError("x")])
def test_other_exceptions(error):
    """Any other exception stays what it is."""
    with pytest.raises(type(error)) as caught:
        adapted(OldDriver(error=error)).detach_volume(VOLUME)
    assert caught.value is error


def test_unknown_instance():
    """A driver that does not know its machine says so in our words."""
    with pytest.raises(UnknownInstanceID, match="no metadata"):
        adapted(
            OldDriver(error=OwnUnknownInstanceID("no metadata"))
        ).compute_instance_id()


def test_cloud():
    """What a driver can do beside is offered, through the cache too."""
    driver = OldCloud()
    api = CachingBlockDevices(adapted(driver))
    cloud = ICloudAPI(api)
    assert verifyObject(ICloudAPI, cloud)
    assert cloud.list_live_nodes() == {"i-1", "i-2"}
    cloud.start_node(InstanceID("i-2"))
    assert driver.calls == [("start", "i-2")]


def test_nothing_beside():
    """What a driver cannot do is not offered."""
    api = CachingBlockDevices(adapted(OldDriver()))
    assert ICloudAPI(api, None) is None
    assert IGrowingBlockDeviceAPI(api, None) is None
