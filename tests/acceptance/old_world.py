"""Clusters for the old clients' tests, and the bytes that go to and fro.

One kind has today's certificates and an empty beginning; the other the files of an
installation of 1.15: its certificates (X.509 version 1, RSA, no key usage on nodes) and
its configuration, which control imports.
"""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from uuid import uuid4

from attrs import frozen

from flocker.ca.files import load_credential, write_credential
from flocker.ca.names import CONTROL_SERVICE, NODE_FILE
from flocker.model.ids import DatasetID
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, REST_PORT, MachineName, address, node_name
from flocker.sandbox.reaching import visited
from flocker.testing.certificates import OldAuthority
from flocker.testing.clusters import LiveCluster, live_cluster

ONE, TWO = node_name(1), node_name(2)
GOLDEN = Path(__file__).parents[1] / "golden" / "flocker-1" / "v6.json"
GOLDEN_NODES = {
    ONE: "5d7a0000-0000-4000-8000-000000000001",
    TWO: "5d7a0000-0000-4000-8000-000000000002",
}
IMPORTED = "11c50000-0000-4000-8000-000000000001"
_WITHIN = 60.0


@frozen
class Reply:
    """What came back."""

    code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


@frozen
class OldWorld:
    """A live cluster, and how its old clients reach it."""

    cluster: LiveCluster
    context: ssl.SSLContext
    imported: bool

    def play(self, request: bytes) -> Reply:
        """Send one request on a connection of its own."""
        (reply,) = self.play_all([request])
        return reply

    def play_all(self, requests: Sequence[bytes]) -> list[Reply]:
        """Send requests one after the other on one connection."""
        with (
            visited(self.cluster.sandbox.layout.switch),
            socket.create_connection((address(CONTROL), REST_PORT), _WITHIN) as plain,
        ):
            host = address(CONTROL)
            with self.context.wrap_socket(plain, server_hostname=host) as secure:
                return [_exchange(secure, each) for each in requests]

    def node(self, machine: MachineName) -> str:
        """A node's uuid, as clients write it."""
        return str(self.cluster.id_of(machine))

    def mounted(self) -> str:
        """A new dataset that is mounted on node 1."""
        dataset = self.cluster.create(ONE)
        self.cluster.mounted(dataset, ONE)
        return str(dataset)

    def deleted(self) -> str:
        """A dataset that was deleted."""
        dataset = self.cluster.create(ONE)
        self.cluster.delete(dataset)
        return str(dataset)


def _exchange(secure: ssl.SSLSocket, request: bytes) -> Reply:
    secure.sendall(request)
    method, _, _ = request.partition(b" ")
    with HTTPResponse(secure, method=method.decode()) as response:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        reply = Reply(response.status, headers, response.read())
    # However it was asked, and whatever the answer.
    assert reply.headers["content-type"] == "application/json", reply
    return reply


def as_old_python(directory: Path) -> ssl.SSLContext:
    """TLS as a Python client of 1.15's time pins it, with a user's files."""
    context = ssl.create_default_context(cafile=directory / "cluster.crt")
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(directory / "user.crt", directory / "user.key")
    return context


@contextmanager
def old_world(*, imported: bool) -> Iterator[OldWorld]:
    """A cluster of two nodes, until the end of the block."""
    with live_cluster(2) as cluster:
        if imported:
            _put_back(cluster)
        yield OldWorld(cluster, as_old_python(cluster.sandbox.layout.client), imported)


def _put_back(cluster: LiveCluster) -> None:
    """Make a cluster what an administrator has who carries 1.15's files to this."""
    layout = cluster.sandbox.layout
    ids = {node: cluster.id_of(node) for node in cluster.nodes}
    for machine in (CONTROL, *ids):
        cluster.kill(machine)
    _old_certificates(layout, ids)
    data = layout.machine(CONTROL) / "data"
    for path in data.iterdir():
        path.unlink()
    text = GOLDEN.read_text()
    for node, name in GOLDEN_NODES.items():
        text = text.replace(name, str(ids[node]))
    (data / "current_configuration.json").write_text(text)
    for machine in (CONTROL, *ids):
        cluster.start(machine)
    cluster.await_connected()


def _old_certificates(layout: Layout, ids: Mapping[MachineName, Any]) -> None:
    authority = OldAuthority.found("carried-over")
    owners = {
        layout.machine(CONTROL): (
            CONTROL_SERVICE,
            authority.control(address(CONTROL)),
        ),
        layout.client: ("user", authority.user("user")),
    }
    for node, uuid in ids.items():
        owners[layout.machine(node)] = (NODE_FILE, authority.node(uuid))
    for directory, (name, credential) in owners.items():
        for kind in ("crt", "key"):
            (directory / f"{name}.{kind}").unlink()
        write_credential(directory, name, credential)
        trusted = authority.credential.certificate_pem()
        (directory / "cluster.crt").write_bytes(trusted)
        assert load_credential(directory, name).certificate.version.name == "v1"


def a_new_id() -> str:
    """An id that no dataset has."""
    return str(DatasetID(uuid4()))
