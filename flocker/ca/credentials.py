"""A certificate with its key, and the shape of every certificate we sign.

`authority` issues them, `files` stores them, `contexts` uses them. The shapes of the
first Flocker (version 1 with stray extensions) are only ever read; what is made here is
X.509 v3 and passes strict verifiers (RFC 5280).
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flocker.ca.checking import common_name_of, unit_of
from flocker.ca.names import (
    CONTROL_SERVICE,
    ControlSubject,
    Host,
    NodeSubject,
    NotASubject,
    Role,
    Subject,
    common_name,
    parse_common_name,
    role_of,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import ClusterID, NodeID, NotAnIdentifier, parse_uuid

VALIDITY = timedelta(days=20 * 365)
CLOCK_SKEW = timedelta(hours=1)
"""How far behind a machine's clock may be and still accept a certificate just made."""
RSA_BITS = 4096

_USAGES = {
    Role.CONTROL: [ExtendedKeyUsageOID.SERVER_AUTH],
    Role.NODE: [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    Role.USER: [ExtendedKeyUsageOID.CLIENT_AUTH],
}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyType(Enum):
    """What kind of key is made."""

    ECDSA = "ecdsa"
    RSA = "rsa"


@frozen
class NoClusterID(FlockerError):
    """A certificate's organizational unit is not a cluster's UUID."""

    found: str

    def words(self) -> str:
        """Name what was found."""
        return f"the organizational unit (OU) {self.found!r} is not a cluster's UUID"


@frozen
class NotANode(FlockerError):
    """A certificate that should be a node's speaks for somebody else."""

    common_name: str

    def words(self) -> str:
        """Name the common name."""
        return f"the common name {self.common_name!r} is not node-<uuid>"


@frozen
class Credential:
    """A certificate and the private key that belongs to it."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False, eq=False)

    def certificate_pem(self) -> bytes:
        """The certificate as it is stored."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self) -> bytes:
        """The key as it is stored: PKCS#8, not encrypted."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def new_key(kind: KeyType) -> PrivateKey:
    """Make a key; RSA takes seconds."""
    if kind is KeyType.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def key_like(old: PrivateKey) -> PrivateKey:
    """Make a key of the kind that another one is."""
    rsa_before = isinstance(old, rsa.RSAPrivateKey)
    return new_key(KeyType.RSA if rsa_before else KeyType.ECDSA)


def subject_of(certificate: x509.Certificate) -> Subject:
    """Whom a certificate speaks for; raises `NotASubject`."""
    return parse_common_name(common_name_of(certificate.subject))


def cluster_id(certificate: x509.Certificate) -> ClusterID:
    """The cluster a certificate belongs to; raises `NoClusterID`."""
    found = unit_of(certificate.subject)
    try:
        return ClusterID(parse_uuid(found))
    except NotAnIdentifier:
        raise NoClusterID(found) from None


def node_id(credential: Credential) -> NodeID:
    """The node whose credential this is; raises `NotANode`."""
    text = common_name_of(credential.certificate.subject)
    try:
        subject = parse_common_name(text)
    except NotASubject:
        raise NotANode(text) from None
    if not isinstance(subject, NodeSubject):
        raise NotANode(text)
    return subject.node


def self_signed(
    name: str, cluster: ClusterID, key: PrivateKey, now: datetime
) -> Credential:
    """The certificate of a new cluster's authority."""
    subject = _distinguished(name, str(cluster))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _dated(now, now + VALIDITY)
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_authority_key(identifier), critical=False)
        .sign(key, SHA256())
    )
    return Credential(certificate, key)


def signed(
    authority: Credential,
    subject: Subject,
    hosts: Sequence[Host],
    key: PrivateKey,
    now: datetime,
) -> Credential:
    """A certificate for a subject, signed by the authority and not outliving it.

    `hosts` are further names of a server, beside the one that is its common name.
    """
    issuer = authority.certificate
    ends = min(now + VALIDITY, issuer.not_valid_after_utc)
    builder = (
        _dated(now, ends)
        .subject_name(_distinguished(common_name(subject), str(cluster_id(issuer))))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_leaf_usage(key), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USAGES[role_of(subject)]), critical=False)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        .add_extension(_authority_key(_identifier_of(issuer)), critical=False)
    )
    names = _alternative_names(subject, hosts)
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
    return Credential(builder.sign(authority.key, SHA256()), key)


def _distinguished(name: str, cluster: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, cluster),
        ]
    )


def _dated(begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(1 + secrets.randbelow(2**128 - 1))
        .not_valid_before(begins - CLOCK_SKEW)
        .not_valid_after(ends)
    )


def _key_usage(*bits: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in bits for name in names})


def _leaf_usage(key: PrivateKey) -> x509.KeyUsage:
    if isinstance(key, rsa.RSAPrivateKey):
        return _key_usage("digital_signature", "key_encipherment")
    return _key_usage("digital_signature")


def _identifier_of(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier
        )
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return found.value


def _authority_key(
    identifier: x509.SubjectKeyIdentifier,
) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _alternative_names(
    subject: Subject, hosts: Sequence[Host]
) -> list[x509.GeneralName]:
    match subject:
        case ControlSubject():
            unique = dict.fromkeys([CONTROL_SERVICE, *hosts])
            return [_general_name(host) for host in unique]
        case NodeSubject():
            return [x509.DNSName(common_name(subject))]
        case _:
            return []


def _general_name(host: Host) -> x509.GeneralName:
    return x509.DNSName(host) if isinstance(host, str) else x509.IPAddress(host)
