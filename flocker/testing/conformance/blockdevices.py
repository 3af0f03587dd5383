"""What every driver of block storage must do; run it on yours.

    class TestMyDriver(BlockDeviceConformance):
        def make(self) -> IBlockDeviceAPI:
            return MyDriver(...)

`make` gives the driver on the machine that runs the tests, for a cluster of its own;
called again it gives another object for the same machine and cluster, as after a
restart of the agent. Add the other suites of this module where they apply to yours:
`class TestMyDriver(RealDevices, TwoMachines): ...`. A driver that makes volumes larger
finds more in `flocker.testing.conformance.growing`, one that marks them in `marking`.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from attrs import define, evolve, field
from zope.interface.verify import verifyObject

from flocker.backends.block_interface import (
    AlreadyAttachedVolume,
    BlockDeviceVolume,
    IBlockDeviceAPI,
    ICloudAPI,
    UnattachedVolume,
    UnknownVolume,
    VolumeBusy,
)
from flocker.backends.devices import device_number, device_size
from flocker.model.ids import DatasetID, VolumeID
from flocker.model.sizes import round_up

NO_VOLUME = VolumeID("block-00000000-0000-4000-8000-000000000000")
"""One that never was."""


@define(eq=False)
class Bench:
    """The driver under test and the volumes made with it, which do not outlive it."""

    api: IBlockDeviceAPI
    size: int
    made: list[VolumeID] = field(factory=list)

    def create(self, dataset: UUID | None = None) -> BlockDeviceVolume:
        """Make a volume, detached."""
        volume = self.api.create_volume(DatasetID(dataset or uuid4()), self.size)
        self.made.append(volume.blockdevice_id)
        return volume

    def attach(self, volume: BlockDeviceVolume) -> BlockDeviceVolume:
        """Attach it here."""
        return self.api.attach_volume(
            volume.blockdevice_id, self.api.compute_instance_id()
        )

    def create_attached(self) -> BlockDeviceVolume:
        """Make a volume and attach it here."""
        return self.attach(self.create())

    def listed(self) -> set[BlockDeviceVolume]:
        """List all, each once."""
        volumes = self.api.list_volumes()
        assert len(volumes) == len(set(volumes))
        return set(volumes)

    def clean(self) -> None:
        """Detach and destroy what was made."""
        left = {volume.blockdevice_id: volume for volume in self.api.list_volumes()}
        for volume in self.made:
            if volume in left:
                if left[volume].attached_to is not None:
                    self.api.detach_volume(volume)
                self.api.destroy_volume(volume)


class BlockDeviceConformance:
    """The promises of `IBlockDeviceAPI`, one a test."""

    def make(self) -> IBlockDeviceAPI:
        """Give the driver on this machine."""
        raise NotImplementedError

    def smallest_size(self, api: IBlockDeviceAPI) -> int:
        """Give the bytes of the volumes made here: the least that the service takes."""
        return round_up(1024 * 1024, api.allocation_unit())

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """Give the driver; afterwards take its volumes away."""
        api = self.make()
        bench = Bench(api, self.smallest_size(api))
        yield bench
        bench.clean()

    # What it is

    def test_interface(self, bench: Bench) -> None:
        """The driver provides the interface, method by method."""
        assert verifyObject(IBlockDeviceAPI, bench.api)

    def test_allocation_unit(self, bench: Bench) -> None:
        """The allocation unit is a positive number of bytes."""
        assert isinstance(bench.api.allocation_unit(), int)
        assert bench.api.allocation_unit() > 0

    def test_instance_id(self, bench: Bench) -> None:
        """A machine has one name, not empty, also after a restart of the agent."""
        instance = bench.api.compute_instance_id()
        assert isinstance(instance, str)
        assert instance
        assert self.make().compute_instance_id() == instance

    # Create and list

    def test_new_volume(self, bench: Bench) -> None:
        """A new volume has the dataset and size asked for and is attached nowhere."""
        dataset = uuid4()
        volume = bench.create(dataset)
        assert volume == BlockDeviceVolume(
            blockdevice_id=volume.blockdevice_id,
            size=bench.size,
            attached_to=None,
            dataset_id=DatasetID(dataset),
        )

    def test_listed(self, bench: Bench) -> None:
        """What create answered is what the listing shows."""
        before = bench.listed()
        first, second = bench.create(), bench.create()
        assert bench.listed() == before | {first, second}

    def test_listed_attached(self, bench: Bench) -> None:
        """The listing shows who has a volume, as attach answered."""
        volume = bench.create()
        attached = bench.attach(volume)
        assert attached == evolve(volume, attached_to=bench.api.compute_instance_id())
        assert attached in bench.listed()

    def test_listed_after_restart(self, bench: Bench) -> None:
        """A new driver object finds the same volumes, attached ones too."""
        bench.create()
        bench.create_attached()
        assert set(self.make().list_volumes()) == bench.listed()

    def test_same_dataset_twice(self, bench: Bench) -> None:
        """Two volumes for one dataset are two volumes, both listed.

        The agents decide which one counts; a driver that hides one hides the mistake.
        """
        dataset = uuid4()
        first, second = bench.create(dataset), bench.create(dataset)
        assert first.blockdevice_id != second.blockdevice_id
        assert {first, second} <= bench.listed()

    def test_ids_are_never_reused(self, bench: Bench) -> None:
        """A volume made after another was destroyed has another id."""
        dataset = uuid4()
        first = bench.create(dataset)
        bench.api.destroy_volume(first.blockdevice_id)
        assert bench.create(dataset).blockdevice_id != first.blockdevice_id

    # Destroy

    def test_destroyed(self, bench: Bench) -> None:
        """A destroyed volume is listed no longer; others are untouched."""
        kept, attached, gone = bench.create(), bench.create_attached(), bench.create()
        bench.api.destroy_volume(gone.blockdevice_id)
        assert {kept, attached} <= bench.listed()
        assert gone not in bench.listed()

    def test_destroyed_before(self, bench: Bench) -> None:
        """Destroying a volume again says that it is unknown."""
        volume = bench.create()
        bench.api.destroy_volume(volume.blockdevice_id)
        with pytest.raises(UnknownVolume) as caught:
            bench.api.destroy_volume(volume.blockdevice_id)
        assert caught.value.blockdevice_id == volume.blockdevice_id

    def test_attached_is_not_destroyed(self, bench: Bench) -> None:
        """A volume that somebody has attached is not destroyed."""
        volume = bench.create_attached()
        with pytest.raises(AlreadyAttachedVolume):
            bench.api.destroy_volume(volume.blockdevice_id)
        assert volume in bench.listed()

    @pytest.mark.parametrize("method", ["destroy", "attach", "detach", "path"])
    def test_unknown(self, bench: Bench, method: str) -> None:
        """Every method says of a volume that never was that it is unknown."""
        api = bench.api
        calls: dict[str, Callable[[], object]] = {
            "destroy": lambda: api.destroy_volume(NO_VOLUME),
            "attach": lambda: api.attach_volume(NO_VOLUME, api.compute_instance_id()),
            "detach": lambda: api.detach_volume(NO_VOLUME),
            "path": lambda: api.get_device_path(NO_VOLUME),
        }
        with pytest.raises(UnknownVolume) as caught:
            calls[method]()
        assert caught.value.args == (NO_VOLUME,)

    # Attach

    def test_attached_twice(self, bench: Bench) -> None:
        """Attaching what is attached here, with its device, is refused."""
        volume = bench.create_attached()
        with pytest.raises(AlreadyAttachedVolume):
            bench.attach(volume)
        assert volume in bench.listed()

    def test_several_volumes(self, bench: Bench) -> None:
        """One machine has several volumes, each with a device of its own."""
        volumes = [bench.create_attached() for _ in range(3)]
        paths = {bench.api.get_device_path(v.blockdevice_id) for v in volumes}
        assert len(paths) == 3

    def test_race_on_one_machine(self, bench: Bench) -> None:
        """Of two threads that attach a volume at once exactly one succeeds."""
        volume = bench.create()
        apis = [bench.api, self.make()]
        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(partial(_try_attach, volume), apis))
        assert sorted(won) == [False, True]

    def test_many_at_once(self, bench: Bench) -> None:
        """Several threads create and attach side by side, and nothing is mixed up."""
        with ThreadPoolExecutor(4) as pool:
            volumes = list(pool.map(lambda _: bench.create_attached(), range(8)))
        assert set(volumes) <= bench.listed()
        paths = {bench.api.get_device_path(v.blockdevice_id) for v in volumes}
        assert len(paths) == 8

    # Device

    def test_device_again(self, bench: Bench) -> None:
        """The device of a volume stays the same, also after a restart of the agent."""
        volume = bench.create_attached()
        device = bench.api.get_device_path(volume.blockdevice_id)
        bench.create_attached()
        assert bench.api.get_device_path(volume.blockdevice_id) == device
        assert self.make().get_device_path(volume.blockdevice_id) == device

    def test_no_device_unattached(self, bench: Bench) -> None:
        """A volume that is attached nowhere has no device."""
        volume = bench.create()
        with pytest.raises(UnattachedVolume):
            bench.api.get_device_path(volume.blockdevice_id)

    # Detach

    def test_detached(self, bench: Bench) -> None:
        """After detach the volume is as it was before, and its device is gone."""
        volume = bench.create()
        bench.attach(volume)
        bench.api.detach_volume(volume.blockdevice_id)
        assert volume in bench.listed()
        with pytest.raises(UnattachedVolume):
            bench.api.get_device_path(volume.blockdevice_id)

    def test_detached_twice(self, bench: Bench) -> None:
        """Detaching what is attached nowhere says so."""
        volume = bench.create()
        with pytest.raises(UnattachedVolume):
            bench.api.detach_volume(volume.blockdevice_id)
        bench.attach(volume)
        bench.api.detach_volume(volume.blockdevice_id)
        with pytest.raises(UnattachedVolume) as caught:
            bench.api.detach_volume(volume.blockdevice_id)
        assert caught.value.blockdevice_id == volume.blockdevice_id

    def test_detached_after_restart(self, bench: Bench) -> None:
        """A restarted agent detaches what the one before it attached."""
        volume = bench.create()
        bench.attach(volume)
        self.make().detach_volume(volume.blockdevice_id)
        assert volume in bench.listed()


class RealDevices(BlockDeviceConformance):
    """For drivers whose devices are block devices of this kernel."""

    def test_device(self, bench: Bench) -> None:
        """When attach returns the volume has its block device, of exactly its size."""
        volume = bench.create_attached()
        device = bench.api.get_device_path(volume.blockdevice_id)
        assert device_number(device) is not None
        assert device_size(device) == volume.size

    def test_data_is_kept(self, bench: Bench) -> None:
        """What was written to a device is there when its volume is attached again."""
        volume = bench.create_attached()
        neighbour = bench.create_attached()
        first = os.urandom(4096)
        last = os.urandom(512)
        _write(bench.api.get_device_path(volume.blockdevice_id), first, last)
        bench.api.detach_volume(volume.blockdevice_id)
        bench.api.detach_volume(neighbour.blockdevice_id)
        bench.attach(neighbour)
        bench.attach(volume)
        assert _read(bench.api.get_device_path(volume.blockdevice_id)) == (first, last)
        blank = (bytes(4096), bytes(512))
        assert _read(bench.api.get_device_path(neighbour.blockdevice_id)) == blank


class TwoMachines(BlockDeviceConformance):
    """For drivers that can be asked in the name of a second machine."""

    detaches_from_elsewhere: ClassVar[bool] = True
    """False for a driver that refuses, with `VolumeBusy`, what another node has."""

    def another_node(self) -> IBlockDeviceAPI:
        """Give the driver of the same cluster as it runs on another machine."""
        raise NotImplementedError

    @pytest.fixture
    def other(self, bench: Bench) -> IBlockDeviceAPI:
        """Give the driver on the other machine, after that on the first."""
        del bench
        return self.another_node()

    def test_two_machines(self, bench: Bench, other: IBlockDeviceAPI) -> None:
        """Two machines have two names."""
        assert other.compute_instance_id() != bench.api.compute_instance_id()

    def test_listed_elsewhere(self, bench: Bench, other: IBlockDeviceAPI) -> None:
        """All machines see the same list."""
        bench.create()
        bench.create_attached()
        assert set(other.list_volumes()) == bench.listed()

    def test_attached_elsewhere(self, bench: Bench, other: IBlockDeviceAPI) -> None:
        """A volume that one machine has is not given to another."""
        volume = bench.create_attached()
        with pytest.raises(AlreadyAttachedVolume):
            other.attach_volume(volume.blockdevice_id, other.compute_instance_id())
        assert volume in bench.listed()

    def test_race_for_one_volume(self, bench: Bench, other: IBlockDeviceAPI) -> None:
        """Of two machines that attach a volume at once exactly one gets it."""
        apis = [bench.api, other]
        for _ in range(5):
            volume = bench.create()
            with ThreadPoolExecutor(2) as pool:
                won = list(pool.map(partial(_try_attach, volume), apis))
            assert sorted(won) == [False, True]
            winner = apis[won.index(True)]
            listed = {v.blockdevice_id: v.attached_to for v in bench.listed()}
            assert listed[volume.blockdevice_id] == winner.compute_instance_id()
            winner.detach_volume(volume.blockdevice_id)

    def test_no_device_elsewhere(self, bench: Bench, other: IBlockDeviceAPI) -> None:
        """A volume that another machine has has no device here."""
        volume = bench.create_attached()
        with pytest.raises(UnattachedVolume):
            other.get_device_path(volume.blockdevice_id)

    def test_detached_from_elsewhere(
        self, bench: Bench, other: IBlockDeviceAPI
    ) -> None:
        """A machine detaches a volume from another, or refuses and changes nothing."""
        volume = bench.create()
        attached = bench.attach(volume)
        if self.detaches_from_elsewhere:
            other.detach_volume(volume.blockdevice_id)
            assert volume in bench.listed()
        else:
            with pytest.raises(VolumeBusy):
                other.detach_volume(volume.blockdevice_id)
            assert attached in bench.listed()
            assert bench.api.get_device_path(volume.blockdevice_id) != Path()

    def test_moved(self, bench: Bench, other: IBlockDeviceAPI) -> None:
        """A detached volume can be attached to another machine, and come back."""
        volume = bench.create()
        for api in (bench.api, other, bench.api):
            api.attach_volume(volume.blockdevice_id, api.compute_instance_id())
            assert api.get_device_path(volume.blockdevice_id) != Path()
            api.detach_volume(volume.blockdevice_id)
        assert volume in bench.listed()


class HalfDoneAttach(BlockDeviceConformance):
    """For drivers whose attach takes several steps and may be killed between them."""

    def half_attach(self, volume: BlockDeviceVolume) -> None:
        """Leave the volume as an attach to this machine does that was killed."""
        raise NotImplementedError

    def test_half_attached(self, bench: Bench) -> None:
        """An attach that was cut short has no device yet; the next one finishes it."""
        volume = bench.create()
        self.half_attach(volume)
        with pytest.raises(UnattachedVolume):
            bench.api.get_device_path(volume.blockdevice_id)
        attached = bench.attach(volume)
        assert attached.attached_to == bench.api.compute_instance_id()
        assert bench.api.get_device_path(volume.blockdevice_id) != Path()

    def test_half_attached_is_detached(self, bench: Bench) -> None:
        """An attach that was cut short can be taken back."""
        volume = bench.create()
        self.half_attach(volume)
        bench.api.detach_volume(volume.blockdevice_id)
        assert volume in bench.listed()


class KnowsLiveNodes(BlockDeviceConformance):
    """For drivers that provide `ICloudAPI`."""

    def test_live_nodes(self, bench: Bench) -> None:
        """A driver that knows which machines run counts this one among them."""
        cloud = ICloudAPI(bench.api)
        assert bench.api.compute_instance_id() in cloud.list_live_nodes()


def _try_attach(volume: BlockDeviceVolume, api: IBlockDeviceAPI) -> bool:
    try:
        api.attach_volume(volume.blockdevice_id, api.compute_instance_id())
    except AlreadyAttachedVolume:
        return False
    return True


def _write(device: Path, first: bytes, last: bytes) -> None:
    with device.open("r+b") as opened:
        opened.write(first)
        opened.seek(-len(last), os.SEEK_END)
        opened.write(last)


def _read(device: Path) -> tuple[bytes, bytes]:
    with device.open("rb") as opened:
        first = opened.read(4096)
        opened.seek(-512, os.SEEK_END)
        return first, opened.read(512)
