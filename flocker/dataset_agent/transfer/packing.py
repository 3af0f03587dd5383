"""Packs data before it is sent, and unpacks it, by a program.

For slow lines: on a fast one the program takes longer than the bytes that it saves. The
checksum is of what is unpacked.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Condition
from typing import Final

from attrs import frozen

from flocker.backends.pool_interface import IIncoming, IOutgoing
from flocker.dataset_agent.transfer.belts import Part, Work
from flocker.dataset_agent.transfer.checksums import Checksum
from flocker.dataset_agent.transfer.frames import Packing, Whole
from flocker.runtime.piping import filtering
from flocker.runtime.process import ProcessFailed, ProgramMissing, find_program

_LOAD: Final = 256 * 1024
"""Bytes that are given to the program at a time, or taken from it."""


@frozen
class _Programs:
    pack: tuple[str, ...]
    unpack: tuple[str, ...]


_PROGRAMS: Mapping[Packing, _Programs] = {
    Packing.ZSTD: _Programs(("zstd", "-q", "-1", "-c"), ("zstd", "-q", "-d", "-c"))
}


def packings() -> tuple[Packing, ...]:
    """Give how this node can pack and unpack."""
    return tuple(kind for kind, each in _PROGRAMS.items() if _is_here(each.pack[0]))


def _is_here(program: str) -> bool:
    try:
        _ = find_program(program)
    except ProgramMissing:
        return False
    return True


class CountedOut:
    """A stream that leaves, and what was read of it."""

    def __init__(self, stream: IOutgoing) -> None:
        self._stream = stream
        self._checksum = Checksum()
        self.size = 0

    def read(self, most: int) -> bytes:
        """Give the next part."""
        part: bytes = self._stream.read(most)
        self._checksum.add(part)
        self.size += len(part)
        return part

    def whole(self) -> Whole:
        """Say what was read, once."""
        return Whole(self.size, self._checksum.text())


class CountedIn:
    """A stream that enters, and what was written to it."""

    def __init__(self, stream: IIncoming) -> None:
        self._stream = stream
        self._checksum = Checksum()
        self.size = 0

    def write(self, part: Part) -> None:
        """Write the next part."""
        self._checksum.add(part)
        self._stream.write(part)
        self.size += len(part)

    def whole(self) -> Whole:
        """Say what was written, once."""
        return Whole(self.size, self._checksum.text())


class Filtered:
    """What a program makes of what `source` gives until that gives nothing.

    A thread writes to the program; who reads is told what that thread has met.
    """

    def __init__(self, argv: tuple[str, ...], source: Callable[[], Part]) -> None:
        self._program = filtering(argv)
        self._source = source
        self._changed = Condition()
        self._feeding = Work(self._changed, "transfer-packing", self._feed)

    def read(self, most: int) -> bytes:
        """Give the next part. Raises `ProcessFailed`, and what the source raises."""
        try:
            part = self._program.read(most)
        except ProcessFailed:
            self._fed()
            raise
        if not part:
            self._fed()
        return part

    def close(self) -> None:
        """End the program; the source must have ended, or end now."""
        self._program.kill()
        with self._changed:
            _ = self._changed.wait_for(self._feeding.is_done)
        self._program.close()

    def _fed(self) -> None:
        with self._changed:
            _ = self._changed.wait_for(self._feeding.is_done)
        self._feeding.result()

    def _feed(self) -> None:
        try:
            while part := self._source():
                self._program.write(part)
            self._program.end_input()
        except BaseException:
            self._program.kill()
            raise


def packed(counted: CountedOut, packing: Packing) -> Filtered:
    """Pack what is read of a stream."""
    return Filtered(_PROGRAMS[packing].pack, lambda: counted.read(_LOAD))


def unpack(parts: Iterator[Part], counted: CountedIn, packing: Packing) -> None:
    """Unpack what comes, part by part. Raises what both ends raise."""
    source = Filtered(_PROGRAMS[packing].unpack, lambda: next(parts, b""))
    try:
        while part := source.read(_LOAD):
            counted.write(part)
    finally:
        source.close()
