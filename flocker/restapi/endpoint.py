"""The one decorator: what a path takes, by which method, and under which condition.

A handler is `async`, is given a `Call` with a body that matches its schema, gives an
`Answer` or raises an error of `flocker.restapi.errors.STATUS`. Everything else about
HTTP is done here, once. Every ``user-`` certificate may do everything, so there is
nothing to ask about who calls: the handshake has.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import IO, Any, TypeVar, cast
from uuid import UUID

from attrs import frozen
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from flocker.ca.contexts import Secured, peer_identity
from flocker.ca.names import common_name
from flocker.control.operations import Decide, Operations
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.restapi.answers import Answer
from flocker.restapi.conditions import CONDITION_HEADER, require, tag
from flocker.restapi.errors import STATUS, fault, refusal
from flocker.restapi.schema import LARGEST_BODY, Schema
from flocker.runtime import logging, metrics

T = TypeVar("T")

TASK_HEADER = b"X-Eliot-Task-Id"
LONGEST_TASK_ID = 200

ANYTHING: Any = {}
"""The body of a call whose endpoint takes none."""


@frozen
class Service:
    """What all endpoints share."""

    operations: Operations
    store_id: UUID

    @property
    def tag(self) -> str:
        """The configuration tag as it is now."""
        return tag(self.store_id, self.operations.configuration)


@frozen
class Call:
    """One request, as a handler sees it; of a repeated query key the last counts.

    `who` gives the name in the caller's certificate, where there is one.
    """

    body: Any
    headers: Headers
    query: Mapping[str, str]
    change: Callable[[Decide], Coroutine[Any, Any, Configuration]]
    who: Callable[[], str | None]


@frozen
class Stream:
    """An answer that goes on; `serve` writes it, and fires when its client is gone."""

    content_type: bytes
    serve: Callable[[Request], Deferred[None]]
    code: int = 200


Handler = Callable[..., Awaitable[Answer | Stream]]

Route = Callable[..., Deferred[bytes]]
"""Answers a request; gives what is left to send."""

Routes = dict[tuple[bytes, bytes], Route]


@frozen
class Endpoint:
    """A handler and what it is for; `body` is None where bodies are ignored.

    `query` names what it reads of the query. Status to schema are `answers`.

    A `conditional` one respects X-If-Configuration-Matches, before all other checks
    and again at its commit.
    """

    method: str
    path: str
    handler: Handler
    answers: Mapping[int, str]
    body: Schema | None = None
    conditional: bool = False
    query: tuple[str, ...] = ()


def endpoint(
    method: str,
    path: str,
    answers: Mapping[int, str],
    *,
    body: Schema | None = None,
    conditional: bool = False,
    query: tuple[str, ...] = (),
) -> Callable[[Handler], Endpoint]:
    """Make a method serve `method` on `path`; HEAD comes with GET.

    `answers` names the schema of each status in ``schemas/answers.yml``, except for
    what every endpoint of its kind may answer (`flocker.restapi.openapi`).
    """

    def decorate(handler: Handler) -> Endpoint:
        return Endpoint(method, path, handler, answers, body, conditional, query)

    return decorate


def serve(app: Klein, service: Service, room: object) -> Routes:
    """Route to every endpoint of `room`, an object of a class that has some.

    Gives the routes of those whose path has no variable part, by method and path.
    """
    exact: Routes = {}
    for found in endpoints_of(type(room)):
        name = f"{found.method} {found.path}"
        route = _route(found, service, room)
        app.route(found.path, methods=[found.method], endpoint=name)(route)
        if "<" not in found.path:
            exact[found.method.encode("ascii"), found.path.encode("ascii")] = route
    return exact


def write(answer: Answer, request: IRequest) -> bytes:
    """Set status and headers of `request`; give the body that is left to send."""
    request.setResponseCode(answer.code)
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(answer.body))
    for name, value in answer.headers:
        request.setHeader(name, value)
    return answer.body


def answer_failure(failure: Failure) -> Answer:
    """Give the answer to an error; what is not in the table is logged as ours."""
    error = failure.value
    if isinstance(error, FlockerError) and type(error) in STATUS:
        return refusal(error)
    logging.failure("flocker:api:fault", failure)
    return fault(logging.current_task_id())


def endpoints_of(room: type) -> Iterator[Endpoint]:
    """Give the endpoints of a class that has some, in their order."""
    for value in vars(room).values():
        if isinstance(value, Endpoint):
            yield value


def _route(found: Endpoint, service: Service, room: object) -> Route:
    measured = metrics.Route(found.method, found.path)

    async def handle(request: Request, segments: Mapping[str, str]) -> Answer | Stream:
        try:
            call = _read(found, service, request)
            return await found.handler(room, call, **segments)
        except Exception:  # noqa: BLE001  (whatever it is, it is answered)
            return answer_failure(Failure())

    async def respond(request: Request, segments: Mapping[str, str]) -> bytes:
        with (
            logging.continued(
                _task_id(request),
                "flocker:api:request",
                method=found.method,
                path=request.path.decode("utf-8", "replace"),
            ),
            measured.request() as answered,
        ):
            answer = await handle(request, segments)
            answered(answer.code)
            if isinstance(answer, Answer):
                logging.outcome(status=answer.code)
                return write(answer, request)
        return await _stream(answer, request)

    def route(request: Request, **segments: str) -> Deferred[bytes]:
        return _finishing(respond(request, segments))

    return route


async def _stream(stream: Stream, request: Request) -> bytes:
    """Answer as long as the client stays; there is nothing left to send then."""
    request.setHeader(b"Content-Type", stream.content_type)
    request.setHeader(b"Cache-Control", b"no-store")
    if request.method != b"HEAD":
        await stream.serve(request)
    return b""


def _read(found: Endpoint, service: Service, request: Request) -> Call:
    """Raises `ConfigurationChanged` and what `Schema.read` raises."""
    required: tuple[str, ...] = ()
    if found.conditional:
        lines = request.requestHeaders.getRawHeaders(CONDITION_HEADER, [])
        required = tuple(line.decode("ascii", "replace") for line in lines)
        require(required, service.tag)
    body = ANYTHING
    if found.body is not None:
        content = cast(IO[bytes], request.content)
        content.seek(0)
        body = found.body.read(content.read(LARGEST_BODY + 1))
    return Call(
        body,
        request.requestHeaders,
        _read_query(request),
        _conditionally(service, required),
        partial(_caller, request),
    )


def _caller(request: Request) -> str | None:
    transport: object = request.transport
    if not isinstance(transport, TLSMemoryBIOProtocol):
        return None
    return common_name(peer_identity(cast(Secured, transport)).subject)


def _read_query(request: Request) -> Mapping[str, str]:
    return {
        name.decode("utf-8", "replace"): values[-1].decode("utf-8", "replace")
        for name, values in (request.args or {}).items()
    }


def _conditionally(
    service: Service, required: tuple[str, ...]
) -> Callable[[Decide], Coroutine[Any, Any, Configuration]]:
    """Make `Operations.change` hold for a configuration with a required tag only."""

    async def change(decide: Decide) -> Configuration:
        def decide_if_met(configuration: Configuration) -> Change:
            require(required, tag(service.store_id, configuration))
            return decide(configuration)

        return await service.operations.change(decide_if_met)

    return change


def _finishing(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Do `work` to its end, whatever becomes of whoever waits for it.

    Klein cancels when a client hangs up; a commit under way must still be announced.
    """
    waiting: Deferred[T] = Deferred()
    _ = Deferred.fromCoroutine(work).addBoth(waiting.callback)
    return waiting


def _task_id(request: Request) -> str:
    value = request.requestHeaders.getRawHeaders(TASK_HEADER, [b""])[0]
    return value.decode("ascii", "replace") if len(value) <= LONGEST_TASK_ID else ""
