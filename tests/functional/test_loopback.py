"""The loopback driver on a real kernel: kills, busy devices, restarts, many volumes."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flocker.backends.block_interface import UnattachedVolume, VolumeBusy
from flocker.backends.devices import device_number, device_size
from flocker.backends.loopback.api import LoopbackBlockDevices, make_loopback
from flocker.backends.loopback.directory import (
    LOOK_ANYWAY,
    StorageFailed,
    VolumeDirectory,
)
from flocker.backends.loopback.loop_devices import (
    FileIdentity,
    LoopDevices,
    NoLoopDevice,
)
from flocker.backends.loopback.machines import LiveMachines
from flocker.dataset_agent.filesystems import Filesystems
from flocker.model.ids import ClusterID, DatasetID, InstanceID
from flocker.testing.side_by_side import while_none_runs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")

CLUSTER = ClusterID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
SIZE = 2**24
ME = InstanceID("node-1")


@pytest.fixture
def api(scratch):
    """The driver of node-1."""
    return node(scratch, "node-1")


def node(scratch: Path, instance: str) -> LoopbackBlockDevices:
    return make_loopback(CLUSTER, root_path=str(scratch), compute_instance_id=instance)


def attached(api: LoopbackBlockDevices, size: int = SIZE):
    volume = api.create_volume(DatasetID(uuid4()), size)
    return api.attach_volume(volume.blockdevice_id, api.compute_instance_id())


def file_of(scratch: Path, volume) -> Path:
    (found,) = scratch.glob(f"*/**/{volume.blockdevice_id}_*")
    return found


def loops_of(file: Path) -> list[Path]:
    identity = FileIdentity.of(file.stat())
    return [
        device for device, bound_to in LoopDevices().bound() if bound_to == identity
    ]


def killed_at(scratch: Path, volume, place: str) -> None:
    """Let another process attach the volume and die by SIGKILL where `place` says."""
    script = f"""
import os, signal, sys
from uuid import UUID
from flocker.backends.loopback import api, directory, loop_devices
from flocker.model.ids import ClusterID

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(function):
    def wrapper(*args, **kwargs):
        function(*args, **kwargs)
        die()
    return wrapper

bind = loop_devices.LoopDevices.bind
if {place!r} == "after rename":
    loop_devices.LoopDevices.bind = die
else:
    loop_devices.LoopDevices.bind = then_die(bind)
driver = api.make_loopback(
    ClusterID(UUID({str(CLUSTER)!r})),
    root_path=sys.argv[1],
    compute_instance_id="node-1",
)
driver.attach_volume(sys.argv[2], "node-1")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, scratch, volume.blockdevice_id], check=False
    )
    assert done.returncode == -signal.SIGKILL


# Killed half way


def test_killed_after_rename(scratch, api):
    """An attach killed before it had a loop device is finished by the next one."""
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    killed_at(scratch, volume, "after rename")
    with pytest.raises(UnattachedVolume):
        api.get_device_path(volume.blockdevice_id)
    api.attach_volume(volume.blockdevice_id, ME)
    assert loops_of(file_of(scratch, volume)) == [
        api.get_device_path(volume.blockdevice_id)
    ]


def test_killed_after_loop_device(scratch, api):
    """An attach killed with its loop device bound is found complete: one device."""
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    killed_at(scratch, volume, "after bind")
    device = api.get_device_path(volume.blockdevice_id)
    assert loops_of(file_of(scratch, volume)) == [device]
    api.detach_volume(volume.blockdevice_id)
    assert loops_of(file_of(scratch, volume)) == []


def test_killed_detach(scratch, api):
    """A detach killed after the loop device went is finished by the next one."""
    volume = attached(api)
    file = file_of(scratch, volume)
    device = api.get_device_path(volume.blockdevice_id)
    LoopDevices().unbind(device, FileIdentity.of(file.stat()))
    api.detach_volume(volume.blockdevice_id)
    assert file_of(scratch, volume).parent.name == "unattached"


