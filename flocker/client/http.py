"""Asks the control service over HTTPS, with causes in words when that fails.

Several addresses may lead to control; they are tried in turn. Whatever address is
dialled, the server must prove to be ``control-service`` of our cluster, and we show a
user's certificate (`flocker.ca.contexts`).
"""

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NoReturn, TypeVar, cast
from urllib.parse import urlencode

from attrs import frozen
from cryptography import x509
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
from flocker.ca.handshake import explain
from flocker.client.interface import (
    Adoption,
    AnswerLost,
    Greeting,
    IEventStream,
    IFlockerClient,
    NewDataset,
    NewLease,
    NotFlocker,
    RequestRefused,
    TLSRefused,
    Unreachable,
    Wishes,
)
from flocker.client.streaming import stream_of
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.runtime.reactor import IReactor
from flocker.wire.answers import (
    ConfiguredAnswer,
    DatasetAnswer,
    DatasetInFull,
    EraAnswer,
    LeaseAnswer,
    NodeAnswer,
    RefusalAnswer,
    VersionAnswer,
    VolumesAnswer,
    read,
)
from flocker.wire.json_codec import Undecodable

CONNECT_WITHIN = 10.0
"""Seconds for a connection to one address."""
ANSWER_WITHIN = 60.0
"""Seconds from a request, its connection included, to the end of its answer."""

_ORIGIN = "https://control-service"
"""Every URL's; which address is dialled, the endpoint says."""

_NOT_CONNECTED: tuple[tuple[type[Exception], str], ...] = (
    (network.ConnectionRefusedError, "connection refused"),
    (network.DNSLookupError, "there is no host of this name"),
    (network.TimeoutError, f"no connection within {CONNECT_WITHIN:.0f} s"),
)

UNCONNECTED = (network.ConnectError, network.DNSLookupError, network.TimeoutError)
"""What is raised where no connection comes about."""

_TAG = "x-configuration-tag"
_CONDITION = "x-if-configuration-matches"

_OK = 200
_NO_SUCCESS = 300
_UNAVAILABLE = 503

_Answered = tuple[int, Headers, bytes]

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


