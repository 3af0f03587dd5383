"""A TCP connection with TLS that a thread waits for, as long as it takes.

Note [Memory between]: TLS never touches the socket: what it makes of our bytes is put
on the wire by us. So no call of it waits, whoever waits can be woken by `cut` at any
moment, and many records go to the kernel at once. Only one thread at a time reads,
writes or closes; `cut` comes from any.
"""

import select
import socket
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Final, cast

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from flocker.dataset_agent.transfer.belts import Part

TURN: Final = 128 * 1024
"""Bytes that are made to records, and put on the wire, at a time."""
RECORD: Final = 16 * 1024
"""Bytes of the longest record of TLS."""
INCOMING: Final = 256 * 1024
"""Bytes that are taken from the kernel at a time."""


class Ended(Exception):
    """No more comes: the other side closed the connection, or somebody here cut it."""


class Party:
    """What the examiners of certificates ask of a connection, and tell it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reason: Failure | None = None

    def getPeer(self) -> IPv4Address | IPv6Address:
        """Give the other side's address, for the words of a refusal."""
        kind = IPv6Address if ":" in self._host else IPv4Address
        return kind("TCP", self._host, self._port)

    @property
    def refusal(self) -> BaseException | None:
        """Why we refused the other side's certificate."""
        return None if self._reason is None else self._reason.value


class SecureSocket:
    """See Note [Memory between]. `connection` is TLS without a socket.

    Made by `as_client` and `as_server`.
    """

    def __init__(
        self, connected: socket.socket, party: Party, connection: SSL.Connection
    ) -> None:
        connected.setblocking(False)  # noqa: FBT003
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self._party = party
        self._tls = connection
        self._lock = Lock()
        self._closed = False
        self._ended = False
        self._cut = False
        self._raw = memoryview(bytearray(INCOMING))
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)

    def getPeerCertificate(self) -> X509 | None:
        """Give the certificate that was examined, after the handshake."""
        return self._tls.get_peer_certificate()

    def shake_hands(self, seconds_left: Callable[[], float]) -> None:
        """Prove who we are, and learn who is there.

        Raises `SSL.Error`, `PeerRefused`, `Ended`, `TimeoutError`, `OSError`.
        """
        while True:
            try:
                self._tls.do_handshake()
            except SSL.WantReadError:
                self._put_all(seconds_left)
                if not self.listen(seconds_left()):
                    raise TimeoutError("no TLS handshake within its time") from None
            except SSL.Error:
                self._put_all(seconds_left)  # the alert that tells why
                if self._party.refusal is not None:
                    raise self._party.refusal from None
                raise
            else:
                self._put_all(seconds_left)
                return

    def write(self, parts: Iterable[Part], waiting: Callable[[], float]) -> None:
        """Send all of it.

        Before each wait for room `waiting` is called: it gives the seconds to wait, or
        raises. Raises `Ended`, `OSError`.
        """
        made = 0
        for part in parts:
            left = memoryview(part)
            while left:
                size = self._tls.send(left[: TURN - made])
                left, made = left[size:], made + size
                if made >= TURN:
                    self._put_all(waiting)
                    made = 0
        self._put_all(waiting)

    def listen(self, seconds: float) -> bool:
        """Wait so long until something came; say whether it did.

        Raises `Ended` when nothing comes any more, and `OSError`.
        """
        try:
            size = self._take()
        except BlockingIOError:
            if seconds <= 0 or not self._wait(select.POLLIN, seconds):
                self._check()
                return False
            try:
                size = self._take()
            except BlockingIOError:
                return False
        if size == 0:
            self._ended = True
            raise Ended
        left = self._raw[:size]
        while left:
            left = left[self._tls.bio_write(left) :]
        return True

    def read(self, into: memoryview) -> int:
        """Put what came and is understood there; give how much, 0 for nothing yet.

        Raises `Ended` after the other side's last word, and `SSL.Error`.
        """
        size, most, receive = 0, len(into), self._tls.recv_into
        try:
            while size < most:
                size += receive(into[size : size + RECORD])
        except SSL.WantReadError:
            return size
        except SSL.ZeroReturnError:
            if size:
                return size
            self._ended = True
            raise Ended from None
        return size

    def cut(self) -> None:
        """End it now: whoever waits is woken. From any thread; again is fine."""
        with self._lock:
            self._cut = True
            if not self._closed:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:  # it has ended already
                    return

    def say_last(self) -> None:
        """Tell the other side that nothing more comes, if that goes at once."""
        try:
            _ = self._tls.shutdown()
            _ = self._socket.send(self._tls.bio_read(TURN))
            self._socket.shutdown(socket.SHUT_WR)
        except (SSL.Error, OSError):  # it hears the end of the connection then
            return

    def close(self) -> None:
        """Give the socket back; again is fine."""
        with self._lock:
            self._closed = True
            self._socket.close()

    # What these are made of

    def _take(self) -> int:
        self._check()
        return self._socket.recv_into(self._raw)

    def _put_all(self, waiting: Callable[[], float]) -> None:
        """Put on the wire what TLS wants to have there."""
        more = True
        while more:
            try:
                records = self._tls.bio_read(2 * TURN)
            except SSL.WantReadError:
                return
            self._put(memoryview(records), waiting)
            more = len(records) == 2 * TURN

    def _put(self, left: memoryview, waiting: Callable[[], float]) -> None:
        while left:
            self._check()
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                seconds = waiting()
                if seconds <= 0:
                    raise TimeoutError("no room on the connection in time") from None
                _ = self._wait(select.POLLOUT, seconds)

    def _wait(self, events: int, seconds: float) -> bool:
        self._poll.modify(self._socket, events)
        return bool(self._poll.poll(seconds * 1000))

    def _check(self) -> None:
        if self._cut or self._closed:
            raise Ended


def as_client(
    connected: socket.socket, tls: IOpenSSLClientConnectionCreator
) -> SecureSocket:
    """Let TLS begin on a connection that we dialled. Raises `OSError`."""
    party = Party(*connected.getpeername()[:2])
    connection = tls.clientConnectionForTLS(cast(TLSMemoryBIOProtocol, party))
    connection.set_connect_state()
    return SecureSocket(connected, party, connection)


def as_server(
    connected: socket.socket, tls: IOpenSSLServerConnectionCreator
) -> SecureSocket:
    """Let TLS begin on a connection that was accepted. Raises `OSError`."""
    party = Party(*connected.getpeername()[:2])
    connection = tls.serverConnectionForTLS(cast(TLSMemoryBIOProtocol, party))
    connection.set_accept_state()
    return SecureSocket(connected, party, connection)
