"""A connection between an agent and control: AMP that notices when the other is gone.

A side that has heard nothing just now pings every `PING_EVERY` seconds; one that hears
nothing for `DEAD_AFTER` seconds aborts the connection, whatever TCP believes. Whoever
is pinged has heard, so that of two mostly one pings.

Note [Reasons of their own]: Twisted says of every connection that was closed, or lost,
that it is over with one and the same exception. Raised where a call is waited for, that
keeps its traceback, and the next Failure of it goes on from there: so the frames of all
calls that ever ended so would stay, with their connections. What is told of a
connection here is a copy.
"""

from pathlib import Path

from OpenSSL import SSL
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.protocols.amp import AMP, ASK, AmpBox, Command, RemoteAmpError
from twisted.python.failure import Failure

from flocker.runtime import logging
from flocker.wire.commands import BadPayload, Ping
from flocker.wire.protocol import Assembler, OutOfOrder, split

PING_EVERY = 5.0
DEAD_AFTER = 15.0
QUIET_FOR = 4.0
"""Seconds without a word after which a ping is worth its cost; fewer than `PING_EVERY`,
so that the answer to the last ping does not put off the next."""

LONGEST_WHY = 200
"""Characters that are logged of what the other side did wrong."""

ENDED = (ConnectionClosed, SSL.Error)
"""What a call raises whose connection ends before it is answered: closed by either
side, lost, aborted, or broken off by TLS."""


def _its_own(reason: Failure) -> Failure:
    """Give what nobody else is told; see Note [Reasons of their own]."""
    shared = reason.value
    if isinstance(shared, ConnectionClosed):
        return Failure(type(shared)(*shared.args))
    return reason


def _raised_by_amp(error: BaseException) -> bool:
    """Say whether the arguments of a command could not be read."""
    place = error.__traceback__
    if place is None or isinstance(error, RemoteAmpError):
        return False
    while place.tb_next is not None:
        place = place.tb_next
    return Path(place.tb_frame.f_code.co_filename).name == "amp.py"


class Connection(AMP):
    """One end of a connection, with its keep-alive and its payloads in parts."""

    def __init__(self, clock: IReactorTime) -> None:
        super().__init__()
        self.clock = clock
        self.heard_at = clock.seconds()
        self.alive = False
        self.ended = False
        self._assembler = Assembler()
        self._pinging = LoopingCall(self._ping)
        self._pinging.clock = clock

    def connectionMade(self) -> None:
        """Start the keep-alive."""
        super().connectionMade()
        self.alive = True
        # Boxes are small and each is waited for: Nagle's algorithm and delayed
        # acknowledgements together would hold some back for 40 ms.
        no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if no_delay is not None:
            no_delay(True)  # noqa: FBT003
        self.heard_at = self.clock.seconds()
        _ = self._pinging.start(PING_EVERY, now=False).addErrback(self._failed)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop the keep-alive."""
        self.alive = False
        if self._pinging.running:
            self._pinging.stop()
        super().connectionLost(_its_own(reason))

    def dataReceived(self, data: bytes) -> None:
        """Note that the other side lives, whatever it says."""
        self.heard_at = self.clock.seconds()
        try:
            super().dataReceived(data)
        except Exception as error:  # noqa: BLE001  (whatever AMP makes of other bytes)
            what = f"{type(error).__name__}: {error}"
            self.abort(f"it does not speak AMP: {what[:LONGEST_WHY]}")

    def dispatchCommand(self, box: AmpBox) -> Deferred[AmpBox]:
        """Carry out a command; a box that is none ends the connection, in one line.

        AMP would log each with a traceback, as a fault of ours.
        """
        answer: Deferred[AmpBox] = super().dispatchCommand(box)
        return answer.addErrback(self._malformed, asked=ASK in box)

    def _malformed(self, failure: Failure, *, asked: bool) -> AmpBox:
        error = failure.value
        assert error is not None  # noqa: S101  (for mypy: a Failure has one)
        if asked and not self.ended and not _raised_by_amp(error):
            raise error
        what = f"{type(error).__name__}: {error}"
        self.abort(f"it sent what is no command: {what[:LONGEST_WHY]}")
        return AmpBox()

    def abort(self, why: str) -> None:
        """End the connection now, without waiting for what was not sent."""
        if self.ended:
            return
        self.ended = True
        logging.message("flocker:connection:abort", why=why, peer=self.peer())
        abort = getattr(self.transport, "abortConnection", None)
        if abort is not None:
            abort()

    def peer(self) -> str:
        """Give the address and port of the other side, for people."""
        if self.transport is None:
            return "nobody"
        port = getattr(self.transport.getPeer(), "port", "")
        return f"{self.peer_host()}:{port}"

    def peer_host(self) -> str:
        """Give the address of the other side, for people."""
        if self.transport is None:
            return "nobody"
        address = self.transport.getPeer()
        return str(getattr(address, "host", address))

    async def send_parts(
        self, command: type[Command], payload: bytes, **arguments: object
    ) -> dict[str, object]:
        """Send a payload by as many `command`s as it takes; give the last answer.

        Raises what the command may answer with, and one of `ENDED`.
        """
        sent: list[Deferred[dict[str, object]]] = [
            self.callRemote(command, part=part, parts=parts, payload=data, **arguments)
            for part, parts, data in split(payload)
        ]
        if len(sent) == 1:
            return await sent[0]
        try:
            answers = await gatherResults(sent, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        return answers[-1]

    def take_part(self, part: int, parts: int, payload: bytes) -> bytes | None:
        """Put a received part to the others; give the payload when it is whole.

        Raises `BadPayload`, which is the answer the sender gets.
        """
        try:
            return self._assembler.add(part, parts, payload)
        except OutOfOrder as error:
            raise BadPayload(str(error)) from error

    def ping(self) -> Deferred[object]:
        """Ask the other side whether it lives."""
        answer: Deferred[object] = self.callRemote(Ping)
        return answer

    @Ping.responder
    def _pong(self) -> dict[str, object]:
        return {}

    def _ping(self) -> None:
        silent = self.clock.seconds() - self.heard_at
        if silent >= DEAD_AFTER:
            self.abort(f"heard nothing for {silent:.0f} s")
            return
        if silent >= QUIET_FOR:
            _ = self.ping().addErrback(self._lost)

    def _lost(self, failure: Failure) -> None:
        """A ping that ends with its connection is no news."""
        failure.trap(*ENDED)

    def _failed(self, failure: Failure) -> None:
        logging.failure("flocker:connection:keep-alive", failure)
        self.abort("its keep-alive failed")
