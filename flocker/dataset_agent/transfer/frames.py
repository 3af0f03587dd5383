"""What two agents say to each other about a dataset that moves, as bytes; pure.

    source                         target
                             <-    ALIVE: your certificate is admitted
    OFFER what is offered    ->
                             <-    HAVE since, packings, unfinished | REFUSED why
    BEGIN what is sent       ->
                             <-    READY | REFUSED why
    DATA ...                 ->
    WHOLE size, checksum     ->
                             <-    ARRIVED identity | REFUSED why
    ASK                      ->
                             <-    HELD identity | REFUSED why

One connection is one visit: one OFFER, then BEGIN and ASK as often as the source wants,
each when the one before is answered. What is refused ends it, but for ASK. Where the
target has the beginning of a stream that was cut, the first BEGIN may be of the rest:
size and checksum of WHOLE are those of the rest then. A frame is a kind, four bytes of
length, and that many bytes: data as it is, else JSON. Both sides send ALIVE from time
to time while the other waits; it says nothing more.
"""

import struct
from enum import Enum
from typing import Final

from attrs import frozen

from flocker.backends.pool_interface import Announced
from flocker.backends.pool_resuming import Unfinished
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, Epoch, MoveNumber, SnapshotID

PROTOCOL: Final = 3
"""Raised with every change of what is said.

1 had no OFFER, HAVE, ASK and HELD; 2 knew nothing of what is unfinished.
"""
LONGEST_DATA: Final = 1024 * 1024
"""Bytes of data that one frame brings at most."""
LONGEST_OFFER: Final = 1024 * 1024
"""Bytes of an offer: enough for the identities of 20,000 snapshots."""
LONGEST_MESSAGE: Final = 16 * 1024

_HEAD = struct.Struct(">cI")
HEAD_SIZE: Final = _HEAD.size


class Kind(Enum):
    """What a frame is."""

    OFFER = b"O"
    HAVE = b"H"
    BEGIN = b"B"
    READY = b"R"
    DATA = b"D"
    WHOLE = b"W"
    ARRIVED = b"A"
    ASK = b"Q"
    HELD = b"K"
    REFUSED = b"X"
    ALIVE = b"L"


_LONGEST = {Kind.DATA: LONGEST_DATA, Kind.OFFER: LONGEST_OFFER}


class Packing(Enum):
    """How data may be packed on its way; nothing is packed unless both sides can."""

    ZSTD = "zstd"


@frozen
class Garbage(FlockerError):
    """The other side does not speak as it should."""

    why: str

    def words(self) -> str:
        """Say what it said."""
        return f"the other agent sent what makes no sense: {self.why}"


@frozen
class Offer:
    """The source tells what it could send, at the beginning of a visit.

    `lineage` are the snapshots that the offered one contains, oldest first, itself
    last. `released` says that the source has let go of the dataset in `epoch`.
    """

    dataset: DatasetID
    epoch: Epoch
    move: MoveNumber
    snapshot: SnapshotID
    lineage: tuple[SnapshotID, ...]
    released: bool = False
    protocol: int = PROTOCOL


@frozen
class Have:
    """The target would take it, as what follows `since`; the whole of it if None.

    `packings` are those that it can unpack. Of a snapshot that was offered it may have
    the beginning, which what follows `since` can go on from.
    """

    since: SnapshotID | None
    packings: tuple[Packing, ...] = ()
    unfinished: Unfinished | None = None


@frozen
class Begin:
    """The source begins to send; `size` is about how many bytes, if it knows.

    That is before they are packed. It may be the rest of what the target has said to
    have the beginning of.
    """

    protocol: int
    dataset: DatasetID
    epoch: int
    announced: Announced
    size: int | None = None
    packing: Packing | None = None
    rest: bool = False


@frozen
class Whole:
    """All was sent: so many bytes, unpacked, with this checksum."""

    size: int
    checksum: str


@frozen
class Arrived:
    """The snapshot is on the target's disk."""

    identity: SnapshotID


@frozen
class Held:
    """This snapshot is on the target's disk, and stays there."""

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
    payload: bytes | bytearray | memoryview = b""


def head(kind: Kind, length: int) -> bytes:
    """Write what comes before the payload of a frame."""
    return _HEAD.pack(kind.value, length)


def parse_head(data: bytes | bytearray) -> tuple[Kind, int]:
    """Read what `head` wrote: kind and length. Raises `Garbage`."""
    letter, length = _HEAD.unpack(data)
    try:
        kind = Kind(letter)
    except ValueError:
        raise Garbage(f"a frame of the kind {letter!r}") from None
    if length > _LONGEST.get(kind, LONGEST_MESSAGE):
        raise Garbage(f"a frame {kind.name} of {length} bytes")
    return kind, length
