"""The shape of the certificates that are made."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flocker.ca.authority import Authority
from flocker.ca.credentials import (
    Credential,
    KeyType,
    NoClusterID,
    NotANode,
    cluster_id,
    new_key,
    node_id,
    signed,
    subject_of,
)
from flocker.ca.names import ControlSubject, NodeSubject, UserSubject
from flocker.testing.certificates import (
    CLUSTER_ID,
    MADE,
    NODE_ID,
    Cluster,
    a_cluster,
    an_old_cluster,
)

MINE = a_cluster()
LEAVES = [MINE.control, MINE.node, MINE.user]
NAMES = ["control", "node", "user"]

each_leaf = pytest.mark.parametrize("leaf", LEAVES, ids=NAMES)
each = pytest.mark.parametrize(
    "credential", [MINE.authority, *LEAVES], ids=["authority", *NAMES]
)


def extension(credential: Credential, kind: type) -> x509.Extension:
    return credential.certificate.extensions.get_extension_for_class(kind)


@each
def test_version_3_sha256(credential: Credential) -> None:
    """Everything is X.509 v3 (Go ignores the extensions of v1), signed with SHA-256."""
    certificate = credential.certificate
    assert certificate.version is x509.Version.v3
    assert isinstance(certificate.signature_hash_algorithm, SHA256)


@each
def test_organizational_unit_is_the_cluster(credential: Credential) -> None:
    """Every certificate carries the cluster's UUID."""
    assert cluster_id(credential.certificate) == CLUSTER_ID


@each
def test_dates(credential: Credential) -> None:
    """Twenty years of 365 days, and a clock one hour behind already accepts it."""
    certificate = credential.certificate
    assert certificate.not_valid_before_utc == MADE - timedelta(hours=1)
    assert certificate.not_valid_after_utc == MADE + timedelta(days=7300)


@each
def test_serial_numbers(credential: Credential) -> None:
    """Serial numbers are positive and have 128 random bits."""
    assert 0 < credential.certificate.serial_number < 2**128


def test_serial_numbers_differ() -> None:
    """No two certificates share a serial number, and none is small."""
    serials = {c.certificate.serial_number for c in [MINE.authority, *LEAVES]}
    assert len(serials) == 4
    assert min(serials) > 2**64


def test_authority_shape() -> None:
    """The authority signs certificates and lists, but no further authorities."""
    basic = extension(MINE.authority, x509.BasicConstraints)
    usage = extension(MINE.authority, x509.KeyUsage)
    assert (basic.critical, basic.value) == (
        True,
        x509.BasicConstraints(ca=True, path_length=0),
    )
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (
        True,
        True,
        True,
    )
    assert not usage.value.digital_signature


@each_leaf
def test_leaf_shape(leaf: Credential) -> None:
    """A leaf is no authority and signs nothing but handshakes."""
    basic = extension(leaf, x509.BasicConstraints)
    usage = extension(leaf, x509.KeyUsage)
    assert (basic.critical, basic.value.ca) == (True, False)
    assert (usage.critical, usage.value.digital_signature) == (True, True)
    assert not usage.value.key_cert_sign


@each_leaf
def test_key_identifiers_chain(leaf: Credential) -> None:
    """A leaf names its own key and the authority's."""
    own = extension(leaf, x509.SubjectKeyIdentifier).value
    authority = extension(MINE.authority, x509.SubjectKeyIdentifier).value
    named = extension(leaf, x509.AuthorityKeyIdentifier).value
    assert own == x509.SubjectKeyIdentifier.from_public_key(leaf.key.public_key())
    assert named.key_identifier == authority.digest


@pytest.mark.parametrize(
    ("leaf", "purposes"),
    [
        (MINE.control, [ExtendedKeyUsageOID.SERVER_AUTH]),
        (MINE.node, [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        (MINE.user, [ExtendedKeyUsageOID.CLIENT_AUTH]),
    ],
    ids=NAMES,
)
def test_purposes(leaf: Credential, purposes: list[x509.ObjectIdentifier]) -> None:
    """Control serves, users dial, nodes do both."""
    assert list(extension(leaf, x509.ExtendedKeyUsage).value) == purposes


def test_subjects() -> None:
    """Each leaf speaks for whom it was made."""
    assert [subject_of(leaf.certificate) for leaf in LEAVES] == [
        ControlSubject(),
        NodeSubject(NODE_ID),
        UserSubject("alice"),
    ]


def test_control_names() -> None:
    """A control certificate is good for `control-service` and each host, once."""
    hosts = [
        IPv4Address("10.0.0.1"),
        "control.example.org",
        IPv6Address("fd00::1"),
        "control-service",
        "control.example.org",
    ]
    key = new_key(KeyType.ECDSA)
    leaf = signed(MINE.authority, ControlSubject(), hosts, key, MADE)
    assert list(extension(leaf, x509.SubjectAlternativeName).value) == [
        x509.DNSName("control-service"),
        x509.IPAddress(IPv4Address("10.0.0.1")),
        x509.DNSName("control.example.org"),
        x509.IPAddress(IPv6Address("fd00::1")),
    ]


def test_node_serves_under_its_name() -> None:
    """Agents find one another under node-<uuid>."""
    names = extension(MINE.node, x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName(f"node-{NODE_ID}")]


def test_user_serves_under_no_name() -> None:
    """A user's certificate names no server."""
    with pytest.raises(x509.ExtensionNotFound):
        extension(MINE.user, x509.SubjectAlternativeName)


def test_no_leaf_outlives_its_authority() -> None:
    """What is signed late ends with the authority."""
    late = MADE + timedelta(days=19 * 365)
    leaf = Authority(MINE.authority).user("bob", KeyType.ECDSA, late)
    ends = MINE.authority.certificate.not_valid_after_utc
    assert leaf.certificate.not_valid_after_utc == ends


def test_key_types() -> None:
    """P-256 unless RSA is asked for, which is as long as the first Flocker's."""
    curve = new_key(KeyType.ECDSA)
    long = new_key(KeyType.RSA)
    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    assert isinstance(curve.curve, ec.SECP256R1)
    assert isinstance(long, rsa.RSAPrivateKey)
    assert long.key_size == 4096


def test_rsa_leaf_may_exchange_keys() -> None:
    """An RSA leaf also serves clients that encrypt to its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    leaf = signed(MINE.authority, UserSubject("bob"), [], key, MADE)
    assert extension(leaf, x509.KeyUsage).value.key_encipherment


@pytest.mark.parametrize("make", [a_cluster, an_old_cluster])
def test_identities(make: Callable[[], Cluster]) -> None:
    """A node's uuid and its cluster's are read from new and old certificates alike."""
    node = make().node
    assert (node_id(node), cluster_id(node.certificate)) == (NODE_ID, CLUSTER_ID)


@pytest.mark.parametrize("leaf", [MINE.control, MINE.user, MINE.authority])
def test_only_nodes_have_node_ids(leaf: Credential) -> None:
    """A certificate of another role is no node's."""
    with pytest.raises(NotANode):
        node_id(leaf)


def test_no_cluster_id() -> None:
    """An organizational unit that is no UUID is named."""
    key = new_key(KeyType.ECDSA)
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "accounting")]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(MADE)
        .not_valid_after(MADE + timedelta(days=1))
        .sign(key, SHA256())
    )
    with pytest.raises(NoClusterID) as raised:
        cluster_id(certificate)
    assert raised.value.found == "accounting"


def test_keys_stay_out_of_logs() -> None:
    """What a credential shows of itself holds no key."""
    assert "key" not in repr(MINE.node)
