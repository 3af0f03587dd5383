"""Whether a directory of certificates can serve: a finding a file, all of them.

`flocker-ca verify` shows the findings. What would stop a service or its clients is
`Unfit`; what will, or what is unwise, is `Doubtful`.
"""

import re
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from attrs import frozen
from cryptography import x509

from flocker.ca.checking import (
    common_name_of,
    may_sign,
    server_names,
    unfit,
    wrong_cluster,
    wrong_server_name,
    wrong_time,
)
from flocker.ca.credentials import subject_of
from flocker.ca.describing import left
from flocker.ca.files import (
    FileNotRead,
    certificate_path,
    key_path,
    load_certificate,
    load_credential,
)
from flocker.ca.names import (
    CLUSTER,
    CONTROL_SERVICE,
    ControlSubject,
    NodeSubject,
    NotASubject,
    Role,
    UserSubject,
    common_name,
    control_file,
    parse_common_name,
    role_of,
    role_of_service_file,
)
from flocker.ca.renewing import WAITING
from flocker.ca.services import UnfitCertificate
from flocker.model.errors import FlockerError
from flocker.model.ids import NodeID, NotAnIdentifier, parse_uuid
from flocker.wire.agent_yaml import BadAgentFile, parse

SOON = timedelta(days=30)
"""A certificate that ends within this time should be renewed now."""
AGENT_YML = "agent.yml"

_FIXED = frozenset({CONTROL_SERVICE, "node", "plugin", "user", "apiuser"})
"""Files whose name says the role: services look for them by it."""
_CONTROL_FILE = re.compile(control_file("(.+)"))
_OTHERS = stat.S_IRWXO
_GROUP = stat.S_IRWXG


@frozen
class KeyExposed(FlockerError):
    """A private key can be read or changed by everybody on its machine."""

    path: Path
    mode: int

    def words(self) -> str:
        """Name the file, its mode, and the cure."""
        return (
            f"{self.path} is open to all users (mode {self.mode:04o}): chmod 600 it, "
            "and make a new pair if somebody may have read it"
        )


@frozen
class Fit:
    """A certificate file that can serve."""

    path: Path
    certificate: x509.Certificate


@frozen
class Doubtful:
    """A file that can serve and still needs a look."""

    path: Path
    why: str

    def __str__(self) -> str:
        return f"{self.path} {self.why}"


@frozen
class Unfit:
    """A file that cannot serve, and why."""

    why: FlockerError

    def __str__(self) -> str:
        return str(self.why)


Finding = Fit | Doubtful | Unfit


def verify_directory(directory: Path, now: datetime) -> Iterator[Finding]:
    """Check every pair of a directory, services' and others, against its authority.

    Also the keys' permissions, and agent.yml's control hosts against the names of a
    control certificate beside it. Raises `FileNotRead`, `Malformed` or
    `UnfitCertificate` for cluster.crt: without an authority there is nothing to check
    against.
    """
    authority = _load_authority(directory)
    yield from _authority(directory, authority, now)
    controls: dict[Path, x509.Certificate] = {}
    for name in _names(directory):
        path = certificate_path(directory, name)
        try:
            certificate = _leaf(directory, name, authority, now)
        except FlockerError as error:
            yield Unfit(error)
            continue
        yield Fit(path, certificate)
        yield from _doubts(path, certificate, authority, now)
        if common_name_of(certificate.subject) == CONTROL_SERVICE:
            controls[path] = certificate
    yield from _permissions(directory)
    yield from _leftovers(directory)
    yield from _agent_yml(directory / AGENT_YML, controls)


def _load_authority(directory: Path) -> x509.Certificate:
    path = certificate_path(directory, CLUSTER)
    certificate = load_certificate(path)
    if not may_sign(certificate):
        name = common_name_of(certificate.subject)
        why = f"expected a certificate authority, got CN {name!r}"
        raise UnfitCertificate(path, why)
    return certificate


def _names(directory: Path) -> list[str]:
    files = [*directory.glob("*.crt"), *directory.glob("*.key")]
    return sorted({path.stem for path in files} - {CLUSTER})


def _authority(
    directory: Path, authority: x509.Certificate, now: datetime
) -> Iterator[Finding]:
    path = certificate_path(directory, CLUSTER)
    complaint = wrong_time(authority, now)
    if complaint is None:
        yield Fit(path, authority)
    else:
        yield Unfit(UnfitCertificate(path, complaint))
    if complaint is None and authority.not_valid_after_utc - now <= SOON:
        cure = "found a new cluster in time, for the authority is not renewed"
        yield Doubtful(path, f"expires soon, {left(authority, now)}: {cure}")
    if key_path(directory, CLUSTER).exists():
        try:
            load_credential(directory, CLUSTER)
        except FlockerError as error:
            yield Unfit(error)


