"""TLS for Twisted: who may talk to whom is decided in the handshake.

Every listener and every client of the house gets its connections here: TLS 1.2 or 1.3,
certificates on both sides, both signed by the cluster's own authority. Servers admit
one role; clients ask for one server name, whatever address was dialled. Sessions are
never resumed, so each connection is verified anew.

Certificates of the first Flocker (version 1, no key usage) are accepted: strict
verification stays off.
"""

from typing import Protocol, cast

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509Store
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from flocker.ca.checking import wrong_node, wrong_role, wrong_server_name
from flocker.ca.credentials import Credential, NotANode, subject_of
from flocker.ca.handshake import Examiner, Noticed, PeerRefused, Refused
from flocker.ca.names import (
    CONTROL_SERVICE,
    NodeSubject,
    Role,
    Subject,
    common_name,
    role_of,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import NodeID

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; those of 1.3 are all good."""
_OPTIONS = SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION

_PARTIAL_WRITE = 1
"""SSL_MODE_ENABLE_PARTIAL_WRITE: a call for each 16 KiB, where one would do."""


@frozen
class NoPeer(FlockerError):
    """A transport has no authenticated peer: its handshake is not finished."""

    def words(self) -> str:
        """Say so."""
        return "the TLS handshake is not finished, so the peer is not known"


@frozen
class Peer:
    """Who is at the other end of a connection, proved by its certificate."""

    subject: Subject

    @property
    def role(self) -> Role:
        """What the peer may do."""
        return role_of(self.subject)

    @property
    def node(self) -> NodeID:
        """The node, where only nodes are admitted; raises `NotANode`."""
        if isinstance(self.subject, NodeSubject):
            return self.subject.node
        raise NotANode(common_name(self.subject))


class Secured(Protocol):
    """What we ask of a TLS transport (part of ISSLTransport)."""

    def getPeerCertificate(self) -> X509 | None: ...


def _unheard(_sentence: str) -> None:
    """Nobody wants to know."""


def server_context(
    ca: x509.Certificate,
    own: Credential,
    *,
    accepts: Role,
    refused: Refused,
    noticed: Noticed = _unheard,
) -> IOpenSSLServerConnectionCreator:
    """TLS of a listener that admits only peers of one role, signed by this authority.

    `noticed` hears, once a connection, of a peer whose certificate names another
    cluster.
    """

    def check(leaf: x509.Certificate) -> str | None:
        return wrong_role(leaf, accepts)

    context, examiner = _context(ca, own), Examiner(ca, check, refused, noticed)
    examiner.listen(context, own)
    return _Server(context, examiner)


def client_context(
    ca: x509.Certificate,
    own: Credential,
    *,
    server_name: str = CONTROL_SERVICE,
    refused: Refused = _unheard,
    noticed: Noticed = _unheard,
) -> IOpenSSLClientConnectionCreator:
    """TLS of a client that talks only to the server of this name and authority.

    The name must stand in the certificate's subjectAltName. A refusal also becomes the
    protocol's reason for `connectionLost`, as `PeerRefused`; `noticed` hears, once a
    connection, of a server whose certificate names another cluster.
    """

    def check(leaf: x509.Certificate) -> str | None:
        return wrong_server_name(leaf, server_name)

    examiner = Examiner(ca, check, refused, noticed)
    return _Client(_context(ca, own), examiner, server_name)


def node_context(
    ca: x509.Certificate,
    own: Credential,
    *,
    node: NodeID,
    refused: Refused = _unheard,
    noticed: Noticed = _unheard,
) -> IOpenSSLClientConnectionCreator:
    """TLS of a node that talks only to the agents of one other node.

    Which node that is says its certificate's common name, as everywhere.
    """

    def check(leaf: x509.Certificate) -> str | None:
        return wrong_node(leaf, node)

    examiner = Examiner(ca, check, refused, noticed)
    return _Client(_context(ca, own), examiner, common_name(NodeSubject(node)))


def https_policy(creator: IOpenSSLClientConnectionCreator) -> IPolicyForHTTPS:
    """What a `twisted.web.client.Agent` (and treq) needs to dial with `creator`."""
    return _Policy(creator)


def peer_identity(transport: Secured) -> Peer:
    """Who is at the other end; raises `NoPeer` before the handshake is done.

    Twisted calls `connectionMade` before the handshake: ask in `handshakeCompleted`
    (IHandshakeListener) or when the first bytes have come.
    """
    presented = transport.getPeerCertificate()
    if presented is None:
        raise NoPeer
    return Peer(subject_of(presented.to_cryptography()))


def _context(ca: x509.Certificate, own: Credential) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(_OPTIONS)
    if hasattr(context, "clear_mode"):  # new in pyOpenSSL 25
        context.clear_mode(_PARTIAL_WRITE)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"flocker")
    context.use_certificate(own.certificate)
    context.use_privatekey(own.key)
    context.add_client_ca(ca)
    store = cast(X509Store, context.get_cert_store())  # a fresh context has one
    store.add_cert(X509.from_cryptography(ca))
    return context


@implementer(IOpenSSLServerConnectionCreator)
@frozen
class _Server:
    context: SSL.Context
    examiner: Examiner

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        # For `Examiner.listen`; Twisted does the same, but not in all its releases.
        connection.set_app_data(tlsProtocol)
        # The client is told by OpenSSL's alert, which an abort would swallow.
        self.examiner.watch(connection, tlsProtocol, lambda _there, _error: None)
        return connection


@implementer(IOpenSSLClientConnectionCreator)
@frozen
class _Client:
    context: SSL.Context
    examiner: Examiner
    server_name: str

    def clientConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        connection, name = SSL.Connection(self.context, None), self.server_name
        if not (isIPAddress(name) or isIPv6Address(name)):
            connection.set_tlsext_host_name(name.encode("ascii"))
        self.examiner.watch(connection, tlsProtocol, _fail)
        return connection


def _fail(protocol: TLSMemoryBIOProtocol, error: PeerRefused) -> None:
    """Let the connection end for this reason.

    Note [The alert goes out]: `failVerification` does the same, but ends the connection
    at once, before OpenSSL's alert is sent. The server would never know why.
    """
    vars(protocol)["_reason"] = Failure(error)


@implementer(IPolicyForHTTPS)
@frozen
class _Policy:
    creator: IOpenSSLClientConnectionCreator

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return self.creator
