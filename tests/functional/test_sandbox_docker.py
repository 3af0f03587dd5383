"""The Dockers of a sandbox: one a node, strangers to one another, mortal."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.sandbox import images
from flocker.sandbox.control_groups import members
from flocker.sandbox.describing import machine_states
from flocker.sandbox.engines import ask_engine
from flocker.sandbox.machines import programs_of
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.processes import is_alive
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster

ONE, TWO = node_name(1), node_name(2)
WITHIN = 60.0
"""Seconds."""
DOCKER = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: root")


@pytest.fixture(scope="module")
def made() -> Iterator[LiveCluster]:
    """Two nodes with Docker and an image; nothing of them is left afterwards."""
    with live_cluster(2, docker=True) as live:
        layout = live.sandbox.layout
        images.load(layout, ONE, "busybox")
        yield live
        start(live, "inhabitant")
        inhabitants = members(layout.control_groups)
    assert inhabitants != []
    assert [process for process in inhabitants if is_alive(process)] == []
    assert groups(live) == []
    assert str(layout.data) not in Path("/proc/self/mountinfo").read_text()


@pytest.fixture
def engines(made: LiveCluster) -> LiveCluster:
    """Both nodes are on, and their Dockers answer."""
    made.restore()
    return made


def groups(live: LiveCluster) -> list[Path]:
    """The control groups of the sandbox's containers, in all hierarchies."""
    return list(Path("/sys/fs/cgroup").glob(f"*/{live.sandbox.layout.control_groups}"))


def running(live: LiveCluster, node: MachineName) -> int:
    """How many containers run on a node."""
    return int(ask_engine(live.sandbox.layout, node, "/info")["ContainersRunning"])


def start(live: LiveCluster, name: str, *options: str) -> None:
    """Run a container that stays, on node 1."""
    live.docker(ONE, "run", "--detach", "--name", name, *options, "busybox", *DOCKER)


def test_strangers(engines: LiveCluster) -> None:
    """What one node's Docker has the other's does not, and each has its network."""
    layout = engines.sandbox.layout
    one, two = (ask_engine(layout, node, "/images/json") for node in (ONE, TWO))
    assert ([image["RepoTags"] for image in one], two) == ([["busybox:latest"]], [])
    show = ("ip", "-brief", "address", "show", "docker0")
    networks = [engines.run(node, *show).split()[2] for node in (ONE, TWO)]
    assert networks == ["10.78.11.1/24", "10.78.12.1/24"]


def test_dies_and_comes_back_with_its_node(engines: LiveCluster) -> None:
    """No process or group of a container outlives its node; both come back with it."""
    layout = engines.sandbox.layout
    start(engines, "phoenix", "--restart", "always")
    engines.docker(ONE, "exec", "phoenix", "sh", "-c", "echo still here >/note; sync")
    inhabitants = members(f"{layout.control_groups}/{ONE}")
    assert inhabitants
    engines.kill(ONE)
    assert [process for process in inhabitants if is_alive(process)] == []
    assert [group for group in groups(engines) if (group / ONE).exists()] == []
    engines.start(ONE)
    engines.await_engines()
    until(lambda: running(engines, ONE) == 1, "the container to come back", WITHIN)
    assert engines.docker(ONE, "exec", "phoenix", "cat", "/note") == "still here"
    engines.docker(ONE, "rm", "--force", "phoenix")


def test_killed_docker_starts_again(engines: LiveCluster) -> None:
    """A killed Docker starts again, with no zombie in its way."""
    layout = engines.sandbox.layout
    start(engines, "left", "--restart", "always")
    before = programs_of(layout, ONE)["dockerd"]
    engines.kill_program(ONE, "dockerd")
    until(lambda: not is_alive(before), "its end", WITHIN)
    engines.await_engines()
    until(lambda: running(engines, ONE) == 1, "the container to come back", WITHIN)

    def buried() -> bool:
        return "Z" not in engines.run(ONE, "ps", "-A", "-o", "state=")

    until(buried, "the dead to be buried", WITHIN)
    engines.docker(ONE, "rm", "--force", "left")


def test_containers_see_later_mounts(engines: LiveCluster) -> None:
    """A container that was given /flocker sees what is mounted there afterwards."""
    start(engines, "watcher", "--volume", "/flocker:/seen:rslave")
    dataset = engines.create(ONE, name="seen")
    path = engines.mounted(dataset, ONE)
    engines.write(ONE, path / "greeting", "hello")
    inside = Path("/seen") / path.name / "greeting"
    assert engines.docker(ONE, "exec", "watcher", "cat", str(inside)) == "hello"
    engines.docker(ONE, "rm", "--force", "watcher")


def test_status_shows_docker(engines: LiveCluster) -> None:
    """The status of a machine says how its Docker is."""
    states = {state.machine: state.engine for state in machine_states(engines.sandbox)}
    assert str(states[TWO]).endswith(": 0 of 0 run")
    assert states["control"] is None
