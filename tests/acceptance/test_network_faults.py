"""Cables that lose, crawl and break; agents and certificates that are there twice."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from subprocess import Popen
from typing import Any

from flocker.model.ids import DatasetID
from flocker.sandbox.layout import programs
from flocker.sandbox.machines import entering, programs_of
from flocker.sandbox.names import CONTROL, MachineName, address
from flocker.sandbox.network import Way
from flocker.sandbox.processes import Process, send
from flocker.sandbox.reaching import NotReached
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster

WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""
AGENT = "flocker-dataset-agent"
REFUSED = "flocker:control:agent-refused"
FAILED = "flocker:session:failed"


def known(live: LiveCluster, node: MachineName) -> dict[str, Any]:
    """What the status API says of a node."""
    found: dict[str, Any] = live.ask("GET", f"/status/nodes/{live.id_of(node)}").json
    return found


def agent_of(live: LiveCluster, node: MachineName) -> Process:
    """The agent that the machine's supervisor runs."""
    (found,) = programs_of(live.sandbox.layout, node).values()
    return found


def messages(log: Path, kind: str) -> list[dict[str, Any]]:
    """The messages of a type in a log."""
    if not log.exists():
        return []
    lines = [line for line in log.read_text().splitlines() if f'"{kind}"' in line]
    return [json.loads(line) for line in lines]


def log_of(live: LiveCluster, machine: MachineName) -> Path:
    """The log of a machine's daemon."""
    name = "flocker-control" if machine == CONTROL else AGENT
    return live.sandbox.layout.logs(machine) / f"{name}.log"


def with_data(live: LiveCluster, node: MachineName) -> tuple[DatasetID, Path]:
    """Make a dataset with something in it."""
    dataset = live.create(node)
    path = live.mounted(dataset, node)
    live.write(node, path / "kept", str(dataset))
    return dataset, path


def silent(live: LiveCluster, *nodes: MachineName) -> None:
    """Wait until control hears nodes no more."""
    for node in nodes:
        until(lambda node=node: not known(live, node)["connected"], node, WITHIN)


def has_noticed(live: LiveCluster, node: MachineName, before: int) -> None:
    """Wait until a node knows that it does not hear control."""
    log = log_of(live, node)
    until(lambda: len(messages(log, FAILED)) > before, f"{node} noticed", WITHIN)


# --- losing -------------------------------------------------------------------------


def test_one_way_loss(cluster: LiveCluster) -> None:
    """Loss in one direction is silence for both sides, and heals like a cut cable.

    One node is not heard, another does not hear. Nothing is taken from either.
    """
    one, two, three = cluster.nodes
    ways = {one: Way.SENT, three: Way.RECEIVED}
    datasets = {node: with_data(cluster, node) for node in ways}
    noticed = {node: len(messages(log_of(cluster, node), FAILED)) for node in ways}
    for node, way in ways.items():
        cluster.lose(node, way)
    silent(cluster, one, three)
    for node in ways:
        has_noticed(cluster, node, noticed[node])
    for node, (dataset, path) in datasets.items():
        cluster.move(dataset, two)
        cause = cluster.await_phase(dataset, "waiting", node).cause
        assert cause is not None
        assert str(cluster.id_of(node)) in str(cause.release)
        cluster.write(node, path / "meanwhile", "here")
    for node in ways:
        cluster.heal(node)
    for dataset, path in datasets.values():
        assert cluster.mounted(dataset, two) == path
        assert cluster.read(two, path / "kept") == str(dataset)
        assert cluster.read(two, path / "meanwhile") == "here"


def test_half_open(cluster: LiveCluster) -> None:
    """A connection whose other end is gone, and said nothing, is in nobody's way.

    One agent dies behind a cut cable, so that control hears of no end; for another it
    is control that died meanwhile.
    """
    one, two, _ = cluster.nodes
    dataset, path = with_data(cluster, one)
    came = "flocker:control:agent-connected"
    before = len(messages(log_of(cluster, CONTROL), came))
    cluster.partition(one)
    first = agent_of(cluster, one)
    cluster.kill_daemon(one)
    until(lambda: runs_another(cluster, one, first), "another agent", WITHIN)
    cluster.heal(one)

    def is_back() -> bool:
        new = messages(log_of(cluster, CONTROL), came)[before:]
        return str(cluster.id_of(one)) in {each["node"] for each in new}

    until(is_back, "the new agent at control", WITHIN)
    cluster.partition(two)
    cluster.kill_daemon(CONTROL)
    until(lambda: answers(cluster), "control answers", WITHIN)
    cluster.heal(two)
    cluster.move(dataset, two)
    assert cluster.mounted(dataset, two) == path
    assert cluster.read(two, path / "kept") == str(dataset)


