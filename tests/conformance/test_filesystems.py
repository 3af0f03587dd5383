"""The kernel's filesystems, and the fake, do what the agent relies on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from flocker.backends.loopback.loop_devices import FileIdentity, LoopDevices
from flocker.dataset_agent import superblocks
from flocker.dataset_agent.filesystems import Filesystems, IFilesystems
from flocker.dataset_agent.kinds import may_grow_ext4
from flocker.model.datasets import FilesystemKind
from flocker.model.ids import DatasetID, InstanceID
from flocker.runtime.holders import Holder
from flocker.testing.conformance.filesystems import (
    GrowsMounted,
    HasLeastSize,
    MayNotGrow,
)
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.loop_devices import bound_file, scratch_directory

ROOT = Path("/memory")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


class TestMemoryFilesystems(GrowsMounted):
    """The fake."""

    @pytest.fixture(autouse=True)
    def _service(self):
        self.service = MemoryBlockDevices()
        self.filesystems = MemoryFilesystems(self.service)

    def make(self) -> IFilesystems:
        return self.filesystems

    def device(self, size: int) -> Path:
        node = self.service.node("i-1")
        volume = node.create_volume(DatasetID(uuid4()), size).blockdevice_id
        node.attach_volume(volume, InstanceID("i-1"))
        return node.get_device_path(volume)

    def grow_device(self, device: Path, size: int) -> None:
        volume = self.service.device_at(device).volume
        self.service.node("i-1").grow_volume(volume, size)

    def filesystem_size(self, device: Path) -> int:
        return self.service.device_at(device).content.filesystem_size

    def mount_root(self) -> Path:
        return ROOT

    def make_swap(self, device: Path) -> None:
        self.service.device_at(device).content.signature = "swap"

    @contextmanager
    def hold(self, path: Path, device: Path) -> Iterator[None]:
        self.filesystems.hold(device, Holder(7, "writer", f"open {path}/file"))
        yield
        self.filesystems.let_go(device)

    def write(self, path: Path, name: str, content: bytes) -> None:
        self.filesystems.files(path)[name] = content

    def read(self, path: Path, name: str) -> bytes:
        return self.filesystems.files(path)[name]


class TestMemoryXfs(TestMemoryFilesystems, HasLeastSize):
    """The fake, with xfs."""

    kind = FilesystemKind.XFS


class KernelBench:
    """How to work with the kernel of this machine."""

    @pytest.fixture(autouse=True)
    def _scratch(self):
        with scratch_directory() as scratch:
            self.scratch = scratch
            yield

    def make(self) -> IFilesystems:
        return Filesystems()

    def device(self, size: int) -> Path:
        return bound_file(self.scratch, size)

    def grow_device(self, device: Path, size: int) -> None:
        file = Path(LoopDevices().backing_name(device))
        os.truncate(file, size)
        LoopDevices().fit(device, FileIdentity.of(file.stat()))

    def filesystem_size(self, device: Path) -> int:
        self.flush(device)
        return superblocks.read(device, self.kind).size

    def flush(self, device: Path) -> None:
        """Let the kernel write the superblock."""

    def mount_root(self) -> Path:
        return self.scratch / "mounts"

    def make_swap(self, device: Path) -> None:
        subprocess.run(["mkswap", "-q", device], check=True)

    @contextmanager
    def hold(self, path: Path, device: Path) -> Iterator[None]:
        script = 'exec 3>"$1/held"; echo; read _'
        with subprocess.Popen(
            ["sh", "-c", script, "sh", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            holder.stdout.readline()
            yield
            holder.stdin.close()

    def write(self, path: Path, name: str, content: bytes) -> None:
        (path / name).write_bytes(content)

    def read(self, path: Path, name: str) -> bytes:
        return (path / name).read_bytes()


@needs_root
class TestExt4(KernelBench, GrowsMounted if may_grow_ext4() else MayNotGrow):
    """The kernel of this machine, with ext4."""


@needs_root
class TestXfs(KernelBench, GrowsMounted, HasLeastSize):
    """The kernel of this machine, with xfs."""

    kind = FilesystemKind.XFS

    def flush(self, device: Path) -> None:
        for path in Filesystems().mounts().get(device.stat().st_rdev, ()):
            subprocess.run(["xfs_freeze", "-f", path], check=True)
            subprocess.run(["xfs_freeze", "-u", path], check=True)
