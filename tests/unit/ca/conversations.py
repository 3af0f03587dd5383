"""Clusters whose certificates meet, and both ends of a connection in memory."""

from typing import Any

import pytest
from attrs import Factory as Fresh
from attrs import define, field
from cryptography.x509.oid import NameOID
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test.iosim import FakeTransport, connect
from zope.interface import implementer

from flocker.ca.contexts import (
    NoPeer,
    Peer,
    client_context,
    peer_identity,
    server_context,
)
from flocker.ca.credentials import Credential
from flocker.ca.names import Role
from flocker.testing.certificates import NODE_ID, a_cluster, an_old_cluster

MINE = a_cluster()
OLD = an_old_cluster()
OTHER = a_cluster("other")
TWIN = a_cluster()
"""The name and uuid of MINE, another key."""
NODE = f"node-{NODE_ID}"

both = pytest.mark.parametrize("cluster", [MINE, OLD], ids=["new", "old"])


@implementer(IHandshakeListener)
class Speaker(Protocol):
    """Says one word when the handshake is done, and remembers what came."""

    def __init__(self) -> None:
        self.heard = b""
        self.peer: Peer | None = None
        self.lost: BaseException | None = None

    def connectionMade(self) -> None:
        with pytest.raises(NoPeer):
            peer_identity(self.transport)

    def handshakeCompleted(self) -> None:
        self.peer = peer_identity(self.transport)
        self.transport.write(b"hello")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any) -> None:
        self.lost = reason.value


@define
class Conversation:
    """Both ends of a connection after all has been said."""

    server: Speaker
    client: Speaker
    server_refused: list[str] = field(default=Fresh(list))
    client_refused: list[str] = field(default=Fresh(list))
    server_noticed: list[str] = field(default=Fresh(list))
    client_noticed: list[str] = field(default=Fresh(list))

    @property
    def good(self) -> bool:
        return self.server.heard == self.client.heard == b"hello"

    @property
    def silent(self) -> bool:
        """Nothing that was said reached an application."""
        return self.server.heard == self.client.heard == b""


def converse(
    server: Credential,
    client: Credential,
    accepts: Role,
    *,
    ca: Credential = MINE.authority,
    client_ca: Credential | None = None,
    server_name: str = "control-service",
    limit: int | None = None,
) -> Conversation:
    """Connect a client to a server in memory; `limit` is the client's highest TLS."""
    talk = Conversation(Speaker(), Speaker())
    listening = server_context(
        ca.certificate,
        server,
        accepts=accepts,
        refused=talk.server_refused.append,
        noticed=talk.server_noticed.append,
    )
    dialling = client_context(
        (client_ca or ca).certificate,
        client,
        server_name=server_name,
        refused=talk.client_refused.append,
        noticed=talk.client_noticed.append,
    )
    if limit is not None:
        dialling.context.set_max_proto_version(limit)
    clock = Clock()
    ends = [
        TLSMemoryBIOFactory(creator, is_client, an_end(speaker), clock).buildProtocol(
            None
        )
        for creator, is_client, speaker in (
            (listening, False, talk.server),
            (dialling, True, talk.client),
        )
    ]
    pump = connect(
        ends[0],
        FakeTransport(ends[0], isServer=True),
        ends[1],
        FakeTransport(ends[1], isServer=False),
    )
    for _ in range(10):
        clock.advance(1)
        pump.flush()
    return talk


def an_end(speaker: Speaker) -> Factory:
    factory = Factory()
    factory.protocol = lambda: speaker
    factory.buildProtocol = lambda _address: speaker
    return factory


def common_name_of(own: Credential) -> str:
    (name,) = own.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return name.value
