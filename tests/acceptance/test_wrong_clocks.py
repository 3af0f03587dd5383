"""Clocks that are set under daemons, and certificates whose time it is not."""

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from flocker.ca.files import load_credential
from flocker.ca.names import CLUSTER, CONTROL_SERVICE, NODE_FILE
from flocker.runtime.process import run_sync
from flocker.sandbox.blueprint import Program, flocker_programs
from flocker.sandbox.layout import Layout
from flocker.sandbox.machines import programs_of
from flocker.sandbox.names import CONTROL, MachineName, address
from flocker.sandbox.reaching import NotReached
from flocker.sandbox.waiting import until
from flocker.testing.certificates import dated
from flocker.testing.clusters import LiveCluster, live_cluster
from tests.clocks import build, faked, step

WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""
HOUR, DAY = 3600, 24 * 3600
FAILED = "flocker:session:failed"
REFUSED = "flocker:control:refused"
FEW = 3
"""Lines of a log that are no flood: in 20 seconds, of one failure."""


def clock_of(layout: Layout, machine: MachineName) -> Path:
    """The file that says by how much a machine's clock is wrong."""
    return layout.machine(machine) / "clock"


@pytest.fixture(scope="module")
def module_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveCluster]:
    """Two nodes and control, each with a clock that can be set."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    library = build(tmp_path_factory.mktemp("clock"))

    def with_clocks(layout: Layout, machine: MachineName) -> Sequence[Program]:
        environment = faked(library, clock_of(layout, machine))
        return tuple(
            evolve(program, environment=environment)
            for program in flocker_programs(layout, machine)
        )

    with live_cluster(2, with_clocks, age=timedelta(days=10)) as made:
        yield made


@pytest.fixture
def cluster(module_cluster: LiveCluster) -> LiveCluster:
    """The cluster, with all clocks right and everybody connected."""
    for machine in module_cluster.sandbox.machines:
        set_clock(module_cluster, machine, 0)
    module_cluster.await_connected()
    return module_cluster


def set_clock(live: LiveCluster, machine: MachineName, seconds: int) -> None:
    """Set the clock of a machine."""
    step(clock_of(live.sandbox.layout, machine), seconds)


def log_of(live: LiveCluster, machine: MachineName) -> Path:
    """The log of a machine's daemon."""
    (log,) = live.sandbox.layout.logs(machine).glob("flocker-*.log")
    return log


def messages(
    live: LiveCluster, machine: MachineName, kind: str
) -> list[dict[str, Any]]:
    """The messages of a type in a machine's log."""
    text = log_of(live, machine).read_text()
    return [json.loads(line) for line in text.splitlines() if f'"{kind}"' in line]


def ends(live: LiveCluster) -> int:
    """How many connections of agents have ended."""
    return len(messages(live, CONTROL, "flocker:control:agent-disconnected"))


@pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["forth", "back"])
def test_stepped_agent(cluster: LiveCluster, seconds: int) -> None:
    """An agent whose clock is set stays connected, and does what is wanted at once."""
    one, two = cluster.nodes
    dataset = cluster.create(one)
    path = cluster.mounted(dataset, one)
    before = ends(cluster)
    set_clock(cluster, one, seconds)
    cluster.write(one, path / "kept", str(seconds))
    cluster.move(dataset, two)
    cluster.mounted(dataset, two)
    cluster.move(dataset, one)
    cluster.mounted(dataset, one)
    assert cluster.read(one, path / "kept") == str(seconds)
    assert 0 <= cluster.status(dataset).seconds < WITHIN
    assert ends(cluster) == before
    said = log_of(cluster, one).read_text().splitlines()[-1]
    assert abs(json.loads(said)["timestamp"] - now().timestamp() - seconds) < WITHIN


def test_suspended_agent(cluster: LiveCluster) -> None:
    """An agent that stood still for ten minutes is a member again, and goes on."""
    one, two = cluster.nodes
    dataset = cluster.create(one)
    path = cluster.mounted(dataset, one)
    (agent,) = programs_of(cluster.sandbox.layout, one).values()
    os.kill(agent.pid, signal.SIGSTOP)

    def silent() -> bool:
        return not cluster.ask("GET", f"/status/nodes/{cluster.id_of(one)}").json[
            "connected"
        ]

    until(silent, "it is silent", WITHIN)
    cluster.move(dataset, two)
    set_clock(cluster, one, 600)
    os.kill(agent.pid, signal.SIGCONT)
    assert cluster.mounted(dataset, two) == path
    assert list(programs_of(cluster.sandbox.layout, one).values()) == [agent]


def test_doctor_sees_a_wrong_clock(cluster: LiveCluster) -> None:
    """The clock of control is compared with that of who asks."""
    set_clock(cluster, CONTROL, HOUR)
    said = cluster.flockerctl("doctor", expected=1).out.decode()
    assert "the control service's clock is 60 min ahead of ours" in said, said


