"""The kernel's mount table as values; pure. For `filesystems` and pools.

The format is that of ``/proc/<pid>/mountinfo``, proc(5). Mounts are compared by device
number, never by the name of a device.

Note [Propagation]: on a host with systemd nearly every service has a mount namespace of
its own into which our mounts are propagated; unmounting ours unmounts those too (kernel
documentation, sharedsubtree). They must not count as busy. A mount goes with ours if
its parent is a peer of our parent, or a slave, however far down, and it sits at the
same place of it.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from attrs import frozen

KEPT_LINES = 1024
"""Lines of mount tables that are kept as they were read: one or two megabytes."""

_ESCAPE = re.compile(r"\\([0-7]{3})")


@frozen
class Mount:
    """One line of the table."""

    mount_id: int
    parent_id: int
    device: int
    """As `st_dev` of the files in it."""
    root: str
    """What of the filesystem is shown: ``/`` unless it is a bind of a part."""
    path: Path
    filesystem: str
    shared: int | None = None
    """Its peer group."""
    master: int | None = None
    """The peer group it is a slave of."""
    source: str = ""
    """What the filesystem calls itself: a device, or a ZFS dataset."""


def _unescape(text: str) -> str:
    r"""Undo the kernel's escapes: ``\040`` is a blank."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def _group(tags: Sequence[str], kind: str) -> int | None:
    for tag in tags:
        name, _, number = tag.partition(":")
        if name == kind:
            return int(number)
    return None


@lru_cache(maxsize=KEPT_LINES)
def _parse_line(line: str) -> Mount:
    """Read a line; one that was read lately, as most of a table, is read already."""
    fields, _, rest = line.partition(" - ")
    filesystem, source, *_ = rest.split(" ")
    mount_id, parent_id, device, root, path, _options, *tags = fields.split(" ")
    major, _, minor = device.partition(":")
    return Mount(
        mount_id=int(mount_id),
        parent_id=int(parent_id),
        device=os.makedev(int(major), int(minor)),
        root=_unescape(root),
        path=Path(_unescape(path)),
        filesystem=filesystem,
        shared=_group(tags, "shared"),
        master=_group(tags, "master"),
        source=_unescape(source),
    )


def parse_mountinfo(text: str, device: int | None = None) -> tuple[Mount, ...]:
    """Read a mount table, in its order: of two mounts at a path the later is seen.

    With a `device` (its number), only its mounts.
    """
    lines = text.split("\n")
    if device is not None:
        field = f" {os.major(device)}:{os.minor(device)} "
        mounts = (_parse_line(line) for line in lines if field in line)
        return tuple(mount for mount in mounts if mount.device == device)
    return tuple(_parse_line(line) for line in lines if line)


def by_device(mounts: Iterable[Mount]) -> Mapping[int, tuple[Path, ...]]:
    """Give the paths where each device is mounted."""
    found: dict[int, tuple[Path, ...]] = {}
    for mount in mounts:
        found[mount.device] = (*found.get(mount.device, ()), mount.path)
    return found


def seen_at(mounts: Iterable[Mount], path: Path) -> Mount | None:
    """Give the mount that is seen at exactly this path: the last one."""
    at_path = [mount for mount in mounts if mount.path == path]
    return at_path[-1] if at_path else None


def receivers(group: int, tables: Iterable[Sequence[Mount]]) -> frozenset[int]:
    """Give the peer groups that events of `group` reach, itself among them."""
    slaves = {
        (mount.master, mount.shared)
        for table in tables
        for mount in table
        if mount.master is not None and mount.shared is not None
    }
    reached = {group}
    while more := {own for master, own in slaves if master in reached} - reached:
        reached |= more
    return frozenset(reached)


def _place(mount: Mount, parent: Mount) -> Path:
    """Say where in the parent's filesystem a mount sits."""
    return Path(parent.root) / mount.path.relative_to(parent.path)


def _parent(mount: Mount, table: Sequence[Mount]) -> Mount | None:
    for other in table:
        if other.mount_id == mount.parent_id and other.mount_id != mount.mount_id:
            return other
    return None


def staying(
    ours: Mount, own_table: Sequence[Mount], other_tables: Sequence[Sequence[Mount]]
) -> tuple[tuple[int, Mount], ...]:
    """Give the mounts of the same device that stay when `ours` is unmounted.

    Each with the index of its table: -1 is our own, 0 the first other one. See Note
    [Propagation].
    """
    parent = _parent(ours, own_table)
    tables = [own_table, *other_tables]
    reached: frozenset[int] = frozenset()
    if parent is not None and parent.shared is not None:
        reached = receivers(parent.shared, tables)

    def goes_too(mount: Mount, table: Sequence[Mount]) -> bool:
        theirs = _parent(mount, table)
        if parent is None or theirs is None:
            return False
        hears = theirs.shared in reached or theirs.master in reached
        same_place = theirs.device == parent.device and _place(mount, theirs) == _place(
            ours, parent
        )
        return hears and same_place

    return tuple(
        (index, mount)
        for index, table in enumerate(tables, start=-1)
        for mount in table
        if mount.device == ours.device
        and mount.mount_id != ours.mount_id
        and not goes_too(mount, table)
    )
