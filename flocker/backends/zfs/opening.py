"""A ZFS pool is opened: what it must have is made, what was half made goes.

Called by `api` and `configuring`.
"""

from flocker.backends.zfs.commands import Missing, Zfs
from flocker.backends.zfs.mounting import ZfsMounts
from flocker.backends.zfs.names import FORMAT, MADE_AS, OURS, Names
from flocker.backends.zfs.reserving import Reserve
from flocker.backends.zfs.translate import Filesystem
from flocker.runtime.process import ProcessFailed

_OF_THE_TOP = (
    "mountpoint=none",
    "canmount=off",
    "readonly=on",
    "atime=off",
    "com.sun:auto-snapshot=false",
)
"""What all below inherits: no place, no writing, no snapshots that others take.

Without access times a filesystem that was only read is still its newest snapshot.
"""


def prepare(zfs: Zfs, names: Names, mounts: ZfsMounts, reserve: Reserve) -> None:
    """Make the parts that are missing, and clean up. Raises `PoolUnavailable`."""
    zfs.check_health()
    try:
        rows = zfs.read(names.top)
    except Missing:
        _create(zfs, names.top, (*_OF_THE_TOP, f"{MADE_AS}={FORMAT}"))
        rows = zfs.read(names.top)
    there = {row.name: row for row in rows}
    _check_format(zfs, there[names.top], alone=len(there) == 1)
    for part in names.parts:
        if part not in there:
            _create(zfs, part, ("canmount=off",))
    for row in rows:
        if row.is_snapshot and row.last.startswith(OURS):
            _destroy(zfs, row.name)
        elif names.dataset_of(row.name) is not None:
            mounts.leave_root_of(row.name, row.mountpoint)
    sweep(zfs, names, rows)
    if names.reserve in there:
        reserve.held = there[names.reserve].reservation
    reserve.take()


def _check_format(zfs: Zfs, top: Filesystem, *, alone: bool) -> None:
    """Refuse what is not ours; finish what is ours and was made a moment ago."""
    if top.made_as == str(FORMAT):
        return
    if top.made_as is not None:
        why = f"{top.name} has format {top.made_as!r}, and {FORMAT} is known"
        raise zfs.unavailable(why)
    if not alone:
        why = f"{top.name} is there, and was not made by Flocker"
        raise zfs.unavailable(why)
    _change(zfs, *_settings((*_OF_THE_TOP, f"{MADE_AS}={FORMAT}"), top.name))


def _settings(properties: tuple[str, ...], name: str) -> tuple[tuple[str, ...], ...]:
    """Set one after the other: old versions take one at a time."""
    return tuple(("set", each, name) for each in properties)


def _create(zfs: Zfs, name: str, properties: tuple[str, ...]) -> None:
    options = [part for each in properties for part in ("-o", each)]
    _change(zfs, ("create", *options, name))


def _destroy(zfs: Zfs, name: str) -> None:
    _change(zfs, ("destroy", name))


def _change(zfs: Zfs, *commands: tuple[str, ...]) -> None:
    for command in commands:
        try:
            zfs.change(*command)
        except ProcessFailed as error:
            raise zfs.explained(error) from error


def sweep(zfs: Zfs, names: Names, rows: tuple[Filesystem, ...]) -> None:
    """Destroy what is in staging, clones before what they are clones of."""
    left = [
        row.name
        for row in rows
        if not row.is_snapshot and row.name.startswith(f"{names.staging}/")
    ]
    while left:
        stays: list[str] = []
        for name in left:
            try:
                zfs.change("destroy", "-r", name)
            except ProcessFailed as error:
                if len(left) == 1 or "clones" not in error.stderr:
                    raise zfs.explained(error) from error
                stays.append(name)
        if stays == left:
            raise zfs.unavailable(f"{', '.join(left)} cannot be destroyed")
        left = stays
