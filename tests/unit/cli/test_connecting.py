"""Tests of where flockerctl goes, and with which certificate."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve

from flocker.ca.authority import Authority
from flocker.ca.credentials import KeyType
from flocker.ca.files import FileNotRead, write_credential
from flocker.ca.services import UnfitCertificate
from flocker.cli.connecting import (
    BadAddress,
    BadFile,
    Destination,
    NoControlService,
    Options,
    load_certificates,
    settle,
)
from flocker.client.routes import Address
from flocker.model.ids import ClusterID, NodeID

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Options that say only where the certificates are, in an empty place."""
    (tmp_path / "certs").mkdir()
    return Options(
        certs_path=tmp_path / "certs",
        cluster_crt="cluster.crt",
        control_port=4523,
        cluster_yml=tmp_path / "cluster.yml",
    )


@pytest.fixture
def cluster_yml(options: Options) -> Path:
    """A description of the cluster."""
    path = options.certs_path.parent / "cluster.yml"
    path.write_text("control_node: from-cluster\nusers: [alice, bob]\n")
    return path


@pytest.fixture
def agent_yml(options: Options) -> Path:
    """An agent's settings beside the certificates."""
    path = options.certs_path / "agent.yml"
    path.write_text("version: 1\ncontrol-service: {hostname: from-agent, port: 9}\n")
    return path


def hosts(options: Options) -> list[str]:
    """Where these options lead."""
    return [str(address) for address in settle(options).addresses]


def test_option_first(options: Options, cluster_yml: Path, agent_yml: Path) -> None:
    """The option says where the control service is, whatever files say."""
    asked = evolve(options, control_service="a,b:1", control_port=2)
    assert hosts(asked) == ["a:2", "b:1"]


def test_agent_yml_second(options: Options, cluster_yml: Path, agent_yml: Path) -> None:
    """Then agent.yml says it; the port there is the agents', not ours."""
    assert hosts(options) == ["from-agent:4523"]


def test_agent_yml_with_several(options: Options, cluster_yml: Path) -> None:
    """agent.yml may name several control services."""
    (options.certs_path / "agent.yml").write_text(
        "control-service: {hostname: [a, b]}\n"
    )
    assert hosts(options) == ["a:4523", "b:4523"]


def test_cluster_yml_last(options: Options, cluster_yml: Path) -> None:
    """Then cluster.yml says it."""
    assert hosts(options) == ["from-cluster:4523"]


def test_nothing_says_where(options: Options, tmp_path: Path) -> None:
    """If nothing says it, all is named that could have."""
    (tmp_path / "cluster.yml").write_text("{}")
    with pytest.raises(NoControlService) as raised:
        settle(options)
    assert raised.value.looked == (
        tmp_path / "certs" / "agent.yml",
        tmp_path / "cluster.yml",
    )


def test_user_of_cluster_yml(options: Options, cluster_yml: Path) -> None:
    """The user is the first of cluster.yml."""
    assert settle(options).user == "alice"


def test_user_option(options: Options, cluster_yml: Path) -> None:
    """The option names the user, whatever cluster.yml says."""
    assert settle(evolve(options, user="carol")).user == "carol"


def test_user_by_default(options: Options, tmp_path: Path) -> None:
    """Without any word the user is `user`, and the authority cluster.crt."""
    found = settle(evolve(options, cluster_yml=None, control_service="a"))
    directory = tmp_path / "certs"
    assert found == Destination(
        (Address("a", 4523),), directory / "cluster.crt", directory, "user"
    )


def test_in_a_container(options: Options, tmp_path: Path) -> None:
    """In a container, paths are those of the host."""
    contained = evolve(
        options,
        certs_path=Path("/certs"),
        root=tmp_path,
        control_service="a",
        cluster_yml=None,
    )
    assert settle(contained).directory == tmp_path / "certs"


def test_named_file_must_exist(options: Options, tmp_path: Path) -> None:
    """A cluster.yml that was named must be there."""
    with pytest.raises(BadFile) as raised:
        settle(options)
    assert str(raised.value) == (
        f"{tmp_path}/cluster.yml cannot be used: there is no such file"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "it does not hold a mapping"),
        ("control_node: [a]", "control_node is not a text"),
        ("users: bob", "users is not a list"),
        ("a: b: c", "mapping values are not allowed"),
    ],
)
def test_bad_cluster_yml(options: Options, text: str, why: str) -> None:
    """A file that says nonsense is named with its fault."""
    path = options.certs_path.parent / "cluster.yml"
    path.write_text(text)
    (options.certs_path / "agent.yml").unlink(missing_ok=True)
    with pytest.raises((BadFile, NoControlService)) as raised:
        settle(evolve(options, control_service=None if "node" in text else "x"))
    assert str(raised.value).startswith(f"{path} cannot be used: {why}")


def test_bad_address(options: Options, cluster_yml: Path) -> None:
    """An address that cannot be dialled is refused."""
    with pytest.raises(BadAddress) as raised:
        settle(evolve(options, control_service="host:port"))
    assert str(raised.value) == (
        "the control service cannot be at 'host:port': "
        "'host:port' is not host or host:port"
    )


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    """Where a user's certificate lies, and a node's."""
    authority = Authority.found("c", ClusterID(UUID(int=1)), KeyType.ECDSA, NOW)
    write_credential(tmp_path, "cluster", authority.credential)
    write_credential(tmp_path, "alice", authority.user("alice", KeyType.ECDSA, NOW))
    node = authority.node(NodeID(UUID(int=2)), KeyType.ECDSA, NOW)
    write_credential(tmp_path, "a-node", node)
    return Destination((), tmp_path / "cluster.crt", tmp_path, "alice")


def test_certificates(destination: Destination) -> None:
    """A user's certificates are read."""
    found = load_certificates(destination, NOW)
    assert found.own.certificate.issuer == found.authority.subject


def test_not_a_users_certificate(destination: Destination) -> None:
    """A node's certificate is refused before anything is dialled."""
    with pytest.raises(UnfitCertificate) as raised:
        load_certificates(evolve(destination, user="a-node"), NOW)
    assert "expected a user certificate" in str(raised.value)


def test_expired_certificate(destination: Destination) -> None:
    """An expired certificate is refused before anything is dialled."""
    with pytest.raises(UnfitCertificate) as raised:
        load_certificates(destination, NOW.replace(year=2047))
    assert "expired" in str(raised.value)


def test_missing_certificate(destination: Destination) -> None:
    """A missing certificate is named."""
    with pytest.raises(FileNotRead) as raised:
        load_certificates(evolve(destination, user="bob"), NOW)
    assert raised.value.path == destination.directory / "bob.crt"
