"""The certificates of a service, read from its directory and checked at its start.

Every daemon and client program begins here: a wrong file is one clear line
now and not a failed handshake later.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from attrs import frozen
from cryptography import x509

from flocker.ca.checking import (
    common_name_of,
    may_sign,
    wrong_cluster,
    wrong_issuer,
    wrong_role,
    wrong_time,
)
from flocker.ca.credentials import Credential, subject_of
from flocker.ca.files import (
    certificate_path,
    key_path,
    load_certificate,
    load_credential,
)
from flocker.ca.names import (
    CLUSTER,
    SERVICE_FILES,
    NotASubject,
    Role,
    role_of,
    role_of_service_file,
)
from flocker.model.errors import FlockerError


@frozen
class UnfitCertificate(FlockerError):
    """A certificate was read and cannot serve."""

    path: Path
    complaint: str

    def words(self) -> str:
        """Name the file, what was expected and what it is."""
        return f"{self.path} cannot serve: {self.complaint}"


@frozen
class ServiceCertificates:
    """What a service shows, and whose signature it trusts."""

    authority: x509.Certificate
    own: Credential


@frozen
class Fit:
    """A certificate file that can serve."""

    path: Path
    certificate: x509.Certificate


@frozen
class Unfit:
    """A file that cannot serve, and why."""

    why: FlockerError


def load_service_directory(
    directory: Path, name: str, *, now: datetime
) -> ServiceCertificates:
    """Read `cluster.crt`, `<name>.crt` and `<name>.key` and check that they fit.

    `control-service` must be a control certificate, `node` a node's, any other name a
    user's. Raises `FileNotRead`, `Malformed`, `NotAPair`, `UnfitCertificate`.
    """
    authority = load_authority_certificate(directory, now)
    own = _load_own(directory, name, role_of_service_file(name), authority, now)
    return ServiceCertificates(authority, own)


def load_authority_certificate(directory: Path, now: datetime) -> x509.Certificate:
    """Read `cluster.crt`; raises `FileNotRead`, `Malformed`, `UnfitCertificate`."""
    path = certificate_path(directory, CLUSTER)
    certificate = load_certificate(path)
    complaint = wrong_time(certificate, now)
    if not may_sign(certificate):
        name = common_name_of(certificate.subject)
        complaint = f"expected a certificate authority, got CN {name!r}"
    if complaint is not None:
        raise UnfitCertificate(path, complaint)
    return certificate


def verify_directory(directory: Path, now: datetime) -> Iterator[Fit | Unfit]:
    """Check every pair of a directory, services' and others, against its authority.

    Raises `load_authority_certificate`'s errors: without an authority there is nothing
    to check against.
    """
    authority = load_authority_certificate(directory, now)
    yield Fit(certificate_path(directory, CLUSTER), authority)
    for name in _names(directory):
        try:
            if name != CLUSTER:
                role = _role_of_file(directory, name)
                own = _load_own(directory, name, role, authority, now)
                yield Fit(certificate_path(directory, name), own.certificate)
            elif key_path(directory, name).exists():
                load_credential(directory, name)
        except FlockerError as error:
            yield Unfit(error)


def _load_own(
    directory: Path, name: str, role: Role, authority: x509.Certificate, now: datetime
) -> Credential:
    own = load_credential(directory, name)
    certificate = own.certificate
    complaint = (
        wrong_role(certificate, role)
        or wrong_issuer(certificate, authority)
        or wrong_cluster(certificate, authority)
        or wrong_time(certificate, now)
    )
    if complaint is not None:
        raise UnfitCertificate(certificate_path(directory, name), complaint)
    return own


def _names(directory: Path) -> list[str]:
    files = [*directory.glob("*.crt"), *directory.glob("*.key")]
    return sorted({path.stem for path in files})


def _role_of_file(directory: Path, name: str) -> Role:
    """Only services' files must have a certain role; others say their own."""
    if name in SERVICE_FILES:
        return role_of_service_file(name)
    certificate = load_certificate(certificate_path(directory, name))
    try:
        return role_of(subject_of(certificate))
    except NotASubject as error:
        path = certificate_path(directory, name)
        raise UnfitCertificate(path, str(error)) from error
