"""A dataset agent keeps mounted datasets as large and as open as they should be."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.backends.block_interface import IBlockDeviceAPI
from flocker.backends.devices import device_size
from flocker.backends.registry import build
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.filesystems import Filesystems, IFilesystems
from flocker.dataset_agent.kinds import may_grow_ext4
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import Assignment, Condition, Fact
from flocker.model.datasets import (
    DEFAULT_BACKEND,
    LEAST_SIZE,
    Dataset,
    FilesystemKind,
)
from flocker.model.ids import ClusterID, DatasetID, NodeID
from flocker.model.ownership import Ownership
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.loop_devices import scratch_directory
from flocker.wire.protocol import Slice

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
NODE = NodeID(UUID(int=1))
XFS = FilesystemKind.XFS
SIZE = LEAST_SIZE[XFS]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


class Inline:
    """Threads that are not."""

    async def run(self, call: Callable[..., object], *args: object) -> object:
        return call(*args)


@define(eq=False)
class Node:
    """One machine with its agent, which may be killed and started again."""

    driver: IBlockDeviceAPI
    filesystems: IFilesystems
    mount_root: Path
    wanted: Assignment
    clock: Clock = field(factory=Clock)
    agent: DatasetAgent = field(init=False)
    number: int = 0

    def __attrs_post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process knows nothing."""
        threads = Inline()
        backend = Backend(DEFAULT_BACKEND, "a driver", "block", self.driver, threads)
        rig = Rig(
            NODE, {DEFAULT_BACKEND: backend}, self.filesystems, threads, self.mount_root
        )
        self.agent = DatasetAgent(rig, self.clock, lambda: 0.5)

    def want(self, **changes: object) -> Fact:
        """Tell the agent what is wanted; give what it says when it has done it."""
        wanted = evolve(self.wanted.dataset, **changes)
        self.wanted = evolve(self.wanted, dataset=wanted)
        return self.tell()

    def tell(self) -> Fact:
        self.number += 1
        update = Slice(full=True, changed=(self.wanted,))
        taken = Deferred.fromCoroutine(self.agent.take("boot", self.number, update))
        assert taken.result is True
        return self.fact

    @property
    def fact(self) -> Fact:
        """What the agent would report."""
        return self.agent._fact(self.wanted.id)

    def mount(self) -> Fact:
        """Go the way of a new dataset, with the record that control makes."""
        self.tell()
        (volume,) = self.driver.list_volumes()
        record = Ownership(self.wanted.id, DEFAULT_BACKEND, volume.blockdevice_id)
        self.wanted = evolve(self.wanted, ownership=record)
        if self.tell().condition is Condition.MOUNTED:
            self.wanted = evolve(self.wanted, ownership=evolve(record, acquired=True))
        return self.tell()

    @property
    def path(self) -> Path:
        return self.mount_root / str(self.wanted.id)


def a_dataset(kind: FilesystemKind = XFS) -> Assignment:
    dataset = DatasetID(uuid4())
    wanted = Dataset(dataset, NODE, maximum_size=SIZE, filesystem=kind)
    return Assignment(dataset, wanted)


@pytest.fixture
def real():
    """Make nodes with real files, devices and mounts."""
    with scratch_directory() as scratch:
        config = {"root_path": str(scratch), "compute_instance_id": "node-1"}

        def make(kind: FilesystemKind = XFS) -> Node:
            driver = build("loopback", config, CLUSTER, "agent.yml: dataset")
            return Node(driver, Filesystems(), scratch / "mounts", a_dataset(kind))

        yield make


class CountingFilesystems(MemoryFilesystems):
    """Remembers how large the devices were for which it was asked to grow."""

    def __init__(self, service: MemoryBlockDevices) -> None:
        super().__init__(service)
        self.grown: list[int] = []

    def grow(self, device: Path, path: Path) -> None:
        self.grown.append(self.device_size(device))
        super().grow(device, path)


def memory(driver: Callable[[MemoryBlockDevices], IBlockDeviceAPI]) -> Node:
    service = MemoryBlockDevices()
    filesystems = CountingFilesystems(service)
    return Node(driver(service), filesystems, Path("/memory"), a_dataset())


