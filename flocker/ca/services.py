"""The certificates of a service, read from its directory and checked at its start.

Every daemon and client program begins here: a wrong file is one clear line
now and not a failed handshake later.
"""

from datetime import datetime
from pathlib import Path

from attrs import frozen
from cryptography import x509

from flocker.ca.checking import common_name_of, may_sign, unfit, wrong_time
from flocker.ca.credentials import Credential
from flocker.ca.files import certificate_path, load_certificate, load_credential
from flocker.ca.names import CLUSTER, role_of_service_file
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


def load_service_directory(
    directory: Path, name: str, *, now: datetime
) -> ServiceCertificates:
    """Read `cluster.crt`, `<name>.crt` and `<name>.key` and check that they fit.

    `control-service` must be a control certificate, `node` a node's, any other name a
    user's. Raises `FileNotRead`, `Malformed`, `NotAPair`, `UnfitCertificate`.
    """
    authority = load_authority_certificate(directory, now)
    own = load_credential(directory, name)
    complaint = unfit(own.certificate, role_of_service_file(name), authority, now)
    if complaint is not None:
        raise UnfitCertificate(certificate_path(directory, name), complaint)
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
