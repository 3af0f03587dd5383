"""One connection between two agents over which a snapshot moves.

Note [Backpressure]: who writes waits while the transport is full, and reading stops
while more than `MOST_WAITING` bytes have not been taken; so nobody holds more of a
stream in memory than that, however slow a disk is.

Note [Silence]: both sides say every `ALIVE_EVERY` seconds that they live, also while a
disk lets them wait. One that hears nothing for `DEAD_AFTER` seconds gives up. While we
have stopped reading, silence is ours.
"""

from collections import deque
from typing import TypeVar, cast

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.dataset_agent.transfer.frames import Frame, Garbage, Kind, Reader, head
from flocker.model.errors import FlockerError
from flocker.wire import json_codec

T = TypeVar("T")

ALIVE_EVERY = 5.0
DEAD_AFTER = 20.0
MOST_WAITING = 4 * 1024 * 1024


@frozen
class TransferCut(FlockerError):
    """The connection to the other agent ended before the snapshot was there."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"the transfer was cut: {self.why}"


class ITransportOfFrames(IConsumer, IPushProducer, ITCPTransport):
    """What we ask of a connection: TCP, with TLS or without."""


@implementer(IPushProducer, IHandshakeListener)
class Channel(Protocol):
    """One end; see the Notes above. Only one coroutine sends, and one receives."""

    def __init__(self, clock: IReactorTime) -> None:
        self.ready: Deferred[None] = Deferred()
        """Fires when the other side's certificate is verified, or fails."""
        self._clock = clock
        self._reader = Reader()
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._reading = True
        self._full = False
        self._room: Deferred[None] | None = None
        self._more: Deferred[None] | None = None
        self._ended: TransferCut | None = None
        self._wire: ITransportOfFrames | None = None
        self._heard = clock.seconds()
        self._alive = LoopingCall(self._say_alive)
        self._alive.clock = clock

    # What the transport calls

    def connectionMade(self) -> None:
        """Begin to tell that we live."""
        self._wire = cast(ITransportOfFrames, self.transport)
        self._wire.registerProducer(self, True)  # noqa: FBT003
        self._heard = self._clock.seconds()
        _ = self._alive.start(ALIVE_EVERY, now=False)

    def handshakeCompleted(self) -> None:
        """Know who the other side is."""
        self.ready.callback(None)

    def dataReceived(self, data: bytes) -> None:
        """Keep what came until it is received."""
        self._heard = self._clock.seconds()
        try:
            frames = self._reader.add(data)
        except Garbage as error:
            self.abort(str(error))
            return
        for frame in frames:
            if frame.kind is not Kind.ALIVE:
                self._frames.append(frame)
                self._waiting += len(frame.payload)
        if self._waiting > MOST_WAITING and self._reading and self._wire:
            self._reading = False
            self._wire.pauseProducing()
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell who sends and who receives; the transport is not to be touched again."""
        self._wire = None
        if self._alive.running:
            self._alive.stop()
        self._end(_words(reason))
        if not self.ready.called:
            self.ready.errback(reason)

    def pauseProducing(self) -> None:
        """Let who sends wait."""
        self._full = True

    def resumeProducing(self) -> None:
        """Let who sends go on."""
        self._full = False
        self._wake()

    def stopProducing(self) -> None:
        """Nothing can be sent any more; `connectionLost` comes."""

    # What agents call

    async def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a frame, waiting until there is room. Raises `TransferCut`."""
        while self._full and self._ended is None:
            self._room = Deferred()
            await self._room
        self._check()
        self._write(kind, payload)

    async def say(self, kind: Kind, message: object) -> None:
        """Send a message. Raises `TransferCut`."""
        await self.send(kind, json_codec.encode(message))

    async def receive(self) -> Frame:
        """Give the next frame. Raises `TransferCut`."""
        while not self._frames:
            self._check()
            self._more = Deferred()
            await self._more
        frame = self._frames.popleft()
        self._waiting -= len(frame.payload)
        if self._waiting <= MOST_WAITING // 2 and not self._reading and self._wire:
            self._reading = True
            self._heard = self._clock.seconds()
            self._wire.resumeProducing()
        return frame

    @property
    def heard_more(self) -> bool:
        """Whether there is a frame, or no more will come."""
        return bool(self._frames) or self._ended is not None

    def finish(self) -> None:
        """Close the connection once all is sent."""
        if self._ended is None and self._wire is not None:
            self._wire.unregisterProducer()
            self._wire.loseConnection()

    def abort(self, why: str) -> None:
        """Cut the connection."""
        self._end(why)
        if self._wire is not None:
            self._wire.abortConnection()

    # What these are made of

    def _write(self, kind: Kind, payload: bytes) -> None:
        if self._wire is not None:
            self._wire.writeSequence([head(kind, len(payload)), payload])

    def _say_alive(self) -> None:
        silent = self._clock.seconds() - self._heard
        if self._reading and silent >= DEAD_AFTER:
            self.abort(f"the other agent said nothing for {silent:.0f} s")
        elif self._ended is None:
            self._write(Kind.ALIVE, b"")

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended

    def _end(self, why: str) -> None:
        if self._ended is None:
            self._ended = TransferCut(why)
        self._wake()

    def _wake(self) -> None:
        if (self._frames or self._ended) and self._more is not None:
            more, self._more = self._more, None
            more.callback(None)
        if (not self._full or self._ended) and self._room is not None:
            room, self._room = self._room, None
            room.callback(None)


def _words(reason: Failure) -> str:
    error = reason.value
    if isinstance(error, ConnectionDone):
        return "the other agent closed the connection"
    if isinstance(error, ConnectionClosed | SSL.Error | FlockerError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def understand(kind: type[T], frame: Frame) -> T:
    """Read the message of a frame. Raises `Garbage`."""
    try:
        return json_codec.decode(kind, frame.payload)
    except json_codec.Undecodable as error:
        raise Garbage(str(error)) from error
