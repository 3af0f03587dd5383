"""GET /v1/events: what happens, as server-sent events, from where a client left off.

A reader that does not keep up is given what it missed from control's ring; one that
falls off the ring's end is closed. Nothing is buffered for it but a few events.
"""

from collections.abc import Callable
from typing import cast
from uuid import UUID

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from flocker.control.events import Event, Events
from flocker.restapi.answers import encode
from flocker.restapi.endpoint import Call, Stream, endpoint

COMMENT_EVERY = 15.0
"""Seconds between comments, which keep middle boxes from closing a quiet stream."""

AT_ONCE = 100
"""Events that are written before a reader is asked whether it keeps up."""

LAST_EVENT_ID = b"Last-Event-ID"


class EventStreams:
    """The endpoint about events."""

    def __init__(self, events: Events, clock: IReactorTime) -> None:
        self._events = events
        self._clock = clock

    @endpoint("GET", "/v1/events", {200: "stream"})
    async def watch(self, call: Call) -> Stream:
        """Send events from the one after Last-Event-ID on, or ``reset`` first."""
        given = call.headers.getRawHeaders(LAST_EVENT_ID, [b""])[-1]
        start = resume(given.decode("ascii", "replace"), self._events)
        reader = Reader(self._events, self._clock, start)
        return Stream(b"text/event-stream", reader.serve)


def resume(given: str, events: Events) -> int | None:
    """Give the number after which to go on; None where that is not known any more."""
    boot, _, number = given.rpartition(".")
    try:
        known = UUID(boot) == events.boot and number.isascii() and number.isdigit()
    except ValueError:
        return None
    if not known or len(number) > len(str(events.last)):
        return None
    last = int(number)
    return last if events.first - 1 <= last <= events.last else None


def write_event(boot: UUID, event: Event) -> bytes:
    """Write one event as the HTML standard has it (Server-sent events, 9.2)."""
    return b"id: %s.%d\nevent: %s\ndata: %s\n\n" % (
        str(boot).encode("ascii"),
        event.number,
        event.kind.value.encode("ascii"),
        encode(event.value),
    )


def write_reset(boot: UUID, number: int) -> bytes:
    """Write that events may have been missed, and from where they go on."""
    return b"id: %s.%d\nevent: reset\ndata: {}\n\n" % (
        str(boot).encode("ascii"),
        number,
    )


@implementer(IPushProducer)
class Reader:
    """One stream; `start` is the number of the last event that its client knows."""

    def __init__(self, events: Events, clock: IReactorTime, start: int | None) -> None:
        self._events = events
        self._sent = events.last if start is None else start
        self._reset = start is None
        self._paused = False
        self._request: Request | None = None
        self._comments = LoopingCall(self._comment)
        self._comments.clock = clock
        self._unwatch: Callable[[], None] | None = None

    def serve(self, request: Request) -> Deferred[None]:
        """Write to `request` until its client goes; fires then."""
        self._request = request
        self._unwatch = self._events.watch(self._go_on)
        ended: Deferred[None] = request.notifyFinish()
        _ = ended.addBoth(self._end)
        request.registerProducer(self, streaming=True)
        if self._reset:
            request.write(write_reset(self._events.boot, self._sent))
        _ = self._comments.start(COMMENT_EVERY, now=True)
        self._go_on()
        return ended

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The client can take more."""
        self._paused = False
        self._go_on()

    def stopProducing(self) -> None:
        """The client is gone."""
        self._paused = True

    def _go_on(self) -> None:
        while self._request is not None and not self._paused:
            if self._sent < self._events.first - 1:
                self._close(self._request)
                return
            batch = self._events.after(self._sent, AT_ONCE)
            if not batch:
                return
            self._sent = batch[-1].number
            self._request.write(
                b"".join(write_event(self._events.boot, event) for event in batch)
            )

    def _comment(self) -> None:
        if self._request is None:
            return
        if self._paused and self._sent < self._events.first - 1:
            self._close(self._request)
        elif not self._paused:
            self._request.write(b": \n\n")

    def _close(self, request: Request) -> None:
        """End it without waiting for what the client does not take."""
        cast(ITCPTransport, request.transport).abortConnection()

    def _end(self, result: Failure | None) -> None:
        self._request = None
        if self._unwatch is not None:
            self._unwatch()
        if self._comments.running:
            self._comments.stop()