def test_killed_create(scratch, api):
    """What a killed create left is no volume, and goes with the next create."""
    api.create_volume(DatasetID(uuid4()), SIZE)
    left = scratch / str(CLUSTER) / "attached" / ME / f".creating-{uuid4()}"
    left.write_bytes(b"")
    assert len(api.list_volumes()) == 1
    api.create_volume(DatasetID(uuid4()), SIZE)
    assert not left.exists()


# Busy


def test_mounted_is_not_detached(scratch, api):
    """A mounted volume stays attached, and the device stays bound for good."""
    volume = attached(api)
    device = api.get_device_path(volume.blockdevice_id)
    filesystems = Filesystems()
    filesystems.make(device)
    filesystems.mount(device, scratch / "mounts" / "a")
    with pytest.raises(VolumeBusy, match="mounted"):
        api.detach_volume(volume.blockdevice_id)
    filesystems.unmount(scratch / "mounts" / "a", device)
    assert loops_of(file_of(scratch, volume)) == [device]
    assert volume in api.list_volumes()
    api.detach_volume(volume.blockdevice_id)


def test_open_device_is_not_detached(scratch, api):
    """A device held open stays bound, also when it is closed later: nothing is lazy."""
    volume = attached(api)
    device = api.get_device_path(volume.blockdevice_id)
    with device.open("rb"), pytest.raises(VolumeBusy, match="open"):
        api.detach_volume(volume.blockdevice_id)
    assert loops_of(file_of(scratch, volume)) == [device]
    assert api.get_device_path(volume.blockdevice_id) == device


def test_lazily_marked_device(scratch, api):
    """A device that losetup -d marked to go at its last close is detached properly."""
    volume = attached(api)
    device = api.get_device_path(volume.blockdevice_id)
    with device.open("rb"):
        subprocess.run(["losetup", "-d", device], check=True)
        with pytest.raises(VolumeBusy):
            api.detach_volume(volume.blockdevice_id)
    assert loops_of(file_of(scratch, volume)) == [device]
    api.detach_volume(volume.blockdevice_id)
    assert loops_of(file_of(scratch, volume)) == []


def test_bound_by_somebody_else(scratch, api):
    """A file that has a loop device already is not given a second one."""
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    device = LoopDevices().bind(file_of(scratch, volume))
    for forbidden in (
        lambda: api.attach_volume(volume.blockdevice_id, ME),
        lambda: api.destroy_volume(volume.blockdevice_id),
    ):
        with pytest.raises(VolumeBusy, match=str(device)):
            forbidden()
    assert volume in api.list_volumes()


# Another node's volumes


def test_dead_node_with_device(scratch, api):
    """A device that a dead node left behind, and nobody uses, is unbound."""
    volume = attached(node(scratch, "node-2"))
    api.detach_volume(volume.blockdevice_id)
    assert loops_of(file_of(scratch, volume)) == []


def test_dead_node_with_device_held_open(scratch, api):
    """Who uses a device without a filesystem is cut off as well."""
    other = node(scratch, "node-2")
    volume = attached(other)
    device = other.get_device_path(volume.blockdevice_id)
    with device.open("r+b", buffering=0) as opened:
        api.detach_volume(volume.blockdevice_id)
        assert opened.read(512) == b""
        with pytest.raises(OSError, match="No space left on device"):
            opened.write(b"x" * 512)
    assert loops_of(file_of(scratch, volume)) == []


