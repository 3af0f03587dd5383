"""The nodes' own disks in a sandbox whose datasets are on pools.

A disk is a sparse file of the node's, with a filesystem that the node mounts when it is
switched on; the loop device goes with the node's mount namespace.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from flocker.model.sizes import GIBIBYTE
from flocker.runtime.process import run_sync
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import MachineName

SHARED: Final = "loopback"
"""The backend whose volumes all nodes share; those of the others are a node's own."""
DISK_SIZE: Final = 16 * GIBIBYTE
"""Bytes of a node's disk; what is not written to takes no room."""


@frozen
class Disk:
    """A file with a filesystem, and where a machine mounts it."""

    image: Path
    place: Path
    kind: str


@frozen
class PoolKind:
    """How the disk of a node is made for a backend; None: it needs no filesystem."""

    mkfs: tuple[str, ...] | None
    packages: Mapping[str, str]


POOLS: Final[Mapping[str, PoolKind]] = {
    "btrfs": PoolKind(
        ("mkfs.btrfs", "--quiet"),
        {"mkfs.btrfs": "btrfs-progs", "btrfs": "btrfs-progs"},
    ),
    "directory": PoolKind(None, {}),
}
BACKENDS: Final = (SHARED, *POOLS)
"""What a sandbox's datasets may be on."""


def disk_of(layout: Layout, node: MachineName, backend: str) -> Disk | None:
    """Give the disk that a node has of its own for a backend, if it has one."""
    kind = POOLS.get(backend)
    if kind is None or kind.mkfs is None:
        return None
    return Disk(layout.pool_image(node), layout.pool(node), backend)


def furnish_pool(layout: Layout, node: MachineName, backend: str) -> None:
    """Make the disk of a node, empty."""
    layout.pool(node).mkdir(mode=0o700)
    disk, kind = disk_of(layout, node, backend), POOLS[backend]
    if disk is not None and kind.mkfs is not None:
        with disk.image.open("wb") as image:
            image.truncate(DISK_SIZE)
        _ = run_sync([*kind.mkfs, str(disk.image)])


def settings_of(layout: Layout, node: MachineName, backend: str) -> dict[str, object]:
    """Write a node's backend as agent.yml has it."""
    if backend == SHARED:
        return {
            "backend": backend,
            "root_path": str(layout.volumes),
            "compute_instance_id": str(node),
        }
    return {"backend": backend, "root_path": str(layout.pool(node))}
