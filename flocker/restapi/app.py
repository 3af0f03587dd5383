"""The whole REST API as one resource: its rooms, and what belongs to none of them.

Made by `flocker.daemons.control`, which adds TLS and the port with `site`.

Note [Exact paths]: a path without a variable part is looked up, and Klein is not asked;
matching and its Deferreds take as long as all that we do ourselves. Klein knows these
paths too, so that another method, or another spelling, is answered as everywhere.
"""

from collections.abc import Callable
from io import BytesIO
from typing import cast
from uuid import UUID, uuid4

from attrs import frozen
from klein import Klein, KleinRenderable
from klein.resource import KleinResource
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET, Request, Site
from werkzeug import exceptions

from flocker.control.asking import Asking, Nobody, Reachable
from flocker.control.events import Events
from flocker.control.operations import Operations
from flocker.model.errors import FlockerError
from flocker.restapi.about import About
from flocker.restapi.channel import Channel
from flocker.restapi.datasets import Datasets
from flocker.restapi.endpoint import (
    Route,
    Routes,
    Service,
    answer_failure,
    serve,
    write,
)
from flocker.restapi.errors import (
    BadRequest,
    MethodNotAllowed,
    PathNotFound,
    refusal,
)
from flocker.restapi.events import EventStreams
from flocker.restapi.health import Health
from flocker.restapi.leases import Leases
from flocker.restapi.metrics import Metrics
from flocker.restapi.moves import Moves
from flocker.restapi.node_registry import NodeRegistry
from flocker.restapi.nodes import Nodes
from flocker.restapi.openapi import Documents
from flocker.restapi.rollbacks import Rollbacks
from flocker.restapi.schema import LARGEST_BODY
from flocker.restapi.snapshots import Snapshots
from flocker.restapi.status import Statuses
from flocker.restapi.volumes import Volumes
from flocker.runtime import metrics

PIECE = 256 * 1024
"""Bytes of a body that are written at a time; megabytes at once cost a third more, as
each buffer on their way through TLS is made for all of them."""


@frozen
class World:
    """Time and chance: the reactor's clock, control's steady one (seconds), new ids."""

    clock: IReactorTime
    now: Callable[[], float]
    new_id: Callable[[], UUID] = uuid4


def app_resource(
    operations: Operations,
    events: Events,
    world: World,
    *,
    store_id: UUID,
    agents: Reachable | None = None,
    version: str,
) -> IResource:
    """Give the resource to serve."""
    now, agents = world.now, agents or Nobody()
    service, asking = Service(operations, store_id), Asking(operations, agents)
    app = Klein()
    # A path is served as it is written: no redirects, no other spelling of slashes.
    app.url_map.merge_slashes = False
    exact: Routes = {}
    for room in (
        About(version),
        Documents(),
        Health(operations),
        Metrics(events, operations.observations),
        Datasets(service, now, world.new_id),
        EventStreams(events, world.clock),
        Leases(service, now, agents),
        Moves(service, now, asking),
        NodeRegistry(service, now),
        Nodes(service, now),
        Rollbacks(service, now),
        Snapshots(service, now, world.new_id),
        Statuses(service, now, events.boot),
        Volumes(service, now, asking),
    ):
        exact |= serve(app, service, room)
    app.handle_errors(_answer_unrouted)
    return _Front(app, exact)


def site(resource: IResource, reactor: IReactorTime) -> Site:
    """Give the protocol factory that serves `resource` as this API wants it.

    Bodies are JSON whatever their Content-Type says, and only so much of one is kept
    as shows that it is too long.
    """
    served = _Site(resource, _Request, reactor=reactor, parsePOSTFormSubmission=False)
    served.protocol = Channel  # type: ignore[method-assign, assignment]
    return served


class _Site(Site):
    def log(self, request: object) -> None:
        """Log nothing: requests are logged as actions (`flocker.restapi.endpoint`)."""


class _Request(Request):
    def gotLength(self, length: int | None) -> None:
        self.content = _Body()


class _Body(BytesIO):
    """Keeps one byte more than the largest body that is read."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        room = LARGEST_BODY + 1 - self.tell()
        return super().write(data[: max(0, room)])


class _Front(KleinResource):
    """Turns away what Klein and Werkzeug would stumble over.

    Answers what it is not needed for: Note [Exact paths].
    """

    def __init__(self, app: Klein, exact: Routes) -> None:
        super().__init__(app)
        self._exact = exact

    def render(self, request: IRequest) -> KleinRenderable:
        route = self._exact.get((request.method, request.path))
        if route is not None:
            _send(route, cast(Request, request))
            return cast(KleinRenderable, NOT_DONE_YET)
        error = _unroutable(request)
        if error is not None:
            return _refuse(error, request)
        # Werkzeug wants a host name that is one, for redirects that there are none of.
        request.requestHeaders.setRawHeaders(b"Host", [b"control-service"])
        return super().render(request)


def _send(route: Route, request: Request) -> None:
    """Send the answer to `request` when it comes, unless the client is gone by then.

    What answers may end because the client goes, so we are the first to hear of that.
    """
    gone: list[Failure] = []
    _ = request.notifyFinish().addErrback(gone.append)
    answering = route(request)

    def finish(body: bytes) -> None:
        if not gone:
            for begin in range(0, len(body), PIECE):
                request.write(body[begin : begin + PIECE])
            request.finish()

    _ = answering.addErrback(lambda f: write(answer_failure(f), request))
    _ = answering.addCallback(finish)


def _unroutable(request: IRequest) -> FlockerError | None:
    method: bytes = request.method
    if not (method.isalpha() and method.isupper()):
        return BadRequest("its method is not a word in capitals")
    path = b"/".join(request.postpath)
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return PathNotFound("/" + path.decode("utf-8", "replace"))
    return None


def _answer_unrouted(request: IRequest, failure: Failure) -> bytes:
    """Answer what was raised on the way to an endpoint."""
    match failure.value:
        case exceptions.MethodNotAllowed(valid_methods=methods):
            allowed = tuple(sorted(methods or ()))
            error: FlockerError = MethodNotAllowed(_method(request), allowed)
        case exceptions.NotFound():
            error = PathNotFound(request.path.decode("utf-8", "replace"))
        case exceptions.HTTPException(description=description):
            error = BadRequest(str(description))
        case _:
            return write(answer_failure(failure), request)
    return _refuse(error, request)


def _refuse(error: FlockerError, request: IRequest) -> bytes:
    answer = refusal(error)
    metrics.unrouted(_method(request), answer.code)
    return write(answer, request)


def _method(request: IRequest) -> str:
    return bytes(request.method).decode("ascii", "replace")