WRITER = """
import os, sys, time
path = sys.argv[1]
with open(path + "/synced", "wb") as file:
    file.write(b"kept"); file.flush(); os.fsync(file.fileno())
file = open(path + "/late", "wb")
print("ready", flush=True)
sys.stdin.readline()
try:
    file.write(b"from the old node"); file.flush(); os.fsync(file.fileno())
    print("written")
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_cut_off(scratch, api, kind):
    """A writer that was declared dead fails, and nothing of it comes after the cut."""
    size = 2**24 if kind == "ext4" else 300 * 2**20
    other, place = node(scratch, "node-2"), scratch / "place"
    volume = attached(other, size)
    old = other.get_device_path(volume.blockdevice_id)
    subprocess.run([f"mkfs.{kind}", "-q", old], check=True)
    place.mkdir()
    script = 'mount "$1" "$2" && exec "$3" -c "$4" "$2"'
    inside = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]
    with (
        while_none_runs(),
        subprocess.Popen(
            [*inside, old, place, sys.executable, WRITER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer,
    ):
        assert writer.stdout.readline() == "ready\n"
        api.detach_volume(volume.blockdevice_id)
        api.attach_volume(volume.blockdevice_id, ME)
        new = api.get_device_path(volume.blockdevice_id)
        assert new != old
        if kind != "xfs":  # this one refuses a second mount while the first lasts
            subprocess.run(["mount", new, place], check=True)
            (place / "new").write_text("mine")
        said, _ = writer.communicate("go\n")
    assert said == "Input/output error\n"
    if kind == "xfs":
        subprocess.run(["mount", new, place], check=True)
        (place / "new").write_text("mine")
    assert (place / "synced").read_bytes() == b"kept"
    assert (place / "new").read_text() == "mine"
    assert not (place / "late").exists() or (place / "late").read_bytes() == b""
    subprocess.run(["umount", place], check=True)
    check = {"ext4": ["e2fsck", "-fn"], "xfs": ["xfs_repair", "-n"]}[kind]
    subprocess.run([*check, new], check=True, capture_output=True)
    assert loops_of(file_of(scratch, volume)) == [new]


def test_dead_node_without_device(scratch, api):
    """A volume is taken from a node of this kernel whose loop device is gone."""
    other = node(scratch, "node-2")
    volume = attached(other)
    device = other.get_device_path(volume.blockdevice_id)
    file = file_of(scratch, volume)
    LoopDevices().unbind(device, FileIdentity.of(file.stat()))
    api.detach_volume(volume.blockdevice_id)
    api.attach_volume(volume.blockdevice_id, ME)
    assert file_of(scratch, volume).parent.name == ME


def test_dead_node_on_shared_storage(scratch, api, tmp_path):
    """A volume is not taken from a node that may be another machine."""
    volume = attached(node(scratch, "node-2"))
    device = node(scratch, "node-2").get_device_path(volume.blockdevice_id)
    LoopDevices().unbind(device, FileIdentity.of(file_of(scratch, volume).stat()))
    nothing = tmp_path / "mountinfo"
    nothing.write_text("")
    careful = LoopbackBlockDevices(
        VolumeDirectory(scratch / str(CLUSTER)),
        ME,
        LiveMachines(scratch),
        mountinfo=nothing,
    )
    with pytest.raises(VolumeBusy, match="another machine"):
        careful.detach_volume(volume.blockdevice_id)


# Listing again


def test_others_changes_are_listed_at_once(scratch, api):
    """What another node does is in the next listing."""
    other = node(scratch, "node-2")
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    assert api.list_volumes() == [volume]
    other.grow_volume(volume.blockdevice_id, 2 * SIZE)
    assert [each.size for each in api.list_volumes()] == [2 * SIZE]
    other.attach_volume(volume.blockdevice_id, InstanceID("node-2"))
    assert [each.attached_to for each in api.list_volumes()] == ["node-2"]
    other.detach_volume(volume.blockdevice_id)
    other.destroy_volume(volume.blockdevice_id)
    assert api.list_volumes() == []


def test_changes_by_hand_are_listed(scratch, api):
    """A file that somebody took away or brought back without the lock is noticed."""
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    file = file_of(scratch, volume)
    assert api.list_volumes() == [volume]
    file.rename(scratch / "away")
    assert api.list_volumes() == []
    (scratch / "away").rename(file)
    assert api.list_volumes() == [volume]


def test_files_are_not_looked_at_for_nothing(scratch):
    """Where nobody says that anything changed, files are looked at now and then."""
    now = [0.0]
    directory = VolumeDirectory(scratch / str(CLUSTER), clock=lambda: now[0])
    directory.open()
    api = LoopbackBlockDevices(directory, ME, LiveMachines(scratch))
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    assert [each.size for each in api.list_volumes()] == [SIZE]
    os.truncate(file_of(scratch, volume), 2 * SIZE)
    assert [each.size for each in api.list_volumes()] == [SIZE]
    now[0] = LOOK_ANYWAY
    assert [each.size for each in api.list_volumes()] == [2 * SIZE]


# Devices


def test_size_is_exact(api):
    """A device has exactly the size of its volume, also one that no page divides."""
    volume = attached(api, size=SIZE + 512)
    device = api.get_device_path(volume.blockdevice_id)
    assert device_size(device) == SIZE + 512


def test_device_of_another_file(scratch, api):
    """A loop device that came to another file is not taken for the volume's."""
    volume = attached(api)
    device = api.get_device_path(volume.blockdevice_id)
    identity = FileIdentity.of(file_of(scratch, volume).stat())
    LoopDevices().unbind(device, identity)
    other = scratch / "other"
    other.write_bytes(bytes(SIZE))
    subprocess.run(["losetup", device, other], check=False)  # or somebody else took it
    with pytest.raises(UnattachedVolume):
        api.get_device_path(volume.blockdevice_id)


