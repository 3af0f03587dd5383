"""A port of this machine where Prometheus reads the counts of an agent: plain HTTP.

Control serves its own at its REST port, to users' certificates.
"""

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import Site

from flocker.runtime import metrics
from flocker.runtime.listening import BadEndpoint, reason
from flocker.runtime.reactor import IReactor

PATH = b"metrics"


class Counts(Resource):
    """What is read."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's has no types

    def render_GET(self, request: IRequest) -> bytes:
        """Give all counts of this process."""
        request.setHeader(b"Content-Type", metrics.CONTENT_TYPE)
        return metrics.exposition()


async def serve(reactor: IReactor, interface: str, port: int) -> IListeningPort:
    """Serve the counts. Raises `BadEndpoint`."""
    endpoint = TCP4ServerEndpoint(reactor, port, interface=interface)
    root = Resource()
    root.putChild(PATH, Counts())
    site = Site(root)
    site.noisy = False
    try:
        listening: IListeningPort = await endpoint.listen(site)
    except CannotListenError as error:
        text = f"{interface}:{port}"
        raise BadEndpoint("metrics", text, reason(error)) from error
    return listening
