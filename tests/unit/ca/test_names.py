"""Common names, host names and file names of certificates."""

from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.ca.names import (
    BadName,
    ControlSubject,
    NodeSubject,
    NotASubject,
    Role,
    Subject,
    UserSubject,
    cluster_name,
    common_name,
    control_file,
    parse_common_name,
    parse_host,
    role_of,
    role_of_service_file,
    user_name,
)
from flocker.model.ids import NodeID

NODE = NodeID(UUID("5f2c9b3e-7d7e-4a39-8d5e-0f8f3c2f6a10"))

subjects: st.SearchStrategy[Subject] = st.one_of(
    st.just(ControlSubject()),
    st.uuids().map(NodeID).map(NodeSubject),
    st.text(min_size=1).map(UserSubject),
)


@given(subjects)
def test_common_names_round_trip(subject: Subject) -> None:
    """A common name stands for one subject, and that subject for it."""
    assert parse_common_name(common_name(subject)) == subject


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("control-service", Role.CONTROL),
        (f"node-{NODE}", Role.NODE),
        (f"node-{str(NODE).upper()}", Role.NODE),
        ("user-node-1", Role.USER),
        ("user-control-service", Role.USER),
    ],
)
def test_role_stands_in_the_prefix(text: str, role: Role) -> None:
    """What stands before the first hyphen is the role, whatever follows."""
    assert role_of(parse_common_name(text)) is role


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user-",
        "user",
        "User-alice",
        " user-alice",
        "node-",
        "node-1",
        f"node-{NODE}x",
        f"node-{{{NODE}}}",
        f"node-urn:uuid:{NODE}",
        f"node-{NODE.hex}",
        "control-service2",
        "control-",
        "mine",
    ],
)
def test_other_common_names_are_nobody(text: str) -> None:
    """A common name of no pattern of ours has no role."""
    with pytest.raises(NotASubject) as raised:
        parse_common_name(text)
    assert raised.value.common_name == text


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("10.0.0.1", IPv4Address("10.0.0.1")),
        ("fd00::1", IPv6Address("fd00::1")),
        ("control", "control"),
        ("a-b.example.org", "a-b.example.org"),
        ("node_1.internal", "node_1.internal"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_hosts(text: str, host: object) -> None:
    """An address becomes an address, anything else a DNS name."""
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "a.",
        "-a",
        "a-",
        "a b",
        "a/b",
        "*.example.org",
        "bücher.example",
        "10.0.0",
        "10.0.0.256",
        "https://host",
        "host:4523",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "host\udcff",
    ],
)
def test_no_hosts(text: str) -> None:
    """What is neither a DNS name nor an address is refused by name."""
    with pytest.raises(BadName) as raised:
        parse_host(text)
    assert raised.value.name == text


@pytest.mark.parametrize("text", ["a/b", "..", ".hidden", "/etc/passwd"])
def test_user_stays_in_the_directory(text: str) -> None:
    """A user's name never leads a file out of its directory or out of sight."""
    with pytest.raises(BadName):
        user_name(text)


@pytest.mark.parametrize("text", ["cluster", "control-service", "node"])
def test_user_is_not_taken_for_another_file(text: str) -> None:
    """A user's files never bear the name of the authority's or a service's."""
    with pytest.raises(BadName):
        user_name(text)


@pytest.mark.parametrize("check", [user_name, cluster_name])
@pytest.mark.parametrize("text", ["", "a\nb", "a\0b", "caf\udce9"])
def test_unprintable_names(check: object, text: str) -> None:
    """Names are UTF-8 that can be printed on one line."""
    assert callable(check)
    with pytest.raises(BadName):
        check(text)


@pytest.mark.parametrize(
    ("check", "longest"), [(user_name, 64 - len("user-")), (cluster_name, 64)]
)
def test_names_fit_a_certificate(check: object, longest: int) -> None:
    """A common name is at most 64 bytes."""
    assert callable(check)
    assert check("é" * (longest // 2)) == "é" * (longest // 2)
    with pytest.raises(BadName):
        check("x" * (longest + 1))


@pytest.mark.parametrize("text", ["alice", "plugin", "élise", "Max Muster", "a.b"])
def test_users(text: str) -> None:
    """Ordinary names are taken as they are."""
    assert user_name(text) == text


def test_service_files() -> None:
    """The file a service reads says which role it must have."""
    names = ("control-service", "node", "plugin", "apiuser")
    assert [role_of_service_file(name) for name in names] == [
        Role.CONTROL,
        Role.NODE,
        Role.USER,
        Role.USER,
    ]


def test_control_file() -> None:
    """A control certificate is named after its host."""
    assert control_file("10.0.0.1") == "control-10.0.0.1"
