"""Who a certificate speaks for, and what its file is called.

Pure. `credentials` writes these names, `contexts` reads them in the handshake, the
command line and `files` name files by them.
"""

import re
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import assert_never

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.model.ids import NodeID, NotAnIdentifier, parse_uuid

CONTROL_SERVICE = "control-service"
"""Common name of every control certificate, and the server name clients expect."""
CLUSTER = "cluster"
"""File name of the cluster's authority."""
NODE_FILE = "node"
"""File name of a node's certificate where it is used, in /etc/flocker."""

_NODE_PREFIX = "node-"
_USER_PREFIX = "user-"
_LONGEST_COMMON_NAME = 64
"""Bytes; `ub-common-name` of RFC 5280."""
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_LONGEST_HOST = 253
"""Characters of a DNS name in text (RFC 1035, 255 octets on the wire)."""


class Role(Enum):
    """What the holder of a certificate may do; it opens one port and no other."""

    CONTROL = "control"
    NODE = "node"
    USER = "user"


SERVICE_FILES = {CONTROL_SERVICE: Role.CONTROL, NODE_FILE: Role.NODE}
"""Files in a service's directory that must have a certain role."""


@frozen
class NotASubject(FlockerError):
    """A certificate's common name follows no pattern of ours."""

    common_name: str

    def words(self) -> str:
        """Name the common name and the three patterns."""
        return (
            f"the common name {self.common_name!r} is none of {CONTROL_SERVICE}, "
            "node-<uuid>, user-<name>"
        )


@frozen
class BadName(FlockerError):
    """A name cannot become a certificate."""

    name: str
    why: str

    def words(self) -> str:
        """Name the name and the rule it breaks."""
        return f"the name {self.name!r} {self.why}"


@frozen
class ControlSubject:
    """The control service."""


@frozen
class NodeSubject:
    """The agents of one node."""

    node: NodeID


@frozen
class UserSubject:
    """A client of the REST API: a person, a program, the Docker plugin."""

    name: str


Subject = ControlSubject | NodeSubject | UserSubject
Host = str | IPv4Address | IPv6Address
"""Where the control service is reached: a DNS name or an address."""


def common_name(subject: Subject) -> str:
    """The CN that stands for a subject."""
    match subject:
        case ControlSubject():
            return CONTROL_SERVICE
        case NodeSubject(node):
            return f"{_NODE_PREFIX}{node}"
        case UserSubject(name):
            return f"{_USER_PREFIX}{name}"
        case _ as never:
            assert_never(never)


def parse_common_name(text: str) -> Subject:
    """The subject that a CN stands for; raises `NotASubject`."""
    if text == CONTROL_SERVICE:
        return ControlSubject()
    if text.startswith(_NODE_PREFIX):
        try:
            return NodeSubject(NodeID(parse_uuid(text.removeprefix(_NODE_PREFIX))))
        except NotAnIdentifier:
            raise NotASubject(text) from None
    if text.startswith(_USER_PREFIX) and text != _USER_PREFIX:
        return UserSubject(text.removeprefix(_USER_PREFIX))
    raise NotASubject(text)


def role_of(subject: Subject) -> Role:
    """What a subject may do."""
    match subject:
        case ControlSubject():
            return Role.CONTROL
        case NodeSubject():
            return Role.NODE
        case UserSubject():
            return Role.USER
        case _ as never:
            assert_never(never)


def pattern(role: Role) -> str:
    """What the common names of a role look like, for messages."""
    return {
        Role.CONTROL: CONTROL_SERVICE,
        Role.NODE: f"{_NODE_PREFIX}<uuid>",
        Role.USER: f"{_USER_PREFIX}<name>",
    }[role]


def role_of_service_file(name: str) -> Role:
    """Whom the file `<name>.crt` in a service's directory must speak for."""
    return SERVICE_FILES.get(name, Role.USER)


def cluster_name(text: str) -> str:
    """A text that may name a cluster; raises `BadName`."""
    _refuse_unprintable(text)
    _refuse_long(text, text)
    return text


def user_name(text: str) -> str:
    """A text that may name a user, and the user's files; raises `BadName`."""
    _refuse_unprintable(text)
    if "/" in text or text.startswith("."):
        raise BadName(text, "cannot name a file: it holds a slash or begins with a dot")
    if text == CLUSTER or text in SERVICE_FILES:
        raise BadName(text, "is kept for another file of the cluster")
    _refuse_long(text, common_name(UserSubject(text)))
    return text


def parse_host(text: str) -> Host:
    """A DNS name or an address for a control certificate; raises `BadName`."""
    try:
        return ip_address(text)
    except ValueError:
        pass
    labels = text.split(".")
    if len(text) > _LONGEST_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise BadName(text, "is neither a DNS name (ASCII, RFC 1035) nor an IP address")
    if labels[-1].isdigit():
        raise BadName(text, "looks like an IP address and is none")
    return text


def control_file(host: str) -> str:
    """File name, without suffix, of a control certificate made for a host."""
    return f"control-{host}"


def _refuse_unprintable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadName(text, "is not UTF-8") from None
    if not text or not text.isprintable():
        raise BadName(text, "is empty or holds characters that cannot be printed")


def _refuse_long(text: str, whole: str) -> None:
    excess = len(whole.encode()) - _LONGEST_COMMON_NAME
    if excess > 0:
        raise BadName(text, f"is too long for a certificate by {excess} bytes")
