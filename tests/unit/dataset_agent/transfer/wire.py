"""A wire in memory between two channels, that can be slow, cut, deaf or lie."""

from attrs import define, field
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

PACKET = 64 * 1024


@define(eq=False)
class End:
    """The transport of one channel."""

    wire: "Wire"
    out: bytearray = field(factory=bytearray)
    producer: object = None
    reading: bool = True
    closing: bool = False

    def registerProducer(self, producer, streaming):
        assert streaming
        self.producer = producer

    def unregisterProducer(self):
        self.producer = None

    def writeSequence(self, parts):
        for part in parts:
            self.out += part
        if len(self.out) > PACKET and self.producer is not None:
            self.producer.pauseProducing()

    def pauseProducing(self):
        self.reading = False

    def resumeProducing(self):
        self.reading = True

    def loseConnection(self):
        self.closing = True

    def abortConnection(self):
        assert not self.wire.over, "a transport that is gone is left alone"
        self.wire.end(ConnectionLost("aborted"))


class Wire:
    """Both ends of a connection; nothing moves but in `pump`."""

    def __init__(self, first, second):
        self.channels = (first, second)
        self.ends = (End(self), End(self))
        self.passed = 0
        self.cut_after = None
        self.deaf = False
        self.changed = None
        self.over = False
        for channel, end in zip(self.channels, self.ends, strict=True):
            channel.makeConnection(end)
            channel.handshakeCompleted()

    def pump(self):
        """Move what can be moved."""
        while not self.over and not self.deaf and self._step():
            pass

    def end(self, why):
        """End the connection."""
        if not self.over:
            self.over = True
            for channel in self.channels:
                channel.connectionLost(Failure(why))

    def _step(self):
        moved = False
        for number, end in enumerate(self.ends):
            other = self.ends[1 - number]
            if end.out and other.reading:
                moved = True
                self._move(end, self.channels[1 - number], counted=number == 0)
            elif end.closing and not end.out:
                self.end(ConnectionDone())
            if self.over:
                return False
        return moved

    def _move(self, end, to, *, counted):
        packet = bytes(end.out[:PACKET])
        if counted and self.cut_after is not None:
            packet = packet[: self.cut_after - self.passed]
        del end.out[: len(packet)]
        if counted:
            packet = self._falsify(packet)
            self.passed += len(packet)
        to.dataReceived(packet)
        if not end.out and end.producer is not None:
            end.producer.resumeProducing()
        if counted and self.passed == self.cut_after:
            self.end(ConnectionLost("cut"))

    def _falsify(self, packet):
        if self.changed is None or not 0 <= self.changed - self.passed < len(packet):
            return packet
        altered = bytearray(packet)
        altered[self.changed - self.passed] ^= 1
        return bytes(altered)
