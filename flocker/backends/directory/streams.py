"""Streams of the pool `directory`: the files of a snapshot, as tar(1) packs them.

A stream is a row of chunks, each with four bytes of length before it: what it is of, as
JSON; the archive; and an empty one, after which the SHA-256 of all others stands. For
tar takes an archive that ends early for a whole one.
"""

import hashlib
import struct
from pathlib import Path

from attrs import define, field, frozen

from flocker.backends.folders.values import Cut, NoRoom, says_full
from flocker.model.ids import SnapshotID
from flocker.runtime.piping import Reading, Writing, reading, writing
from flocker.runtime.process import ProcessFailed
from flocker.wire import json_codec

_LENGTH = struct.Struct(">I")
_CHECKSUM = hashlib.sha256().digest_size
LONGEST = 16 * 1024 * 1024
"""Bytes of a chunk."""


@frozen
class Head:
    """What a stream is of."""

    format: int
    identity: SnapshotID


FORMAT = 1


@define(eq=False)
class Packing:
    """A stream that leaves."""

    _program: Reading
    _head: bytes
    _sum: "hashlib._Hash" = field(factory=hashlib.sha256, init=False)
    _ended: bool = field(default=False, init=False)
    _left: bytes = field(default=b"", init=False)

    def read(self, most: int) -> bytes:
        """Give the next part."""
        if not self._left and not self._ended:
            self._left = self._next(most)
        part, self._left = self._left[:most], self._left[most:]
        return part

    def close(self) -> None:
        """Stop."""
        self._program.close()

    def _next(self, most: int) -> bytes:
        if self._head:
            chunk, self._head = self._head, b""
        else:
            try:
                chunk = self._program.read(most)
            except ProcessFailed as error:
                raise Cut(error.stderr or error.words()) from error
        self._ended = not chunk
        self._sum.update(chunk)
        end = self._sum.digest() if self._ended else b""
        return _LENGTH.pack(len(chunk)) + chunk + end


@define(eq=False)
class Unpacking:
    """A stream that enters."""

    _program: Writing
    head: Head | None = field(default=None, init=False)
    whole: bool = field(default=False, init=False)
    _sum: "hashlib._Hash" = field(factory=hashlib.sha256, init=False)
    _buffer: bytearray = field(factory=bytearray, init=False)

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Take the next part."""
        self._buffer += part
        while not self.whole and (chunk := self._chunk()) is not None:
            self._sum.update(chunk)
            if self.head is None:
                self.head = _head(chunk)
            else:
                self._pass_on(chunk)
        if self.whole and self._buffer:
            raise Cut("more came after its end")

    def finish(self) -> None:
        """See that all came, and wait until it is unpacked."""
        if not self.whole or self.head is None:
            raise Cut("it ended early")
        try:
            self._program.finish()
        except ProcessFailed as error:
            raise _explained(error) from error

    def close(self) -> None:
        """Stop."""
        self._program.close()

    def _chunk(self) -> bytes | None:
        """Give the next chunk if it is there, and see the end."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > LONGEST:
            raise Cut("it is no stream of this kind")
        end = _LENGTH.size + (length or _CHECKSUM)
        if len(self._buffer) < end:
            return None
        chunk = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        if length:
            return chunk
        if chunk != self._sum.digest():
            raise Cut("its checksum does not fit")
        self.whole = True
        return None

    def _pass_on(self, chunk: bytes) -> None:
        try:
            self._program.write(chunk)
        except ProcessFailed as error:
            raise _explained(error) from error


def pack(files: Path, identity: SnapshotID) -> Packing:
    """Begin a stream of a directory."""
    head = json_codec.encode(Head(FORMAT, identity))
    return Packing(reading(["tar", "-C", str(files), "-cf", "-", "."]), head)


def unpack(files: Path) -> Unpacking:
    """Begin to fill a directory."""
    return Unpacking(writing(["tar", "-C", str(files), "-xpf", "-"]))


def _head(chunk: bytes) -> Head:
    try:
        head = json_codec.decode(Head, chunk)
    except json_codec.Undecodable as error:
        raise Cut(str(error)) from error
    if head.format != FORMAT:
        raise Cut(f"its format is {head.format}, and {FORMAT} is known")
    return head


def _explained(error: ProcessFailed) -> Cut | NoRoom:
    if says_full(error.stderr):
        return NoRoom(error.stderr)
    return Cut(error.stderr or error.words())