def connect(
    addresses: Sequence[Address],
    authority: x509.Certificate,
    own: Credential,
    reactor: IReactor,
) -> IFlockerClient:
    """Make a client; it dials when it is first asked something."""
    creator = client_context(authority, own)
    routes = [
        Route(
            str(address),
            _agent(address, creator, reactor),
            partial(explain, own=own),
        )
        for address in addresses
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

    async def greet(self) -> Greeting:
        """Ask who answers, and what time it is there."""
        route, (status, headers, answer) = await self._somewhere(
            lambda route: self._exchange(route, "GET", "/v1/version", None)
        )
        found = _understand(route.where, status, answer, VersionAnswer)
        return Greeting(route.where, found.flocker, _date(headers))

    async def health(self) -> Mapping[str, str]:
        """Ask how the service's parts are: ``ok``, or what is wrong."""
        route, (status, _, answer) = await self._somewhere(
            lambda route: self._exchange(route, "GET", "/v1/health", None)
        )
        # A sick service says so with 503, and may refuse with 503, too.
        if status == _UNAVAILABLE and b'"description"' not in answer:
            status = _OK
        return _understand(route.where, status, answer, dict[str, str])

    async def node_of_era(self, era: Era) -> NodeID:
        """Ask which node is in its life `era`, its kernel's boot id."""
        return (await self._get(f"/v1/state/nodes/by_era/{era}", EraAnswer)).uuid

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
        body |= _given(
            maximum_size=new.maximum_size,
            backend=new.backend,
            mount=new.mount,
            filesystem=new.filesystem,
        )
        return await self._change("POST", "/v1/configuration/datasets", body)

    async def tag(self) -> str:
        """Ask for the configuration's tag: it changes with every dataset's change."""
        path = "/v1/configuration/datasets"
        route, (status, headers, _) = await self._somewhere(
            lambda route: self._exchange(route, "HEAD", path, None)
        )
        tags = headers.getRawHeaders(_TAG, [])
        if status != _OK or len(tags) != 1:
            raise NotFlocker(route.where, f"status {status} and {len(tags)} tags")
        return tags[0]

    async def update(
        self, dataset: DatasetID, wishes: Wishes, tag: str | None = None
    ) -> ConfiguredAnswer:
        """Want a dataset larger, or give it other metadata, all of it."""
        path = f"/v1/configuration/datasets/{dataset}"
        metadata = None if wishes.metadata is None else dict(wishes.metadata)
        body = _given(maximum_size=wishes.maximum_size, metadata=metadata)
        return await self._change("POST", path, body, tag)

    async def move(self, dataset: DatasetID, to: NodeID) -> ConfiguredAnswer:
        """Want a dataset on another node."""
        path = f"/v1/configuration/datasets/{dataset}"
        return await self._change("POST", path, {"primary": str(to)})

    async def destroy(self, dataset: DatasetID) -> ConfiguredAnswer:
        """Want a dataset and its data destroyed."""
        path = f"/v1/configuration/datasets/{dataset}"
        return await self._change("DELETE", path, None)

    async def purge(self, dataset: DatasetID) -> ConfiguredAnswer:
        """Forget a destroyed dataset; its id and name are free again."""
        path = f"/v1/configuration/datasets/{dataset}?purge=true"
        return await self._change("DELETE", path, None)

    async def leases(self) -> tuple[LeaseAnswer, ...]:
        """Ask for all leases."""
        return await self._get("/v1/configuration/leases", tuple[LeaseAnswer, ...])

    async def acquire(self, new: NewLease) -> LeaseAnswer:
        """Keep a dataset on a node; again, with the same holder, renews it."""
        body = {
            "dataset_id": str(new.dataset),
            "node_uuid": str(new.node),
            "expires": new.seconds,
            **_given(holder=new.holder),
        }
        return await self._ask("POST", "/v1/configuration/leases", body, LeaseAnswer)

    async def release(self, dataset: DatasetID, holder: str | None) -> LeaseAnswer:
        """End one holder's part in a lease, or all of it (None)."""
        path = f"/v1/configuration/leases/{dataset}"
        if holder is not None:
            path += f"?{urlencode({'holder': holder})}"
        return await self._ask("DELETE", path, None, LeaseAnswer)

    async def volumes(self) -> VolumesAnswer:
        """Ask backends for their volumes that no dataset is."""
        return await self._get("/v1/status/volumes", VolumesAnswer)

    async def adopt(self, adoption: Adoption) -> ConfiguredAnswer:
        """Make such a volume a dataset."""
        body: dict[str, object] = {
            "primary": str(adoption.primary),
            "volume": adoption.volume,
            "metadata": dict(adoption.metadata),
            **_given(backend=adoption.backend),
        }
        path = f"/v1/configuration/datasets/{adoption.dataset}/adopt"
        return await self._change("POST", path, body)

    async def events(self, after: str | None) -> IEventStream:
        """Begin to read events, after an id or from now on."""
        given = {} if after is None else {"last-event-id": [after]}
        headers = Headers({"accept": ["text/event-stream"], **given})

        async def begin(route: Route) -> IEventStream:
            response = await HTTPClient(route.agent).request(
                "GET",
                f"{_ORIGIN}/v1/events",
                headers=headers,
                allow_redirects=False,
                unbuffered=True,
            )
            if response.code == _OK:
                return stream_of(response.original, route.where, self._clock)
            answer = await content(response)
            raise _refused(route.where, response.code, answer)

        _, stream = await self._somewhere(begin)
        return stream

    async def _get(self, path: str, kind: type[T]) -> T:
        return await self._ask("GET", path, None, kind)

    async def _change(
        self, method: str, path: str, body: object | None, tag: str | None = None
    ) -> ConfiguredAnswer:
        return await self._ask(method, path, body, ConfiguredAnswer, tag)

    async def _ask(
        self,
        method: str,
        path: str,
        body: object | None,
        kind: type[T],
        tag: str | None = None,
    ) -> T:
        changes = method != "GET"
        route, (status, _, answer) = await self._somewhere(
            lambda route: self._exchange(route, method, path, body, tag),
            changes=changes,
        )
        return _understand(route.where, status, answer, kind)

    async def _somewhere(
        self, ask: Callable[[Route], Awaitable[T]], *, changes: bool = False
    ) -> tuple[Route, T]:
        """Ask over one route after the other until there is an answer.

        What `changes` something is not asked again once a connection was made.
        """
        tried = []
        for route in self._routes:
            try:
                return route, await self._in_time(route, ask(route))
            except _Lost as lost:
                if changes:
                    raise AnswerLost(route.where, lost.why) from lost
                tried.append((route.where, lost.why))
            except UNCONNECTED as error:
                tried.append((route.where, not_connected(error)))
        raise Unreachable(tuple(tried))

    async def _in_time(self, route: Route, asking: Awaitable[T]) -> T:
        async def whole() -> T:
            return await asking

        asked: Deferred[T] = Deferred.fromCoroutine(whole())
        try:
            return await asked.addTimeout(ANSWER_WITHIN, self._clock, _too_late)
        except (
            ResponseNeverReceived,
            ResponseFailed,
            RequestTransmissionFailed,
        ) as error:
            raise _broken(route, error) from error

    async def _exchange(
        self,
        route: Route,
        method: str,
        path: str,
        body: object | None,
        tag: str | None = None,
    ) -> _Answered:
        headers = Headers({"content-type": ["application/json"]})
        if tag is not None:
            headers.addRawHeader(_CONDITION, tag)
        response = await HTTPClient(route.agent).request(
            method,
            _ORIGIN + path,
            headers=headers,
            data=None if body is None else _Body(json.dumps(body).encode()),
            allow_redirects=False,
        )
        return response.code, response.headers, await content(response)


def _given(**wishes: object) -> dict[str, object]:
    return {key: wish for key, wish in wishes.items() if wish is not None}


def _too_late(_result: object, seconds: float) -> NoReturn:
    raise _Lost(f"no answer within {seconds:.0f} s")


def _understand(where: str, status: int, answer: bytes, kind: type[T]) -> T:
    try:
        if status < _NO_SUCCESS:
            return read(kind, answer)
    except Undecodable as error:
        raise NotFlocker(where, f"status {status}, {error}") from error
    raise _refused(where, status, answer)


def _refused(where: str, status: int, answer: bytes) -> FlockerError:
    try:
        said = read(RefusalAnswer, answer)
    except Undecodable as error:
        return NotFlocker(where, f"status {status}, {error}")
    return RequestRefused(status, said.description, said.errors, said.incident)


def _date(headers: Headers) -> datetime | None:
    """Read a Date header, RFC 9110 §6.6.1."""
    try:
        (text,) = headers.getRawHeaders("date", [])
        return parsedate_to_datetime(text)
    except ValueError:
        return None


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
