"""The pool `zfs`, as agent.yml names it, with what its version of ZFS can do."""

from flocker.backends.pool_errors import PoolUnavailable
from flocker.backends.zfs.api import ZfsPool
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.mounting import ZfsMounts
from flocker.backends.zfs.names import LONGEST_POOL, Names, is_pool_name
from flocker.backends.zfs.opening import prepare
from flocker.backends.zfs.reserving import Reserve
from flocker.backends.zfs.resuming import ResumingZfsPool

DEFAULT_POOL = "flocker"
"""As the first Flocker's."""
NO_NAME = (
    "it should be the name of a ZFS pool, or of a filesystem of one such as tank/data,"
    f" of at most {LONGEST_POOL} letters"
)


def configure_zfs(pool: str) -> ZfsPool:
    """Open a pool by its name in agent.yml. Raises `PoolUnavailable`."""
    if not is_pool_name(pool):
        raise PoolUnavailable(pool, NO_NAME)
    return open_zfs(Zfs(pool))


def open_zfs(zfs: Zfs) -> ZfsPool:
    """Open the pool, making what it lacks. Raises `PoolUnavailable`."""
    names = Names(zfs.pool)
    mounts, reserve = ZfsMounts(zfs), Reserve(zfs, names)
    kept = prepare(zfs, names, mounts, reserve)
    if zfs.abilities().resumes:
        return ResumingZfsPool(zfs, names, mounts, reserve, dict(kept))
    return ZfsPool(zfs, names, mounts, reserve)
