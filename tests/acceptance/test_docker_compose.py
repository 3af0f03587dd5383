"""Compose and Podman use volumes of Flocker as Docker does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from flocker.runtime.process import ProcessFailed
from flocker.sandbox import images
from flocker.sandbox.names import MachineName, address
from flocker.sandbox.waiting import until
from tests.acceptance.compose_programs import compose_1, compose_2
from tests.acceptance.engines import ONE, TWO, WITHIN, Engines, engines_of

PROJECT = Path(__file__).parents[2] / "docs/examples/compose/docker-compose.yml"
PODMAN = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.volume_plugins]
flocker = "/run/docker/plugins/flocker/flocker.sock"
[containers]
netns = "none"
"""


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """Two nodes with the images."""
    with engines_of(2) as made:
        made.load("busybox", ONE, TWO)
        made.load("postgres", ONE, TWO)
        yield made


@frozen
class Project:
    """The example project, and the Compose that is used."""

    engines: Engines
    compose: str

    def on(self, node: MachineName, *arguments: str) -> str:
        """Run a command of Compose on the project, on a node."""
        command = (self.compose, "--file", str(PROJECT), *arguments)
        return self.engines.cluster.run(node, *command)

    def pages(self, node: MachineName) -> int:
        """How many rows the project's database has."""
        count = ("psql", "-U", "postgres", "-tAc", "SELECT count(*) FROM diary")
        try:
            return int(self.on(node, "exec", "-T", "db", *count))
        except ProcessFailed:  # it has not begun
            return 0


@pytest.mark.parametrize("fetch", [compose_1, compose_2])
def test_project_moves(engines: Engines, fetch: Callable[[], str]) -> None:
    """A project that goes down on one node goes on on another, with its rows."""
    project = Project(engines, fetch())
    create = ("volume", "create", "--driver", "flocker", "--opt", "size=1G")
    engines.cluster.docker(ONE, *create, "diary-database")
    project.on(ONE, "up", "--detach")
    until(lambda: project.pages(ONE) > 2, "rows on node 1", WITHIN)
    project.on(ONE, "stop", "diary")
    written = project.pages(ONE)
    project.on(ONE, "down", "--timeout", "5")
    project.on(TWO, "up", "--detach")
    until(lambda: project.pages(TWO) > written, "more rows on node 2", WITHIN)
    project.on(TWO, "down", "--volumes", "--timeout", "5")
    assert "diary-database" in engines.listed(ONE)


def podman(engines: Engines, node: MachineName, *arguments: str) -> str:
    """Run a command of Podman on a node, with what it keeps on the node's disk."""
    disk = engines.cluster.sandbox.layout.machine(node)
    settings = disk / "containers.conf"
    settings.write_text(PODMAN)
    own = ("--root", str(disk / "podman"), "--runroot", "/run/podman")
    command = ("env", f"CONTAINERS_CONF={settings}", "podman", *own, *arguments)
    return engines.cluster.run(node, *command).strip()


def test_podman(engines: Engines) -> None:
    """Podman and Docker have one volume, on any node, and one at a time."""
    group = f"/{engines.cluster.sandbox.layout.control_groups}/{ONE}"
    image = str(images.image("busybox"))
    podman(engines, ONE, "import", image, "busybox")
    podman(engines, ONE, "volume", "create", "--driver", "flocker", "pod")
    run = ("run", "--cgroup-parent", group, "--volume", "pod:/data")
    write = ("sh", "-c", "echo from podman >/data/note; sleep 1000")
    named = ("--detach", "--name", "writer", "localhost/busybox")
    podman(engines, ONE, *run, *named, *write)
    engines.cluster.kill_program(ONE, "flocker-docker-plugin")
    until(lambda: "pod" in engines.listed(ONE), "the plugin to answer", WITHIN)
    assert address(ONE) in engines.refusal(TWO, "pod")
    podman(engines, ONE, "rm", "--force", "--time", "0", "writer")
    assert engines.once(TWO, "pod", "cat /data/note") == "from podman"
