"""xfs, and filesystems that grow while they are written to, on a real kernel."""

import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import sleep
from uuid import UUID, uuid4

import pytest

from flocker.backends.devices import device_size
from flocker.backends.loopback.api import LoopbackBlockDevices, make_loopback
from flocker.backends.loopback.directory import StorageFailed
from flocker.dataset_agent.filesystems import Filesystems, SignatureFound
from flocker.dataset_agent.kinds import SameFilesystem, may_grow_ext4
from flocker.dataset_agent.signatures import Signature
from flocker.model.datasets import LEAST_SIZE, FilesystemKind
from flocker.model.ids import ClusterID, DatasetID, InstanceID
from flocker.runtime.process import DEFAULT_ENVIRONMENT, ProcessFailed, ProgramMissing
from flocker.testing.loop_devices import bound_file

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
ME = InstanceID("node-1")
XFS = FilesystemKind.XFS
EXT4 = FilesystemKind.EXT4
SIZE = LEAST_SIZE[XFS]

KINDS = [EXT4, XFS] if may_grow_ext4() else [XFS]
"""The kinds that this process may grow while they are mounted."""


@pytest.fixture
def filesystems():
    """The kernel's."""
    return Filesystems()


@pytest.fixture
def device(scratch):
    """A blank loop device, as small as an xfs may be."""
    return bound_file(scratch, SIZE)


@pytest.fixture
def path(scratch):
    """A mount point, not made yet."""
    return scratch / "mounts" / "dataset"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# xfs


def test_new_root_is_for_everybody(filesystems, device, path):
    """The root of a new xfs is empty and anybody may write, from its first mount on."""
    filesystems.make(device, XFS)
    path.mkdir(parents=True)
    subprocess.run(["mount", device, path], check=True)
    assert (mode(path), list(path.iterdir())) == (0o777, [])


def test_used_root_is_left_alone(filesystems, device, path):
    """The mode of an xfs is its owner's, also while it is empty."""
    filesystems.make(device, XFS)
    filesystems.mount(device, path)
    path.chmod(0o750)
    filesystems.mount(device, path)
    filesystems.unmount(path, device)
    filesystems.mount(device, path)
    assert mode(path) == 0o750


def test_lost_and_found_of_xfs(filesystems, device, path):
    """What xfs_repair left is not mistaken for a new ext4."""
    filesystems.make(device, XFS)
    filesystems.mount(device, path)
    (path / "lost+found").mkdir()
    path.chmod(0o750)
    filesystems.mount(device, path)
    assert ([each.name for each in path.iterdir()], mode(path)) == (
        ["lost+found"],
        0o750,
    )


@pytest.mark.parametrize("kind", [EXT4, XFS])
def test_killed_mkfs(filesystems, device, path, kind):
    """An xfs whose mkfs was killed is no filesystem; another can be made there."""
    subprocess.run(["mkfs.xfs", "-q", device], check=True)
    mark = ["xfs_db", "-x", "-c", "sb 0", "-c", "write -d inprogress 1", device]
    subprocess.run(mark, check=True, stdout=subprocess.PIPE)
    assert filesystems.signature(device) is None
    filesystems.make(device, kind)
    assert filesystems.signature(device) == Signature((kind.value,))
    filesystems.mount(device, path)
    assert mode(path) == 0o777


def test_finished_is_kept(filesystems, device):
    """An xfs whose mkfs came to its end is never taken for an unfinished one."""
    subprocess.run(["mkfs.xfs", "-q", device], check=True)
    for kind in FilesystemKind:
        with pytest.raises(SignatureFound, match="xfs"):
            filesystems.make(device, kind)
    assert filesystems.signature(device) == Signature(("xfs",))


def test_copy(filesystems, scratch, device, path):
    """A copy of a mounted xfs is refused, and the error names both devices."""
    filesystems.make(device, XFS)
    copy = bound_file(scratch, SIZE)
    subprocess.run(
        ["dd", f"if={device}", f"of={copy}", "bs=1M", "conv=sparse", "status=none"],
        check=True,
    )
    filesystems.mount(device, path)
    with pytest.raises(SameFilesystem) as caught:
        filesystems.mount(copy, path.with_name("copy"))
    assert str(caught.value) == str(SameFilesystem(copy, device, path))
    filesystems.unmount(path, device)
    filesystems.mount(copy, path.with_name("copy"))


def test_broken_xfs(filesystems, device, path):
    """An xfs the kernel does not mount is not called a copy."""
    filesystems.make(device, XFS)
    with device.open("r+b") as opened:
        opened.seek(512)  # the header of the first group
        opened.write(bytes(4096))
    with pytest.raises(ProcessFailed):
        filesystems.mount(device, path)


