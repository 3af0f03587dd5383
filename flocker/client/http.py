"""Asks the control service over HTTPS, with causes in words when that fails.

Several addresses may lead to control; they are tried in turn. Whatever address is
dialled, the server must prove to be ``control-service`` of our cluster, and we show a
user's certificate (`flocker.ca.contexts`).
"""

import json
from collections.abc import Sequence
from typing import NoReturn, TypeVar, cast

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from treq import content
from treq.client import HTTPClient
from twisted.internet import error as network
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IConsumer,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.web.client import (
    URI,
    Agent,
    HTTPConnectionPool,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from flocker.ca.contexts import client_context
from flocker.ca.credentials import Credential
from flocker.ca.handshake import PeerRefused
from flocker.client.interface import (
    AnswerLost,
    IFlockerClient,
    NewDataset,
    NotFlocker,
    RequestRefused,
    TLSRefused,
    Unreachable,
)
from flocker.model.ids import DatasetID, NodeID
from flocker.runtime.reactor import IReactor
from flocker.wire.answers import (
    ConfiguredAnswer,
    DatasetAnswer,
    DatasetInFull,
    NodeAnswer,
    RefusalAnswer,
    VersionAnswer,
    read,
)
from flocker.wire.json_codec import Undecodable

CONNECT_WITHIN = 10.0
"""Seconds for a connection to one address."""
ANSWER_WITHIN = 60.0
"""Seconds from a request, its connection included, to the end of its answer."""

_ORIGIN = "https://control-service"
"""Every URL's; which address is dialled, the endpoint says."""

_ALERT = " alert "
_ALERTS = {
    "unknown ca": "it does not trust the authority that signed it",
    "certificate expired": "it has expired, by the control service's clock",
    "certificate required": "it was not shown",
    "bad certificate": "it is malformed",
    "internal error": "it is not a user's",
}
"""What TLS alerts (RFC 8446, 6.2) say about the certificate we have shown.

OpenSSL sends ``internal error`` for what a verification callback refuses.
"""
_NOT_CONNECTED: tuple[tuple[type[Exception], str], ...] = (
    (network.ConnectionRefusedError, "connection refused"),
    (network.NoRouteError, "no route to it"),
    (network.DNSLookupError, "there is no host of this name"),
    (network.TimeoutError, f"no connection within {CONNECT_WITHIN:.0f} s"),
)

_UNCONNECTED = (network.ConnectError, network.DNSLookupError, network.TimeoutError)

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


@frozen
class Route:
    """A way to a control service: its name for messages, and who dials it."""

    where: str
    agent: IAgent


def connect(
    addresses: Sequence[Address],
    authority: x509.Certificate,
    own: Credential,
    reactor: IReactor,
) -> IFlockerClient:
    """Make a client; it dials when it is first asked something."""
    creator = client_context(authority, own)
    routes = [
        Route(str(address), _agent(address, creator, reactor)) for address in addresses
    ]
    return HTTPFlockerClient(routes, reactor)


@implementer(IFlockerClient)
class HTTPFlockerClient:
    """A cluster at the other end of one or several routes."""

    def __init__(self, routes: Sequence[Route], clock: IReactorTime) -> None:
        self._routes = tuple(routes)
        self._clock = clock

    async def version(self) -> str:
        """Ask which version the control service is."""
        return (await self._get("/v1/version", VersionAnswer)).flocker

    async def nodes(self) -> tuple[NodeAnswer, ...]:
        """Ask for all nodes that have been seen."""
        return await self._get("/v1/status/nodes", tuple[NodeAnswer, ...])

    async def datasets(self) -> tuple[DatasetAnswer, ...]:
        """Ask for the status of all datasets, deleted ones too."""
        return await self._get("/v1/status/datasets", tuple[DatasetAnswer, ...])

    async def dataset(self, dataset: DatasetID) -> DatasetInFull:
        """Ask for all that is known of one dataset."""
        return await self._get(f"/v1/status/datasets/{dataset}", DatasetInFull)

    async def create(self, new: NewDataset) -> ConfiguredAnswer:
        """Want a dataset; it is durably wanted, not there yet, when this returns."""
        body: dict[str, object] = {
            "dataset_id": str(new.id),
            "primary": str(new.primary),
            "metadata": dict(new.metadata),
        }
        if new.maximum_size is not None:
            body["maximum_size"] = new.maximum_size
        return await self._change("POST", "/v1/configuration/datasets", body)

    async def move(self, dataset: DatasetID, to: NodeID) -> ConfiguredAnswer:
        """Want a dataset on another node."""
        path = f"/v1/configuration/datasets/{dataset}"
        return await self._change("POST", path, {"primary": str(to)})

    async def destroy(self, dataset: DatasetID) -> ConfiguredAnswer:
        """Want a dataset and its data destroyed."""
        path = f"/v1/configuration/datasets/{dataset}"
        return await self._change("DELETE", path, None)

    async def _get(self, path: str, kind: type[T]) -> T:
        return await self._ask("GET", path, None, kind)

    async def _change(
        self, method: str, path: str, body: object | None
    ) -> ConfiguredAnswer:
        return await self._ask(method, path, body, ConfiguredAnswer)

    async def _ask(
        self, method: str, path: str, body: object | None, kind: type[T]
    ) -> T:
        tried = []
        for route in self._routes:
            try:
                status, answer = await self._exchange(route, method, path, body)
            except _Lost as lost:
                if method != "GET":
                    raise AnswerLost(route.where, lost.why) from lost
                tried.append((route.where, lost.why))
            except _UNCONNECTED as error:
                tried.append((route.where, _not_connected(error)))
            else:
                return _understand(route.where, status, answer, kind)
        raise Unreachable(tuple(tried))

    async def _exchange(
        self, route: Route, method: str, path: str, body: object | None
    ) -> tuple[int, bytes]:
        async def whole() -> tuple[int, bytes]:
            response = await HTTPClient(route.agent).request(
                method,
                _ORIGIN + path,
                headers=Headers({"content-type": ["application/json"]}),
                data=None if body is None else _Body(json.dumps(body).encode()),
                allow_redirects=False,
            )
            return response.code, await content(response)

        asked: Deferred[tuple[int, bytes]] = Deferred.fromCoroutine(whole())
        try:
            return await asked.addTimeout(ANSWER_WITHIN, self._clock, _too_late)
        except (
            ResponseNeverReceived,
            ResponseFailed,
            RequestTransmissionFailed,
        ) as error:
            raise _broken(route.where, error) from error


def _too_late(_result: object, seconds: float) -> NoReturn:
    raise _Lost(f"no answer within {seconds:.0f} s")


def _understand(where: str, status: int, answer: bytes, kind: type[T]) -> T:
    try:
        if status < 300:
            return read(kind, answer)
        refusal = read(RefusalAnswer, answer)
    except Undecodable as error:
        raise NotFlocker(where, f"status {status}, {error}") from error
    raise RequestRefused(status, refusal.description, refusal.errors, refusal.incident)


def _not_connected(error: Exception) -> str:
    for kind, words in _NOT_CONNECTED:
        if isinstance(error, kind):
            return words
    return str(error)


def _broken(
    where: str,
    error: ResponseNeverReceived | ResponseFailed | RequestTransmissionFailed,
) -> Exception:
    causes = [reason.value for reason in error.reasons]
    for cause in causes:
        if isinstance(cause, CancelledError):
            return cause
        if isinstance(cause, PeerRefused):
            return TLSRefused(where, str(cause))
        if isinstance(cause, SSL.Error) and cause.args:
            return TLSRefused(where, _in_words(cause.args[0]))
    return _Lost("; ".join(map(str, causes)).rstrip("."))


def _in_words(stack: Sequence[tuple[str, str, str]]) -> str:
    reasons = [reason for _library, _function, reason in stack]
    for reason in reasons:
        _version, found, alert = reason.partition(_ALERT)
        if found:
            why = _ALERTS.get(alert, f"it sent the alert {alert!r}")
            return f"the control service refused our certificate: {why}"
    return ", ".join(reasons) or "the TLS connection broke"


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
