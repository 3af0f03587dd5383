"""A Debian whose kernel has a real OpenZFS, for tests: made once, kept by its recipe.

The module is built here, for the kernel of the guest and not for the host's; see
`openzfs_guest` for who starts it. Needs root, debootstrap, and at first the network.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from flocker.runtime.process import run_sync
from flocker.sandbox.caching import cache_locked, cached

SUITE: Final = "bookworm"
PYTHON: Final = (3, 11)
"""The Python of that Debian, and so the one whose libraries run in it."""
MIRROR: Final = "http://deb.debian.org/debian"
BASE: Final = (
    *("ca-certificates", "systemd-sysv", "udev", "kmod", "iproute2", "mount"),
    *("python3", "e2fsprogs", "util-linux", "psmisc", "rsync"),
    *("initramfs-tools", "linux-image-cloud-amd64"),
)
MODULE: Final = ("linux-headers-cloud-amd64", "zfs-dkms", "zfsutils-linux")
"""Of the component ``contrib``; they are built when they are installed."""
INIT: Final = "/flocker-init"
"""What the kernel starts, in the place of a whole system."""
RESULT: Final = "/result"
"""A directory of the guest; what is in it comes out."""
DONE: Final = "the guest has given its result"
ROOM: Final = 24 * 1024 * 1024 * 1024
"""Bytes of the guest's disk; only what is written takes room."""
_MINUTES: Final = 60.0

# Drives, in order: the system, what is brought in, what comes out; both as plain tar.
_START = f"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
exec >/dev/ttyS0 2>&1 </dev/null
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=0755 run /run
mkdir -p /run/lock /work {RESULT}
ip link set lo up
modprobe zfs || echo no module
tar -C /work -xf /dev/vdb
cd /work
sh ./run
echo $? >{RESULT}/status
sync
tar -C {RESULT} -cf /dev/vdc . && sync && echo "{DONE}"
echo o >/proc/sysrq-trigger
sleep 60
"""


@frozen
class GuestImage:
    """What a machine with OpenZFS starts from; nothing of it is written to."""

    disk: Path
    kernel: Path
    initrd: Path


def image() -> GuestImage:
    """Give the image, made now if there is none of this recipe: twenty minutes.

    Raises `ProcessFailed`, `ProcessTimedOut`, `ProgramMissing`.
    """
    recipe = [SUITE, MIRROR, *BASE, *MODULE, _START, str(ROOM)]
    with cache_locked("openzfs"):
        made = cached("openzfs", recipe, _make)
    return GuestImage(made / "disk", made / "kernel", made / "initrd")


def _make(target: Path) -> None:
    sys.stdout.write("making a Debian with OpenZFS (once, some twenty minutes)\n")
    root = target / "root"
    components = ("--variant=minbase", "--components=main,contrib")
    command = ["debootstrap", *components, f"--include={','.join(BASE)}"]
    _ = run_sync([*command, SUITE, str(root), MIRROR], timeout=20 * _MINUTES)
    install = ("apt-get", "-qq", "install", "--yes", "--no-install-recommends")
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive")
    with _proc(root):
        _ = run_sync(
            ["chroot", str(root), *quiet, *install, *MODULE], timeout=120 * _MINUTES
        )
    shutil.rmtree(root / "var/cache/apt/archives")
    start = root / INIT.lstrip("/")
    _ = start.write_text(_START)
    start.chmod(0o755)
    for kept, pattern in (("kernel", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        (found,) = (root / "boot").glob(pattern)
        _ = shutil.copy(found, target / kept)
    _make_disk(root, target / "disk")
    shutil.rmtree(root)


def _make_disk(root: Path, disk: Path) -> None:
    """Put a tree into an image of a filesystem, without mounting it."""
    with disk.open("wb") as file:
        _ = file.truncate(ROOM)
    options = ("-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1")
    _ = run_sync(
        ["mkfs.ext4", *options, "-d", str(root), str(disk)], timeout=10 * _MINUTES
    )


@contextmanager
def _proc(root: Path) -> Iterator[None]:
    """Let programs in a tree see processes."""
    _ = run_sync(["mount", "-t", "proc", "proc", str(root / "proc")])
    try:
        yield
    finally:
        _ = run_sync(["umount", str(root / "proc")])
