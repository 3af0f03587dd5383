"""Connections without sockets: what is written arrives after a while, in order.

As on TCP nothing arrives twice or out of order: it comes late, or nothing comes any
more.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IReactorTime, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.model.ids import NodeID
from flocker.testing.simulation.processes import ProcessClock

T = TypeVar("T")

LATENCY = 0.001
"""Seconds that everything takes to the other end."""


Pace = Callable[[], float]


def at_once() -> float:
    """Take the least time."""
    return LATENCY


class Wire:
    """A connection of two protocols; `pace` gives the seconds something takes."""

    def __init__(
        self,
        clock: IReactorTime,
        node: NodeID,
        client_host: str,
        pace: Pace = at_once,
    ) -> None:
        self.clock = clock
        self.pace = pace
        self.client = End(self, node, IPv4Address("TCP", client_host, 0))
        self.server = End(self, node, IPv4Address("TCP", "control", 4524))
        self.client.other, self.server.other = self.server, self.client

    @property
    def over(self) -> bool:
        """Whether neither side has it open."""
        return self.client.over and self.server.over

    @property
    def silent(self) -> bool:
        """Whether all is lost that is under way or sent."""
        return self.client.mute and self.server.mute

    @silent.setter
    def silent(self, mute: bool) -> None:
        self.client.mute = self.server.mute = mute

    def cut(self) -> None:
        """End it for both sides."""
        for end in (self.client, self.server):
            _ = self.clock.callLater(0, end.hear, end.ended, ConnectionLost())

    def connect(self, client: IProtocol, server: IProtocol) -> None:
        """Connect both ends."""
        self.client.protocol, self.server.protocol = client, server
        server.makeConnection(self.server)
        client.makeConnection(self.client)


@implementer(ITransport)
class End:
    """One end of a wire; `node` is in the certificate of the client.

    While it is `mute`, nothing of what it sends arrives; `held_until` is when the first
    of what it sends now may arrive, in seconds.
    """

    other: "End"
    protocol: IProtocol
    process: ProcessClock | None = None
    """Whose end it is, if that may stand still."""

    def __init__(self, wire: Wire, node: NodeID, address: IPv4Address) -> None:
        self.wire = wire
        self.node = node
        self.address = address
        self.over = False
        self.mute = False
        self.held_until = 0.0

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

    def hear(self, what: Callable[[T], None], argument: T) -> None:
        """Let the process at this end know something, when it can."""
        if self.process is None:
            what(argument)
        else:
            self.process.when_awake(what, argument)

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
            if not self.mute:
                self.other.hear(what, argument)

        clock = self.wire.clock
        now: float = clock.seconds()
        self.held_until = max(self.held_until, now + self.wire.pace())
        _ = clock.callLater(self.held_until - now, deliver)
