"""What a certificate or key is, in fields and in lines to read.

Pure. `flocker-ca inspect` shows it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flocker.ca.checking import common_name_of, hosts_of, may_sign, unit_of
from flocker.ca.credentials import PrivateKey, subject_of
from flocker.ca.names import NotASubject, role_of

Description = Mapping[str, object]
"""By the keys of ``-o json``; their order is that of the lines."""

_TITLES = {
    "subject": "subject",
    "names": "names",
    "cluster": "cluster",
    "issuer": "issuer",
    "issuer_cluster": "of cluster",
    "not_before": "valid from",
    "not_after": "valid until",
    "key_type": "key",
    "version": "X.509",
    "serial": "serial",
    "sha256": "SHA-256",
    "key_sha256": "key SHA-256",
}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""NIST's names of the curves."""
_WIDTH = max(map(len, _TITLES.values()))


def describe(
    thing: x509.Certificate | PrivateKey, file: str, now: datetime
) -> Description:
    """Tell all that is to know of a certificate, or of a key without its secret."""
    if isinstance(thing, x509.Certificate):
        return _certificate(thing, file, now)
    return {
        "file": file,
        "kind": "key",
        "key_type": key_type(thing.public_key()),
        "key_sha256": key_fingerprint(thing.public_key()),
    }


def paragraph(description: Description) -> str:
    """Write a description as lines, the file's name first."""
    lines = [f"{description['file']}: {_what(description)}"]
    for key, title in _TITLES.items():
        if key not in description:
            continue
        value = _shown(description[key])
        if key == "not_after":
            value += f" ({description['left']})"
        if key == "version":
            value = f"version {value}"
        lines.append(f"  {title:{_WIDTH}}  {value}")
    return "\n".join(lines)


def left(certificate: x509.Certificate, now: datetime) -> str:
    """How much of a certificate's time is left, in words."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now < begins:
        return f"begins in {_days(begins - now)}"
    if now > ends:
        return f"expired {_days(now - ends)} ago"
    return f"{_days(ends - now)} left"


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate, as other programs write it."""
    return certificate.fingerprint(SHA256()).hex(":").upper()


def key_fingerprint(key: CertificatePublicKeyTypes) -> str:
    """The SHA-256 of a public key (its SubjectPublicKeyInfo): the same in a pair."""
    digest = Hash(SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex(":").upper()


def key_type(key: CertificatePublicKeyTypes) -> str:
    """What kind of key it is, and how large."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def role_words(certificate: x509.Certificate) -> str:
    """The role a certificate is good for; ``none`` if its subject is not of ours."""
    if may_sign(certificate):
        return "authority"
    try:
        return role_of(subject_of(certificate)).value
    except NotASubject:
        return "none"


def _certificate(
    certificate: x509.Certificate, file: str, now: datetime
) -> Description:
    ends = certificate.not_valid_after_utc
    return {
        "file": file,
        "kind": "certificate",
        "role": role_words(certificate),
        "subject": common_name_of(certificate.subject),
        "names": [str(host) for host in hosts_of(certificate)],
        "cluster": unit_of(certificate.subject),
        "issuer": common_name_of(certificate.issuer),
        "issuer_cluster": unit_of(certificate.issuer),
        "not_before": certificate.not_valid_before_utc,
        "not_after": ends,
        "left": left(certificate, now),
        "seconds_left": int((ends - now).total_seconds()),
        "key_type": key_type(certificate.public_key()),
        "version": certificate.version.value + 1,
        "serial": f"{certificate.serial_number:x}",
        "sha256": fingerprint(certificate),
        "key_sha256": key_fingerprint(certificate.public_key()),
    }


def _what(description: Description) -> str:
    if description["kind"] == "key":
        return "a private key"
    return {
        "authority": "the certificate of a cluster's authority",
        "control": "the certificate of a control service",
        "node": "the certificate of a node",
        "user": "the certificate of a user",
    }.get(str(description["role"]), "a certificate that is in no role of Flocker's")


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "-"
    text = "".join(
        each if each.isprintable() else repr(each)[1:-1] for each in f"{value}"
    )
    return text or "-"


def _days(span: timedelta) -> str:
    if span >= timedelta(days=2):
        return f"{span.days} days"
    hours = span // timedelta(hours=1)
    return f"{hours} hours" if hours != 1 else "1 hour"
