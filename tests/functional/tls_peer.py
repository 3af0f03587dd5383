"""One end of a real TLS connection, as a program of its own.

`serve DIRECTORY NAME ROLE` answers HTTP with who asked, on a free port of loopback: its
first line of output; the others say whom it refused. `dial DIRECTORY NAME PORT` asks
once and prints the answer, or why there was none.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.client import Agent, ResponseNeverReceived, readBody
from twisted.web.resource import Resource
from twisted.web.server import Site

from flocker.ca.contexts import (
    client_context,
    https_policy,
    peer_identity,
    server_context,
)
from flocker.ca.handshake import explain
from flocker.ca.names import Role, common_name
from flocker.ca.services import ServiceCertificates, load_service_directory


class WhoAsks(Resource):
    """Answers with the common name of who asks."""

    def getChild(self, _path: bytes, _request: Any) -> Resource:
        return self

    def render_GET(self, request: Any) -> bytes:
        peer = peer_identity(request.channel.transport)
        return common_name(peer.subject).encode()


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def serve(reactor: Any, files: ServiceCertificates, role: str) -> None:
    creator = server_context(
        files.authority, files.own, accepts=Role(role), refused=say
    )
    factory = TLSMemoryBIOFactory(
        creator, isClient=False, wrappedFactory=Site(WhoAsks())
    )
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = await endpoint.listen(factory)
    say(port.getHost().port)
    await Deferred()


async def dial(reactor: Any, files: ServiceCertificates, port: str) -> None:
    policy = https_policy(client_context(files.authority, files.own))
    agent = Agent(reactor, contextFactory=policy)
    try:
        response = await agent.request(b"GET", f"https://127.0.0.1:{port}/".encode())
        say((await readBody(response)).decode())
    except ResponseNeverReceived as error:
        say(explain(error.reasons[0].value, files.own))


def main(reactor: Any, verb: str, directory: str, name: str, rest: str) -> Any:
    files = load_service_directory(Path(directory), name, now=datetime.now(UTC))
    program = {"serve": serve, "dial": dial}[verb]
    return Deferred.fromCoroutine(program(reactor, files, rest))


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
