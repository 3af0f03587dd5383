"""A node's record of a pool dataset as the pool keeps it: one JSON value, numbered.

Pools store these bytes beside the filesystem and understand nothing of them.
"""

from attrs import frozen

from flocker.model.pools import Record
from flocker.wire import json_codec
from flocker.wire.json_codec import Undecodable

FORMAT = 3
"""The number of this format; a record of another is not half understood.

Those of format 1 have nothing of rollbacks, and of format 2 nothing of users' snapshots
that were deleted.
"""
KNOWN = frozenset({1, 2, FORMAT})
"""The formats that are read."""


@frozen
class _Kept:
    format: int
    record: Record


def encode(record: Record) -> bytes:
    """Write a record."""
    return json_codec.encode(_Kept(FORMAT, record))


def decode(data: bytes) -> Record:
    """Read a record. Raises `Undecodable`."""
    number = json_codec.understand(int, data, _format)
    if number not in KNOWN:
        *others, last = map(str, sorted(KNOWN))
        known = f"{', '.join(others)} and {last}"
        raise Undecodable("Record", f"its format is {number}, and {known} are known")
    return json_codec.decode(_Kept, data).record


def _format(plain: object) -> int:
    match plain:
        case {"format": int() as number}:
            return number
        case _:
            raise ValueError("it does not say in which format it is")