def _leaf(
    directory: Path, name: str, authority: x509.Certificate, now: datetime
) -> x509.Certificate:
    path = certificate_path(directory, name)
    certificate = load_credential(directory, name).certificate
    complaint = unfit(certificate, _role(path, certificate), authority, now)
    if complaint is None:
        complaint = _misnamed(name, certificate)
    if complaint is not None:
        raise UnfitCertificate(path, complaint)
    return certificate


def _role(path: Path, certificate: x509.Certificate) -> Role:
    """Files with a name of their own must have its role; others say their own."""
    if path.stem in _FIXED:
        return role_of_service_file(path.stem)
    try:
        return role_of(subject_of(certificate))
    except NotASubject as error:
        raise UnfitCertificate(path, str(error)) from error


def _misnamed(name: str, certificate: x509.Certificate) -> str | None:
    """Whether a certificate lacks the names that its role and its file promise."""
    match parse_common_name(common_name_of(certificate.subject)):
        case ControlSubject():
            promised = _CONTROL_FILE.fullmatch(name)
            hosts = (CONTROL_SERVICE, *(promised.groups() if promised else ()))
            if name == CONTROL_SERVICE:
                hosts = (CONTROL_SERVICE,)
            found = (wrong_server_name(certificate, host) for host in hosts)
            return next(filter(None, found), None)
        case NodeSubject(node):
            return _misnamed_node(name, node)
        case UserSubject():
            return None


def _misnamed_node(name: str, node: NodeID) -> str | None:
    try:
        expected = NodeID(parse_uuid(name))
    except NotAnIdentifier:
        return None
    if expected == node:
        return None
    wanted, found = common_name(NodeSubject(expected)), common_name(NodeSubject(node))
    return f"expected one with CN {wanted!r}, as its file's name says, got CN {found!r}"


def _doubts(
    path: Path,
    certificate: x509.Certificate,
    authority: x509.Certificate,
    now: datetime,
) -> Iterator[Doubtful]:
    if certificate.not_valid_after_utc - now <= SOON:
        cure = f"flocker-ca renew {path.stem}"
        yield Doubtful(path, f"expires soon, {left(certificate, now)}: {cure}")
    oddity = wrong_cluster(certificate, authority)
    if oddity is not None:
        yield Doubtful(path, f"is accepted and logged: {oddity}")
    if common_name_of(certificate.subject) == CONTROL_SERVICE:
        yield from _doubts_of_control(path, certificate)


def _doubts_of_control(path: Path, certificate: x509.Certificate) -> Iterator[Doubtful]:
    if certificate.version is x509.Version.v1:
        why = "is X.509 version 1, whose names Go's and other clients do not read"
        yield Doubtful(path, f"{why}: flocker-ca renew {path.stem}")
    if set(server_names(certificate)) <= {CONTROL_SERVICE}:
        yield Doubtful(
            path,
            "names no host, so that clients other than Flocker's own will refuse it: "
            "flocker-ca create-control-certificate HOST...",
        )


def _permissions(directory: Path) -> Iterator[Doubtful | Unfit]:
    for path in sorted(filter(Path.exists, directory.glob("*.key*"))):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            yield Unfit(FileNotRead(path, error.strerror or str(error)))
            continue
        if mode & _OTHERS:
            yield Unfit(KeyExposed(path, mode))
        elif mode & _GROUP:
            why = f"is open to its group (mode {mode:04o}): chmod 600 it"
            yield Doubtful(path, why)


def _leftovers(directory: Path) -> Iterator[Doubtful]:
    for name in sorted(
        {
            path.name.removesuffix(WAITING).rpartition(".")[0]
            for path in directory.glob(f"*{WAITING}")
        }
    ):
        path = certificate_path(directory, name)
        why = f"was being renewed when that was interrupted: flocker-ca renew {name}"
        yield Doubtful(path, why)


def _agent_yml(
    path: Path, controls: Mapping[Path, x509.Certificate]
) -> Iterator[Doubtful | Unfit]:
    if not path.exists():
        return
    try:
        hosts = parse(path.read_text(encoding="utf-8"), str(path)).hosts
    except OSError as error:
        yield Unfit(FileNotRead(path, error.strerror or str(error)))
        return
    except UnicodeDecodeError:
        yield Unfit(BadAgentFile(str(path), "", "it is not UTF-8"))
        return
    except BadAgentFile as error:
        yield Unfit(error)
        return
    names = {name for each in controls.values() for name in server_names(each)}
    for host in hosts:
        if controls and host.lower().rstrip(".") not in names:
            files = ", ".join(each.name for each in controls)
            yield Doubtful(
                path,
                f"reaches control at {host}, a name that is not in {files}: Flocker's "
                "own programs do not mind, other clients refuse that address",
            )
