"""A klein app that does next to nothing, behind the TLS of the REST API: a yardstick.

python -m admin.benchmarks.bare_klein CERTIFICATES PORT DATASETS
"""

import sys
from pathlib import Path

from klein import Klein
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.web.iweb import IRequest
from twisted.web.server import Site

from flocker.ca.contexts import server_context
from flocker.ca.names import Role
from flocker.ca.services import load_service_directory
from flocker.runtime.clock import SteadyClock

VERSION = b'{"flocker":"0"}'
DATASET = (
    b'{"dataset_id":"0000da7a-0000-0000-0000-000000000001","deleted":false,'
    b'"metadata":{},"primary":"0000000e-0000-0000-0000-000000000001"}'
)


def main(directory: str, port: str, datasets: str) -> None:
    """Serve until the end; `datasets` is how many are listed."""
    certificates = load_service_directory(
        Path(directory), "control-service", now=SteadyClock().now()
    )
    app = Klein()
    listing = b"[" + b",".join([DATASET] * int(datasets)) + b"]"

    def answer(request: IRequest, body: bytes) -> bytes:
        request.setHeader(b"Content-Type", b"application/json")
        request.setHeader(b"Content-Length", b"%d" % len(body))
        return body

    @app.route("/v1/version")
    def version(request: IRequest) -> bytes:
        return answer(request, VERSION)

    @app.route("/v1/configuration/datasets")
    def listed(request: IRequest) -> bytes:
        return answer(request, listing)

    context = server_context(
        certificates.authority,
        certificates.own,
        accepts=Role.USER,
        refused=lambda sentence: None,
    )
    tcp = TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    _ = wrapServerTLS(context, tcp).listen(Site(app.resource()))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
