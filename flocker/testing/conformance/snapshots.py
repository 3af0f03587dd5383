"""What a driver must do that keeps what volumes hold; beside `blockdevices`.

class TestMyDriver(RealDevices, SnapshottingBlockDevices): ...
"""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from zope.interface.verify import verifyObject

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    BlockSnapshot,
    ISnapshottingBlockDeviceAPI,
    NoSnapshots,
    UnattachedVolume,
    UnknownSnapshot,
    UnknownVolume,
)
from flocker.model.ids import DatasetID, Life, SnapshotID, UserSnapshotID
from flocker.testing.conformance.blockdevices import (
    NO_VOLUME,
    Bench,
    BlockDeviceConformance,
)

FIRST, SECOND = b"first" * 100, b"2nd.." * 100


class SnapshottingBlockDevices(BlockDeviceConformance):
    """For drivers that provide `ISnapshottingBlockDeviceAPI`."""

    def write(self, device: Path, content: bytes) -> None:
        """Write at the beginning of a device; durably, as a filesystem does."""
        descriptor = os.open(device, os.O_WRONLY)
        os.write(descriptor, content)
        os.fsync(descriptor)
        os.close(descriptor)

    def content(self, device: Path) -> bytes:
        """Read as much from the beginning of a device."""
        with device.open("rb") as opened:
            return opened.read(len(FIRST))

    @pytest.fixture
    def snapping(self, bench: Bench) -> Iterator[ISnapshottingBlockDeviceAPI]:
        """Give what the driver offers beside; its snapshots do not outlive a test."""
        found = ISnapshottingBlockDeviceAPI(bench.api)
        yield found
        for snapshot in found.list_snapshots():
            found.destroy_snapshot(snapshot.id)

    @pytest.fixture
    def volume(self, bench: Bench) -> BlockDeviceVolume:
        """Give a volume that is attached and written to."""
        volume = bench.create_attached()
        self.write(bench.api.get_device_path(volume.blockdevice_id), FIRST)
        return volume

    def take(
        self, snapping: ISnapshottingBlockDeviceAPI, volume: BlockDeviceVolume
    ) -> BlockSnapshot:
        """Take a snapshot with a mark of its own."""
        mark = UserSnapshotID(uuid4())
        found: BlockSnapshot = snapping.take_snapshot(volume.blockdevice_id, mark)
        return found

    def made_of(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        snapshot: BlockSnapshot,
        size: int | None = None,
        life: Life | None = None,
    ) -> BlockDeviceVolume:
        """Make a volume of a snapshot."""
        made: BlockDeviceVolume = snapping.create_volume_from_snapshot(
            snapshot.id, DatasetID(uuid4()), size or bench.size, life
        )
        bench.made.append(made.blockdevice_id)
        return made

    def begins_as(self, bench: Bench, volume: BlockDeviceVolume) -> bytes:
        """Attach a volume and read what it begins with."""
        bench.attach(volume)
        return self.content(bench.api.get_device_path(volume.blockdevice_id))

    # What it is

    def test_snapshotting_interface(
        self, snapping: ISnapshottingBlockDeviceAPI
    ) -> None:
        """The driver provides the interface, and can take snapshots here."""
        assert verifyObject(ISnapshottingBlockDeviceAPI, snapping)
        snapping.check_snapshots()

    # Take

    def test_taken(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        volume: BlockDeviceVolume,
    ) -> None:
        """A snapshot is listed by whoever asks, and no volume more is."""
        before = bench.listed()
        taken = self.take(snapping, volume)
        assert (taken.of, taken.size) == (volume.blockdevice_id, bench.size)
        assert list(snapping.list_snapshots()) == [taken]
        again = ISnapshottingBlockDeviceAPI(self.make())
        assert list(again.list_snapshots()) == [taken]
        assert bench.listed() == before

    def test_one_of_a_mark(
        self, snapping: ISnapshottingBlockDeviceAPI, volume: BlockDeviceVolume
    ) -> None:
        """Asked for again it is the same; with another mark it is another."""
        taken = self.take(snapping, volume)
        again = snapping.take_snapshot(volume.blockdevice_id, taken.mark)
        other = self.take(snapping, volume)
        assert again == taken
        assert other.id != taken.id
        assert set(snapping.list_snapshots()) == {taken, other}

    def test_not_attached(
        self, bench: Bench, snapping: ISnapshottingBlockDeviceAPI
    ) -> None:
        """A volume that is not attached here, or never was, is not kept."""
        volume = bench.create()
        with pytest.raises(UnattachedVolume):
            self.take(snapping, volume)
        with pytest.raises(UnknownVolume):
            snapping.take_snapshot(NO_VOLUME, UserSnapshotID(uuid4()))
        assert list(snapping.list_snapshots()) == []

    def test_outlives_its_volume(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        volume: BlockDeviceVolume,
    ) -> None:
        """Detached or destroyed, what the volume held stays kept."""
        taken = self.take(snapping, volume)
        bench.api.detach_volume(volume.blockdevice_id)
        bench.api.destroy_volume(volume.blockdevice_id)
        assert list(snapping.list_snapshots()) == [taken]
        made = self.made_of(bench, snapping, taken)
        assert self.begins_as(bench, made) == FIRST

    # Make volumes of it

    def test_made_of_it(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        volume: BlockDeviceVolume,
    ) -> None:
        """It holds what was written before, not what was after; each is by itself."""
        taken = self.take(snapping, volume)
        source = bench.api.get_device_path(volume.blockdevice_id)
        self.write(source, SECOND)
        made = self.made_of(bench, snapping, taken)
        assert made in bench.listed()
        assert made.attached_to is None
        assert self.begins_as(bench, made) == FIRST
        self.write(bench.api.get_device_path(made.blockdevice_id), SECOND)
        another = self.made_of(bench, snapping, taken)
        assert self.begins_as(bench, another) == FIRST
        assert self.content(source) == SECOND

    def test_made_larger(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        volume: BlockDeviceVolume,
    ) -> None:
        """It has the size that was asked for, but no less than the snapshot."""
        taken = self.take(snapping, volume)
        larger = self.made_of(bench, snapping, taken, 2 * bench.size)
        smaller = self.made_of(
            bench, snapping, taken, max(1, bench.api.allocation_unit())
        )
        assert (larger.size, smaller.size) == (2 * bench.size, bench.size)
        assert self.begins_as(bench, larger) == FIRST

    def test_made_with_a_mark(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        volume: BlockDeviceVolume,
    ) -> None:
        """It has the mark of the dataset that it is made for, not its source's."""
        life = Life(uuid4())
        made = self.made_of(bench, snapping, self.take(snapping, volume), life=life)
        assert made.life in {life, None}
        assert made in bench.listed()

    # Destroy

    def test_snapshot_destroyed(
        self,
        bench: Bench,
        snapping: ISnapshottingBlockDeviceAPI,
        volume: BlockDeviceVolume,
    ) -> None:
        """What is destroyed is gone; others, and what was made of it, stay."""
        taken, other = self.take(snapping, volume), self.take(snapping, volume)
        made = self.made_of(bench, snapping, taken)
        snapping.destroy_snapshot(taken.id)
        assert list(snapping.list_snapshots()) == [other]
        assert self.begins_as(bench, made) == FIRST
        with pytest.raises(UnknownSnapshot):
            snapping.destroy_snapshot(taken.id)
        with pytest.raises(UnknownSnapshot):
            self.made_of(bench, snapping, taken)

    @pytest.mark.parametrize("name", ["", "nothing", "../x", "snapshot-1"])
    def test_unknown_snapshot(
        self, snapping: ISnapshottingBlockDeviceAPI, name: str
    ) -> None:
        """A name that no snapshot has is refused, whatever it looks like."""
        with pytest.raises(UnknownSnapshot):
            snapping.destroy_snapshot(SnapshotID(name))
        dataset, size = DatasetID(uuid4()), 1024 * 1024
        with pytest.raises(UnknownSnapshot):
            snapping.create_volume_from_snapshot(SnapshotID(name), dataset, size, None)


class UnableToSnapshot(BlockDeviceConformance):
    """For drivers that provide the interface, set up where they cannot do it."""

    def test_says_why(self, bench: Bench) -> None:
        """It says why, takes none, and lists none."""
        snapping = ISnapshottingBlockDeviceAPI(bench.api)
        volume = bench.create_attached()
        with pytest.raises(NoSnapshots) as caught:
            snapping.check_snapshots()
        assert str(caught.value).startswith("no snapshots can be taken: ")
        with pytest.raises(NoSnapshots):
            snapping.take_snapshot(volume.blockdevice_id, UserSnapshotID(uuid4()))
        assert list(snapping.list_snapshots()) == []
