"""Filesystems on a real kernel: who keeps them busy, what is never formatted."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker.dataset_agent.filesystems import (
    Busy,
    Filesystems,
    MountedElsewhere,
    NoDevice,
    NoFilesystem,
    SignatureFound,
)
from flocker.dataset_agent.signatures import Signature
from flocker.runtime.holders import Holder
from flocker.runtime.mount_points import BadMountPoint, set_immutable
from flocker.testing.loop_devices import bound_file
from flocker.testing.side_by_side import while_none_runs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

SIZE = 2**24


@pytest.fixture
def filesystems():
    """The kernel's."""
    return Filesystems()


@pytest.fixture
def device(scratch):
    """A blank loop device."""
    return bound_file(scratch, SIZE)


@pytest.fixture
def path(scratch):
    """A mount point, not made yet."""
    return scratch / "mounts" / "dataset"


@pytest.fixture
def mounted(filesystems, device, path):
    """A filesystem mounted at `path`."""
    filesystems.make(device)
    filesystems.mount(device, path)
    return device


@contextmanager
def process(*argv: str | Path) -> Iterator[subprocess.Popen]:
    """A process that has said a line and lives until it is let go."""
    with subprocess.Popen(
        [str(argument) for argument in argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout.readline() == b"ready\n"
        try:
            yield running
        finally:
            running.stdin.close()


def shell(script: str, *arguments: Path):
    return process("sh", "-c", f"{script}; echo ready; read _", "sh", *arguments)


@contextmanager
def elsewhere(
    propagation: str, script: str, *arguments: Path
) -> Iterator[subprocess.Popen]:
    """A process in a mount namespace of its own; meanwhile no other test runs."""
    unshare = ("unshare", "--mount", f"--propagation={propagation}")
    shown = ("sh", "-c", f"{script}; echo ready; read _", "sh", *arguments)
    with while_none_runs(), process(*unshare, *shown) as running:
        yield running


@pytest.fixture
def shared(scratch):
    """A directory whose mounts are propagated, as those of a host with systemd are."""
    directory = scratch / "shared"
    directory.mkdir()
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    subprocess.run(["mount", "--make-shared", directory], check=True)
    return directory


# Never formatted


def zeros_then(device: Path, offset: int, content: bytes) -> None:
    with device.open("r+b") as opened:
        opened.seek(offset)
        opened.write(content)


def lvm(device: Path) -> None:
    """The label that pvcreate writes into the second sector (lvm2, label.h)."""
    label = b"LABELONE" + (1).to_bytes(8, "little")
    body = (32).to_bytes(4, "little") + b"LVM2 001" + b"a" * 32
    crc = 0xF597A6CF
    table = [
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
        0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    ]  # fmt: skip
    rest = (body + bytes(512))[: 512 - 20]
    for byte in rest:
        crc ^= byte
        crc = (crc >> 4) ^ table[crc & 0xF]
        crc = (crc >> 4) ^ table[crc & 0xF]
    zeros_then(device, 512, label + crc.to_bytes(4, "little") + rest)


def dos(device: Path) -> None:
    """A partition table with one partition of Linux."""
    entry = b"\x00\x00\x02\x00\x83\x00\x00\x00" + (1).to_bytes(4, "little")
    entry += (1000).to_bytes(4, "little")
    zeros_then(device, 446, entry + bytes(48) + b"\x55\xaa")


def luks(device: Path) -> None:
    """The header of an encrypted volume (LUKS1 specification)."""
    header = b"LUKS\xba\xbe" + (1).to_bytes(2, "big") + b"aes".ljust(32, b"\0")
    zeros_then(device, 0, header + bytes(128))


def swap(device: Path) -> None:
    subprocess.run(["mkswap", "-q", device], check=True)


def made_by(tool: str):
    """Write a filesystem with its own tool; a device of 300 MiB is enough for all."""
    return lambda device: subprocess.run([tool, device], check=True)


FOREIGN = [
    (swap, "swap"),
    (lvm, "LVM2_member"),
    (dos, "dos partition table"),
    (luks, "crypto_LUKS"),
    *[
        (made_by(f"mkfs.{kind}"), kind)
        for kind in ("btrfs", "vfat", "f2fs")
        if shutil.which(f"mkfs.{kind}")
    ],
]


@pytest.mark.parametrize(("write", "kind"), FOREIGN, ids=[kind for _, kind in FOREIGN])
def test_foreign_is_never_formatted(filesystems, scratch, write, kind):
    """What the device carries is found, named and kept to the byte."""
    device = bound_file(scratch, 300 * 2**20)
    write(device)
    before = start_of(device)
    signature = filesystems.signature(device)
    assert signature == Signature((kind,))
    assert not signature.is_filesystem
    with pytest.raises(SignatureFound, match=kind):
        filesystems.make(device)
    assert start_of(device) == before


def start_of(device: Path) -> bytes:
    with device.open("rb") as opened:
        return opened.read(2**20)


def test_two_signatures(filesystems, device):
    """A device that carries two signatures is not formatted."""
    luks(device)
    zeros_then(device, 4086, b"SWAPSPACE2")
    with pytest.raises(SignatureFound, match="LUKS"):
        filesystems.make(device)


def test_no_device(filesystems, scratch):
    """A loop device without a file, or a plain file, is not taken for a blank one."""
    file = scratch / "file"
    file.write_bytes(bytes(SIZE))
    with pytest.raises(NoDevice, match="not a block device"):
        filesystems.make(file)
    empty = bound_file(scratch, SIZE)
    subprocess.run(["losetup", "-d", empty], check=True)
    with pytest.raises(NoDevice, match="no size"):
        filesystems.make(empty)


def test_open_device_is_not_formatted(filesystems, device):
    """A device that a process has open is not formatted, and the process is named."""
    with shell('exec 3<"$1"', device) as holder, pytest.raises(Busy) as caught:
        filesystems.make(device)
    assert caught.value.holders == (Holder(holder.pid, "sh", f"open {device}"),)


def test_errors_remount(filesystems, device):
    """After an error of the disk the filesystem becomes read-only."""
    filesystems.make(device)
    told = subprocess.run(["dumpe2fs", "-h", device], capture_output=True, check=True)
    assert b"Remount read-only" in told.stdout


# Mount


def test_new_root_is_for_everybody(filesystems, mounted, path):
    """A new filesystem is empty and anybody may write; its parent is for root."""
    assert list(path.iterdir()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o777
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_used_root_is_left_alone(filesystems, mounted, path):
    """The mode of a filesystem in use is its owner's."""
    path.chmod(0o750)
    filesystems.unmount(path, mounted)
    filesystems.mount(mounted, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_killed_after_mount(filesystems, device, path):
    """A mount killed before the root was opened is finished by the next."""
    filesystems.make(device)
    path.mkdir(parents=True)
    subprocess.run(["mount", device, path], check=True)
    filesystems.mount(device, path)
    assert list(path.iterdir()) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o777


def test_bare_mount_point(filesystems, scratch, path):
    """Not even root writes into a mount point before its filesystem is there."""
    blank = bound_file(scratch, SIZE)
    with pytest.raises(NoFilesystem, match="carries nothing"):
        filesystems.mount(blank, path)
    with pytest.raises(PermissionError):
        (path / "file").write_bytes(b"")


def test_mount_point_goes(filesystems, mounted, path):
    """After unmount there is no directory left that looks like an empty dataset."""
    filesystems.unmount(path, mounted)
    assert not path.exists()


def test_killed_after_unmount(filesystems, device, path):
    """An unmount killed before the mount point went is finished by the next."""
    filesystems.make(device)
    path.mkdir(parents=True)
    set_immutable(path, immutable=True)
    filesystems.unmount(path, device)
    assert not path.exists()


def test_hidden_files(filesystems, device, path):
    """Files in the mount point are not hidden under the filesystem."""
    filesystems.make(device)
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"precious")
    with pytest.raises(BadMountPoint, match="file"):
        filesystems.mount(device, path)
    filesystems.unmount(path, device)
    assert (path / "file").read_bytes() == b"precious"


def test_awkward_name(filesystems, device, scratch):
    """A path with blanks and a backslash is found in the kernel's table."""
    path = scratch / "mounts" / "a b\\040\tc"
    filesystems.make(device)
    filesystems.mount(device, path)
    assert filesystems.mounts()[device.stat().st_rdev] == (path,)
    filesystems.unmount(path, device)
    assert device.stat().st_rdev not in filesystems.mounts()


def test_mounts_of_others(filesystems, mounted, scratch):
    """What anybody mounts or unmounts is seen at the next question."""
    other = scratch / "other"
    other.mkdir()
    number = mounted.stat().st_rdev
    before = filesystems.mounts()
    subprocess.run(["mount", "--bind", before[number][0], other], check=True)
    assert filesystems.mounts()[number] == (*before[number], other)
    subprocess.run(["umount", other], check=True)
    assert filesystems.mounts()[number] == before[number]


def test_symlinked_root(filesystems, device, scratch):
    """A mount root behind a symbolic link is the same place."""
    (scratch / "real").mkdir()
    (scratch / "link").symlink_to(scratch / "real")
    filesystems.make(device)
    filesystems.mount(device, scratch / "link" / "dataset")
    assert filesystems.mounts()[device.stat().st_rdev] == (
        scratch / "real" / "dataset",
    )
    filesystems.unmount(scratch / "link" / "dataset", device)
    assert device.stat().st_rdev not in filesystems.mounts()


def test_other_name_of_the_device(filesystems, mounted, path, scratch):
    """A device is known by its number under whatever name."""
    alias = scratch / "alias"
    alias.symlink_to(mounted)
    filesystems.mount(alias, path)
    filesystems.unmount(path, alias)
    assert mounted.stat().st_rdev not in filesystems.mounts()


# Busy

USES = [
    ('cd "$1"', "its working directory {path}"),
    ('exec 3>"$1/held"', "open {path}/held"),
    ('exec 3>"$1/held"; rm "$1/held"', "open {path}/held (deleted)"),
]


@pytest.mark.parametrize(("script", "what"), USES)
def test_process(filesystems, mounted, path, script, what):
    """A process that uses the filesystem keeps it mounted and is named with its use."""
    expected = what.format(path=path)
    with shell(script, path) as holder:
        with pytest.raises(Busy) as caught:
            filesystems.unmount(path, mounted)
        named = Holder(holder.pid, "sh", expected)
        assert caught.value.holders == (named,)
        assert named in filesystems.holders(mounted)
    filesystems.unmount(path, mounted)


def test_mapped_file(filesystems, mounted, path):
    """A program that runs from the filesystem keeps it mounted and is named."""
    program = path / "sleeper"
    shutil.copy("/bin/cat", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as holder:
        with pytest.raises(Busy) as caught:
            filesystems.unmount(path, mounted)
        assert caught.value.holders == (
            Holder(holder.pid, "sleeper", f"mapped {program}"),
        )
        holder.stdin.close()


def test_bind_mount(filesystems, mounted, path, scratch):
    """A bind mount of a part of the filesystem keeps it, and its path is named."""
    (path / "part").mkdir()
    bind = scratch / "bind"
    bind.mkdir()
    subprocess.run(["mount", "--bind", path / "part", bind], check=True)
    with pytest.raises(Busy, match=str(bind)):
        filesystems.unmount(path, mounted)
    assert filesystems.mounts()[mounted.stat().st_rdev] == (path, bind)
    with pytest.raises(MountedElsewhere):
        filesystems.unmount(scratch / "mounts" / "other", mounted)
    subprocess.run(["umount", bind], check=True)
    filesystems.unmount(path, mounted)


def test_other_mount_namespace(filesystems, mounted, path):
    """A filesystem that another mount namespace still has is not unmounted here."""
    with elsewhere("private", ":") as holder:
        with pytest.raises(Busy) as caught:
            filesystems.unmount(path, mounted)
        what = f"it mounted at {path} in its mount namespace"
        assert caught.value.holders == (Holder(holder.pid, "sh", what),)
        assert path.is_mount()
        assert caught.value.holders[0] in filesystems.holders(mounted)
    filesystems.unmount(path, mounted)


def test_container_elsewhere(filesystems, mounted, path):
    """So it is when the other namespace has it at another path, as containers do."""
    script = 'mount -t tmpfs none /mnt; mkdir /mnt/data; mount --bind "$1" /mnt/data'
    container = elsewhere("private", f'{script}; umount "$1"', path)
    with container, pytest.raises(Busy, match="/mnt/data"):
        filesystems.unmount(path, mounted)
    filesystems.unmount(path, mounted)


@pytest.mark.parametrize("propagation", ["slave", "shared"])
def test_propagated_mount(filesystems, device, shared, propagation):
    """A copy in another namespace that goes together with ours is in nobody's way."""
    path = shared / "dataset"
    filesystems.make(device)
    with elsewhere("unchanged", f"mount --make-r{propagation} /"):
        filesystems.mount(device, path)
        filesystems.unmount(path, device)
    assert filesystems.holders(device) == ()


def test_propagated_and_bound(filesystems, device, shared):
    """A bind of the propagated copy stays, and keeps the filesystem."""
    path = shared / "dataset"
    filesystems.make(device)
    filesystems.mount(device, path)
    bind = 'mount --make-rslave /; mount --bind "$1" /mnt'
    with elsewhere("unchanged", bind, path):
        with pytest.raises(Busy, match="/mnt"):
            filesystems.unmount(path, device)
        assert path.is_mount()
    filesystems.unmount(path, device)


def test_busy_through_propagation(filesystems, device, shared):
    """A process on the propagated copy keeps ours, and is named."""
    path = shared / "dataset"
    filesystems.make(device)
    filesystems.mount(device, path)
    with elsewhere("unchanged", 'mount --make-rslave /; cd "$1"', path) as holder:
        with pytest.raises(Busy) as caught:
            filesystems.unmount(path, device)
        assert [found.pid for found in caught.value.holders] == [holder.pid]
    filesystems.unmount(path, device)


def test_busy_without_a_device(filesystems, path):
    """Where no device is known, what is busy is the path."""
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
    with shell('cd "$1"', path) as holder:
        with pytest.raises(Busy) as caught:
            filesystems.unmount(path, None)
        found = caught.value
        assert (found.device, found.holders[0].pid) == (path, holder.pid)
        assert str(found).startswith(f"{path} is busy: process {holder.pid}")
    filesystems.unmount(path, None)
    assert not path.exists()


def test_lazily_unmounted(filesystems, mounted, path):
    """A filesystem somebody unmounted lazily is not called gone while it is in use."""
    with shell('cd "$1"', path) as holder:
        subprocess.run(["umount", "--lazy", path], check=True)
        with pytest.raises(Busy) as caught:
            filesystems.unmount(path, mounted)
        assert [found.pid for found in caught.value.holders] == [holder.pid]
    filesystems.unmount(path, mounted)
    assert filesystems.holders(mounted) == ()


def test_namespace_without_a_process(filesystems, mounted, path, scratch):
    """A mount that no process shows is told of as the kernel's."""
    kept = scratch / "kept"
    kept.mkdir()
    subprocess.run(["mount", "--bind", kept, kept], check=True)
    subprocess.run(["mount", "--make-private", kept], check=True)
    (kept / "mnt").touch()
    with elsewhere("private", ":") as holder:
        subprocess.run(
            ["mount", "--bind", f"/proc/{holder.pid}/ns/mnt", kept / "mnt"], check=True
        )
    with pytest.raises(Busy, match="no process"):
        filesystems.unmount(path, mounted)
    subprocess.run(["umount", kept / "mnt"], check=True)
    filesystems.unmount(path, mounted)
    assert not path.exists()
