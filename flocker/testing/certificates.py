"""Clusters' certificates for tests: today's, and those of the first Flocker.

The old shape is X.509 version 1 that carries extensions all the same, RSA, no key usage
(spec/rest-api.md §1). No library signs such a thing, so a v3 certificate is taken apart
and signed again without its version.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from uuid import UUID

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flocker.ca.authority import Authority
from flocker.ca.credentials import VALIDITY, Credential, KeyType
from flocker.ca.names import CONTROL_SERVICE
from flocker.model.ids import ClusterID, NodeID

CLUSTER_ID = ClusterID(UUID("c1c1c1c1-0000-4000-8000-000000000001"))
NODE_ID = NodeID(UUID("0d0d0d0d-0000-4000-8000-000000000001"))
MADE = datetime(2026, 1, 1, tzinfo=UTC)
"""When these certificates were made; they are good for twenty years."""

_VERSION_3 = bytes.fromhex("a003020102")
_SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
_SEQUENCE, _BIT_STRING = 0x30, 0x03


@frozen
class Cluster:
    """An authority's certificate and one credential of each role."""

    authority: Credential
    control: Credential
    node: Credential
    user: Credential


def a_cluster(name: str = "mine", made: datetime = MADE) -> Cluster:
    """A cluster as `flocker-ca` makes it."""
    authority = Authority.found(name, CLUSTER_ID, KeyType.ECDSA, made)
    host = IPv4Address("127.0.0.1")
    return Cluster(
        authority.credential,
        authority.control([host, "localhost"], KeyType.ECDSA, made),
        authority.node(NODE_ID, KeyType.ECDSA, made),
        authority.user("alice", KeyType.ECDSA, made),
    )


@frozen
class OldAuthority:
    """An authority as the first Flocker founded it, with smaller keys."""

    credential: Credential

    @classmethod
    def found(cls, name: str) -> "OldAuthority":
        """Make its key and certificate."""
        return cls(_old_authority(name))

    def control(self, address: str) -> Credential:
        """Certify the control service at an IPv4 address."""
        names = [x509.DNSName(CONTROL_SERVICE), x509.IPAddress(IPv4Address(address))]
        alternative = x509.SubjectAlternativeName(names)
        return _old_leaf(self.credential, CONTROL_SERVICE, [alternative])

    def node(self, node: NodeID) -> Credential:
        """Certify a node: no extension at all."""
        return _old_leaf(self.credential, f"node-{node}", [])

    def user(self, name: str) -> Credential:
        """Certify a user."""
        client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return _old_leaf(self.credential, f"user-{name}", [client])


def an_old_cluster(name: str = "old") -> Cluster:
    """A cluster as the first Flocker's `flocker-ca` made it, with smaller keys."""
    authority = OldAuthority.found(name)
    return Cluster(
        authority.credential,
        authority.control("127.0.0.1"),
        authority.node(NODE_ID),
        authority.user("alice"),
    )


def dated(
    authority: Credential, own: Credential, begins: datetime, ends: datetime
) -> Credential:
    """The same certificate as `own` for another time."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(own.certificate.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(own.key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    return _signed_like(builder, own, authority)


def hand_made(
    authority: Credential, own: Credential, name: str, unit: str | None
) -> Credential:
    """The key and extensions of `own`, signed with another CN, and another OU or none.

    As somebody makes it with openssl who has cluster.key.
    """
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if unit is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(parts))
        .issuer_name(authority.certificate.subject)
        .public_key(own.key.public_key())
        .serial_number(1)
        .not_valid_before(MADE)
        .not_valid_after(MADE + VALIDITY)
    )
    return _signed_like(builder, own, authority)


def _signed_like(
    builder: x509.CertificateBuilder, own: Credential, authority: Credential
) -> Credential:
    """Give a certificate the key and extensions of another."""
    for extension in own.certificate.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return Credential(builder.sign(authority.key, SHA256()), own.key)


def _old_authority(name: str) -> Credential:
    key = _old_key()
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        _old_builder(name, _old_name(name), key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True
        )
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    return Credential(_version_1(builder, key), key)


def _old_leaf(
    authority: Credential, name: str, extensions: Sequence[x509.ExtensionType]
) -> Credential:
    key = _old_key()
    builder = _old_builder(name, authority.certificate.subject, key)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Credential(_version_1(builder, authority.key), key)


def _old_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _old_name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, str(CLUSTER_ID)),
        ]
    )


def _old_builder(
    name: str, issuer: x509.Name, key: rsa.RSAPrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_old_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(MADE - timedelta(hours=1))
        .not_valid_after(MADE + VALIDITY)
    )


def _version_1(builder: x509.CertificateBuilder, issuer: object) -> x509.Certificate:
    if not isinstance(issuer, rsa.RSAPrivateKey):
        raise TypeError("the first Flocker signed with RSA only")
    signed = builder.sign(issuer, SHA256())
    content = _content(signed.tbs_certificate_bytes)
    body = _element(_SEQUENCE, content.removeprefix(_VERSION_3))
    signature = issuer.sign(body, padding.PKCS1v15(), SHA256())
    bits = _element(_BIT_STRING, b"\0" + signature)
    return x509.load_der_x509_certificate(
        _element(_SEQUENCE, body + _SHA256_WITH_RSA + bits)
    )


def _element(tag: int, content: bytes) -> bytes:
    """DER: tag, length, content."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def _content(element: bytes) -> bytes:
    first = element[1]
    return element[2:] if first < 0x80 else element[2 + (first & 0x7F) :]
