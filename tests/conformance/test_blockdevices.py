"""Every driver of block storage, and the fake, keeps the promises of the interface."""

import os
from pathlib import Path
from uuid import UUID

import pytest

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    IBlockDeviceAPI,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    ISnapshottingBlockDeviceAPI,
)
from flocker.backends.caching import CachingBlockDevices
from flocker.backends.loopback.machines import LiveMachines
from flocker.backends.registry import build
from flocker.model.ids import ClusterID, InstanceID
from flocker.testing.conformance.blockdevices import (
    BlockDeviceConformance,
    HalfDoneAttach,
    KnowsLiveNodes,
    RealDevices,
    TwoMachines,
)
from flocker.testing.conformance.growing import HalfDoneGrow
from flocker.testing.conformance.marking import MarkingBlockDevices
from flocker.testing.conformance.snapshots import (
    SnapshottingBlockDevices,
    UnableToSnapshot,
)
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.loop_devices import filesystem, scratch_directory

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


class TestMemoryFixed(BlockDeviceConformance):
    """The fake whose volumes cannot grow, nor carry a mark."""

    def make(self) -> IBlockDeviceAPI:
        return self.service.fixed_node("i-1")

    @pytest.fixture(autouse=True)
    def _service(self):
        self.service = MemoryBlockDevices()

    def test_does_not_grow(self):
        """It does not claim to grow, nor to mark or keep; nor does the cache around."""
        api = self.make()
        for offered in (
            IGrowingBlockDeviceAPI,
            IMarkingBlockDeviceAPI,
            ISnapshottingBlockDeviceAPI,
        ):
            assert offered(api, None) is None
            assert offered(CachingBlockDevices(api), None) is None


class TestMemoryBlockDevices(
    TwoMachines,
    HalfDoneAttach,
    HalfDoneGrow,
    MarkingBlockDevices,
    SnapshottingBlockDevices,
):
    """The fake."""

    @pytest.fixture(autouse=True)
    def _service(self):
        self.service = MemoryBlockDevices()

    def make(self) -> IBlockDeviceAPI:
        return self.service.node("i-1")

    def another_node(self) -> IBlockDeviceAPI:
        return self.service.node("i-2")

    def half_attach(self, volume: BlockDeviceVolume) -> None:
        self.service.half_attach(volume.blockdevice_id, "i-1")

    def half_grow(self, volume: BlockDeviceVolume, size: int) -> None:
        self.service.half_grow(volume.blockdevice_id, size)

    def size_of(self, device: Path) -> int:
        return self.service.device_at(device).size

    def write(self, device: Path, content: bytes) -> None:
        self.service.device_at(device).content.files["all"] = content

    def content(self, device: Path) -> bytes:
        return self.service.device_at(device).content.files["all"]


class TestMemoryCloud(TestMemoryBlockDevices, KnowsLiveNodes):
    """The fake that knows which machines run."""

    def make(self) -> IBlockDeviceAPI:
        return self.service.cloud_node("i-1")

    def another_node(self) -> IBlockDeviceAPI:
        return self.service.cloud_node("i-2")


class TestCaching(TestMemoryCloud):
    """The cache keeps every promise of the driver behind it."""

    def node(self, instance: str) -> IBlockDeviceAPI:
        return CachingBlockDevices(
            self.service.cloud_node(instance), device_number=self.service.number_at
        )

    def make(self) -> IBlockDeviceAPI:
        return self.node("i-1")

    def another_node(self) -> IBlockDeviceAPI:
        return self.node("i-2")


@needs_root
class TestLoopback(
    RealDevices,
    TwoMachines,
    HalfDoneAttach,
    HalfDoneGrow,
    KnowsLiveNodes,
    MarkingBlockDevices,
):
    """Real files, real loop devices."""

    @pytest.fixture(autouse=True)
    def _root(self):
        with scratch_directory() as root:
            self.root = root
            LiveMachines(root).runs(InstanceID("node-1"))
            yield

    def node(self, instance: str) -> IBlockDeviceAPI:
        config = {"root_path": str(self.root), "compute_instance_id": instance}
        return build("loopback", config, CLUSTER, where="agent.yml: dataset")

    def make(self) -> IBlockDeviceAPI:
        return self.node("node-1")

    def another_node(self) -> IBlockDeviceAPI:
        return self.node("node-2")

    def half_attach(self, volume: BlockDeviceVolume) -> None:
        """Rename only: the state between the two steps of an attach."""
        top: Path = self.root / str(CLUSTER)
        name = f"{volume.blockdevice_id}_{volume.dataset_id}"
        (top / "attached" / "node-1").mkdir(exist_ok=True)
        (top / "unattached" / name).rename(top / "attached" / "node-1" / name)

    def half_grow(self, volume: BlockDeviceVolume, size: int) -> None:
        """Grow the file only: the state between the two steps of growing."""
        name = f"{volume.blockdevice_id}_{volume.dataset_id}"
        os.truncate(self.root / str(CLUSTER) / "attached" / "node-1" / name, size)


@needs_root
class TestLoopbackOnXFS(RealDevices, SnapshottingBlockDevices, MarkingBlockDevices):
    """Where files can share blocks they do, in its snapshots."""

    kind = "xfs"

    @pytest.fixture(autouse=True)
    def _root(self):
        with scratch_directory() as scratch:
            self.root = filesystem(scratch, self.kind) / "volumes"
            yield

    def make(self) -> IBlockDeviceAPI:
        config = {"root_path": str(self.root), "compute_instance_id": "node-1"}
        return build("loopback", config, CLUSTER, where="agent.yml: dataset")


class TestLoopbackOnBtrfs(TestLoopbackOnXFS):
    """So it is on Btrfs."""

    kind = "btrfs"


class TestLoopbackOnExt4(TestLoopbackOnXFS):
    """Where they cannot, it copies them."""

    kind = "ext4"


@needs_root
class TestLoopbackThatFreezesNothing(UnableToSnapshot):
    """Where it may not, it has none, and says so."""

    @pytest.fixture(autouse=True)
    def _root(self):
        with scratch_directory() as scratch:
            self.root = filesystem(scratch, "ext4") / "volumes"
            yield

    def make(self) -> IBlockDeviceAPI:
        config = {
            "root_path": str(self.root),
            "compute_instance_id": "node-1",
            "freeze_seconds": 0,
        }
        return build("loopback", config, CLUSTER, where="agent.yml: dataset")
