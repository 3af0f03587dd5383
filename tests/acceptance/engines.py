"""Nodes with real Dockers for acceptance tests: what a user does, in a line."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from attrs import frozen

from flocker.model.ids import DatasetID, parse_uuid
from flocker.runtime.process import ProcessFailed
from flocker.sandbox import images
from flocker.sandbox.engines import EngineSilent, ask_engine
from flocker.sandbox.machines import programs_of
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.processes import is_alive
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster

ONE, TWO, THREE = node_name(1), node_name(2), node_name(3)
WITHIN = 90.0
"""Seconds, on a machine that is busy with other tests."""
FOREVER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done")
"""A container that stays, and ends at once when it is asked to."""


@frozen
class Engines:
    """The Dockers of a cluster."""

    cluster: LiveCluster

    def load(self, name: str, *nodes: MachineName) -> None:
        """Put an image on nodes."""
        for node in nodes:
            images.load(self.cluster.sandbox.layout, node, name)

    def once(self, node: MachineName, volume: str, script: str, *options: str) -> str:
        """Run a shell script in a container with a volume at /data; its output."""
        mounted = ("--volume", f"{volume}:/data", "--volume-driver", "flocker")
        run = ("run", "--rm", *mounted, *options, "busybox", "sh", "-c", script)
        return self.cluster.docker(node, *run)

    def start(
        self, node: MachineName, name: str, volume: str | None, *options: str
    ) -> None:
        """Start a container that stays, with a volume at /data."""
        given = [] if volume is None else ["--volume", f"{volume}:/data"]
        flags = ("--volume-driver", "flocker", "--name", name, *options)
        run = ("run", "--detach", *given, *flags, "busybox", *FOREVER)
        self.cluster.docker(node, *run)

    def inside(self, node: MachineName, name: str, script: str) -> str:
        """Run a shell script in a container that runs; its output."""
        return self.cluster.docker(node, "exec", name, "sh", "-c", script)

    def remove(self, node: MachineName, *names: str) -> None:
        """Stop and remove containers."""
        self.cluster.docker(node, "rm", "--force", *names)

    def refusal(self, node: MachineName, volume: str) -> str:
        """Say why a container with a volume does not start on a node."""
        try:
            self.once(node, volume, "true")
        except ProcessFailed as failed:
            return str(failed)
        raise AssertionError(f"{node} got {volume}")

    def running(self, node: MachineName) -> list[str]:
        """Name the containers that run on a node; none while its Docker is silent."""
        try:
            found = ask_engine(self.cluster.sandbox.layout, node, "/containers/json")
        except EngineSilent:
            return []
        return [name.removeprefix("/") for one in found for name in one["Names"]]

    def await_running(self, node: MachineName, name: str) -> None:
        """Wait until a container runs on a node."""
        until(lambda: name in self.running(node), f"{name} on {node}", WITHIN)

    def kill_program(self, node: MachineName, name: str) -> None:
        """Kill -9 a program of a node, and wait until another one is in its place."""
        layout = self.cluster.sandbox.layout
        before = programs_of(layout, node)[name]
        self.cluster.kill_program(node, name)
        until(lambda: not is_alive(before), f"the end of {name}", WITHIN)
        until(lambda: name in programs_of(layout, node), f"a new {name}", WITHIN)
        self.cluster.await_engines()

    def listed(self, node: MachineName) -> list[str]:
        """Name the volumes that a node's Docker lists."""
        return self.cluster.docker(node, "volume", "ls", "--quiet").split()

    def dataset(self, volume: str) -> DatasetID:
        """Give the dataset that is a volume."""
        listed = self.cluster.ask("GET", "/configuration/datasets").json
        (found,) = [
            one["dataset_id"]
            for one in listed
            if one["metadata"].get("name") == volume and not one["deleted"]
        ]
        return DatasetID(parse_uuid(found))

    def leased(self, volume: str) -> bool:
        """Whether anybody holds a volume."""
        dataset = str(self.dataset(volume))
        leases = self.cluster.ask("GET", "/configuration/leases").json
        return dataset in [lease["dataset_id"] for lease in leases]


@contextmanager
def beside(call: object, *arguments: object) -> Iterator["Future[str]"]:
    """Do something in a thread meanwhile; it must have ended at the end."""
    assert callable(call)
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(call, *arguments)


@contextmanager
def engines_of(nodes: int) -> Iterator[Engines]:
    """Make a cluster whose nodes have Docker."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with live_cluster(nodes, docker=True) as made:
        yield Engines(made)