def test_no_loop_device(scratch, api):
    """A machine that can bind no loop device does not keep the volume from others."""
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    without = LoopbackBlockDevices(
        VolumeDirectory(scratch / str(CLUSTER)),
        ME,
        LiveMachines(scratch),
        loops=LoopDevices(dev=scratch),
    )
    with pytest.raises(NoLoopDevice):
        without.attach_volume(volume.blockdevice_id, ME)
    assert volume in api.list_volumes()


def test_device_node_is_made(scratch):
    """Where /dev is not kept by the kernel, the node of a loop device is made."""
    dev = scratch / "dev"
    dev.mkdir()
    control = Path("/dev/loop-control").stat().st_rdev
    os.mknod(dev / "loop-control", 0o020600, control)
    file = scratch / "file"
    file.write_bytes(bytes(SIZE))
    loops = LoopDevices(dev=dev)
    device = loops.bind(file)
    assert device.parent == dev
    assert device_number(device) == device_number(Path("/dev") / device.name)
    loops.unbind(device, FileIdentity.of(file.stat()))


def test_many_volumes(scratch, api):
    """Forty volumes come and go at once on two nodes, each with its own device."""
    apis = [api, node(scratch, "node-2")]

    def come(number: int):
        return attached(apis[number % 2])

    with ThreadPoolExecutor(16) as pool:
        volumes = list(pool.map(come, range(40)))
        assert set(volumes) == set(api.list_volumes())
        devices = {
            apis[number % 2].get_device_path(volume.blockdevice_id)
            for number, volume in enumerate(volumes)
        }
        assert len(devices) == 40

        def go(number: int) -> None:
            apis[number % 2].detach_volume(volumes[number].blockdevice_id)

        list(pool.map(go, range(40)))
    assert {volume.attached_to for volume in api.list_volumes()} == {None}
    assert [loops_of(file_of(scratch, volume)) for volume in volumes] == [[]] * 40


def test_list_during_moves(scratch, api):
    """A volume that goes to and fro is in every listing exactly once."""
    volume = api.create_volume(DatasetID(uuid4()), SIZE)
    reader = node(scratch, "node-2")
    with ThreadPoolExecutor(1) as pool:

        def to_and_fro() -> None:
            for _ in range(20):
                api.attach_volume(volume.blockdevice_id, ME)
                api.detach_volume(volume.blockdevice_id)

        moving = pool.submit(to_and_fro)
        counts = {len(reader.list_volumes())}
        while not moving.done():
            counts.add(len(reader.list_volumes()))
        moving.result()
    assert counts == {1}


# Errors of the directory


@pytest.fixture
def small(scratch):
    """A filesystem of 1 MiB."""
    path = scratch / "small"
    path.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1M,nr_inodes=12", "small", path],
        check=True,
    )
    return path


def test_no_space(small):
    """A directory without room says so, by name, and leaves nothing."""
    api = node(small, "node-1")

    def fill() -> None:
        for _ in range(20):
            api.create_volume(DatasetID(uuid4()), SIZE)

    with pytest.raises(StorageFailed, match=f"{small}.*No space left"):
        fill()
    assert list((small / str(CLUSTER) / "attached" / ME).iterdir()) == []


def test_directory_went(scratch, api):
    """A directory that went is an error, not an empty list."""
    (scratch / str(CLUSTER)).rename(scratch / "away")
    with pytest.raises(StorageFailed, match=str(CLUSTER)):
        api.list_volumes()
