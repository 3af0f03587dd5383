"""The nodes' own disks in a sandbox whose datasets are on pools.

A disk is a sparse file of the node's, with a filesystem that the node mounts when it is
switched on; the loop device goes with the node's mount namespace. See `zfs` for those
that are ZFS pools.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from flocker.model.sizes import GIBIBYTE
from flocker.runtime.process import DEFAULT_ENVIRONMENT, run_sync
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import MachineName

SHARED: Final = "loopback"
"""The backend whose volumes all nodes share; those of the others are a node's own."""
ZFS: Final = "zfs"
OPENZFS: Final = "openzfs"
"""What a disk is called whose pool is one of the kernel's ZFS."""
DIRECTORY: Final = "directory"
"""The one for which nobody needs root."""
ZFS_READY: Final = Path("/run/zfs/imported")
"""Stands in a node when its ZFS pool can be used."""
DISK_SIZE: Final = 16 * GIBIBYTE
"""Bytes of a node's disk; what is not written to takes no room."""


@frozen
class Disk:
    """A file with a filesystem, and where a machine mounts it."""

    image: Path
    place: Path
    kind: str
    name: str = ""
    """What a ZFS pool on it is called."""
    programs: Path | None = None
    """Where ZFS's programs are, if they are not installed."""


@frozen
class PoolKind:
    """How the disk of a node is made for a backend.

    `mkfs` makes its filesystem; None: the node makes one itself, or needs no disk.
    """

    mkfs: tuple[str, ...] | None
    packages: Mapping[str, str]
    has_disk: bool = True


POOLS: Final[Mapping[str, PoolKind]] = {
    "btrfs": PoolKind(
        ("mkfs.btrfs", "--quiet"),
        {"mkfs.btrfs": "btrfs-progs", "btrfs": "btrfs-progs"},
    ),
    ZFS: PoolKind(None, {"zfs-fuse": "zfs-fuse", "zfs": "zfs-fuse"}),
    DIRECTORY: PoolKind(None, {}, has_disk=False),
}
OF_KERNEL: Final = {"zfs": "zfsutils-linux", "zpool": "zfsutils-linux"}
"""The packages for pools of the kernel's ZFS."""
BACKENDS: Final = (SHARED, *POOLS)
"""What a sandbox's datasets may be on."""


def disk_of(layout: Layout, node: MachineName, backend: str) -> Disk | None:
    """Give the disk that a node has of its own for a backend, if it has one."""
    kind = POOLS.get(backend)
    if kind is None or not kind.has_disk:
        return None
    name, programs = zpool_name(layout, node), _linked(layout)
    made = OPENZFS if is_of_kernel(layout) else backend
    return Disk(layout.pool_image(node), layout.pool(node), made, name, programs)


def unpacked_zfs() -> Path | None:
    """Say where the programs are if they are not installed: $FLOCKER_ZFS_PROGRAMS."""
    found = os.environ.get("FLOCKER_ZFS_PROGRAMS")
    return Path(found) if found else None


def kernel_has_zfs(device: Path = Path("/dev/zfs")) -> bool:
    """Say whether ZFS here is the kernel's: it has one, and there is no zfs-fuse."""
    path = DEFAULT_ENVIRONMENT["PATH"]
    fuse = unpacked_zfs() or shutil.which("zfs-fuse", path=path)
    return device.exists() and not fuse


def is_of_kernel(layout: Layout) -> bool:
    """Say whether the pools of a sandbox were made as pools of the kernel's ZFS."""
    return _of_kernel(layout).exists()


def _of_kernel(layout: Layout) -> Path:
    return layout.data / "zfs-of-kernel"


def _link(layout: Layout) -> Path:
    """Give what remembers that for the sandbox's later starts."""
    return layout.data / "zfs-programs"


def _linked(layout: Layout) -> Path | None:
    link = _link(layout)
    return link.readlink() if link.is_symlink() else None


def zpool_name(layout: Layout, node: MachineName) -> str:
    """Name the ZFS pool of a node as none of another sandbox is named."""
    return f"flocker-{layout.name}-{node}"


def furnish_pool(layout: Layout, node: MachineName, backend: str) -> None:
    """Make the disk of a node, empty."""
    layout.pool(node).mkdir(mode=0o700)
    programs = unpacked_zfs()
    if backend == ZFS and programs is not None and _linked(layout) is None:
        _link(layout).symlink_to(programs)
    if backend == ZFS and kernel_has_zfs():
        _of_kernel(layout).touch()
    disk, kind = disk_of(layout, node, backend), POOLS[backend]
    if disk is None:
        return
    with disk.image.open("wb") as image:
        image.truncate(DISK_SIZE)
    if kind.mkfs is not None:
        _ = run_sync([*kind.mkfs, str(disk.image)])


def settings_of(layout: Layout, node: MachineName, backend: str) -> dict[str, object]:
    """Write a node's backend as agent.yml has it."""
    if backend == SHARED:
        return {
            "backend": backend,
            "root_path": str(layout.volumes),
            "compute_instance_id": str(node),
        }
    if backend == ZFS:
        return {"backend": backend, "pool": zpool_name(layout, node)}
    return {"backend": backend, "root_path": str(layout.pool(node))}
