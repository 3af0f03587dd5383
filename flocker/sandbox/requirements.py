"""What a sandbox needs of the machine it is made on, asked before anything is made."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.process import DEFAULT_ENVIRONMENT, ProcessFailed, run_sync
from flocker.sandbox import enclosure
from flocker.sandbox.layout import HOME_MARK, MOUNT_ROOT, programs
from flocker.sandbox.places import STATES, places
from flocker.sandbox.pools import (
    DIRECTORY,
    OF_KERNEL,
    POOLS,
    SHARED,
    ZFS,
    kernel_has_zfs,
    unpacked_zfs,
)

PACKAGES = {
    "ip": "iproute2",
    "mount": "mount",
    "umount": "mount",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
    "sh": "dash",
}
"""The programs used, and Debian's packages that have them."""
VOLUMES = {"losetup": "mount", "mkfs.ext4": "e2fsprogs"}
"""What nodes with shared volumes need besides."""
DOCKER = {"docker": "docker.io", "dockerd": "docker.io", "iptables": "iptables"}
"""What nodes with Docker need besides."""
IMAGES = {"apt-get": "apt", "dpkg-deb": "dpkg", "tar": "tar"}
"""What images are made with."""
FLOCKER = ("flocker-control", "flocker-dataset-agent", "flocker-docker-plugin")
_LOOP = Path("/dev/loop-control")
_SETTINGS = Path("/proc/sys")
_FORBIDDEN = {
    "kernel/apparmor_restrict_unprivileged_userns": "1",
    "kernel/unprivileged_userns_clone": "0",
    "user/max_user_namespaces": "0",
}
"""Settings of the kernel by which only root may make user namespaces."""


@frozen
class CannotMakeSandbox(FlockerError):
    """This machine, or this user, cannot have a sandbox."""

    why: str

    def words(self) -> str:
        """Say what is missing, and how to get it."""
        return self.why


def require_outside_of_machines() -> None:
    """Check that this is no machine of a sandbox; raises `CannotMakeSandbox`."""
    if sys.platform != "linux":
        raise CannotMakeSandbox("a sandbox is made of Linux namespaces: it needs Linux")
    if (STATES / HOME_MARK).exists():
        raise CannotMakeSandbox(
            "this is a machine of a sandbox; use flocker-sandbox outside of it"
        )


def require_permission(backend: str, proc: Path = _SETTINGS) -> None:
    """Check that this user may have such a sandbox; raises `CannotMakeSandbox`."""
    if not places().rootless:
        return
    if backend != DIRECTORY:
        raise CannotMakeSandbox(
            f"datasets of backend {backend} are on mounts and loop devices, which only"
            f" root may make: use sudo, or --backend {DIRECTORY}, which needs no root"
        )
    _require(PACKAGES)
    try:
        run_sync([*enclosure.NEW, "--mount-proc", "ip", "link", "set", "lo", "up"])
    except ProcessFailed as error:
        raise CannotMakeSandbox(forbidden(error.stderr, proc)) from error


def forbidden(said: str, settings: Path) -> str:
    """Say why a user without root has no namespaces, and what to do."""
    why = said
    for name, value in _FORBIDDEN.items():
        file = settings / name
        if file.exists() and file.read_text().strip() == value:
            why = f"{name.replace('/', '.')} is {value}"
    return (
        "a sandbox without root is made of user namespaces, which this system keeps for"
        f" root ({why}): use sudo"
    )


def require_docker() -> None:
    """Check that nodes can have Docker; raises `CannotMakeSandbox`."""
    if places().rootless:
        raise CannotMakeSandbox("Docker on the nodes needs root: use sudo")
    _require(DOCKER)


def require_backend(backend: str) -> None:
    """Check that nodes can have such storage; raises `CannotMakeSandbox`."""
    if backend != DIRECTORY and not _LOOP.exists():
        raise CannotMakeSandbox(f"{_LOOP} not found: this kernel has no loop devices")
    if backend == SHARED:
        _require(VOLUMES)
    if backend == ZFS and kernel_has_zfs():
        _require(OF_KERNEL)
    elif backend in POOLS:
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


def require_seen(place: Path) -> None:
    """Check that machines will see their disks; raises `CannotMakeSandbox`."""
    for hidden in (Path("/run"), Path("/var/run"), MOUNT_ROOT):
        if place.is_relative_to(hidden):
            raise CannotMakeSandbox(
                f"{place} is below {hidden}, of which each machine has its own: choose"
                " another directory for the sandbox's data"
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
