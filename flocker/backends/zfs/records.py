"""The first and the last record of a ZFS stream; pure. Called by `streams`.

A stream of one snapshot begins with a record that names it, and what it follows, by
their guids, and ends with one that has the checksum of all; nothing is done with what
came before that was read. The layout is that of ``dmu_replay_record`` in
``sys/zfs_ioctl.h``, in the byte order of the sender; it is the same since 2005.
"""

import struct
from typing import Final

from attrs import frozen

from flocker.model.ids import SnapshotID

SIZE: Final = 312
"""Bytes of a record."""

_BEGIN, _END = 0, 5
_MAGIC = 0x2F5BACBAC
_OF_ONE, _KINDS = 1, 3
"""What the version says of a stream of one snapshot, without properties."""
_LAYOUT = "IIQQQIIQQ256s"
_ORDERS = "<>"


@frozen
class Begin:
    """What a stream says it brings; `base` is None if it brings the whole of it."""

    identity: SnapshotID
    base: SnapshotID | None


def parse_begin(record: bytes) -> Begin | None:
    """Read the first record; None if it is no stream's of one snapshot alone.

    Others bring properties: a copy's record must not travel.
    """
    for order in _ORDERS:
        kind, _payload, magic, version, *_rest, to, since, _name = struct.unpack_from(
            order + _LAYOUT, record
        )
        if (kind, magic, version & _KINDS) == (_BEGIN, _MAGIC, _OF_ONE):
            base = SnapshotID(str(since)) if since else None
            return Begin(SnapshotID(str(to)), base)
    return None


def is_end(record: bytes) -> bool:
    """Whether it is the last record of a stream, from the looks of it."""
    if len(record) != SIZE:
        return False
    return _END in {struct.unpack_from(f"{order}I", record)[0] for order in _ORDERS}