def runs_another(live: LiveCluster, node: MachineName, other: Process) -> bool:
    """Whether a machine runs an agent, and another one than that."""
    found = list(programs_of(live.sandbox.layout, node).values())
    return found not in ([], [other])


def answers(live: LiveCluster) -> bool:
    """Whether control answers."""
    try:
        return live.ask("GET", "/version").status == 200
    except NotReached:
        return False


def test_slow(cluster: LiveCluster) -> None:
    """Over a cable with the speed of a modem everything works, only later."""
    one, two, _ = cluster.nodes
    cluster.throttle(one, 9)
    cluster.kill_daemon(one)
    dataset, path = with_data(cluster, one)
    cluster.move(dataset, two)
    assert cluster.mounted(dataset, two) == path
    assert known(cluster, one)["connected"]
    cluster.heal(one)


def test_flapping(cluster: LiveCluster) -> None:
    """A cable that comes and goes leaves nothing half done, and no flood of lines."""
    one, two, _ = cluster.nodes
    dataset, path = with_data(cluster, one)
    before = len(messages(log_of(cluster, one), FAILED))
    for turn in range(8):
        cluster.partition(one)
        if turn % 2:
            cluster.kill_daemon(CONTROL)
        cluster.heal(one)
        until(lambda: answers(cluster), "control answers", WITHIN)
    cluster.await_connected()
    cluster.move(dataset, two)
    assert cluster.mounted(dataset, two) == path
    assert cluster.read(two, path / "kept") == str(dataset)
    assert len(messages(log_of(cluster, one), FAILED)) - before < 12


# --- twice --------------------------------------------------------------------------


@contextmanager
def second_agent(
    live: LiveCluster, machine: MachineName, of: MachineName, place: Path
) -> Iterator[tuple["Popen[str]", Path]]:
    """Another agent on a machine, with the certificate of a node; its log."""
    place.mkdir()
    for name in ("agent.yml", "cluster.crt", "node.crt", "node.key"):
        shutil.copy(live.sandbox.layout.machine(of) / name, place)
    log = place / "log"
    command = [
        *entering(live.sandbox.layout, machine),
        str(programs() / AGENT),
        f"--agent-config={place / 'agent.yml'}",
        f"--logfile={log}",
    ]
    with Popen(command, stdout=-1, stderr=-1, text=True) as process:
        try:
            yield process, log
        finally:
            process.kill()


def attempts(log: Path) -> int:
    """How often in a row an agent had failed to connect when it last said so."""
    found = messages(log, FAILED)
    return int(found[-1]["attempts"]) if found else 0


def test_second_agent_on_a_machine(cluster: LiveCluster, tmp_path: Path) -> None:
    """It does not start, and says in one line who runs; who is killed holds nothing."""
    one, *_ = cluster.nodes
    first = agent_of(cluster, one)
    with second_agent(cluster, one, one, tmp_path / "second") as (second, _):
        _, error = second.communicate(timeout=WITHIN)
    assert second.returncode == 1
    (line,) = error.splitlines()
    assert f"a dataset agent of node {cluster.id_of(one)} runs here already" in line
    inside = cluster.run(one, "cat", f"/flocker/.agent-of-{cluster.id_of(one)}.lock")
    assert f"process {inside.strip()} holds" in line
    cluster.kill_daemon(one)
    until(lambda: runs_another(cluster, one, first), "another agent", WITHIN)
    cluster.await_connected()


def test_copied_certificate(cluster: LiveCluster, tmp_path: Path) -> None:
    """The second machine is refused: both addresses in log, status and doctor.

    It tries again and again; neither log is flooded, and the first one is at work.
    """
    one, two, _ = cluster.nodes
    before = len(messages(log_of(cluster, CONTROL), REFUSED))
    with second_agent(cluster, two, one, tmp_path / "copy") as (_, log):
        until(lambda: known(cluster, one)["refused"], "it is refused", WITHIN)
        words = known(cluster, one)["refused"]
        for part in (address(one), address(two), str(cluster.id_of(one))):
            assert part in words
        dataset, path = with_data(cluster, one)
        until(lambda: attempts(log) >= 4, "four attempts", WITHIN)
        at_control = messages(log_of(cluster, CONTROL), REFUSED)[before:]
        assert {each["why"] for each in at_control} == {words}
        assert len(at_control) <= 3
        assert len(messages(log, FAILED)) <= 3
        assert len(messages(log, "flocker:connection:abort")) <= 3
        assert words in messages(log, FAILED)[0]["why"]
        doctor = cluster.flockerctl("doctor", expected=1).out.decode()
        assert words in doctor
    cluster.move(dataset, two)
    assert cluster.mounted(dataset, two) == path
    # Once the agent says Hello anew, that is over.
    send(agent_of(cluster, one), SIGKILL)
    until(lambda: known(cluster, one)["refused"] is None, "it is over", WITHIN)
