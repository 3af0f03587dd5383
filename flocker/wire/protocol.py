"""The agents' protocol: its number, its payloads, and how these fit into AMP boxes.

A payload is JSON and may be larger than a box; it travels in parts of at most
`PART_SIZE` bytes and is applied when the last one has come. Pure.
"""

from collections.abc import Iterator

from attrs import frozen

from flocker.model.cluster import Assignment, Fact, Volume
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID

PROTOCOL = 11
"""The number of this protocol; both sides must speak the same."""

PART_SIZE = 12 * 1024
"""Bytes of payload in a box: with its other keys a box stays below 16 KiB."""

LARGEST_PAYLOAD = 64 * 1024 * 1024
"""Bytes that a receiver puts together before it gives up on the sender."""


@frozen
class Slice:
    """What changed for an agent, or (`full`) all there is for it.

    With `stand_down` all of it is: let go of everything. It is confirmed when that is
    done, and nothing else comes before.
    """

    full: bool
    changed: tuple[Assignment, ...] = ()
    gone: tuple[DatasetID, ...] = ()
    stand_down: bool = False


@frozen
class AgedFact:
    """A fact and for how many seconds it has been so when it was sent."""

    fact: Fact
    age: float


@frozen
class Report:
    """What changed of an agent's facts, or (`full`) all it knows."""

    full: bool
    changed: tuple[AgedFact, ...] = ()
    gone: tuple[DatasetID, ...] = ()


@frozen
class Listing:
    """All volumes of one backend."""

    volumes: tuple[Volume, ...]


@frozen
class OutOfOrder(FlockerError):
    """Parts of a payload did not come one after the other, or were too many."""

    got: int
    expected: int
    parts: int

    def words(self) -> str:
        """Name the parts."""
        return f"part {self.got} of {self.parts} came where {self.expected} was due"


def split(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Cut a payload into (part, parts, bytes), parts counted from 1."""
    parts = max(1, -(-len(payload) // PART_SIZE))
    for part in range(1, parts + 1):
        yield part, parts, payload[(part - 1) * PART_SIZE : part * PART_SIZE]


class Assembler:
    """Puts the parts of payloads together again."""

    def __init__(self) -> None:
        self._received: list[bytes] = []
        self._parts = 0

    def add(self, part: int, parts: int, data: bytes) -> bytes | None:
        """Take the next part; give the payload when it was the last.

        Raises `OutOfOrder`; then the payload is to be sent again from its beginning.
        """
        if part == 1:
            self._received.clear()
            self._parts = parts
        due = len(self._received) + 1
        fits = len(data) <= PART_SIZE and parts <= LARGEST_PAYLOAD // PART_SIZE
        if not (part == due <= parts == self._parts and fits):
            self._received.clear()
            raise OutOfOrder(part, due, parts)
        self._received.append(data)
        if part < parts:
            return None
        payload = b"".join(self._received)
        self._received.clear()
        return payload
