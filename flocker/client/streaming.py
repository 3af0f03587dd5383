"""One connection over which events come, read one by one.

`flocker.client.http` begins it. Who needs events for longer than a connection lasts
uses `flocker.client.watching`.
"""

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse
from zope.interface import implementer

from flocker.client.interface import Event, IEventStream, NotFlocker, Unreachable
from flocker.client.server_sent import EventParser, NotEvents
from flocker.model.errors import FlockerError

SILENCE = 45.0
"""Seconds without a byte after which a connection is dead: control sends some in 15."""
AHEAD = 1000
"""Events that may wait for their reader before no more are taken from the network."""


def stream_of(response: IResponse, where: str, clock: IReactorTime) -> IEventStream:
    """Read a response, whose body nobody has asked for yet, as events."""
    receiving = _Receiving()
    response.deliverBody(receiving)
    return _Stream(receiving, where, clock)


@implementer(IEventStream)
class _Stream:
    """Gives what was received, and waits for more."""

    def __init__(
        self, receiving: "_Receiving", where: str, clock: IReactorTime
    ) -> None:
        self._receiving = receiving
        self._where = where
        self._clock = clock

    async def next(self) -> Event:
        """Wait for the next event; raises `Unreachable`, `NotFlocker`."""
        received = self._receiving
        while not received.events:
            if received.ended is not None:
                raise self._error(received.ended)
            more = received.more()
            try:
                await more.addTimeout(SILENCE, self._clock)
            except Late as error:
                self.close()
                why = f"no sign of life for {SILENCE:.0f} s"
                raise Unreachable(((self._where, why),)) from error
        event = received.events.popleft()
        received.resume()
        return event

    def close(self) -> None:
        """End it; nothing more may be asked of it."""
        self._receiving.close()

    def _error(self, ended: str | NotEvents) -> FlockerError:
        if isinstance(ended, NotEvents):
            return NotFlocker(self._where, str(ended))
        return Unreachable(((self._where, ended),))


class _Receiving(Protocol):
    """Takes the body: events that wait for their reader, and how it ended."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.ended: str | NotEvents | None = None
        self._parser = EventParser()
        self._waiting: Deferred[None] | None = None
        self._paused = False

    def more(self) -> Deferred[None]:
        """Fire when something has come, be it the end."""
        self._waiting = Deferred()
        return self._waiting

    def resume(self) -> None:
        """Take from the network again once the reader has caught up."""
        if self._paused and not self.events:
            self._paused = False
            self._producer().resumeProducing()

    def close(self) -> None:
        """Close the connection."""
        self.ended = self.ended or "the stream was closed"
        if self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if self.ended is not None:
            return
        try:
            self.events.extend(self._parser.feed(data))
        except NotEvents as error:
            self.ended = error
            self.close()
        if len(self.events) > AHEAD and not self._paused:
            self._paused = True
            self._producer().pauseProducing()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.ended is None:
            self.ended = "the stream of events ended"
        self._wake()

    def _producer(self) -> IPushProducer:
        return IPushProducer(self.transport)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)
