"""TLS for Twisted: who may talk to whom is decided in the handshake.

Every listener and every client of the house gets its connections here: TLS 1.2 or 1.3,
certificates on both sides, both signed by the cluster's own authority. Servers admit
one role; clients ask for one server name, whatever address was dialled. Sessions are
never resumed, so each connection is verified anew.

Certificates of the first Flocker (version 1, no key usage) are accepted: strict
verification stays off.
"""

from collections.abc import Callable
from typing import Protocol, cast
from weakref import ref

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509, X509Store
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from flocker.ca.checking import (
    common_name_of,
    expired,
    foreign_issuer,
    not_yet_valid,
    wrong_cluster,
    wrong_role,
    wrong_server_name,
)
from flocker.ca.credentials import Credential, NotANode, cluster_id, subject_of
from flocker.ca.names import (
    CONTROL_SERVICE,
    NodeSubject,
    Role,
    Subject,
    common_name,
    role_of,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID, NodeID

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2; those of 1.3 are all good."""
_OPTIONS = SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION
_MUTUAL = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT

_Codes = SSL.X509VerificationCodes
_FOREIGN = frozenset(
    {
        _Codes.ERR_UNABLE_TO_GET_ISSUER_CERT,
        _Codes.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        _Codes.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        _Codes.ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        _Codes.ERR_SELF_SIGNED_CERT_IN_CHAIN,
        _Codes.ERR_CERT_SIGNATURE_FAILURE,
        _Codes.ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE,
        _Codes.ERR_AKID_SKID_MISMATCH,
    }
)

Refused = Callable[[str], None]
"""Is told, in one sentence, why a peer was refused."""
_Check = Callable[[x509.Certificate], str | None]


@frozen
class PeerRefused(FlockerError):
    """The other side's certificate is not the one expected.

    A refusing client's protocol gets this as the reason of `connectionLost`.
    """

    sentence: str

    def words(self) -> str:
        """Who was refused, what was expected and what it was."""
        return self.sentence


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
    cluster: ClusterID

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


class _Secured(Protocol):
    """What we ask of a TLS transport (part of ISSLTransport)."""

    def getPeerCertificate(self) -> X509 | None: ...


def server_context(
    ca: x509.Certificate, own: Credential, *, accepts: Role, refused: Refused
) -> IOpenSSLServerConnectionCreator:
    """TLS of a listener that admits only peers of one role and of this cluster."""

    def check(leaf: x509.Certificate) -> str | None:
        return wrong_role(leaf, accepts) or wrong_cluster(leaf, ca)

    return _Server(_context(ca, own), _Examiner(ca, check, refused))


def client_context(
    ca: x509.Certificate,
    own: Credential,
    *,
    server_name: str = CONTROL_SERVICE,
    refused: Refused = lambda _sentence: None,
) -> IOpenSSLClientConnectionCreator:
    """TLS of a client that talks only to the server of this name and cluster.

    The name must stand in the certificate's subjectAltName. A refusal also becomes the
    protocol's reason for `connectionLost`, as `PeerRefused`.
    """

    def check(leaf: x509.Certificate) -> str | None:
        return wrong_server_name(leaf, server_name) or wrong_cluster(leaf, ca)

    return _Client(_context(ca, own), _Examiner(ca, check, refused), server_name)


def https_policy(creator: IOpenSSLClientConnectionCreator) -> IPolicyForHTTPS:
    """What a `twisted.web.client.Agent` (and treq) needs to dial with `creator`."""
    return _Policy(creator)


def peer_identity(transport: _Secured) -> Peer:
    """Who is at the other end; raises `NoPeer` before the handshake is done.

    Twisted calls `connectionMade` before the handshake: ask in `handshakeCompleted`
    (IHandshakeListener) or when the first bytes have come.
    """
    presented = transport.getPeerCertificate()
    if presented is None:
        raise NoPeer
    certificate = presented.to_cryptography()
    return Peer(subject_of(certificate), cluster_id(certificate))


def _context(ca: x509.Certificate, own: Credential) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(_OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"flocker")
    context.use_certificate(own.certificate)
    context.use_privatekey(own.key)
    context.add_client_ca(ca)
    store = cast(X509Store, context.get_cert_store())  # a fresh context has one
    store.add_cert(X509.from_cryptography(ca))
    return context


def _untrusted(
    certificate: x509.Certificate, code: int, depth: int, ca: x509.Certificate
) -> str:
    if code in _FOREIGN:
        issuer = certificate.issuer if depth == 0 else certificate.subject
        return foreign_issuer(issuer, ca)
    if code == _Codes.ERR_CERT_HAS_EXPIRED:
        return expired(certificate)
    if code == _Codes.ERR_CERT_NOT_YET_VALID:
        return not_yet_valid(certificate)
    if code == _Codes.ERR_INVALID_PURPOSE:
        return "expected one made for this side of a connection, got one for the other"
    return f"expected one that OpenSSL trusts, got its verification error {code}"


def _peer_address(protocol: TLSMemoryBIOProtocol | None) -> str:
    peer = None if protocol is None else protocol.getPeer()
    if isinstance(peer, IPv4Address):
        return f"{peer.host}:{peer.port}"
    if isinstance(peer, IPv6Address):
        return f"[{peer.host}]:{peer.port}"
    return "the peer"


@frozen
class _Examiner:
    """Looks at the peer's certificates while the handshake runs."""

    ca: x509.Certificate
    check: _Check
    refused: Refused

    def watch(
        self,
        connection: SSL.Connection,
        protocol: TLSMemoryBIOProtocol,
        then: Callable[[TLSMemoryBIOProtocol, PeerRefused], None],
    ) -> None:
        """Refuse the connection's peer unless all is well; `then` hears of it."""
        # The connection belongs to the protocol: a strong reference were a circle.
        weakly = ref(protocol)

        def verify(
            _connection: SSL.Connection, found: X509, code: int, depth: int, ok: int
        ) -> bool:
            complaint = self._complaint(found, code, depth, trusted=bool(ok))
            if complaint is None:
                return True
            there = weakly()
            sentence = f"{_peer_address(there)} presented {complaint}"
            self.refused(sentence)
            if there is not None:
                then(there, PeerRefused(sentence))
            return False

        connection.set_verify(_MUTUAL, verify)

    def _complaint(
        self, found: X509, code: int, depth: int, *, trusted: bool
    ) -> str | None:
        try:
            certificate = found.to_cryptography()
            name = common_name_of(certificate.subject)
            if not trusted:
                complaint: str | None = _untrusted(certificate, code, depth, self.ca)
            else:
                complaint = self.check(certificate) if depth == 0 else None
        except (ValueError, x509.DuplicateExtension) as error:
            return f"a malformed certificate: expected one of Flocker's, got {error}"
        if complaint is None:
            return None
        what = "the certificate" if depth == 0 else "a certificate below the authority"
        return f"{what} {name!r}: {complaint}"


@implementer(IOpenSSLServerConnectionCreator)
@frozen
class _Server:
    context: SSL.Context
    examiner: _Examiner

    def serverConnectionForTLS(
        self, tlsProtocol: TLSMemoryBIOProtocol
    ) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        # The client is told by OpenSSL's alert, which an abort would swallow.
        self.examiner.watch(connection, tlsProtocol, lambda _there, _error: None)
        return connection


@implementer(IOpenSSLClientConnectionCreator)
@frozen
class _Client:
    context: SSL.Context
    examiner: _Examiner
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
    protocol.failVerification(Failure(error))


@implementer(IPolicyForHTTPS)
@frozen
class _Policy:
    creator: IOpenSSLClientConnectionCreator

    def creatorForNetloc(
        self, hostname: bytes, port: int
    ) -> IOpenSSLClientConnectionCreator:
        return self.creator
