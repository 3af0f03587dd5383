"""What a driver must do that makes volumes larger; beside `blockdevices`.

class TestMyDriver(RealDevices, GrowingBlockDevices): ...
"""

from pathlib import Path

import pytest
from attrs import evolve
from zope.interface.verify import verifyObject

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    CannotShrink,
    IGrowingBlockDeviceAPI,
    UnknownVolume,
)
from flocker.backends.devices import device_size
from flocker.testing.conformance.blockdevices import (
    NO_VOLUME,
    Bench,
    BlockDeviceConformance,
)


class GrowingBlockDevices(BlockDeviceConformance):
    """For drivers that provide `IGrowingBlockDeviceAPI`."""

    def size_of(self, device: Path) -> int:
        """Give the bytes of a device of this machine."""
        return device_size(device)

    @pytest.fixture
    def growing(self, bench: Bench) -> IGrowingBlockDeviceAPI:
        """Give what the driver offers beside."""
        return IGrowingBlockDeviceAPI(bench.api)

    def test_growing_interface(self, growing: IGrowingBlockDeviceAPI) -> None:
        """The driver provides the interface for growing."""
        assert verifyObject(IGrowingBlockDeviceAPI, growing)

    def test_grown(self, bench: Bench, growing: IGrowingBlockDeviceAPI) -> None:
        """A grown volume is listed with its new size, still detached; others stay."""
        volume, other = bench.create(), bench.create()
        growing.grow_volume(volume.blockdevice_id, 2 * bench.size)
        assert {evolve(volume, size=2 * bench.size), other} <= bench.listed()
        assert volume not in bench.listed()

    def test_grown_attached(
        self, bench: Bench, growing: IGrowingBlockDeviceAPI
    ) -> None:
        """The device of a grown volume stays the same device and has the new size."""
        volume = bench.create_attached()
        device = bench.api.get_device_path(volume.blockdevice_id)
        growing.grow_volume(volume.blockdevice_id, 2 * bench.size)
        assert evolve(volume, size=2 * bench.size) in bench.listed()
        assert bench.api.get_device_path(volume.blockdevice_id) == device
        assert self.size_of(device) == 2 * bench.size

    def test_grown_then_attached(
        self, bench: Bench, growing: IGrowingBlockDeviceAPI
    ) -> None:
        """A volume that grew while it was detached has a device of its new size."""
        volume = bench.create()
        growing.grow_volume(volume.blockdevice_id, 2 * bench.size)
        bench.attach(volume)
        device = bench.api.get_device_path(volume.blockdevice_id)
        assert self.size_of(device) == 2 * bench.size

    def test_grown_twice(self, bench: Bench, growing: IGrowingBlockDeviceAPI) -> None:
        """Growing to the size a volume has is no error and changes nothing."""
        volume = bench.create_attached()
        before = bench.listed()
        growing.grow_volume(volume.blockdevice_id, bench.size)
        assert bench.listed() == before

    def test_not_shrunk(self, bench: Bench, growing: IGrowingBlockDeviceAPI) -> None:
        """A volume is not made smaller."""
        volume = bench.create_attached()
        growing.grow_volume(volume.blockdevice_id, 2 * bench.size)
        with pytest.raises(CannotShrink) as caught:
            growing.grow_volume(volume.blockdevice_id, bench.size)
        assert caught.value.args == (volume.blockdevice_id,)
        assert evolve(volume, size=2 * bench.size) in bench.listed()

    def test_grow_unknown(self, bench: Bench, growing: IGrowingBlockDeviceAPI) -> None:
        """A volume that never was is unknown here too."""
        with pytest.raises(UnknownVolume) as caught:
            growing.grow_volume(NO_VOLUME, bench.size)
        assert caught.value.args == (NO_VOLUME,)


class HalfDoneGrow(GrowingBlockDevices):
    """For drivers whose growing takes several steps and may be killed between them."""

    def half_grow(self, volume: BlockDeviceVolume, size: int) -> None:
        """Leave the volume as a growing to `size` bytes does that was killed."""
        raise NotImplementedError

    def test_half_grown(self, bench: Bench, growing: IGrowingBlockDeviceAPI) -> None:
        """A growing that was cut short is finished by the same call again."""
        volume = bench.create_attached()
        device = bench.api.get_device_path(volume.blockdevice_id)
        self.half_grow(volume, 2 * bench.size)
        assert self.size_of(device) == bench.size
        growing.grow_volume(volume.blockdevice_id, 2 * bench.size)
        assert self.size_of(device) == 2 * bench.size
        assert evolve(volume, size=2 * bench.size) in bench.listed()
