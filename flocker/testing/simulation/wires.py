"""Connections without sockets: what is written arrives after a while, in order."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.model.ids import NodeID

T = TypeVar("T")

LATENCY = 0.001
"""Seconds that everything takes to the other end."""


class Wire:
    """A connection of two protocols; `silent` swallows all that is under way."""

    def __init__(self, clock: Clock, node: NodeID, client_host: str) -> None:
        self.clock = clock
        self.silent = False
        self.client = End(self, node, IPv4Address("TCP", client_host, 0))
        self.server = End(self, node, IPv4Address("TCP", "control", 4524))
        self.client.other, self.server.other = self.server, self.client

    def connect(self, client: IProtocol, server: IProtocol) -> None:
        """Connect both ends."""
        self.client.protocol, self.server.protocol = client, server
        server.makeConnection(self.server)
        client.makeConnection(self.client)


@implementer(ITransport)
class End:
    """One end of a wire; `node` is in the certificate of the client."""

    other: "End"
    protocol: IProtocol

    def __init__(self, wire: Wire, node: NodeID, address: IPv4Address) -> None:
        self.wire = wire
        self.node = node
        self.address = address
        self.over = False

    def write(self, data: bytes) -> None:
        """Send."""
        if not self.over:
            self._arrives(self.other.received, data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once what was written has been sent."""
        self._arrives(self.other.ended, ConnectionDone())
        _ = self.wire.clock.callLater(0, self.ended, ConnectionDone())

    def abortConnection(self) -> None:
        """Close now."""
        self._arrives(self.other.ended, ConnectionLost())
        _ = self.wire.clock.callLater(0, self.ended, ConnectionAborted())

    def getPeer(self) -> IPv4Address:
        """Give the other end's address."""
        return self.other.address

    def getHost(self) -> IPv4Address:
        """Give this end's address."""
        return self.address

    def received(self, data: bytes) -> None:
        """Take what the other end has sent."""
        if not self.over:
            self.protocol.dataReceived(data)

    def ended(self, why: Exception) -> None:
        """The connection is over for this end."""
        if not self.over:
            self.over = True
            self.protocol.connectionLost(Failure(why))

    def vanish(self) -> None:
        """The process at this end was killed; its kernel tells the other end."""
        if not self.over:
            self.over = True
            self._arrives(self.other.ended, ConnectionDone())

    def _arrives(self, what: Callable[[T], None], argument: T) -> None:
        def deliver() -> None:
            if not self.wire.silent:
                what(argument)

        _ = self.wire.clock.callLater(LATENCY, deliver)
