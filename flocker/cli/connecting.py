"""Where the control service is, and with which certificate we go there.

From options, environment, agent.yml and cluster.yml, as spec/cli-and-config.md §6 ranks
them. Called by `flocker.cli.session` when a command first needs the cluster.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

from flocker.ca.checking import unfit
from flocker.ca.files import certificate_path, load_certificate, load_credential
from flocker.ca.names import Role
from flocker.ca.services import ServiceCertificates, UnfitCertificate
from flocker.cli.arguments import parse_addresses
from flocker.cli.given import CLUSTER_YML, DEFAULT_USER, Options
from flocker.client.routes import Address
from flocker.model.errors import FlockerError

AGENT_YML = "agent.yml"


@frozen
class BadFile(FlockerError):
    """A configuration file is there and cannot be used."""

    path: Path
    why: str

    def words(self) -> str:
        """Name the file and the fault."""
        return f"{self.path} cannot be used: {self.why}"


@frozen
class BadAddress(FlockerError):
    """The control service's address cannot be understood."""

    text: str
    why: str

    def words(self) -> str:
        """Name the text and the fault."""
        return f"the control service cannot be at {self.text!r}: {self.why}"


@frozen
class NoControlService(FlockerError):
    """Nothing says where the control service is."""

    looked: tuple[Path, ...]

    def words(self) -> str:
        """Name all that would say it."""
        files = " nor ".join(map(str, self.looked))
        return (
            "nothing says where the control service is: give --control-service, or set "
            f"FLOCKER_CONTROL_SERVICE (neither {files} names it)"
        )


@frozen
class Destination:
    """All that is needed to connect; nothing is read from the certificates yet."""

    addresses: tuple[Address, ...]
    authority: Path
    directory: Path
    user: str


def settle(options: Options) -> Destination:
    """Read what the options leave open from files.

    Raises `BadFile`, `NoControlService`.
    """
    directory = _rooted(options.certs_path, options.root)
    agent_yml = directory / AGENT_YML
    cluster_yml = _rooted(options.cluster_yml or CLUSTER_YML, options.root)
    cluster = _read(cluster_yml, required=options.cluster_yml is not None)
    hosts = (
        options.control_service
        or _agents_control(agent_yml)
        or _text(cluster_yml, cluster, "control_node")
    )
    if not hosts:
        raise NoControlService((agent_yml, cluster_yml))
    return Destination(
        addresses=_addresses(hosts, options.control_port),
        authority=directory / options.cluster_crt,
        directory=directory,
        user=options.user or _first_user(cluster_yml, cluster) or DEFAULT_USER,
    )


def load_certificates(destination: Destination, now: datetime) -> ServiceCertificates:
    """Read the user's certificates and check that they can serve.

    Raises `flocker.ca.files`' errors and `UnfitCertificate`.
    """
    authority = load_certificate(destination.authority)
    own = load_credential(destination.directory, destination.user)
    complaint = unfit(own.certificate, Role.USER, authority, now)
    if complaint is not None:
        path = certificate_path(destination.directory, destination.user)
        raise UnfitCertificate(path, complaint)
    return ServiceCertificates(authority, own)


def _rooted(path: Path, root: Path | None) -> Path:
    return path if root is None else root / path.absolute().relative_to("/")


def _addresses(hosts: str, port: int) -> tuple[Address, ...]:
    try:
        return parse_addresses(hosts, port)
    except ValueError as error:
        raise BadAddress(hosts, str(error)) from error


def _read(path: Path, *, required: bool) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        if required:
            raise BadFile(path, "there is no such file") from error
        return {}
    except PermissionError as error:
        if required:
            raise BadFile(path, "you may not read it") from error
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadFile(path, " ".join(str(error).split())) from error
    if not isinstance(found, dict):
        raise BadFile(path, "it does not hold a mapping")
    return found


def _agents_control(path: Path) -> str | None:
    section = _read(path, required=False).get("control-service", {})
    if not isinstance(section, dict):
        raise BadFile(path, "control-service is not a mapping")
    hostname = section.get("hostname")
    if isinstance(hostname, list):
        return ",".join(map(str, hostname))
    return _text(path, section, "hostname")


def _first_user(path: Path, cluster: Mapping[str, Any]) -> str | None:
    users = cluster.get("users") or []
    if not isinstance(users, list):
        raise BadFile(path, "users is not a list")
    return str(users[0]) if users else None


def _text(path: Path, section: Mapping[str, Any], key: str) -> str | None:
    found = section.get(key)
    if found is None or isinstance(found, str):
        return found
    raise BadFile(path, f"{key} is not a text")
