"""Machines, daemons and cables fail; data stays, and the status says what is wrong."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from flocker.ca.names import CONTROL_SERVICE
from flocker.runtime.process import run_sync
from flocker.sandbox.layout import programs
from flocker.sandbox.machines import entering, programs_of
from flocker.sandbox.names import (
    AGENT_PORT,
    CONTROL,
    REST_PORT,
    MachineName,
    address,
    node_name,
)
from flocker.sandbox.processes import Process, is_alive
from flocker.sandbox.reaching import NotReached, visited
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster
from flocker.wire.answers import DatasetInFull

ONE, TWO = node_name(1), node_name(2)
WITHIN = 60.0


def daemon(cluster: LiveCluster, machine: MachineName) -> Process:
    """The daemon of a machine."""
    (found,) = programs_of(cluster.sandbox.layout, machine).values()
    return found


def await_answers(cluster: LiveCluster) -> None:
    """Wait until the control service answers."""

    def answers() -> bool:
        try:
            return cluster.ask("GET", "/version").status == 200
        except NotReached:
            return False

    until(answers, "an answer of control", WITHIN)


def await_status(
    cluster: LiveCluster, dataset: object, fits: Callable[[DatasetInFull], bool]
) -> DatasetInFull:
    """Wait until the status of a dataset fits."""
    until(lambda: fits(cluster.status(dataset)), "the status", WITHIN)
    return cluster.status(dataset)


def test_node_loses_power(cluster: LiveCluster) -> None:
    """A dataset on a dead node says so; when the node is back, so is the data."""
    dataset = cluster.create(ONE)
    cluster.write(ONE, cluster.mounted(dataset, ONE) / "file", "kept")
    cluster.kill(ONE)
    status = cluster.await_phase(dataset, "unknown")
    assert status.cause is not None
    assert (status.cause.code, status.node) == ("node-silent", cluster.id_of(ONE))
    cluster.start(ONE)
    path = cluster.mounted(dataset, ONE)
    assert cluster.read(ONE, path / "file") == "kept"


def test_agent_is_killed(cluster: LiveCluster) -> None:
    """An agent that dies leaves the mount in place, and goes on when it is back."""
    dataset = cluster.create(ONE)
    path = cluster.mounted(dataset, ONE)
    before = daemon(cluster, ONE)
    cluster.kill_daemon(ONE)
    cluster.write(ONE, path / "file", "meanwhile")
    until(lambda: not is_alive(before), "the end of the agent", WITHIN)
    cluster.move(dataset, TWO)
    path = cluster.mounted(dataset, TWO)
    assert cluster.read(TWO, path / "file") == "meanwhile"
    assert daemon(cluster, ONE) != before


def test_control_is_killed(cluster: LiveCluster) -> None:
    """What was answered with success is still wanted after control was killed."""
    dataset = cluster.create(ONE, name="durable")
    cluster.kill_daemon(CONTROL)
    await_answers(cluster)
    cluster.write(ONE, cluster.mounted(dataset, ONE) / "file", "kept")
    cluster.kill(CONTROL)
    assert cluster.read(ONE, Path(f"/flocker/{dataset}/file")) == "kept"
    cluster.start(CONTROL)
    await_answers(cluster)
    assert cluster.mounted(dataset, ONE)
    assert cluster.status(dataset).name == "durable"


def test_partition(cluster: LiveCluster) -> None:
    """A node that is cut off keeps its mount; once back it does what is wanted."""
    dataset = cluster.create(ONE)
    path = cluster.mounted(dataset, ONE)
    cluster.partition(ONE)
    cluster.move(dataset, TWO)
    waits = await_status(cluster, dataset, lambda status: status.cause is not None)
    cluster.write(ONE, path / "file", "written apart")
    assert waits.phase != "mounted"
    cluster.heal(ONE)
    moved = cluster.mounted(dataset, TWO)
    assert cluster.read(TWO, moved / "file") == "written apart"


def test_busy_waits(cluster: LiveCluster) -> None:
    """A dataset in use is not torn away: its move waits, and says who holds it."""
    dataset = cluster.create(ONE)
    path = cluster.mounted(dataset, ONE)
    inside = entering(cluster.sandbox.layout, ONE, str(path))
    using = [*inside, "sh", "-c", "echo $$; exec sleep 1000"]
    with Popen(using, stdout=-1, text=True) as user:
        assert user.stdout is not None
        pid = user.stdout.readline().strip()
        cluster.move(dataset, TWO)

        def says_busy(status: DatasetInFull) -> bool:
            return status.cause is not None and status.cause.code == "busy"

        status = await_status(cluster, dataset, says_busy)
        assert status.cause is not None
        assert f"process {pid} (sleep)" in status.cause.words
        assert str(path) in cluster.run(ONE, "cat", "/proc/mounts")
        cluster.run(ONE, "kill", pid)
    assert cluster.mounted(dataset, TWO)


def test_second_control_is_refused(cluster: LiveCluster) -> None:
    """Two control services never work on one data directory."""
    disk = cluster.sandbox.layout.machine(CONTROL)
    second = [
        str(programs() / "flocker-control"),
        f"--data-path={disk / 'data'}",
        f"--port=tcp:14523:interface={address(CONTROL)}",
        f"--agent-port=tcp:14524:interface={address(CONTROL)}",
        f"--certificates-directory={disk}",
    ]
    enter = entering(cluster.sandbox.layout, CONTROL)
    refused = run_sync([*enter, *second], timeout=60, expected=(1,))
    assert str(disk / "data") in refused.err.decode()


@pytest.mark.parametrize(
    ("owner", "name", "port", "words"),
    [
        ("node-1", "node", REST_PORT, "expected a user certificate"),
        ("client", "user", AGENT_PORT, "expected a node certificate"),
    ],
)
def test_wrong_role_is_refused(
    cluster: LiveCluster, owner: str, name: str, port: int, words: str
) -> None:
    """A node's certificate opens only the agents' port, a user's only the API's.

    However often it is tried, control's log says it once.
    """
    for _ in range(5):
        with pytest.raises(OSError, match=r"alert|EOF|reset"):
            first_word(cluster, owner, name, port)
    (log,) = cluster.sandbox.layout.logs(CONTROL).glob("flocker-control.log")
    (line,) = [each for each in log.read_text().splitlines() if words in each]
    assert "flocker:control:refused" in line


def test_right_role_is_welcome(cluster: LiveCluster) -> None:
    """What refuses the wrong certificate answers the right one."""
    assert first_word(cluster, "client", "user", REST_PORT) == b"HTTP"


def first_word(cluster: LiveCluster, owner: str, name: str, port: int) -> bytes:
    """Connect to a port of control with a certificate, and read what it says first."""
    directory = cluster.sandbox.layout.data / owner
    context = ssl.create_default_context(cafile=directory / "cluster.crt")
    context.load_cert_chain(directory / f"{name}.crt", directory / f"{name}.key")
    with visited(cluster.sandbox.layout.switch):
        plain = socket.create_connection((address(CONTROL), port), timeout=10)
    with (
        plain,
        context.wrap_socket(plain, server_hostname=CONTROL_SERVICE) as secured,
    ):
        secured.sendall(b"GET /v1/version HTTP/1.0\r\n\r\n")
        return secured.recv(4)
