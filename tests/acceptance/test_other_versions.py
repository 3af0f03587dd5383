"""Agents and control of another protocol: refused on both sides, in words, no flood."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from uuid import uuid4

import pytest

from flocker.ca.authority import Authority
from flocker.ca.credentials import KeyType
from flocker.ca.files import write_credential
from flocker.ca.names import NODE_FILE
from flocker.model.ids import NodeID
from flocker.sandbox.furnishing import agent_settings
from flocker.sandbox.machines import entering
from flocker.sandbox.names import CONTROL, MachineName, address
from flocker.sandbox.reaching import NotReached
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.wire.protocol import PROTOCOL

WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""
OTHER = PROTOCOL + 97
FEW = 3
"""Lines of a log that are no flood: in 20 seconds, of one failure."""
PATCHED = """
import sys
import flocker.wire.protocol
flocker.wire.protocol.PROTOCOL = int(sys.argv.pop(1))
from {module} import main
main()
"""
PORTS = (14523, 14524)


@pytest.fixture(scope="module")
def live() -> Iterator[LiveCluster]:
    """A cluster of one node."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with live_cluster(1) as made:
        yield made


@contextmanager
def program(
    live: LiveCluster, machine: MachineName, name: str, protocol: int, *options: object
) -> Iterator[None]:
    """A daemon that speaks a protocol of this number, on a machine."""
    text = PATCHED.format(module=f"flocker.daemons.{name}")
    command = [sys.executable, "-P", "-c", text, str(protocol), *map(str, options)]
    told = ["sh", "-c", 'echo $$; exec "$@"', "sh", *command]
    entered = [*entering(live.sandbox.layout, machine), *told]
    with Popen(entered, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        # Who enters a pid namespace is not who runs there, and goes without it.
        number = process.stdout.readline().strip()
        try:
            yield
        finally:
            live.run(machine, "kill", "-9", number)


def new_node(live: LiveCluster, place: Path, port: int | None = None) -> NodeID:
    """Make the directory of an agent of a node that was never seen."""
    layout = live.sandbox.layout
    (one,) = live.nodes
    authority, node = Authority.load(layout.authority), NodeID(uuid4())
    place.mkdir()
    made = authority.node(node, KeyType.ECDSA, datetime.now(UTC))
    write_credential(place, NODE_FILE, made)
    (place / "cluster.crt").write_bytes(authority.credential.certificate_pem())
    settings = agent_settings(layout, one)
    if port is not None:
        settings = settings.replace("port: 4524", f"port: {port}")
        assert str(port) in settings
    (place / "agent.yml").write_text(settings)
    return node


def messages(log: Path, kind: str, words: str) -> list[dict[str, Any]]:
    """The messages of a type with some words in a log."""
    lines = log.read_text().splitlines() if log.exists() else []
    found = [json.loads(line) for line in lines if f'"{kind}"' in line]
    return [each for each in found if words in each["why"]]


def refused_without_flood(agent: Path, control: Path, words: str) -> None:
    """Both logs say it, though it is tried again and again, a few times."""
    failed, refused = "flocker:session:failed", "flocker:control:agent-refused"

    def often() -> bool:
        return any(each["attempts"] > 3 for each in messages(agent, failed, words))

    until(often, "four attempts", WITHIN)
    assert 0 < len(messages(control, refused, words)) <= FEW
    assert len(messages(agent, failed, words)) <= FEW
    assert "Traceback" not in agent.read_text()
    assert "Traceback" not in control.read_text()


def test_refused(live: LiveCluster, tmp_path: Path) -> None:
    """Where protocols differ, the agent is refused; both logs have both numbers.

    Once it is the agent that is newer, and once a control service of its own.
    """
    (one,) = live.nodes
    newer, ours = tmp_path / "newer", tmp_path / "ours"
    node = new_node(live, newer)
    new_node(live, ours, PORTS[1])
    control = live.sandbox.layout.logs(CONTROL) / "flocker-control.log"
    options = (
        f"--data-path={tmp_path / 'data'}",
        f"--port=tcp:{PORTS[0]}:interface={address(CONTROL)}",
        f"--agent-port=tcp:{PORTS[1]}:interface={address(CONTROL)}",
        f"--certificates-directory={live.sandbox.layout.machine(CONTROL)}",
        f"--logfile={tmp_path / 'log'}",
    )
    with (
        program(live, one, "dataset_agent", OTHER, *files_in(newer)),
        program(live, CONTROL, "control", OTHER, *options),
        program(live, one, "dataset_agent", PROTOCOL, *files_in(ours)),
    ):
        words = f"speaks protocol {OTHER}, control {PROTOCOL}"
        refused_without_flood(newer / "log", control, words)
        words = f"speaks protocol {PROTOCOL}, control {OTHER}"
        refused_without_flood(ours / "log", tmp_path / "log", words)
    assert str(node) in control.read_text()
    assert live.flockerctl("doctor").status == 0  # nobody else is disturbed


def files_in(place: Path) -> tuple[str, str]:
    """The options of an agent whose files are in a directory."""
    return f"--agent-config={place / 'agent.yml'}", f"--logfile={place / 'log'}"


def test_upgraded_control(live: LiveCluster) -> None:
    """Of a node that was a member, the status says why it is silent; and it goes on."""
    (one,) = live.nodes
    dataset = live.create(one)
    path = live.mounted(dataset, one)
    layout = live.sandbox.layout
    node = f"/status/nodes/{live.id_of(one)}"
    live.kill(CONTROL)
    disk = layout.machine(CONTROL)
    here = address(CONTROL)
    options = (
        f"--data-path={disk / 'data'}",
        f"--port=tcp:4523:interface={here}",
        f"--agent-port=tcp:4524:interface={here}",
        f"--certificates-directory={disk}",
        f"--logfile={disk / 'other.log'}",
    )
    text = PATCHED.format(module="flocker.daemons.control")
    command = [sys.executable, "-P", "-c", text, str(OTHER), *options]
    inside = ["nsenter", f"--net={layout.switch}", "--", *command]
    with Popen(inside) as control:
        try:
            until(lambda: refused(live, node) != "", "its agent refused", WITHIN)
            words = f"speaks protocol {PROTOCOL}, control {OTHER}"
            assert words in refused(live, node)
            doctor = live.flockerctl("doctor", expected=1).out.decode()
            assert words in doctor
            live.write(one, path / "meanwhile", "mounted")
        finally:
            control.kill()
    live.start(CONTROL)
    live.await_connected()
    assert refused(live, node) == ""


def refused(live: LiveCluster, node: str) -> str:
    """Why an agent of a node was refused, if control answers and one was."""
    try:
        return live.ask("GET", node).json["refused"] or ""
    except NotReached:
        return ""
