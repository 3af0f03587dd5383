"""The ways to a control service: dialled in turn, with causes in words when they fail.

Whatever address is dialled, the server must prove to be ``control-service`` of our
cluster, and we show a user's certificate (`flocker.ca.contexts`). Used by
`flocker.client.http` and `flocker.client.probing`.
"""

import json
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NoReturn, TypeVar, cast

from attrs import frozen
from twisted.internet import error as network
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConsumer,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from flocker.ca.credentials import Credential
from flocker.ca.handshake import explain
from flocker.client.interface import AnswerLost, TLSRefused, Unreachable
from flocker.runtime.reactor import IReactor

CONNECT_WITHIN = 10.0
"""Seconds for a connection to one address."""
ANSWER_WITHIN = 60.0
"""Seconds from a request, its connection included, to the end of its answer."""

ORIGIN = "https://control-service"
"""Every URL's; which address is dialled, the endpoint says."""

_NOT_CONNECTED: tuple[tuple[type[Exception], str], ...] = (
    (network.ConnectionRefusedError, "connection refused"),
    (network.DNSLookupError, "there is no host of this name"),
    (network.TimeoutError, f"no connection within {CONNECT_WITHIN:.0f} s"),
)

UNCONNECTED = (network.ConnectError, network.DNSLookupError, network.TimeoutError)
"""What is raised where no connection comes about."""

_CONDITION = "x-if-configuration-matches"

Answered = tuple[int, Headers, bytes]

T = TypeVar("T")


@frozen
class _Lost(Exception):
    """A connection was made and no answer came over it."""

    why: str


@frozen
class Address:
    """Where a control service listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else self._plain()

    def _plain(self) -> str:
        return f"{self.host}:{self.port}"


Explain = Callable[[BaseException], str | None]
"""Says why TLS ended a connection, if it was TLS."""


@frozen
class Route:
    """A way to a control service: its name for messages, and who dials it."""

    where: str
    agent: IAgent
    explain: Explain


def route_to(
    address: Address,
    creator: IOpenSSLClientConnectionCreator,
    own: Credential,
    reactor: IReactor,
) -> Route:
    """Give the way to an address; nothing is dialled yet."""
    agent = _agent(address, creator, reactor)
    return Route(str(address), agent, partial(explain, own=own))


async def somewhere(
    routes: Sequence[Route],
    clock: IReactorTime,
    ask: Callable[[Route], Awaitable[T]],
    *,
    changes: bool = False,
) -> tuple[Route, T]:
    """Ask over one route after the other until there is an answer.

    What `changes` something is not asked again once a connection was made. Raises
    `Unreachable`, `TLSRefused`, `AnswerLost`, and what `ask` raises.
    """
    tried = []
    for route in routes:
        try:
            return route, await _in_time(route, ask(route), clock)
        except _Lost as lost:
            if changes:
                raise AnswerLost(route.where, lost.why) from lost
            tried.append((route.where, lost.why))
        except UNCONNECTED as error:
            tried.append((route.where, not_connected(error)))
    raise Unreachable(tuple(tried))


async def _in_time(route: Route, asking: Awaitable[T], clock: IReactorTime) -> T:
    async def whole() -> T:
        try:
            return await asking
        except network.ConnectingCancelledError as error:
            # Endpoints have a word of their own for it, which nobody expects.
            raise CancelledError from error

    asked: Deferred[T] = Deferred.fromCoroutine(whole())
    try:
        return await asked.addTimeout(ANSWER_WITHIN, clock, _too_late)
    except (
        ResponseNeverReceived,
        ResponseFailed,
        RequestTransmissionFailed,
    ) as error:
        raise _broken(route, error) from error


async def exchange(
    route: Route,
    method: str,
    path: str,
    body: object | None,
    tag: str | None = None,
    unless: str | None = None,
) -> Answered:
    """Ask over one route; give status, headers and body, whatever they are.

    Only while the configuration's tag is `tag`; or `unless` it is that one.
    """
    headers = Headers({"content-type": ["application/json"]})
    if tag is not None:
        headers.addRawHeader(_CONDITION, tag)
    if unless is not None:
        headers.addRawHeader("if-none-match", f'"{unless}"')
    response = await ask(route, method, path, headers, body)
    return response.code, response.headers, await whole(response)


async def ask(
    route: Route,
    method: str,
    path: str,
    headers: Headers,
    body: object | None = None,
) -> IResponse:
    """Ask over one route; the answer's body is still to be read."""
    producer = None if body is None else _Body(json.dumps(body).encode())
    uri = ORIGIN + path
    return await route.agent.request(method.encode(), uri.encode(), headers, producer)


async def whole(response: IResponse) -> bytes:
    """Read an answer's body; it may end with its connection, as in HTTP/1.0."""
    gathered: Deferred[bytes] = Deferred()
    response.deliverBody(_Gathering(gathered))
    return await gathered


def _too_late(_result: object, seconds: float) -> NoReturn:
    raise _Lost(f"no answer within {seconds:.0f} s")


def not_connected(error: Exception) -> str:
    """Say why there is no connection, for one of `UNCONNECTED`."""
    for kind, words in _NOT_CONNECTED:
        if isinstance(error, kind):
            return words
    number = getattr(error, "osError", None)
    return str(error) if number is None else os.strerror(number).lower()


def _broken(
    route: Route,
    error: ResponseNeverReceived | ResponseFailed | RequestTransmissionFailed,
) -> Exception:
    causes = [reason.value for reason in error.reasons]
    for cause in causes:
        if isinstance(cause, CancelledError):
            return cause
        why = route.explain(cause)
        if why is not None:
            return TLSRefused(route.where, why)
    return _Lost("; ".join(map(str, causes)).rstrip("."))


def _agent(
    address: Address, creator: IOpenSSLClientConnectionCreator, reactor: IReactor
) -> IAgent:
    endpoint = HostnameEndpoint(
        reactor, address.host, address.port, timeout=CONNECT_WITHIN
    )
    dialling = _Always(wrapClientTLS(creator, endpoint))
    pool = HTTPConnectionPool(reactor)
    return cast(IAgent, Agent.usingEndpointFactory(reactor, dialling, pool))


@implementer(IAgentEndpointFactory)
@frozen
class _Always:
    """Dials one endpoint whatever a URL says."""

    endpoint: IStreamClientEndpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self.endpoint


class _Gathering(Protocol):
    """Gives a body when it has ended."""

    def __init__(self, gathered: "Deferred[bytes]") -> None:
        self._gathered = gathered
        self._parts: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._parts.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._gathered.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss) is None:
            self._gathered.errback(reason)
        else:
            self._gathered.callback(b"".join(self._parts))


@implementer(IBodyProducer)
class _Body:
    """A body that is written at once."""

    def __init__(self, content: bytes) -> None:
        self.length = len(content)
        self._content = content

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._content)
        return succeed(None)

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def stopProducing(self) -> None: ...
