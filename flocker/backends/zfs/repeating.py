"""A copy of a ZFS pool becomes what an older snapshot is; used by `api` and `opening`.

Note [Copied back]: ZFS goes back only by destroying what is newer. So the files of the
older snapshot are copied over those of the copy, and a snapshot is taken of that. A
property says that a copy is under way so, where it stood, and which snapshot is to be
added. Whoever finds it and does not copy, as nobody does any more after a crash, lets
the copy be again what its newest snapshot of the two is. Until then the copy is shown
as that already: it becomes nothing else. Both mounts are where only root comes.
"""

from attrs import define

from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.mounting import ZfsMounts
from flocker.backends.zfs.names import REPEATING, WENT_BACK
from flocker.backends.zfs.reading import Found
from flocker.backends.zfs.reserving import Reserve
from flocker.backends.zfs.translate import WRITTEN, Filesystem, gone_back


def under_way(base: Filesystem, name: str) -> str:
    """Write where a copy stood, and the name of what is to be added."""
    return f"{base.guid} {name}"


def newest_of(found: Found) -> Filesystem | None:
    """Find what a copy under way is to be left as; None if somebody destroyed that."""
    base, _, name = (found.live.repeating or "").partition(" ")
    for each in found.snapshots:
        if each.last == name:
            return each
    return next((each for each in found.snapshots if each.guid == base), None)


@define(eq=False)
class Repeats:
    """How copies get there and back; called with the lock of the pool."""

    zfs: Zfs
    mounts: ZfsMounts
    reserve: Reserve

    def begin(self, found: Found, name: str) -> None:
        """Say what the copy is about to be, then let it be written to."""
        live = found.live.name
        what = under_way(found.snapshots[-1], name)
        self.reserve.change("set", f"{REPEATING}={what}", live)
        self.reserve.change("set", "readonly=off", live)

    def end(self, found: Found) -> None:
        """Let a copy be its newest snapshot, and nothing else; again is fine.

        First it makes room: on a full pool an old ZFS sets no property.

        Raises `PoolUnavailable`, `PoolFull`.
        """
        live, newest = found.live.name, newest_of(found)
        if newest is None:
            why = f"{live} was under way to a new snapshot, and what it was is gone"
            raise self.zfs.unavailable(why)
        self.mounts.hide(live)
        if newest is not found.snapshots[-1] or self._written(live) != 0:
            self.reserve.change("rollback", newest.name)
            left = self._written(live)
            if left:
                what = f"{WENT_BACK}={gone_back(newest, left)}"
                self.reserve.change("set", what, live)
        self.reserve.change("set", "readonly=on", live)
        self.reserve.change("inherit", "mountpoint", live)
        self.reserve.change("inherit", REPEATING, live)

    def _written(self, live: str) -> int | None:
        """Ask what was written since the newest snapshot; None where none can say."""
        if not self.zfs.abilities().written:
            return None
        return int(self.zfs.ask("get", "-Hp", "-o", "value", WRITTEN, live))
