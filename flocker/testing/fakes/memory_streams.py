"""The streams of pools in memory: one JSON value with a checksum. For `memory_pool`."""

import hashlib
import json
from collections.abc import Callable, Mapping

from attrs import define, field
from zope.interface import implementer

from flocker.backends.pool_errors import StreamBroken, WrongSnapshot
from flocker.backends.pool_interface import Announced, IIncoming, IOutgoing
from flocker.model.ids import DatasetID, SnapshotID

Files = Mapping[str, bytes]
Changes = Mapping[str, bytes | None]
"""Contents of files; None for those that went."""

_CHECKSUM = hashlib.sha256().digest_size


def encode_stream(
    snapshot: SnapshotID, base: SnapshotID | None, changes: Changes
) -> bytes:
    """Write a stream."""
    files = {
        name: None if content is None else content.hex()
        for name, content in changes.items()
    }
    content = json.dumps([snapshot, base, files]).encode()
    return content + hashlib.sha256(content).digest()


def decode_stream(stream: bytes) -> tuple[SnapshotID, SnapshotID | None, Changes]:
    """Read a stream. Raises `ValueError`."""
    content, checksum = stream[:-_CHECKSUM], stream[-_CHECKSUM:]
    if hashlib.sha256(content).digest() != checksum:
        raise ValueError("its checksum does not fit")
    snapshot, base, files = json.loads(content)
    changes = {
        name: None if text is None else bytes.fromhex(text)
        for name, text in files.items()
    }
    return snapshot, base, changes


def apply_changes(files: Files, changes: Changes) -> Files:
    """Give the files as they are after the changes."""
    after = {**files, **changes}
    return {name: content for name, content in after.items() if content is not None}


@implementer(IOutgoing)
@define(eq=False)
class MemoryOutgoing:
    """A stream that leaves; `ended` is called once, when it has."""

    _stream: bytes
    _ended: Callable[[], None]
    _given: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)

    def read(self, most: int) -> bytes:
        """Give the next part."""
        part = self._stream[self._given : self._given + most]
        self._given += len(part)
        if not part:
            self.close()
        return part

    def close(self) -> None:
        """Stop."""
        if not self._closed:
            self._closed = True
            self._ended()


@implementer(IIncoming)
@define(eq=False)
class MemoryIncoming:
    """A stream that enters; what came of it is not on the disk before the end."""

    dataset: DatasetID
    announced: Announced
    _accept: Callable[[DatasetID, Announced, Changes, bytes], None]
    _parts: list[bytes] = field(factory=list, init=False)
    _closed: bool = field(default=False, init=False)

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Keep the part."""
        if self._closed:
            raise StreamBroken(self.dataset, "it was aborted")
        self._parts.append(bytes(part))

    def finish(self, record: bytes) -> SnapshotID:
        """Read it, and give it to the pool."""
        if self._closed:
            raise StreamBroken(self.dataset, "it was aborted")
        self._closed = True
        try:
            arrived, base, changes = decode_stream(b"".join(self._parts))
        except ValueError as error:
            raise StreamBroken(self.dataset, str(error)) from error
        if arrived != self.announced.identity:
            raise WrongSnapshot(self.dataset, self.announced.identity, arrived)
        if base != self.announced.base:
            raise StreamBroken(self.dataset, f"it follows {base}")
        self._accept(self.dataset, self.announced, changes, record)
        return arrived

    def abort(self) -> None:
        """Forget all."""
        self._closed = True
        self._parts.clear()
