"""Whether a filesystem is its newest snapshot, tried where no property tells.

Called by `api` for filesystems that nobody has mounted.
"""

from uuid import uuid4

from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.names import OURS
from flocker.backends.zfs.reading import Found
from flocker.backends.zfs.records import SIZE
from flocker.runtime.process import ProcessFailed

_NOTHING = 2 * SIZE
"""Bytes of a stream of no change: its first and its last record."""


def was_written(zfs: Zfs, found: Found) -> bool:
    """Take a snapshot, and see whether a stream from the newest to it holds anything.

    Raises `PoolUnavailable`, `PoolFull`.
    """
    probe = f"{found.live.name}@{OURS}{uuid4()}"
    try:
        zfs.change("snapshot", probe)
        try:
            return _size(zfs, found.snapshots[-1].last, probe) != _NOTHING
        finally:
            zfs.change("destroy", probe)
    except ProcessFailed as error:
        raise zfs.explained(error) from error


def _size(zfs: Zfs, base: str, snapshot: str) -> int:
    """Give the bytes of a stream, as far as it matters."""
    stream = zfs.sending("-i", base, snapshot)
    size = 0
    try:
        while size <= _NOTHING and (part := stream.read(2 * _NOTHING)):
            size += len(part)
    finally:
        stream.close()
    return size
