"""What two agents say to each other while a snapshot moves, as bytes and back; pure.

    source                         target
    BEGIN what is offered    ->
                             <-    READY | REFUSED why
    DATA ...                 ->
    WHOLE size, checksum     ->
                             <-    ARRIVED identity | REFUSED why

A frame is its kind, four bytes of length, and that many bytes: data as it is, else
JSON. Both sides send ALIVE from time to time; it says nothing more.
"""

import struct
from enum import Enum

from attrs import frozen

from flocker.backends.pool_interface import Announced
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, SnapshotID

PROTOCOL = 1
"""Raised with every change of what is said."""
LONGEST_DATA = 1024 * 1024
"""Bytes of data that one frame brings at most."""
LONGEST_MESSAGE = 16 * 1024

_HEAD = struct.Struct(">cI")


class Kind(Enum):
    """What a frame is."""

    BEGIN = b"B"
    READY = b"R"
    DATA = b"D"
    WHOLE = b"W"
    ARRIVED = b"A"
    REFUSED = b"X"
    ALIVE = b"L"


@frozen
class Garbage(FlockerError):
    """The other side does not speak as it should."""

    why: str

    def words(self) -> str:
        """Say what it said."""
        return f"the other agent sent what makes no sense: {self.why}"


@frozen
class Begin:
    """The source offers a snapshot; `size` is about how many bytes, if it knows."""

    protocol: int
    dataset: DatasetID
    epoch: int
    announced: Announced
    size: int | None = None


@frozen
class Whole:
    """All was sent: so many bytes, with this SHA-256."""

    size: int
    checksum: str


@frozen
class Arrived:
    """The snapshot is on the target's disk."""

    identity: SnapshotID


@frozen
class Refused:
    """The target does not want it, or could not take it."""

    code: str
    words: str


@frozen
class Frame:
    """One frame."""

    kind: Kind
    payload: bytes = b""


def head(kind: Kind, length: int) -> bytes:
    """Write what comes before the payload of a frame."""
    return _HEAD.pack(kind.value, length)


class Reader:
    """Puts frames together from what comes in parts of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def add(self, data: bytes) -> list[Frame]:
        """Give the frames that are complete now. Raises `Garbage`."""
        self._buffer += data
        found, start = [], 0
        while len(self._buffer) - start >= _HEAD.size:
            letter, length = _HEAD.unpack_from(self._buffer, start)
            kind = _kind(letter, length)
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            found.append(Frame(kind, bytes(self._buffer[start + _HEAD.size : end])))
            start = end
        del self._buffer[:start]
        return found


def _kind(letter: bytes, length: int) -> Kind:
    try:
        kind = Kind(letter)
    except ValueError:
        raise Garbage(f"a frame of the kind {letter!r}") from None
    longest = LONGEST_DATA if kind is Kind.DATA else LONGEST_MESSAGE
    if length > longest:
        raise Garbage(f"a frame {kind.name} of {length} bytes")
    return kind
