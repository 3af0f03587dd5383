"""What a sandbox needs of the machine it is made on, asked before anything is made."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.process import DEFAULT_ENVIRONMENT
from flocker.sandbox.layout import HOME_MARK, MOUNT_ROOT, STATES, programs
from flocker.sandbox.pools import POOLS, ZFS, unpacked_zfs

PACKAGES = {
    "ip": "iproute2",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "umount": "mount",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
    "sh": "dash",
}
"""The programs used, and Debian's packages that have them."""
DOCKER = {"docker": "docker.io", "dockerd": "docker.io", "iptables": "iptables"}
"""What nodes with Docker need besides."""
IMAGES = {"apt-get": "apt", "dpkg-deb": "dpkg", "tar": "tar"}
"""What images are made with."""
FLOCKER = ("flocker-control", "flocker-dataset-agent", "flocker-docker-plugin")
_LOOP = Path("/dev/loop-control")


@frozen
class CannotMakeSandbox(FlockerError):
    """This machine, or this user, cannot have a sandbox."""

    why: str

    def words(self) -> str:
        """Say what is missing, and how to get it."""
        return self.why


def require_root() -> None:
    """Check that this process may make namespaces; raises `CannotMakeSandbox`."""
    if sys.platform != "linux":
        raise CannotMakeSandbox("a sandbox is made of Linux namespaces: it needs Linux")
    if (STATES / HOME_MARK).exists():
        raise CannotMakeSandbox(
            "this is a machine of a sandbox; use flocker-sandbox outside of it"
        )
    if os.geteuid() != 0:
        raise CannotMakeSandbox(
            "a sandbox makes network namespaces, mounts and loop devices, "
            "which only root may: use sudo"
        )


def require_docker() -> None:
    """Check that nodes can have Docker; raises `CannotMakeSandbox`."""
    _require(DOCKER)


def require_backend(backend: str) -> None:
    """Check that nodes can have such pools; raises `CannotMakeSandbox`."""
    if backend in POOLS:
        unpacked = unpacked_zfs() if backend == ZFS else None
        _require(POOLS[backend].packages, unpacked)


def require_image_tools() -> None:
    """Check that images can be made; raises `CannotMakeSandbox`."""
    _require(IMAGES)


def require_outside(place: Path) -> None:
    """Check that machines will see Flocker's code; raises `CannotMakeSandbox`."""
    if place.is_relative_to(MOUNT_ROOT):
        raise CannotMakeSandbox(
            f"Flocker's programs are in {place}, and each machine has a {MOUNT_ROOT} "
            "of its own, for datasets: move the code, or install it elsewhere"
        )


def require_tools() -> None:
    """Check that everything is installed; raises `CannotMakeSandbox`."""
    require_outside(programs())
    require_outside(Path(__file__))
    _require(PACKAGES)
    for name in FLOCKER:
        if not (programs() / name).exists():
            raise CannotMakeSandbox(
                f"{programs() / name} not found; install flocker[sandbox] there"
            )
    if not _LOOP.exists():
        raise CannotMakeSandbox(f"{_LOOP} not found: this kernel has no loop devices")


def _require(wanted: Mapping[str, str], unpacked: Path | None = None) -> None:
    """Check that programs are installed or unpacked, given with their packages."""
    path = DEFAULT_ENVIRONMENT["PATH"]
    if unpacked is not None:
        path = f"{unpacked}:{path}"
    missing = [name for name in wanted if shutil.which(name, path=path) is None]
    if missing:
        packages = sorted({wanted[name] for name in missing})
        raise CannotMakeSandbox(
            f"{', '.join(missing)} not found; on Debian and Ubuntu: "
            f"apt-get install {' '.join(packages)}"
        )
