"""Server-sent events, understood as their bytes come in (HTML standard, 9.2.6); pure.

Read by `flocker.client.streaming`.
"""

import json
import re
from collections.abc import Iterator

from attrs import frozen

from flocker.client.interface import Event
from flocker.model.errors import FlockerError

LONGEST = 1024 * 1024
"""Bytes of one event, and of one line; Flocker's are a few thousand at most."""

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A CR at the end may be half of CR LF: the rest tells."""


@frozen
class NotEvents(FlockerError):
    """What was sent is no stream of events with JSON in them."""

    why: str

    def words(self) -> str:
        """Say what is wrong."""
        return f"not a stream of events: {self.why}"


class EventParser:
    """Takes bytes as they come, cut anywhere, and gives the events that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take some bytes; gives the events that they end. Raises `NotEvents`."""
        *lines, self._rest = _LINE_END.split(self._rest + data)
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event
        if len(self._rest) + self._size > LONGEST:
            raise NotEvents(f"an event of more than {LONGEST} bytes")

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._whole()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id":
            self._id = value.decode("utf-8", "replace")
        elif name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
            self._size += len(value)
        return None

    def _whole(self) -> Event | None:
        kind, data = self._kind, b"\n".join(self._data)
        self._kind, self._data, self._size = "", [], 0
        if not data:
            return None
        try:
            return Event(self._id, kind or "message", json.loads(data))
        except (ValueError, RecursionError) as error:
            raise NotEvents(f"its data is no JSON: {error}") from error
