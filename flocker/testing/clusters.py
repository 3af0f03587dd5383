"""A running cluster for acceptance tests: asked over REST, entered, and broken.

The cluster is a sandbox: real daemons, TLS, ext4. Who writes a driver may use it too.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGKILL
from typing import Final
from uuid import UUID, uuid4

from attrs import frozen

from flocker.ca.credentials import node_id
from flocker.ca.files import load_credential
from flocker.ca.names import NODE_FILE
from flocker.model.ids import DatasetID, NodeID
from flocker.runtime.process import DEFAULT_ENVIRONMENT, Completed, run_sync
from flocker.sandbox import cluster, network
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.engines import await_engines
from flocker.sandbox.environment import search_path
from flocker.sandbox.images import docker
from flocker.sandbox.layout import default_layout
from flocker.sandbox.logs import log_files, tail
from flocker.sandbox.machines import (
    Programs,
    client_environment,
    entering,
    programs_of,
    running,
)
from flocker.sandbox.names import (
    CONTROL,
    MachineName,
    SandboxName,
    node_names,
)
from flocker.sandbox.network import entering as entering_network
from flocker.sandbox.pools import SHARED
from flocker.sandbox.processes import send
from flocker.sandbox.reaching import Answer, NotReached, ask, await_connected
from flocker.sandbox.waiting import Waited, until
from flocker.wire.answers import DatasetInFull, read

CONNECTED_WITHIN = 60.0
MOUNTED_WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""
SIZE = 64 * 1024 * 1024
"""Bytes; the smallest a dataset may have."""
_LAST_LINES = 40
UP: Final[list["LiveCluster"]] = []
"""The clusters of this process that are up, for who shows what they said last."""


@frozen
class LiveCluster:
    """A cluster under test; `runs` says what its machines run, if not the usual."""

    sandbox: Sandbox
    runs: Programs | None = None

    @property
    def nodes(self) -> tuple[MachineName, ...]:
        """Name its nodes."""
        return node_names(self.sandbox.nodes)

    def id_of(self, node: MachineName) -> NodeID:
        """Give a node's uuid, from its certificate."""
        return node_id(load_credential(self.sandbox.layout.machine(node), NODE_FILE))

    # --- what users do

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Ask the REST API; raises `NotReached`."""
        return ask(self.sandbox.layout, method, f"/v1{path}", body)

    def flockerctl(self, *arguments: str, expected: int = 0) -> Completed:
        """Run flockerctl as a user of the cluster."""
        inside = entering_network(self.sandbox.layout.switch)
        command = [*inside, "flockerctl", *arguments]
        environment = self.user_environment()
        return run_sync(command, env=environment, expected=(expected,))

    def user_environment(self) -> dict[str, str]:
        """Give what a user of the cluster has set."""
        path = search_path(DEFAULT_ENVIRONMENT["PATH"])
        return {**client_environment(self.sandbox.layout), "PATH": path}

    def create(self, node: MachineName, **metadata: str) -> DatasetID:
        """Want a dataset on a node."""
        body = {
            "primary": str(self.id_of(node)),
            "maximum_size": SIZE,
            "metadata": metadata,
        }
        answer = self.ask("POST", "/configuration/datasets", body)
        assert answer.status == 201, answer.body
        return DatasetID(UUID(answer.json["dataset_id"]))

    def move(self, dataset: DatasetID, node: MachineName) -> None:
        """Want a dataset on another node."""
        body = {"primary": str(self.id_of(node))}
        answer = self.ask("POST", f"/configuration/datasets/{dataset}", body)
        assert answer.status == 200, answer.body

    def delete(self, dataset: DatasetID) -> None:
        """Want a dataset destroyed."""
        answer = self.ask("DELETE", f"/configuration/datasets/{dataset}")
        assert answer.status == 200, answer.body

    def status(self, dataset: DatasetID) -> DatasetInFull:
        """Ask what happens to a dataset."""
        answer = self.ask("GET", f"/status/datasets/{dataset}")
        assert answer.status == 200, answer.body
        return read(DatasetInFull, answer.body)

    def await_phase(
        self, dataset: DatasetID, phase: str, on: MachineName | None = None
    ) -> DatasetInFull:
        """Wait until a dataset is in a phase, on a node; `Waited` says what it is."""
        where = None if on is None else self.id_of(on)
        seen: list[DatasetInFull] = []

        def there() -> bool:
            seen.append(self.status(dataset))
            return seen[-1].phase == phase and where in {None, seen[-1].node}

        try:
            until(there, f"{phase} on {on}", MOUNTED_WITHIN)
        except Waited as waited:
            last = f"{waited.what}, but it is {seen[-1]}"
            raise Waited(last, waited.seconds) from None
        return seen[-1]

    def mounted(self, dataset: DatasetID, node: MachineName) -> Path:
        """Wait until a dataset is mounted on a node, and give its path there."""
        path = self.await_phase(dataset, "mounted", node).path
        assert path is not None
        return Path(path)

    # --- what happens on the machines

    def run(self, machine: MachineName, *command: str) -> str:
        """Run a command on a machine; its output."""
        entered = [*entering(self.sandbox.layout, machine), *command]
        return run_sync(entered).out.decode()

    def docker(self, node: MachineName, *arguments: str) -> str:
        """Run a command of docker on a node; its output."""
        said = docker(self.sandbox.layout, node, *arguments).out
        return said.decode().strip()

    def write(self, node: MachineName, path: Path, text: str) -> None:
        """Write a file on a node, durably."""
        code = (
            "import os, sys; f = open(sys.argv[1], 'w'); f.write(sys.argv[2]); "
            "f.flush(); os.fsync(f.fileno())"
        )
        self.run(node, sys.executable, "-c", code, str(path), text)

    def read(self, node: MachineName, path: Path) -> str:
        """Read a file on a node."""
        return self.run(node, "cat", str(path))

    def kill(self, machine: MachineName) -> None:
        """Cut a machine's power."""
        cluster.kill(self.sandbox, machine)

    def start(self, machine: MachineName) -> None:
        """Switch a machine on again."""
        cluster.start(self.sandbox, machine, self.runs)

    def kill_daemon(self, machine: MachineName) -> None:
        """Kill -9 a machine's Flocker; its supervisor starts it again."""
        agent = "flocker-control" if machine == CONTROL else "flocker-dataset-agent"
        self.kill_program(machine, agent)

    def kill_program(self, machine: MachineName, name: str) -> None:
        """Kill -9 a program of a machine; its supervisor starts it again."""
        send(programs_of(self.sandbox.layout, machine)[name], SIGKILL)

    def partition(self, node: MachineName) -> None:
        """Cut a node's network cable."""
        network.plug(self.sandbox.layout, node, connected=False)

    def lose(self, node: MachineName, way: network.Way) -> None:
        """Lose all that a node sends, or all that is sent to it."""
        network.lose(self.sandbox.layout, node, way)

    def throttle(self, node: MachineName, kilobits: int) -> None:
        """Let only so many kilobits a second through a node's cable."""
        network.throttle(self.sandbox.layout, node, kilobits)

    def heal(self, node: MachineName) -> None:
        """Plug a node's network cable in again."""
        network.plug(self.sandbox.layout, node, connected=True)

    def await_connected(self) -> None:
        """Wait until all nodes are connected."""
        await_connected(self.sandbox.layout, self.nodes, CONNECTED_WITHIN)

    def await_engines(self) -> None:
        """Wait until the Dockers of all nodes answer, where nodes have one."""
        if self.sandbox.docker:
            await_engines(self.sandbox.layout, self.nodes, CONNECTED_WITHIN)

    def restore(self) -> None:
        """Switch on and connect whatever a test left off or cut."""
        states = [(m, _is_on(self.sandbox, m)) for m in (CONTROL, *self.nodes)]
        for machine, is_on in states:
            if not is_on:
                self.start(machine)
            elif machine != CONTROL:
                self.heal(machine)
        self.await_connected()
        self.await_engines()

    def last_words(self) -> Iterator[str]:
        """Give what is said of all datasets, and the ends of all logs."""
        layout = self.sandbox.layout
        try:
            yield f"datasets: {self.ask('GET', '/status/datasets').body.decode()}"
        except NotReached as error:
            yield f"datasets: {error.words()}"
        for file in log_files(layout, self.sandbox.machines):
            for line in tail(file, _LAST_LINES):
                yield f"{file.parent.name} {file.stem}: {line}"


def _is_on(sandbox: Sandbox, machine: MachineName) -> bool:
    return running(sandbox.layout, machine) is not None


@contextmanager
def live_cluster(
    nodes: int,
    runs: Programs | None = None,
    *,
    docker: bool = False,
    backend: str = SHARED,
    age: timedelta = timedelta(),
    data: Path | None = None,
) -> Iterator[LiveCluster]:
    """Make a cluster in a sandbox of its own, and take it down.

    Its certificates are of that `age`; its machines' disks are in `data`, or the usual
    place. Raises `Waited`, with the cluster's last words, where it does not come up.
    """
    name = SandboxName(f"test-{uuid4().hex[:8]}")
    try:
        made = cluster.up(
            Sandbox(default_layout(name, data), nodes, docker, backend),
            datetime.now(UTC) - age,
            lambda _: None,
            runs,
        )
        live = LiveCluster(made, runs)
        UP.append(live)
        try:
            live.await_connected()
            live.await_engines()
        except Waited as error:
            error.add_note("\n".join(live.last_words()))
            raise
        yield live
    finally:
        UP[:] = [each for each in UP if each.sandbox.layout.name != name]
        cluster.down(name)