# --- certificates -------------------------------------------------------------------


def now() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


@contextmanager
def valid(
    live: LiveCluster, machine: MachineName, name: str, begins: int
) -> Iterator[str]:
    """Let a machine's certificate be good for two days from `begins` (seconds) on.

    Its own clock is set so that it thinks that this is now. Gives what a peer says.
    """
    layout = live.sandbox.layout
    place = layout.machine(machine)
    start = (now() + timedelta(seconds=begins)).replace(microsecond=0)
    end = start + timedelta(days=2)
    own = load_credential(place, name)
    made = dated(load_credential(layout.authority, CLUSTER), own, start, end)
    file = place / f"{name}.crt"
    kept = file.read_bytes()
    file.write_bytes(made.certificate_pem())
    set_clock(live, machine, begins + DAY)
    live.kill_daemon(machine)
    try:
        if begins < 0:
            yield f"got one that expired on {end:%Y-%m-%d %H:%M} UTC"
        else:
            yield f"got one valid only from {start:%Y-%m-%d %H:%M} UTC"
    finally:
        file.write_bytes(kept)
        set_clock(live, machine, 0)
        live.kill_daemon(machine)


def since(live: LiveCluster, machine: MachineName, kind: str, begun: int) -> list[str]:
    """The causes in messages of a type, but for the first `begun`."""
    return [each["why"] for each in messages(live, machine, kind)[begun:]]


def test_certificate_of_a_node(cluster: LiveCluster) -> None:
    """Control refuses it with its date; the agent says so too; neither floods."""
    one, two = cluster.nodes
    at_control = len(messages(cluster, CONTROL, REFUSED))
    begun = {node: len(messages(cluster, node, FAILED)) for node in (one, two)}
    with (
        valid(cluster, one, NODE_FILE, -3 * DAY) as expired,
        valid(cluster, two, NODE_FILE, 3 * DAY) as early,
    ):
        complaints = {one: expired, two: early}
        for node, complaint in complaints.items():
            ours = f"refused our certificate 'node-{cluster.id_of(node)}'"
            attempted(cluster, node, ours)
            said = [w for w in since(cluster, node, FAILED, begun[node]) if ours in w]
            assert "it is good from" in said[0]
            assert len(said) <= FEW
            told = told_of(cluster, f"{address(node)}:", at_control)
            assert f"'node-{cluster.id_of(node)}'" in told[0]
            assert complaint in told[0]
            assert len(told) <= FEW
    cluster.await_connected()


def told_of(live: LiveCluster, words: str, begun: int) -> list[str]:
    """What control has said of refusals, once it has."""

    def found() -> list[str]:
        return [w for w in since(live, CONTROL, REFUSED, begun) if words in w]

    until(lambda: found() != [], f"control's word of {words}", WITHIN)
    return found()


def attempted(live: LiveCluster, node: MachineName, words: str) -> None:
    """Wait until an agent has failed at least four times in this way."""

    def often() -> bool:
        failed = messages(live, node, FAILED)
        return any(each["attempts"] > 3 for each in failed if words in each["why"])

    until(often, f"four attempts of {node}", WITHIN)


@pytest.mark.parametrize("begins", [-3 * DAY, 3 * DAY], ids=["expired", "early"])
def test_certificate_of_control(cluster: LiveCluster, begins: int) -> None:
    """Agents refuse it, and users, with its date; control says whose refusal it was."""
    one, two = cluster.nodes
    at_control = len(messages(cluster, CONTROL, REFUSED))
    begun = len(messages(cluster, one, FAILED))
    with valid(cluster, CONTROL, CONTROL_SERVICE, begins) as complaint:
        attempted(cluster, one, complaint)
        said = [w for w in since(cluster, one, FAILED, begun) if complaint in w]
        assert len(said) <= FEW
        for node in (one, two):
            told = told_of(cluster, f"{address(node)}:", at_control)
            assert "refused our certificate 'control-service'" in told[0]
            assert len(told) <= FEW
        refused = cluster.flockerctl("list-nodes", expected=3).err.decode()
        assert complaint in " ".join(refused.split())
        doctor = cluster.flockerctl("doctor", expected=1).out.decode()
        assert complaint in doctor
    until(lambda: answers(cluster), "control answers", WITHIN)
    cluster.await_connected()


def answers(live: LiveCluster) -> bool:
    """Whether control answers."""
    try:
        return live.ask("GET", "/version").status == 200
    except NotReached:
        return False


def test_no_fault_was_met(cluster: LiveCluster) -> None:
    """After all that no log has a traceback."""
    logs = [str(log_of(cluster, machine)) for machine in cluster.sandbox.machines]
    assert run_sync(["grep", "-c", "Traceback (most", *logs], expected=(1,))
