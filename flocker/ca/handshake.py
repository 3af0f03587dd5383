"""The examination of a peer's certificate while the TLS handshake runs.

`contexts` gives every connection an `Examiner`. What it refuses it puts into one
sentence: who, what was expected, what it was. Clusters are kept apart by the signature
alone; a leaf that names another cluster is let in and noticed, since hand-made
certificates of the first Flocker name whatever their makers liked.
"""

from collections.abc import Callable
from weakref import ref

from attrs import frozen
from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.protocols.tls import TLSMemoryBIOProtocol

from flocker.ca.checking import (
    common_name_of,
    expired,
    foreign_issuer,
    not_yet_valid,
    validity,
    wrong_cluster,
)
from flocker.ca.credentials import Credential
from flocker.model.errors import FlockerError

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
_NO_HANDSHAKE = {
    40: "presented no certificate (or shares no cipher with us): expected one",
    70: "speaks an old TLS: expected 1.2 or 1.3",
    116: "presented no certificate: expected one",
}
"""By the code of the alert we send (RFC 8446 §6)."""

_BAD_CERTIFICATE = {
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    48: "unknown ca",
    80: "internal error",
}
"""By the code of the alert that the other side sends when it refuses ours."""
_OF_TIME = frozenset({"bad certificate", "certificate expired"})
"""Alerts that may come of a date: OpenSSL calls what is not yet valid "bad"."""

_THEIR_ALERTS = {
    "unknown ca": "it was not signed by the other side's authority",
    "certificate expired": "its time is over, or the other side's clock is wrong",
    "certificate revoked": "the other side's log says why",
    "unsupported certificate": "its role is not admitted there",
    "bad certificate": "the other side's log says why",
    "certificate unknown": "the other side's log says why",
    "internal error": "its role is not admitted there",
    "certificate required": "the other side saw none",
}

Refused = Callable[[str], None]
"""Is told, in one sentence, why a peer was refused."""
Noticed = Callable[[str], None]
"""Is told, in one sentence, what is odd about a peer that is let in nevertheless."""
Check = Callable[[x509.Certificate], str | None]
"""What is wrong with a leaf that is trusted, None if nothing."""


@frozen
class PeerRefused(FlockerError):
    """The other side's certificate is not the one expected.

    A refusing client's protocol gets this as the reason of `connectionLost`.
    """

    sentence: str

    def words(self) -> str:
        """Who was refused, what was expected and what it was."""
        return self.sentence


def explain(error: BaseException, own: Credential) -> str | None:
    """Why a connection that we dialled ended, if TLS is the reason.

    Takes the exception of `connectionLost`. The other side says little when it refuses
    our certificate (an alert); what it means stands in its own log.
    """
    if isinstance(error, PeerRefused):
        return str(error)
    if not isinstance(error, SSL.Error) or not error.args or not error.args[0]:
        return None
    said = str(error.args[0][-1][-1])
    _, found, alert = said.partition(" alert ")
    if not found:
        return f"the TLS handshake failed: {said}"
    return _refused_ours("the other side", alert, own)


def _refused_ours(who: str, alert: str, own: Credential) -> str:
    why = _THEIR_ALERTS.get(alert)
    if why is None:
        return f"{who} ended the TLS handshake with the alert {alert!r}"
    name = common_name_of(own.certificate.subject)
    dates = f"; it is {validity(own.certificate)}" if alert in _OF_TIME else ""
    return f"{who} refused our certificate {name!r} ({alert}): {why}{dates}"


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
class Examiner:
    """Looks at the peer's certificates while the handshake runs."""

    ca: x509.Certificate
    check: Check
    refused: Refused
    noticed: Noticed

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
            there = weakly()
            complaint = self._complaint(found, code, depth, trusted=bool(ok))
            if complaint is None:
                if depth == 0:
                    self._notice(found.to_cryptography(), there)
                return True
            sentence = f"{_peer_address(there)} presented {complaint}"
            self.refused(sentence)
            if there is not None:
                then(there, PeerRefused(sentence))
            return False

        connection.set_verify(_MUTUAL, verify)

    def listen(self, context: SSL.Context, own: Credential) -> None:
        """Say it also of a peer who shows no certificate, or who refuses ours."""

        def inform(connection: SSL.Connection, where: int, code: int) -> None:
            alert = code & 0xFF
            there = _peer_address(connection.get_app_data())  # Twisted's protocol
            if where == SSL.SSL_CB_WRITE_ALERT and alert in _NO_HANDSHAKE:
                self.refused(f"{there} {_NO_HANDSHAKE[alert]}")
            if where == SSL.SSL_CB_READ_ALERT and alert in _BAD_CERTIFICATE:
                self.refused(_refused_ours(there, _BAD_CERTIFICATE[alert], own))

        context.set_info_callback(inform)

    def _notice(
        self, leaf: x509.Certificate, there: TLSMemoryBIOProtocol | None
    ) -> None:
        oddity = wrong_cluster(leaf, self.ca)
        if oddity is not None:
            name = common_name_of(leaf.subject)
            self.noticed(
                f"{_peer_address(there)} is let in with the certificate {name!r}, "
                f"which the cluster's authority signed: {oddity}"
            )

    def _complaint(
        self, found: X509, code: int, depth: int, *, trusted: bool
    ) -> str | None:
        try:
            certificate = found.to_cryptography()
            name = common_name_of(certificate.subject)
            # The name and role say more than OpenSSL's "wrong purpose", so ask first.
            telling = depth == 0 and (trusted or code == _Codes.ERR_INVALID_PURPOSE)
            complaint = self.check(certificate) if telling else None
            if complaint is None and not trusted:
                complaint = _untrusted(certificate, code, depth, self.ca)
        except (ValueError, x509.DuplicateExtension) as error:
            return f"a malformed certificate: expected one of Flocker's, got {error}"
        if complaint is None:
            return None
        what = "the certificate" if depth == 0 else "a certificate below the authority"
        return f"{what} {name!r}: {complaint}"