def capacity(path: Path) -> int:
    status = os.statvfs(path)
    return status.f_blocks * status.f_frsize


@needs_root
def test_grows(real):
    """A dataset that is wanted larger stays mounted, and has room."""
    node = real()
    before = node.mount()
    assert (before.condition, before.size, before.cause) == (
        Condition.MOUNTED,
        SIZE,
        None,
    )
    after = node.want(maximum_size=3 * SIZE)
    assert after == evolve(before, size=3 * SIZE)
    assert capacity(node.path) > 2.5 * SIZE


@needs_root
def test_killed_while_growing(real):
    """A volume whose file grew and whose device did not is finished by a new agent."""
    node = real()
    fact = node.mount()
    (file,) = node.mount_root.parent.glob(f"{CLUSTER}/attached/*/{fact.volume}_*")
    os.truncate(file, 2 * SIZE)
    node.start()
    assert node.want(maximum_size=2 * SIZE) == evolve(fact, size=2 * SIZE)
    assert device_size(Path(fact.device)) == 2 * SIZE
    assert capacity(node.path) > 1.5 * SIZE


@needs_root
def test_killed_before_the_root_was_opened(real):
    """A mount that was killed before it was of use is finished by a new agent."""
    node = real(FilesystemKind.EXT4)
    fact = node.mount()
    node.filesystems.unmount(node.path, Path(fact.device))
    subprocess.run(["mkfs.ext4", "-q", "-F", fact.device], check=True)
    node.path.mkdir()
    subprocess.run(["mount", fact.device, node.path], check=True)
    node.start()
    assert node.tell().cause is None
    assert (list(node.path.iterdir()), stat.S_IMODE(node.path.stat().st_mode)) == (
        [],
        0o777,
    )


@needs_root
def test_not_permitted(real):
    """What the kernel forbids has its cause, and is tried again; it stays mounted.

    Where the process may grow an ext4, there is none.
    """
    node = real(FilesystemKind.EXT4)
    node.mount()
    fact = node.want(maximum_size=2 * SIZE)
    assert (fact.condition, fact.size) == (Condition.MOUNTED, 2 * SIZE)
    forbidden = ("not-permitted", False)
    cause = fact.cause and (fact.cause.code, fact.cause.permanent)
    assert cause == (None if may_grow_ext4() else forbidden)


@needs_root
def test_no_space(real):
    """A size that cannot be had has its cause, and another size ends it."""
    node = real()
    before = node.mount()
    fact = node.want(maximum_size=2**62)
    assert (fact.condition, fact.size) == (Condition.MOUNTED, SIZE)
    assert (fact.cause.code, fact.cause.permanent) == ("storage-failed", False)
    assert node.want(maximum_size=SIZE) == before


def test_cannot_grow():
    """A backend that cannot grow leaves the dataset mounted as it is, with a cause."""
    node = memory(lambda service: service.fixed_node("i-1"))
    before = node.mount()
    fact = node.want(maximum_size=2 * SIZE)
    assert fact == evolve(before, cause=fact.cause)
    assert fact.condition is Condition.MOUNTED
    assert (fact.cause.code, fact.cause.permanent) == ("cannot-grow", False)


def test_finished_once():
    """A dataset is finished once a process and size, and again when it came back."""
    node = memory(lambda service: service.node("i-1"))
    grown = node.filesystems.grown
    node.mount()
    node.tell()
    node.clock.advance(100)
    assert grown == [SIZE]
    node.want(maximum_size=2 * SIZE)
    assert grown == [SIZE, 2 * SIZE]
    node.start()
    node.tell()
    assert grown == [SIZE, 2 * SIZE, 2 * SIZE]
    node.want(primary=NodeID(UUID(int=2)))
    node.want(primary=NODE)
    assert grown == [SIZE, 2 * SIZE, 2 * SIZE, 2 * SIZE]


def test_too_small():
    """An xfs that can never be made is given up with its cause."""
    node = memory(lambda service: service.node("i-1"))
    node.want(maximum_size=SIZE // 2)
    fact = node.mount()
    assert fact.condition is Condition.BLANK
    assert (fact.cause.code, fact.cause.permanent) == ("too-small", True)
