"""Tests of the doctor's examination: files on disk, the rest in memory."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve

from flocker.ca.files import write_credential
from flocker.cli.connecting import Destination
from flocker.cli.doctoring import Patient, examine
from flocker.cli.findings import Finding
from flocker.cli.instruments import Instruments
from flocker.cli.session import World
from flocker.client.interface import TLSRefused, Unreachable
from flocker.client.routes import Address
from flocker.model.ids import Era, NodeID
from flocker.testing.certificates import NODE_ID, a_cluster
from flocker.testing.fakes.memory_control import MemoryControl

AGENT_YML = """\
version: 1
control-service: {hostname: 127.0.0.1, port: 4524}
dataset: {backend: loopback}
"""
NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
MINE = a_cluster()

Examine = Callable[..., list[Finding]]


@pytest.fixture
def directory(tmp_path: Path, control: MemoryControl) -> Path:
    """A user's directory; there are no volumes that no dataset is."""
    control.lists(NODE)
    write_credential(tmp_path, "user", MINE.user)
    (tmp_path / "cluster.crt").write_bytes(MINE.authority.certificate_pem())
    return tmp_path


@pytest.fixture
def node(directory: Path) -> None:
    """It is a node's directory, too."""
    write_credential(directory, "node", MINE.node)
    (directory / "agent.yml").write_text(AGENT_YML)


@pytest.fixture
def tools(world: World) -> Instruments:
    """How the world is reached: one control service, everywhere."""
    return world.instruments(None)  # type: ignore[arg-type]


@pytest.fixture
def examined(control: MemoryControl, directory: Path, tools: Instruments) -> Examine:
    """What the doctor finds, with these tools instead."""

    def examined(**others: object) -> list[Finding]:
        destination = Destination(
            (Address("127.0.0.1", 4523),), directory / "cluster.crt", directory, "user"
        )
        patient = Patient(destination)
        return control.run(examine(patient, evolve(tools, **others)))

    return examined


def bad(found: list[Finding]) -> list[tuple[str, str]]:
    """What is not well, in short."""
    return [(f.level.value, f.about) for f in found if f.level.value != "ok"]


def about(found: list[Finding]) -> list[str]:
    """What was looked at, each once."""
    return list(dict.fromkeys(each.about for each in found))


def test_all_is_well(examined: Examine) -> None:
    """A cluster in order has no complaint; each part was looked at."""
    found = examined()
    # The fake's backends name no instance.
    assert bad(found) == [("warn", "backends")] * 2
    assert about(found) == [
        "files",
        "control",
        "names",
        "clock",
        "agents' port",
        "health",
        "agents",
        "backends",
        "datasets",
    ]


def test_nobody_is_there(examined: Examine) -> None:
    """An address at which nobody listens fails, with what to do."""

    async def probe(address: Address, _own: object) -> None:
        raise Unreachable(((str(address), "connection refused"),))

    found = examined(probe=probe)
    assert bad(found) == [("FAIL", "control"), ("FAIL", "agents' port")]
    assert "flocker-control runs there" in str(found[-1].advice)


def test_not_trusted(examined: Examine) -> None:
    """A wrong certificate fails, with what to do."""

    async def probe(address: Address, _own: object) -> None:
        raise TLSRefused(str(address), "signed by another authority")

    assert "flocker-ca verify" in str(examined(probe=probe)[-1].advice)


def test_unreachable_after_all(examined: Examine, control: MemoryControl) -> None:
    """A port that is open, with nobody who answers, fails."""
    control.reachable = False
    assert bad(examined()) == [("FAIL", "control")]


def test_no_pair(examined: Examine, directory: Path) -> None:
    """Without a user's pair nobody can be asked."""
    (directory / "user.crt").unlink()
    (directory / "user.key").unlink()
    found = examined()
    assert bad(found) == [("FAIL", "files")]
    assert "create-api-certificate" in str(found[-1].advice)


def test_exposed_key(examined: Examine, directory: Path) -> None:
    """A key that others may read fails."""
    (directory / "user.key").chmod(0o644)
    assert ("FAIL", "files") in bad(examined())


def test_no_authority(examined: Examine, directory: Path) -> None:
    """Without cluster.crt that is all there is to say."""
    (directory / "cluster.crt").unlink()
    assert about(examined()) == ["files"]


@pytest.mark.usefixtures("node")
def test_node_without_a_users_pair(examined: Examine, directory: Path) -> None:
    """On a node the agents' port is looked at with the node's own certificate."""
    (directory / "user.crt").unlink()
    (directory / "user.key").unlink()
    found = examined()
    assert bad(found) == [("warn", "files")]
    assert about(found) == ["files", "agents' port"]


@pytest.mark.usefixtures("node")
def test_node_is_not_connected(examined: Examine) -> None:
    """On a node whose agent is not connected that fails."""
    assert bad(examined())[-1] == ("FAIL", "this node")


@pytest.mark.usefixtures("node")
def test_node_is_connected(examined: Examine, control: MemoryControl) -> None:
    """On a node the era tells whether the agent is on this machine."""
    control.connected(NODE_ID, "10.0.0.3")
    nodes = control.run(control.client().nodes())
    era = next(Era(UUID(each.era)) for each in nodes if each.uuid == NODE_ID)
    here, elsewhere = examined(era=lambda: era)[-1], examined()[-1]
    assert (here.about, here.level.value) == ("this node", "ok")
    assert (elsewhere.about, elsewhere.level.value) == ("this node", "FAIL")
    assert "another machine" in elsewhere.words


@pytest.mark.usefixtures("node")
def test_bad_agent_yml(examined: Examine, directory: Path) -> None:
    """A mistake in agent.yml is named."""
    (directory / "agent.yml").write_text("version: 2")
    words = [each.words for each in examined() if each.level.value == "FAIL"]
    assert any("agent.yml: version: must be 1" in each for each in words)
