"""What has befallen the data of a dataset, as the bits of an integer.

The first bits are numbered acknowledged writes, those after them rollbacks. History
only grows, so a smaller set of bits is an older state, and the set is a snapshot's
identity. What the files hold is another thing: after a rollback, what they held at the
snapshot, and what was written since.
"""

from functools import cache

from attrs import frozen

from flocker.model.ids import SnapshotID

_WRITES = 8
"""Bits for writes: more than any story has."""


@frozen
class _Back:
    """A rollback: its number, what the files hold then, the first write after it."""

    number: int
    content: int
    since: int


_BACK: list[_Back] = []
"""Every rollback that was ever tried, in the order of its bits."""


@cache
def snapshot_of(history: int) -> SnapshotID:
    """Name the snapshot of some history."""
    return SnapshotID(f"{history:b}")


def history_of(snapshot: SnapshotID) -> int:
    """Give the history that a snapshot ends."""
    return int(snapshot, 2)


@cache
def lineage_of(snapshot: SnapshotID | None) -> frozenset[SnapshotID]:
    """Name all that a snapshot contains."""
    if snapshot is None:
        return frozenset()
    whole = part = history_of(snapshot)
    found = {snapshot_of(0)}
    while part:
        found.add(snapshot_of(part))
        part = part - 1 & whole
    return frozenset(found)


def gone_back(history: int, number: int, snapshot: SnapshotID) -> int:
    """Give the history that goes on with a rollback."""
    since = (history & (1 << _WRITES) - 1).bit_length()
    back = _Back(number, content_of(history_of(snapshot)), since)
    if back not in _BACK:
        _BACK.append(back)
    return history | 1 << _WRITES + _BACK.index(back)


def rollbacks_in(history: int) -> frozenset[int]:
    """Give the numbers of the rollbacks of a history."""
    return frozenset(back.number for back in _backs(history))


@cache
def content_of(history: int) -> int:
    """Give the writes that the files hold after all that."""
    writes = history & (1 << _WRITES) - 1
    backs = _backs(history)
    if not backs:
        return writes
    last = max(backs, key=lambda back: back.number)
    return last.content | writes >> last.since << last.since


def _backs(history: int) -> list[_Back]:
    found, bits = [], history >> _WRITES
    while bits:
        found.append(_BACK[bits.bit_length() - 1])
        bits ^= 1 << bits.bit_length() - 1
    return found
