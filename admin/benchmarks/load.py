"""Requests over TLS keep-alive connections, as fast as they are answered or at a rate.

One thread with non-blocking sockets: it must cost less than the service it drives.
"""

import selectors
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import define, field, frozen

CHUNK = 256 * 1024
WITHIN = 60.0
"""Seconds that an answer may take."""


@frozen
class Load:
    """What came of some requests: seconds of each, in order of length; all seconds.

    `began` is on CLOCK_MONOTONIC.
    """

    each: tuple[float, ...]
    seconds: float
    began: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.each) / self.seconds

    def percentile(self, percent: float) -> float:
        """Give the milliseconds in which so many of a hundred were answered."""
        return percentile(self.each, percent) * 1e3


def percentile(ordered: tuple[float, ...], percent: float) -> float:
    """Give the value that `percent` of the values, in order, do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Write a request; an underscore in a header's name stands for a hyphen."""
    lines = [f"{method} {path} HTTP/1.1", "Host: control-service"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def tls(certificates: Path) -> ssl.SSLContext:
    """Make the context of a user's client."""
    context = ssl.create_default_context(cafile=str(certificates / "cluster.crt"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_cert_chain(certificates / "user.crt", certificates / "user.key")
    return context


class Client:
    """Some connections to one port."""

    def __init__(self, certificates: Path, port: int, connections: int) -> None:
        context = tls(certificates)
        self._connections = [
            _Connection.open(context, port) for _ in range(connections)
        ]

    def close(self) -> None:
        """Let go of the connections."""
        for connection in self._connections:
            connection.socket.close()

    def ask(self, text: bytes, status: int = 200) -> bytes:
        """Ask one thing; give the body of the answer."""
        _ = self.load(iter([text]), status)
        return self._last.body

    @property
    def head(self) -> str:
        """The head of the answer to what was asked last."""
        return self._last.head.decode("ascii")

    @property
    def sent_at(self) -> float:
        """When that was sent (CLOCK_MONOTONIC)."""
        return self._last.sent_at

    @property
    def _last(self) -> "_Connection":
        return max(self._connections, key=lambda each: each.sent_at)

    def load(
        self, requests: Iterator[bytes], status: int = 200, rate: float | None = None
    ) -> Load:
        """Send requests until there are none, each when a connection is free for it.

        With a `rate`, not more than so many a second; a request's time counts from the
        moment it should have been sent at.
        """
        run = _Run(requests, status, rate)
        with selectors.DefaultSelector() as selector:
            for connection in self._connections:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            run.go(selector, self._connections)
        seconds = time.monotonic() - run.began
        return Load(tuple(sorted(run.each)), seconds, run.began)


@define(eq=False)
class _Connection:
    socket: ssl.SSLSocket
    sent_at: float = 0.0
    received: bytearray = field(factory=bytearray)
    needed: int | None = None
    """Bytes of head and body, once the head is there."""
    head: bytes = b""
    body: bytes = b""

    @classmethod
    def open(cls, context: ssl.SSLContext, port: int) -> "_Connection":
        plain = socket.create_connection(("127.0.0.1", port), WITHIN)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        secured = context.wrap_socket(plain, server_hostname="127.0.0.1")
        secured.settimeout(0)
        return cls(secured)

    def send(self, text: bytes, at: float) -> None:
        self.sent_at = at
        if self.socket.send(text) != len(text):
            raise SystemExit("a request is larger than a socket takes at once")

    def take(self) -> bool:
        """Read what has come; say whether the answer is whole."""
        try:
            while data := self.socket.recv(CHUNK):
                self.received += data
                if self._whole():
                    return True
        except ssl.SSLWantReadError:
            return False
        raise SystemExit(f"the connection was closed after {bytes(self.received)!r}")

    def _whole(self) -> bool:
        if self.needed is None:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.head = bytes(self.received[: end + 4])
            self.needed = end + 4 + _length(self.head)
        if len(self.received) < self.needed:
            return False
        self.body = bytes(self.received[len(self.head) : self.needed])
        self.received.clear()
        self.needed = None
        return True


def _length(head: bytes) -> int:
    lower = head.lower()
    _, found, rest = lower.partition(b"content-length:")
    if found:
        return int(rest.partition(b"\r\n")[0])
    if b" 304 " in lower[:16]:
        return 0
    raise SystemExit(f"an answer without a length: {head!r}")


class _Run:
    def __init__(
        self, requests: Iterator[bytes], status: int, rate: float | None
    ) -> None:
        self._requests = requests
        self._status = b"HTTP/1.1 %d " % status
        self._rate = rate
        self.each: list[float] = []
        self.began = time.monotonic()
        self._sent = 0

    def go(
        self, selector: selectors.BaseSelector, connections: list[_Connection]
    ) -> None:
        free = list(connections)
        under_way = 0
        text = next(self._requests, None)
        while under_way or text is not None:
            while free and text is not None and self._due() <= time.monotonic():
                free.pop().send(text, self._due() if self._rate else time.monotonic())
                self._sent += 1
                under_way += 1
                text = next(self._requests, None)
            waits = free and text is not None
            patience = max(0.0, self._due() - time.monotonic()) if waits else WITHIN
            ready = selector.select(patience)
            if not ready and not waits:
                raise SystemExit(f"no answer within {WITHIN:.0f} s")
            for key, _ in ready:
                if self._taken(key.data):
                    free.append(key.data)
                    under_way -= 1

    def _due(self) -> float:
        return self.began + (self._sent / self._rate if self._rate else 0.0)

    def _taken(self, connection: _Connection) -> bool:
        if not connection.take():
            return False
        self.each.append(time.monotonic() - connection.sent_at)
        if not connection.head.startswith(self._status):
            raise SystemExit(
                f"unexpected: {connection.head!r}{connection.body[:300]!r}"
            )
        return True