# Growing


@pytest.fixture
def api(scratch):
    """The driver of node-1."""
    return node(scratch)


def node(scratch: Path) -> LoopbackBlockDevices:
    return make_loopback(CLUSTER, root_path=str(scratch), compute_instance_id=ME)


def attached(api: LoopbackBlockDevices):
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    api.attach_volume(volume.blockdevice_id, ME)
    return volume.blockdevice_id, api.get_device_path(volume.blockdevice_id)


@contextmanager
def writing(path: Path):
    """Write numbered blocks durably and all the time; give their checked number."""
    stop, begun = Event(), Event()
    written: list[int] = []

    def write() -> None:
        with (path / "log").open("wb", buffering=0) as log:
            while not stop.is_set():
                log.write(len(written).to_bytes(4096, "big"))
                os.fsync(log.fileno())
                written.append(len(written))
                begun.set()

    writer = Thread(target=write)
    writer.start()
    begun.wait()
    try:
        yield written
    finally:
        stop.set()
        writer.join()


def numbers(path: Path) -> list[int]:
    content = (path / "log").read_bytes()
    blocks = range(0, len(content), 4096)
    return [int.from_bytes(content[at : at + 4096], "big") for at in blocks]


@pytest.mark.parametrize("kind", KINDS)
def test_grown_while_written(scratch, filesystems, api, path, kind):
    """Volume, device and filesystem grow under a writer, who loses nothing."""
    volume, device = attached(api)
    filesystems.make(device, kind)
    filesystems.mount(device, path)
    with writing(path) as written:
        for factor in (2, 3, 4):
            before = len(written)
            api.grow_volume(volume, factor * SIZE)
            filesystems.grow(device, path)
            while len(written) < before + 20:
                sleep(0.005)
    status = os.statvfs(path)
    assert status.f_blocks * status.f_frsize > 3.5 * SIZE
    (path / "large").write_bytes(bytes(2 * SIZE))
    filesystems.unmount(path, device)
    api.detach_volume(volume)
    node(scratch).attach_volume(volume, ME)
    device = api.get_device_path(volume)
    filesystems.mount(device, path)
    assert numbers(path) == written
    assert (path / "large").stat().st_size == 2 * SIZE


@pytest.mark.parametrize("kind", KINDS)
def test_grown_while_detached(filesystems, api, path, kind):
    """A volume that grew while nobody had it is filled when it is mounted and grown."""
    volume, device = attached(api)
    filesystems.make(device, kind)
    api.detach_volume(volume)
    api.grow_volume(volume, 2 * SIZE)
    api.attach_volume(volume, ME)
    device = api.get_device_path(volume)
    filesystems.mount(device, path)
    filesystems.grow(device, path)
    status = os.statvfs(path)
    assert status.f_blocks * status.f_frsize > 1.5 * SIZE


@pytest.mark.parametrize("kind", [EXT4, XFS])
def test_no_command_without_need(monkeypatch, scratch, filesystems, api, path, kind):
    """No program is run for a filesystem that fills its device."""
    _, device = attached(api)
    filesystems.make(device, kind)
    filesystems.mount(device, path)
    with monkeypatch.context() as nothing:
        nothing.setitem(DEFAULT_ENVIRONMENT, "PATH", str(scratch))
        filesystems.grow(device, path)
        with pytest.raises(ProgramMissing):
            filesystems.unmount(path, device)


def test_no_space_to_grow(api):
    """A size that the directory's filesystem cannot hold is refused, by name."""
    volume, device = attached(api)
    with pytest.raises(StorageFailed, match=f"grow {volume} to .*File too large"):
        api.grow_volume(volume, 2**62)
    (listed,) = api.list_volumes()
    assert (listed.size, device_size(device)) == (SIZE, SIZE)


def test_killed_while_growing(scratch, api):
    """A growing killed between file and device is finished by the next call."""
    volume, device = attached(api)
    script = """
import os, signal, sys
from uuid import UUID
from flocker.backends.loopback import api, loop_devices
from flocker.model.ids import ClusterID
loop_devices.LoopDevices.fit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
driver = api.make_loopback(
    ClusterID(UUID(sys.argv[1])), root_path=sys.argv[2], compute_instance_id="node-1"
)
driver.grow_volume(sys.argv[3], int(sys.argv[4]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(CLUSTER), scratch, volume, str(2 * SIZE)],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (listed,) = api.list_volumes()
    assert (listed.size, device_size(device)) == (2 * SIZE, SIZE)
    api.grow_volume(volume, 2 * SIZE)
    assert device_size(device) == 2 * SIZE
