"""Every pool, and the fake, keeps the promises of the interface."""

import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.directory.api import make_directory
from flocker.backends.pool_interface import IFilesystemPool
from flocker.backends.zfs.configuring import open_zfs
from flocker.model.ids import DatasetID
from flocker.testing.btrfs_pools import btrfs_filesystem
from flocker.testing.conformance.pool_bench import Node, PoolBench
from flocker.testing.conformance.pool_crashes import CrashConformance
from flocker.testing.conformance.pool_estimates import EstimateConformance
from flocker.testing.conformance.pool_repeats import RepeatConformance, RepeatCrashes
from flocker.testing.conformance.pool_resuming import ResumeConformance
from flocker.testing.conformance.pool_serving import ServingConformance
from flocker.testing.conformance.pool_streams import FullPools, StreamConformance
from flocker.testing.conformance.pools import PoolConformance
from flocker.testing.fakes.memory_disk import MemoryDisk, steady
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.zfs_pools import zfs_machine

MEBIBYTE = 1024 * 1024
SMALL = 4
PATIENCE = 60.0
ZFS_PROGRAMS = Path(__file__).parents[2] / "build" / "zfs-fuse" / "sbin"
"""Where admin/test unpacks them."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


class Promises(
    PoolConformance, ServingConformance, StreamConformance, EstimateConformance
):
    """What every pool is asked for, but for crashes."""


class AllPromises(Promises, CrashConformance, FullPools):
    """Every suite there is, but for what not all have a way to do."""


class Killed(BaseException):
    """The agent is no more."""


class TestMemoryPool(RepeatCrashes, RepeatConformance, AllPromises):
    """The fake."""

    clones_depend = False
    room = MEBIBYTE

    @pytest.fixture(autouse=True)
    def _disks(self):
        self.disks = {
            number: MemoryDisk(clones_depend=self.clones_depend)
            for number in range(1, SMALL)
        }
        self.disks[SMALL] = MemoryDisk(size=4 * self.room)

    def pool(self, number: int) -> IFilesystemPool:
        return MemoryPool(self.disks[number])

    def mount_root(self, number: int) -> Path:
        return Path(f"/memory/{number}")

    def small_pool(self) -> Node:
        return self.node(SMALL)

    def write(self, node: Node, dataset: DatasetID, name: str, content: bytes) -> None:
        self.disks[node.number].write(dataset, name, content)

    def read(self, node: Node, dataset: DatasetID, name: str) -> bytes | None:
        return self.disks[node.number].files(dataset).get(name)

    def remove(self, node: Node, dataset: DatasetID, name: str) -> None:
        self.disks[node.number].remove(dataset, name)

    def killed_after(self, effects: int, number: int, make) -> bool:
        """Let the disk raise before one of its durable steps."""
        steps = iter(range(effects))

        def before(step: str) -> None:
            if next(steps, None) is None:
                raise Killed(step)

        self.disks[number].before = before
        try:
            make(self.pool(number))
        except Killed:
            return True
        finally:
            self.disks[number].before = steady
        return False


class TestMemoryPoolWithOrigins(TestMemoryPool):
    """The fake whose clones need their origin, as those of ZFS do."""

    clones_depend = True


class TestResumingMemoryPool(TestMemoryPool, ResumeConformance):
    """The fake that goes on with streams that were cut."""

    content = MEBIBYTE
    lost = 1

    @pytest.fixture(autouse=True)
    def _kept(self):
        self.kept = {number: {} for number in range(1, SMALL + 1)}

    def pool(self, number: int) -> IFilesystemPool:
        return ResumingMemoryPool(self.disks[number], self.kept[number])


class DirectoryBench(PoolBench):
    """Plain files, without root."""

    limits = False

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.directory = tmp_path

    def pool(self, number: int) -> IFilesystemPool:
        root = self.directory / f"pool-{number}"
        root.mkdir(exist_ok=True)
        return make_directory(root)

    def mount_root(self, number: int) -> Path:
        return self.directory / f"served-{number}"

    def kill(self, node: Node, entering) -> None:
        entering._stream.close()

    def check_tidy(self, node: Node) -> None:
        assert list(node.pool.layout.staging.iterdir()) == []


class TestDirectory(DirectoryBench, Promises, RepeatConformance):
    """Plain files, without root."""


@pytest.mark.slow
class TestDirectoryCrashes(DirectoryBench, RepeatCrashes):
    """Most of this is the same code as that of Btrfs."""


@pytest.fixture(scope="module")
def filesystems():
    """Four Btrfs filesystems; the last one is small."""
    with scratch_directory() as scratch:
        sizes = {1: 1024, 2: 1024, 3: 1024, SMALL: 256}
        yield {
            number: btrfs_filesystem(scratch, size * MEBIBYTE)
            for number, size in sizes.items()
        }


@needs_root
class TestBtrfs(RepeatCrashes, RepeatConformance, AllPromises):
    """Subvolumes of Btrfs filesystems on loop devices."""

    @pytest.fixture(autouse=True)
    def _roots(self, filesystems, request):
        self.roots = {n: path / "pool" for n, path in filesystems.items()}
        self.mounts = {
            n: path.parent / f"served-{n}" for n, path in filesystems.items()
        }
        for root in self.roots.values():
            root.mkdir()
        yield
        for root in self.roots.values():
            shutil.rmtree(root)

    def pool(self, number: int) -> IFilesystemPool:
        return make_btrfs(self.roots[number])

    def mount_root(self, number: int) -> Path:
        return self.mounts[number]

    def small_pool(self) -> Node:
        return self.node(SMALL)

    def kill(self, node: Node, entering) -> None:
        entering._stream.close()

    def check_tidy(self, node: Node) -> None:
        assert list(node.pool.layout.staging.iterdir()) == []

    def wait_for_room(self, node: Node, size: int) -> None:
        give_up = time.monotonic() + PATIENCE
        while node.pool.list().free < size and time.monotonic() < give_up:
            time.sleep(0.1)
        super().wait_for_room(node, size)


WORKER = os.getpid()


def zfs_name(number: int) -> str:
    """Name a pool as no other worker does: all see one mount table."""
    return f"flocker-test-{WORKER}-{number}"


@pytest.fixture(scope="module")
def machines():
    """Four machines with a ZFS pool each; that of the last one is small."""
    with scratch_directory() as scratch, ExitStack() as kept:
        made = {}
        for number, size in {1: 1024, 2: 1024, 3: 1024, SMALL: 320}.items():
            made[number] = kept.enter_context(zfs_machine(scratch, ZFS_PROGRAMS))
            device = made[number].file(size * MEBIBYTE)
            made[number].create(zfs_name(number), str(device))
        yield made


@needs_root
class TestZfs(RepeatCrashes, RepeatConformance, AllPromises):
    """Filesystems of ZFS pools, with a zfs-fuse for each."""

    @pytest.fixture(autouse=True)
    def _machines(self, machines):
        self.machines = machines
        yield
        for number, machine in machines.items():
            machine.empty(zfs_name(number))

    @pytest.mark.slow
    def test_killed_anywhere_in_repeat(self, one: Node, two: Node) -> None:
        """Two dozen times killed, each after two snapshots, this takes minutes."""
        super().test_killed_anywhere_in_repeat(one, two)

    def pool(self, number: int) -> IFilesystemPool:
        return open_zfs(self.machines[number].zfs(zfs_name(number)))

    def mount_root(self, number: int) -> Path:
        return self.machines[number].served

    def small_pool(self) -> Node:
        return self.node(SMALL)

    def kill(self, node: Node, entering) -> None:
        entering._program.close()

    def check_tidy(self, node: Node) -> None:
        names = node.pool.names
        assert [row.name for row in node.pool.zfs.read(names.staging)] == [
            names.staging
        ]

    def changes(self, argv) -> bool:
        return not {"get", "list"}.intersection(argv) and argv[-1] != "zfs"
