"""Asks the control service of a sandbox, from outside of its private network.

A socket belongs to the network namespace in which it is made, so this process visits
the sandbox's for as long as that takes (setns(2), for the calling thread only). Tests
and the commands use it; users have `flockerctl`.
"""

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from attrs import frozen

from flocker.ca.names import CLUSTER
from flocker.model.errors import FlockerError
from flocker.sandbox.furnishing import USER
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, REST_PORT, MachineName, address
from flocker.sandbox.namespaces import join
from flocker.sandbox.waiting import patience, until
from flocker.wire.answers import NodeAnswer, read
from flocker.wire.json_codec import Undecodable

_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of linux/sched.h."""
_ANSWER_WITHIN = 10.0
"""Seconds for each step of a request."""


@frozen
class NotReached(FlockerError):
    """The control service of a sandbox gave no answer."""

    why: str

    def words(self) -> str:
        """Say why not."""
        return f"the sandbox's control service does not answer: {self.why}"


@frozen
class Answer:
    """What the control service said."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever JSON it is
        """Give the body as JSON."""
        return json.loads(self.body)


@contextmanager
def visited(network: Path) -> Iterator[None]:
    """Be in a network namespace, with the calling thread."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(network, os.O_RDONLY | os.O_CLOEXEC)
        try:
            join(other, _NEW_NETWORK)
        finally:
            os.close(other)
        try:
            yield
        finally:
            join(own, _NEW_NETWORK)
    finally:
        os.close(own)


def ask(layout: Layout, method: str, path: str, body: object = None) -> Answer:
    """Ask the REST API of a sandbox; raises `NotReached`."""
    try:
        connection = connected(layout)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content)
        response = connection.getresponse()
        answer = Answer(response.status, response.read())
        connection.close()
    except (OSError, HTTPException) as error:
        raise NotReached(str(error)) from error
    return answer


def connected(layout: Layout) -> HTTPSConnection:
    """Connect to the REST API of a sandbox; a connection stays where it was made."""
    connection = HTTPSConnection(
        address(CONTROL),
        REST_PORT,
        timeout=patience(_ANSWER_WITHIN),
        context=_trust(layout),
    )
    with visited(layout.switch):
        connection.connect()
    return connection


def nodes_seen(layout: Layout) -> dict[str, NodeAnswer]:
    """Ask which nodes control knows, by their addresses; raises `NotReached`."""
    answer = ask(layout, "GET", "/v1/status/nodes")
    try:
        nodes = read(tuple[NodeAnswer, ...], answer.body)
    except Undecodable as error:
        raise NotReached(f"status {answer.status}, {error}") from error
    return {node.host: node for node in nodes}


def await_connected(
    layout: Layout, nodes: tuple[MachineName, ...], seconds: float
) -> None:
    """Wait until control is connected with these nodes; raises `Waited`."""

    def all_connected() -> bool:
        try:
            seen = nodes_seen(layout)
        except NotReached:
            return False
        found = [seen.get(address(node)) for node in nodes]
        return all(node is not None and node.connected for node in found)

    until(all_connected, f"{', '.join(nodes)} to connect", seconds)


def _trust(layout: Layout) -> ssl.SSLContext:
    certificates = layout.client
    context = ssl.create_default_context(cafile=certificates / f"{CLUSTER}.crt")
    # A sandbox may be given certificates of the first Flocker, which break this rule.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_cert_chain(certificates / f"{USER}.crt", certificates / f"{USER}.key")
    return context
