"""What an agent serves to the agents of other nodes.

Note [Handshakes]: whoever reaches the port can begin one, and each takes a thread. When
too many are under way the oldest is cut: one that is honest is over in milliseconds. So
strangers that say nothing keep nobody out, and the agent itself never waits for one.
"""

import socket
from collections.abc import Callable
from functools import partial
from threading import Lock
from time import monotonic
from typing import Final, cast

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection

from flocker.ca.contexts import peer_identity
from flocker.ca.handshake import PeerRefused
from flocker.dataset_agent.transfer.channel import (
    PATIENCE,
    Channel,
    Patience,
)
from flocker.dataset_agent.transfer.frames import Kind, Refused
from flocker.dataset_agent.transfer.receiving import Receiver
from flocker.dataset_agent.transfer.secured import Ended, SecureSocket, as_server
from flocker.model.errors import FlockerError
from flocker.runtime import logging
from flocker.runtime.listening import listen_plainly
from flocker.runtime.reactor import IReactor
from flocker.runtime.threads import Threads

MOST_HANDSHAKES: Final = 16
MOST_SERVED: Final = 16
"""Connections of nodes that are served at a time."""

NO_HANDSHAKE: Final = (SSL.Error, PeerRefused, Ended, OSError)
"""What ends a handshake, `TimeoutError` included."""


@frozen
class TooManyTransfers(FlockerError):
    """As many nodes as can be served are being served."""

    most: int

    def words(self) -> str:
        """Say how many."""
        return f"it serves {self.most} transfers already"


class Guests:
    """Those who are connected, by what they may; see Note [Handshakes]."""

    def __init__(self) -> None:
        self._one = Lock()
        self._strangers: dict[SecureSocket, None] = {}
        self._nodes: set[SecureSocket] = set()

    def enter(self, wire: SecureSocket) -> None:
        """Let somebody begin a handshake, at the cost of whoever takes longest."""
        with self._one:
            self._strangers[wire] = None
            full = len(self._strangers) > MOST_HANDSHAKES
            oldest = next(iter(self._strangers)) if full else None
            if oldest is not None:
                del self._strangers[oldest]
        if oldest is not None:
            oldest.cut()

    def admit(self, wire: SecureSocket) -> None:
        """Serve a node. Raises `TooManyTransfers`."""
        with self._one:
            self._strangers.pop(wire, None)
            if len(self._nodes) >= MOST_SERVED:
                raise TooManyTransfers(MOST_SERVED)
            self._nodes.add(wire)

    def leave(self, wire: SecureSocket) -> None:
        """Forget somebody whose connection has ended."""
        with self._one:
            self._strangers.pop(wire, None)
            self._nodes.discard(wire)

    def cut(self) -> None:
        """End all connections."""
        with self._one:
            everybody = [*self._strangers, *self._nodes]
        for wire in everybody:
            wire.cut()


class Transfers:
    """Serves transfers; `tls` admits only nodes, and is used in threads."""

    def __init__(
        self,
        reactor: IReactor,
        tls: IOpenSSLServerConnectionCreator,
        receiver: Receiver,
        patience: Patience = PATIENCE,
    ) -> None:
        self._reactor = reactor
        self._tls = tls
        self._receiver = receiver
        self._patience = patience
        self._guests = Guests()
        most = MOST_HANDSHAKES + MOST_SERVED
        self._threads = Threads(reactor, "transfers", most)
        self._ports: list[IListeningPort] = []

    async def listen(self, option: str, text: str) -> IListeningPort:
        """Serve at an endpoint like ``tcp:4525``; `option` brought the text.

        Raises `BadEndpoint`.
        """
        factory = _Doors(self._accept)
        port = await listen_plainly(self._reactor, option, text, factory)
        self._threads.start()
        self._ports.append(port)
        return port

    async def stop(self) -> None:
        """Accept nobody any more, and end what is under way, at once; again is fine."""
        if not self._ports:
            return
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        self._ports.clear()
        self._guests.cut()
        await self._threads.stop()

    def _accept(self, connected: socket.socket) -> None:
        try:
            wire = as_server(connected, self._tls)
        except OSError:  # it is gone again
            connected.close()
            return
        self._guests.enter(wire)
        served = Deferred.fromCoroutine(self._threads.run(self._serve, wire))
        _ = served.addErrback(partial(logging.failure, "flocker:transfer:failed"))

    def _serve(self, wire: SecureSocket) -> None:
        try:
            self._welcome(wire)
        finally:
            self._guests.leave(wire)
            wire.close()

    def _welcome(self, wire: SecureSocket) -> None:
        until = monotonic() + self._patience.reached_within
        try:
            wire.shake_hands(lambda: until - monotonic())
        except NO_HANDSHAKE:  # whoever it was has been refused, in words, by TLS
            return
        channel = Channel(wire, self._patience)
        try:
            self._guests.admit(wire)
        except TooManyTransfers as error:
            _send_away(channel, error)
            return
        self._receiver.serve(channel, peer_identity(wire).node)


def _send_away(channel: Channel, error: TooManyTransfers) -> None:
    refused = Refused(type(error).__name__, str(error))
    try:
        with channel.conversation():
            channel.say(Kind.REFUSED, refused)
            channel.linger()
    except FlockerError:  # it did not wait for the answer
        return
    finally:
        channel.finish()


class _Doors(Factory):
    noisy = False

    def __init__(self, accept: Callable[[socket.socket], None]) -> None:
        self._accept = accept

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        del addr
        return _Door(self._accept)


class _Door(Protocol):
    """Takes a connection away from the reactor as soon as it is there."""

    def __init__(self, accept: Callable[[socket.socket], None]) -> None:
        self._accept = accept

    def connectionMade(self) -> None:
        transport = cast(Connection, self.transport)
        transport.stopReading()
        handle = transport.getHandle()
        self._accept(
            socket.socket(handle.family, handle.type, handle.proto, handle.detach())
        )
