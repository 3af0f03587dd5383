"""What is wrong with a certificate, in words: what was expected and what it is.

Pure. The handshake (`contexts`), the loader of a service's directory (`services`) and
`flocker-ca verify` ask the same questions here. Every function answers None when all
is well.
"""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from flocker.ca.names import (
    Host,
    NodeSubject,
    NotASubject,
    Role,
    common_name,
    parse_common_name,
    pattern,
    role_of,
)
from flocker.model.ids import NodeID


def common_name_of(name: x509.Name) -> str:
    """The CN of a distinguished name, empty if there is none."""
    return _text(name, NameOID.COMMON_NAME)


def unit_of(name: x509.Name) -> str:
    """The OU of a distinguished name, empty if there is none."""
    return _text(name, NameOID.ORGANIZATIONAL_UNIT_NAME)


def server_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses a server certificate is good for, lower case."""
    return tuple(str(host).lower() for host in hosts_of(certificate))


def hosts_of(certificate: x509.Certificate) -> tuple[Host, ...]:
    """The DNS names and addresses a certificate was made for, as they were written."""
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return ()
    names = found.get_values_for_type(x509.DNSName)
    addresses = found.get_values_for_type(x509.IPAddress)
    single = [each for each in addresses if isinstance(each, IPv4Address | IPv6Address)]
    return (*names, *single)


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether a certificate says that it is an authority's."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return found.value.ca


def wrong_role(certificate: x509.Certificate, expected: Role) -> str | None:
    """Whether a certificate speaks for another role, or for none."""
    text = common_name_of(certificate.subject)
    wanted = f"expected a {expected.value} certificate, CN {pattern(expected)}"
    try:
        found = role_of(parse_common_name(text))
    except NotASubject:
        return f"{wanted}, got CN {text!r}"
    if found is not expected:
        return f"{wanted}, got a {found.value} certificate, CN {text!r}"
    return None


def wrong_node(certificate: x509.Certificate, expected: NodeID) -> str | None:
    """Whether a certificate is not the one of a node."""
    name = common_name(NodeSubject(expected))
    text = common_name_of(certificate.subject)
    return None if text == name else f"expected the one of {name}, got CN {text!r}"


def wrong_server_name(certificate: x509.Certificate, expected: str) -> str | None:
    """Whether a server's certificate is for other names; its CN is not a name."""
    names = server_names(certificate)
    if _canonical(expected) in names:
        return None
    found = ", ".join(names) if names else "no name at all"
    return f"expected one for the server name {expected}, got one for {found}"


def wrong_cluster(
    certificate: x509.Certificate, authority: x509.Certificate
) -> str | None:
    """Whether a certificate of this authority claims another cluster."""
    expected, found = unit_of(authority.subject), unit_of(certificate.subject)
    if expected == found:
        return None
    return f"expected one of the cluster with OU {expected!r}, got OU {found!r}"


def wrong_issuer(
    certificate: x509.Certificate, authority: x509.Certificate
) -> str | None:
    """Whether a certificate was signed by somebody else."""
    if certificate.issuer == authority.subject:
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError):
            return foreign_issuer(certificate.issuer, authority)
        return None
    return foreign_issuer(certificate.issuer, authority)


def foreign_issuer(issuer: x509.Name, authority: x509.Certificate) -> str:
    """Say that an issuer is not the authority, though it may bear its name."""
    expected = f"expected one signed by {_described(authority.subject)}"
    if issuer == authority.subject:
        return f"{expected}, got one signed with another key in its name"
    return f"{expected}, got one signed by {_described(issuer)}"


def unfit(
    certificate: x509.Certificate,
    role: Role,
    authority: x509.Certificate,
    now: datetime,
) -> str | None:
    """Whether a certificate cannot serve in a role: its name, signature or time."""
    return (
        wrong_role(certificate, role)
        or wrong_issuer(certificate, authority)
        or wrong_time(certificate, now)
    )


def wrong_time(certificate: x509.Certificate, now: datetime) -> str | None:
    """Whether a certificate's time is over or has not begun."""
    if now > certificate.not_valid_after_utc:
        return expired(certificate)
    if now < certificate.not_valid_before_utc:
        return not_yet_valid(certificate)
    return None


def expired(certificate: x509.Certificate) -> str:
    """Say when a certificate's time ended."""
    ended = _moment(certificate.not_valid_after_utc)
    return f"expected one that is valid now, got one that expired on {ended}"


def not_yet_valid(certificate: x509.Certificate) -> str:
    """Say when a certificate's time begins."""
    begins = _moment(certificate.not_valid_before_utc)
    return (
        f"expected one that is valid now, got one valid only from {begins} "
        "(is a clock wrong?)"
    )


def validity(certificate: x509.Certificate) -> str:
    """Say from when until when a certificate is good."""
    begins = _moment(certificate.not_valid_before_utc)
    return f"good from {begins} until {_moment(certificate.not_valid_after_utc)}"


def _text(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    for attribute in name.get_attributes_for_oid(oid):
        if isinstance(attribute.value, str):
            return attribute.value
    return ""


def _canonical(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()


def _described(name: x509.Name) -> str:
    return f"the authority {common_name_of(name)!r} (OU {unit_of(name)!r})"


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
