"""Docker's volume plugin protocol over HTTP: POSTs of JSON on a UNIX socket.

What goes wrong is answered with 200 and a text in ``Err``, as Docker wants it. Facts:
docs.docker.com/engine/extend/plugins_volume, and recordings of what dockerd sends.
"""

import json
from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from flocker.docker_plugin.requests import BadBody, read
from flocker.docker_plugin.requests import Request as Wanted
from flocker.model.errors import FlockerError
from flocker.runtime.logging import action, failure, message

ACTIVATE = b"/Plugin.Activate"
JSON = b"application/json"

Answer = Mapping[str, object]
Call = tuple[Callable[[Wanted], Awaitable[Answer]], float]
"""What does a call, and the seconds that it may take."""


class VolumeDriver(Resource):
    """All paths of the protocol."""

    def __init__(self, calls: Mapping[bytes, Call], clock: IReactorTime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's has no types
        self.isLeaf = 1
        self._calls = calls
        self._clock = clock

    def render(self, request: Request) -> bytes | int:
        """Answer a request, now or later."""
        path = request.uri.partition(b"?")[0]
        if path != ACTIVATE and path not in self._calls:
            return _write(request, 404, {"description": "there is no such call"})
        if request.method != b"POST":
            request.setHeader(b"Allow", b"POST")
            return _write(request, 405, {"description": "every call is a POST"})
        if path == ACTIVATE:
            return _write(request, 200, {"Implements": ["VolumeDriver"]})
        try:
            wanted = read(_body(request))
        except BadBody as error:
            return _write(request, 400, {"description": str(error)})
        call, seconds = self._calls[path]
        name = path.decode("ascii").lstrip("/")
        doing = Deferred.fromCoroutine(self._do(call(wanted), name, wanted))
        _ = doing.addTimeout(seconds, self._clock)
        _ = doing.addErrback(_explain, name, seconds)
        _answer_when_done(request, doing)
        return NOT_DONE_YET

    async def _do(self, call: Awaitable[Answer], name: str, wanted: Wanted) -> Answer:
        fields = {key.lower(): wanted.fields.get(key) for key in ("Name", "ID")}
        with action("flocker:docker-plugin:call", call=name, **fields):
            return {**await call, "Err": ""}


def _body(request: Request) -> bytes:
    return b"" if request.content is None else request.content.read()


def _explain(error: Failure, name: str, seconds: float) -> Answer:
    """Say what went wrong; a fault of ours is logged with its traceback."""
    if error.check(FlockerError):
        message("flocker:docker-plugin:refused", call=name, why=str(error.value))
        return _wrong(str(error.value))
    if error.check(Late):
        return _wrong(f"{name} was not done within {seconds:g} s")
    if error.check(CancelledError):
        return _wrong("the call was given up")
    failure("flocker:docker-plugin:fault", error, call=name)
    return _wrong(f"a fault in Flocker: {type(error.value).__name__}: {error.value}")


def _wrong(why: str) -> Answer:
    return {"Mountpoint": "", "Err": why}


def _answer_when_done(request: Request, doing: "Deferred[Answer]") -> None:
    """Write the answer; if Docker hangs up before, give up what was asked for."""
    gone: list[Failure] = []

    def hung_up(reason: Failure) -> None:
        gone.append(reason)
        doing.cancel()

    def done(answer: Answer) -> None:
        if not gone:
            _ = request.write(_write(request, 200, answer))
            request.finish()

    _ = request.notifyFinish().addErrback(hung_up)
    _ = doing.addCallback(done)


def _write(request: Request, code: int, answer: Answer) -> bytes:
    body = json.dumps(answer).encode()
    request.setResponseCode(code)
    request.setHeader(b"Content-Type", JSON)
    request.setHeader(b"Content-Length", str(len(body)).encode("ascii"))
    return body


def site(calls: Mapping[bytes, Call], clock: IReactorTime) -> Site:
    """Give what is served at the socket.

    Docker keeps its connections; one that we ended because it was idle could be the one
    over which it asks just then.
    """
    found = Site(VolumeDriver(calls, clock), timeout=None, reactor=clock)
    found.noisy = False
    return found
