"""A ZFS pool is opened: what it must have is made, what was half made goes.

Called by `api` and `configuring`.
"""

from collections.abc import Mapping

from flocker.backends.zfs.commands import DESTROYING, Missing, StillBusy, Zfs
from flocker.backends.zfs.mounting import ZfsMounts
from flocker.backends.zfs.names import FORMAT, MADE_AS, OURS, Names
from flocker.backends.zfs.reading import group
from flocker.backends.zfs.repeating import Repeats
from flocker.backends.zfs.reserving import Reserve
from flocker.backends.zfs.translate import Filesystem, says_gone, says_missing
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.runtime import logging
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


def prepare(
    zfs: Zfs, names: Names, mounts: ZfsMounts, reserve: Reserve
) -> Mapping[DatasetID, str]:
    """Make the parts that are missing, and clean up; give what rests can follow.

    Raises `PoolUnavailable`.
    """
    zfs.check_health()
    try:
        rows = zfs.read(names.top)
    except Missing:
        _create(zfs, names.top, (*_OF_THE_TOP, f"{MADE_AS}={FORMAT}"))
        rows = zfs.read(names.top)
    there = {row.name: row for row in rows}
    alone = len(there) == 1 and not mounts.is_mounted(names.top)
    _check_format(zfs, there[names.top], alone=alone)
    for part in names.parts:
        if part not in there:
            _create(zfs, part, ("canmount=off",))
    if names.reserve in there:
        reserve.held = there[names.reserve].reservation
    for row in rows:
        _tidy(zfs, names, mounts, row)
    _settle(names, Repeats(zfs, mounts, reserve), rows)
    sweep(zfs, names, rows)
    reserve.take()
    return kept_of(names, rows)


def _tidy(zfs: Zfs, names: Names, mounts: ZfsMounts, row: Filesystem) -> None:
    """Undo, or finish, what an agent was killed over."""
    if row.is_snapshot and row.last.startswith(OURS):
        _destroy(zfs, row.name)
    elif names.dataset_of(row.name) is not None and row.repeating is None:
        mounts.leave_root_of(row.name, row.mountpoint)
    elif _is_writable_aside(names, row):
        _change(zfs, ("set", "readonly=on", row.name))


def _settle(names: Names, repeats: Repeats, rows: tuple[Filesystem, ...]) -> None:
    """End what an agent was killed over; what cannot be is in the way of one copy only.

    Who wants to change that tries again, and is told why.
    """
    for found in group(rows):
        live = found.live
        if names.dataset_of(live.name) is None or live.repeating is None:
            continue
        try:
            repeats.end(found)
        except FlockerError as error:
            why = error.words()
            logging.message("flocker:zfs:under-way", filesystem=live.name, why=why)


def _is_writable_aside(names: Names, row: Filesystem) -> bool:
    """Whether an agent was killed right after it set this aside."""
    aside = not row.is_snapshot and names.aside_of(row.name) is not None
    return aside and not row.read_only


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


def kept_of(names: Names, rows: tuple[Filesystem, ...]) -> Mapping[DatasetID, str]:
    """Find what streams that were cut have left, and a rest can follow."""
    found = {
        names.dataset_entering(row.name): row.name
        for row in rows
        if row.token is not None
    }
    return {dataset: name for dataset, name in found.items() if dataset is not None}


def sweep(zfs: Zfs, names: Names, rows: tuple[Filesystem, ...]) -> None:
    """Destroy what is in staging, clones before what they are clones of.

    What others hold, or made clones of, stays: that keeps no dataset from being served.
    """
    kept = kept_of(names, rows).values()
    left = [
        row.name
        for row in rows
        if not row.is_snapshot
        and row.name.startswith(f"{names.staging}/")
        and row.name not in kept
    ]
    why: dict[str, str] = {}
    while left:
        for name in left:
            if said := _try_to_destroy(zfs, name):
                why[name] = said
        stays = [name for name in left if name in why]
        if stays == left:
            break
        left, why = stays, {}
    for name in left:
        logging.message("flocker:zfs:left", filesystem=name, why=why[name])


def _try_to_destroy(zfs: Zfs, name: str) -> str:
    """Destroy it with its snapshots, or say why that cannot be. It is in nobody's way.

    Raises `PoolUnavailable`.
    """
    try:
        zfs.change("destroy", "-r", name, timeout=DESTROYING)
    except ProcessFailed as error:
        if says_gone(error.stderr):
            raise zfs.explained(error) from error
        return "" if says_missing(error.stderr) else error.stderr
    except StillBusy as error:
        return error.said
    return ""
