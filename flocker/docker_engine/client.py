"""Asks the engine at a UNIX socket; one connection a question, one for all events."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from treq import content
from treq.client import HTTPClient
from twisted.internet import error as network
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IResponse
from zope.interface import implementer

from flocker.docker_engine.interface import (
    Container,
    EngineRefused,
    EngineUnreachable,
    Happened,
    IDockerEngine,
    IHappenings,
)
from flocker.docker_engine.translate import (
    Lines,
    NotEngine,
    containers_path,
    events_path,
    read_containers,
    read_event,
)
from flocker.runtime.reactor import IReactor

CONNECT_WITHIN = 5.0
ANSWER_WITHIN = 10.0
"""Seconds."""
_ORIGIN = "http://engine"
_OK = 200
_LONGEST_SAID = 200

T = TypeVar("T")

_BROKEN = (
    network.ConnectError,
    ResponseFailed,
    ResponseNeverReceived,
    RequestTransmissionFailed,
)


def engine_at(socket: Path, reactor: IReactor) -> IDockerEngine:
    """Give the engine that listens at a socket; it is dialled when it is asked."""
    endpoints = _Always(UNIXClientEndpoint(reactor, str(socket), CONNECT_WITHIN))
    agent = Agent.usingEndpointFactory(reactor, endpoints)
    return DockerEngine(str(socket), agent, reactor)


@implementer(IDockerEngine)
class DockerEngine:
    """An engine behind an agent."""

    def __init__(self, where: str, agent: IAgent, clock: IReactorTime) -> None:
        self._where = where
        self._agent = agent
        self._clock = clock

    async def containers(self, volume: str | None = None) -> tuple[Container, ...]:
        """Give all containers, or those that have a volume."""
        path = containers_path(volume)
        response = await self._answer(path)
        body = await self._in_time(Deferred.fromCoroutine(_body(response)))
        return self._understood(path, lambda: read_containers(body))

    async def happenings(self) -> IHappenings:
        """Begin to hear what happens to containers."""
        response = await self._answer(events_path())
        receiving = _Receiving()
        response.deliverBody(receiving)
        return _Happenings(receiving, self._where)

    async def _answer(self, path: str) -> IResponse:
        asked = Deferred.fromCoroutine(self._ask(path))
        response = await self._in_time(asked)
        if response.code != _OK:
            said = await self._in_time(Deferred.fromCoroutine(_body(response)))
            words = said.decode("utf-8", "replace").strip()[:_LONGEST_SAID]
            raise EngineRefused(path, response.code, words)
        return response

    async def _ask(self, path: str) -> IResponse:
        response = await HTTPClient(self._agent).request(
            "GET", _ORIGIN + path, allow_redirects=False, unbuffered=True
        )
        found: IResponse = response.original
        return found

    async def _in_time(self, asked: "Deferred[T]") -> T:
        try:
            return await asked.addTimeout(ANSWER_WITHIN, self._clock)
        except Late as error:
            why = f"no answer within {ANSWER_WITHIN:.0f} s"
            raise EngineUnreachable(self._where, why) from error
        except _BROKEN as error:
            raise EngineUnreachable(self._where, _why(error)) from error

    def _understood(self, path: str, understand: Callable[[], T]) -> T:
        try:
            return understand()
        except NotEngine as error:
            raise EngineRefused(path, _OK, error.why) from error


@implementer(IHappenings)
class _Happenings:
    """Gives what was received, and waits for more."""

    def __init__(self, receiving: "_Receiving", where: str) -> None:
        self._receiving = receiving
        self._where = where

    async def next(self) -> Happened:
        """Wait for the next event; raises `EngineUnreachable`."""
        received = self._receiving
        while not received.events:
            if received.ended is not None:
                raise EngineUnreachable(self._where, received.ended)
            await received.more()
        return received.events.popleft()

    def close(self) -> None:
        """End it."""
        self._receiving.close()


class _Receiving(Protocol):
    """Takes the body: events that wait for their reader, and how it ended."""

    def __init__(self) -> None:
        self.events: deque[Happened] = deque()
        self.ended: str | None = None
        self._lines = Lines()
        self._waiting: Deferred[None] | None = None

    def more(self) -> "Deferred[None]":
        """Fire when something has come, be it the end."""
        self._waiting = Deferred()
        return self._waiting

    def close(self) -> None:
        """Close the connection."""
        self.ended = self.ended or "it was closed"
        if self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        if self.ended is not None:
            return
        try:
            found = [read_event(line) for line in self._lines.feed(data)]
        except NotEngine as error:
            self.ended = error.why
            self.close()
        else:
            self.events.extend(each for each in found if each is not None)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = self.ended or "its events ended"
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


@implementer(IAgentEndpointFactory)
class _Always:
    """Dials the socket whatever a URL says."""

    def __init__(self, endpoint: UNIXClientEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: URI) -> UNIXClientEndpoint:
        return self._endpoint


async def _body(response: IResponse) -> bytes:
    found: bytes = await content(response)
    return found


def _why(error: Exception) -> str:
    number = getattr(error, "osError", None)
    if number is not None:
        return os.strerror(number).lower()
    reasons = getattr(error, "reasons", None)
    causes = [str(each.value) for each in reasons or []]
    return "; ".join(causes) or str(error)
