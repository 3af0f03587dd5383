"""What a driver must do whose volumes carry a mark; beside `blockdevices`.

class TestMyDriver(RealDevices, MarkingBlockDevices): ...
"""

from uuid import uuid4

import pytest
from zope.interface.verify import verifyObject

from flocker.backends.block_interface import BlockDeviceVolume, IMarkingBlockDeviceAPI
from flocker.model.ids import DatasetID, Life
from flocker.testing.conformance.blockdevices import Bench, BlockDeviceConformance


class MarkingBlockDevices(BlockDeviceConformance):
    """For drivers that provide `IMarkingBlockDeviceAPI`."""

    @pytest.fixture
    def marking(self, bench: Bench) -> IMarkingBlockDeviceAPI:
        """Give what the driver offers beside."""
        return IMarkingBlockDeviceAPI(bench.api)

    @pytest.fixture
    def marked(
        self, bench: Bench, marking: IMarkingBlockDeviceAPI
    ) -> BlockDeviceVolume:
        """Give a volume with a mark."""
        volume: BlockDeviceVolume = marking.create_marked_volume(
            DatasetID(uuid4()), bench.size, Life(uuid4())
        )
        bench.made.append(volume.blockdevice_id)
        return volume

    def test_marking_interface(self, marking: IMarkingBlockDeviceAPI) -> None:
        """The driver provides the interface for marking."""
        assert verifyObject(IMarkingBlockDeviceAPI, marking)

    def test_marked(self, bench: Bench, marked: BlockDeviceVolume) -> None:
        """The mark is listed beside the dataset, by whoever asks."""
        assert marked.life is not None
        assert marked.attached_to is None
        assert marked in bench.listed()
        assert marked in self.make().list_volumes()

    def test_mark_stays(self, bench: Bench, marked: BlockDeviceVolume) -> None:
        """The mark stays whatever becomes of the volume."""
        attached = bench.attach(marked)
        assert attached.life == marked.life
        assert attached in bench.listed()
        bench.api.detach_volume(marked.blockdevice_id)
        assert marked in bench.listed()

    def test_unmarked(self, bench: Bench, marked: BlockDeviceVolume) -> None:
        """A volume that is made without a mark has none."""
        volume = bench.create(marked.dataset_id)
        assert volume.life is None
        assert {volume, marked} <= bench.listed()
