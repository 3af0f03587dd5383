"""How long a stream is, by what ZFS has counted already. Called by `parts`.

Note [What is now]: ``zfs send`` estimates only from snapshots. How much was written to
a filesystem since one of them says the property ``written@``. Where there is none it is
what the filesystem has more than the snapshot, and what it has no more: the snapshot
alone holds some of that, and all snapshots together hold as much or more; a clone's
may be held by its origin. All count what is on disk: a stream that is not sent
compressed is longer, as the whole is.
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from flocker.backends.pool_interface import Estimate
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.translate import UNSET, Filesystem, parse_pairs

COMPRESSED: Final = "-c"
LOGICAL: Final = "logicalreferenced"
OF_SNAPSHOTS: Final = "usedbysnapshots"


def of_snapshot(
    zfs: Zfs, snapshot: Filesystem, base: Filesystem | None
) -> Estimate | None:
    """Let ``zfs send`` say it; where it cannot, what the snapshot holds is the most."""
    if not zfs.abilities().estimates:
        return Estimate(snapshot.referenced, at_most=base is not None)
    follows = () if base is None else ("-i", base.name)
    size = zfs.estimate(*follows, snapshot.name)
    return None if size is None else Estimate(size)


def of_now(zfs: Zfs, live: Filesystem, base: Filesystem | None) -> Estimate:
    """Ask what was written; see Note [What is now]."""
    able = zfs.abilities()
    since = None if base is None else f"written@{base.last}"
    asked = (*([LOGICAL] if able.logical else []), OF_SNAPSHOTS)
    if since is not None and able.written:
        asked = (*asked, since)
    said = _numbers(zfs, live.name, asked)
    if base is None:
        found_out = Estimate(live.referenced)
    elif since is not None and since in said:
        found_out = Estimate(said[since])
    else:
        found_out = written(live, base, said[OF_SNAPSHOTS])
    if COMPRESSED in able.send_options or not live.referenced:
        return found_out
    whole = max(said.get(LOGICAL, 0), live.referenced)
    return evolve(found_out, size=found_out.size * whole // live.referenced)


def written(live: Filesystem, base: Filesystem, of_snapshots: int) -> Estimate:
    """Find out how much was written, by what is used where; see Note [What is now]."""
    more = live.referenced - base.referenced
    if live.origin is not None or more + of_snapshots > live.referenced:
        return Estimate(live.referenced, at_most=True)
    return Estimate(max(0, more + of_snapshots), at_most=of_snapshots != base.used)


def _numbers(zfs: Zfs, name: str, properties: tuple[str, ...]) -> Mapping[str, int]:
    """Read properties that are bytes; what a filesystem lacks is left out."""
    text = zfs.ask("get", "-Hp", "-o", "property,value", ",".join(properties), name)
    return {key: int(value) for key, value in parse_pairs(text) if value != UNSET}
