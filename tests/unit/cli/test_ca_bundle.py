"""`flocker-ca bundle`: how it is asked, and what it says to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from flocker.ca.checking import server_names
from flocker.ca.credentials import node_id
from flocker.ca.files import load_certificate, load_credential
from flocker.cli.connecting import Options, load_certificates, settle
from flocker.client.routes import Address
from flocker.testing.certificates import MADE
from flocker.wire.agent_yaml import parse

Command = Callable[..., Any]
"""The fixtures `flocker_ca` and `in_cluster`: arguments in, a `Ran` out."""

ONE = ("--control", "a.example", "--nodes", "1", "--users", "alice")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--control", "a.example", "10.0.0.1", "--nodes", "2", "--users", "al", "bo"),
        ("--users=al", "bo", "--nodes=2", "--control=a.example", "10.0.0.1"),
        (
            *("--control", "a.example", "--users", "al", "--nodes", "2"),
            *("--control", "10.0.0.1", "--users", "bo", "-v"),
        ),
    ],
    ids=["listed", "equals", "repeated"],
)
def test_lists(arguments: tuple[str, ...], flocker_ca: Command, tmp_path: Path) -> None:
    """Hosts and users may follow one option, or each its own."""
    ran = flocker_ca("bundle", *arguments)
    assert (ran.status, ran.err) == (0, "")
    made = tmp_path / "flocker-bundle"
    assert sorted(path.name for path in made.iterdir()) == [
        "authority",
        "control",
        "node-1",
        "node-2",
        "user-al",
        "user-bo",
    ]
    control = load_certificate(made / "control" / "control-service.crt")
    assert server_names(control) == ("control-service", "a.example", "10.0.0.1")
    agent = parse((made / "node-2" / "agent.yml").read_text(), "agent.yml")
    assert agent.hosts == ("a.example", "10.0.0.1")


def test_table(flocker_ca: Command, tmp_path: Path) -> None:
    """It says what to copy where, and names each node."""
    ran = flocker_ca("bundle", *ONE, "-o", "made", "--name", "mine")
    node = node_id(load_credential(tmp_path / "made" / "node-1", "node"))
    head, table, rest, warning = ran.out.split("\n\n")
    assert head == "Made the files of the cluster 'mine' in made."
    assert table.splitlines() == [
        "  FOLDER      COPY ITS FILES TO",
        "  control     /etc/flocker of control: a.example",
        f"  node-1      /etc/flocker of one node: {node}",
        "  user-alice  a private directory of alice",
        "  authority   no machine of the cluster: keep it safe",
    ]
    assert "scp -p made/control/* root@a.example:/etc/flocker/" in rest
    assert warning.startswith("Each agent.yml says backend: loopback")
    assert max(map(len, ran.out.splitlines())) <= 80


def test_flockerctl_works_in_a_users_folder(
    flocker_ca: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any option flockerctl finds control and certificates there."""
    flocker_ca("bundle", *ONE, "--control", "10.0.0.1")
    monkeypatch.chdir(tmp_path / "flocker-bundle" / "user-alice")
    options = Options(certs_path=Path(), cluster_crt="cluster.crt", control_port=4523)
    destination = settle(options)
    assert destination.addresses == (
        Address("a.example", 4523),
        Address("10.0.0.1", 4523),
    )
    assert load_certificates(destination, MADE).own == load_credential(Path(), "user")
    assert evolve(destination).user == "user"


def test_storage(flocker_ca: Command, tmp_path: Path) -> None:
    """The backend and its keys stand in every node's agent.yml; no word of loopback."""
    options = ("--backend-option", "region=RegionOne", "--backend-option", "port=443")
    ran = flocker_ca("bundle", *ONE, "--backend", "openstack", *options)
    assert "loopback" not in ran.out
    text = (tmp_path / "flocker-bundle" / "node-1" / "agent.yml").read_text()
    (backend,) = parse(text, "agent.yml").backends
    assert (backend.driver, backend.keys) == (
        "openstack",
        {"region": "RegionOne", "port": 443},
    )


def test_plugin(flocker_ca: Command, tmp_path: Path) -> None:
    """On request every node has the Docker plugin's pair."""
    assert flocker_ca("bundle", *ONE, "--with-plugin").status == 0
    load_credential(tmp_path / "flocker-bundle" / "node-1", "plugin")


def test_further_nodes(flocker_ca: Command, tmp_path: Path) -> None:
    """A bundle's authority signs more nodes, as the last lines say."""
    flocker_ca("bundle", *ONE)
    authority = "flocker-bundle/authority"
    assert flocker_ca("create-node-certificate", "-i", authority).status == 0
    assert len(list(tmp_path.glob("*.crt"))) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (*ONE[:4], "--users", "bad/name"),
        ("--control", "fd00::1", *ONE[2:]),
        (*ONE, "--backend-option", "x"),
        (*ONE, "-o", "nowhere/made"),
    ],
    ids=["user", "control", "option", "directory"],
)
def test_errors(
    arguments: tuple[str, ...], flocker_ca: Command, tmp_path: Path
) -> None:
    """What cannot be is one line, and nothing is left."""
    ran = flocker_ca("bundle", *arguments)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("Error: ")
    assert list(tmp_path.iterdir()) == []


def test_twice(flocker_ca: Command) -> None:
    """A second bundle never touches the first."""
    flocker_ca("bundle", *ONE)
    assert flocker_ca("bundle", *ONE) == (
        1,
        "",
        "Error: flocker-bundle exists already and is never overwritten\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ONE[2:],
        ONE[:2] + ONE[4:],
        ONE[:4],
        (*ONE[:2], "--nodes", "0", *ONE[4:]),
        (*ONE, "--name", "a", "b"),
    ],
    ids=["no control", "no nodes", "no users", "none", "too much"],
)
def test_usage(arguments: tuple[str, ...], flocker_ca: Command, tmp_path: Path) -> None:
    """Control, nodes and users must be said."""
    ran = flocker_ca("bundle", *arguments)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("ERROR: ")
    assert list(tmp_path.iterdir()) == []
