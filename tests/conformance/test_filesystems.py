"""The kernel's filesystems, and the fake, do what the agent relies on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from flocker.dataset_agent.filesystems import Filesystems, IFilesystems
from flocker.dataset_agent.holders import Holder
from flocker.model.ids import DatasetID, InstanceID
from flocker.testing.conformance.filesystems import FilesystemConformance
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.loop_devices import bound_file, scratch_directory

ROOT = Path("/memory")


class TestMemoryFilesystems(FilesystemConformance):
    """The fake."""

    @pytest.fixture(autouse=True)
    def _service(self):
        self.service = MemoryBlockDevices()
        self.filesystems = MemoryFilesystems(self.service)

    def make(self) -> IFilesystems:
        return self.filesystems

    def device(self) -> Path:
        node = self.service.node("i-1")
        volume = node.create_volume(DatasetID(uuid4()), 2**24).blockdevice_id
        node.attach_volume(volume, InstanceID("i-1"))
        return node.get_device_path(volume)

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


@pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root")
class TestFilesystems(FilesystemConformance):
    """The kernel of this machine."""

    @pytest.fixture(autouse=True)
    def _scratch(self):
        with scratch_directory() as scratch:
            self.scratch = scratch
            yield

    def make(self) -> IFilesystems:
        return Filesystems()

    def device(self) -> Path:
        return bound_file(self.scratch, 2**24)

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
