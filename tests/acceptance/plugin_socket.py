"""Speaks to a node's Docker plugin as dockerd does: over its socket, few headers."""

import json
import socket
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from attrs import frozen

from flocker.model.ids import DatasetID
from flocker.sandbox.blueprint import Program, docker_plugin, flocker_programs
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, MachineName
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster

ANSWER_WITHIN = 120.0
"""Seconds; as long as Docker waits for a Mount."""
LISTENS_WITHIN = 60.0


def socket_of(layout: Layout, node: MachineName) -> Path:
    """Where a node's plugin listens: on its disk, which can be seen from outside."""
    return layout.machine(node) / "plugin" / "flocker.sock"


def with_plugins(layout: Layout, machine: MachineName) -> tuple[Program, ...]:
    """What the machines run: each node a plugin besides its agent."""
    flocker = flocker_programs(layout, machine)
    if machine == CONTROL:
        return flocker
    plugin = docker_plugin(layout, machine, socket_of(layout, machine))
    return (*flocker, plugin)


class _Connection(HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("", timeout=ANSWER_WITHIN)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@frozen
class PluginSocket:
    """A node's plugin, as its Docker sees it."""

    path: Path

    def connection(self) -> HTTPConnection:
        """Connect, once it listens."""
        until(self.listens, f"a plugin at {self.path}", LISTENS_WITHIN)
        return _Connection(self.path)

    def listens(self) -> bool:
        """Whether anybody listens there."""
        if not self.path.exists():
            return False
        knocking = _Connection(self.path)
        try:
            knocking.connect()
        except ConnectionRefusedError:
            return False
        finally:
            knocking.close()
        return True

    def post(self, call: str, body: bytes) -> tuple[int, Any]:
        """Send a request as Docker does; its status and what its JSON says."""
        connection = self.connection()
        try:
            connection.putrequest("POST", f"/{call}", skip_host=True)
            connection.putheader("Host", "")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def call(self, call: str, **fields: object) -> dict[str, Any]:
        """Do a call of the protocol; what it answers."""
        body = json.dumps(fields).encode() + b"\n"
        status, answer = self.post(f"VolumeDriver.{call}", body)
        assert status == 200, answer
        assert isinstance(answer, dict)
        return answer

    def create(self, name: str, **options: str) -> None:
        """Create a volume, a small one unless told."""
        given = {"size": "64M", **options}
        assert self.call("Create", Name=name, Opts=given) == {"Err": ""}

    def mount(self, name: str, mount: str) -> Path:
        """Mount a volume, and give its path."""
        answer = self.call("Mount", Name=name, ID=mount)
        assert answer["Err"] == "", answer
        return Path(answer["Mountpoint"])

    def unmount(self, name: str, mount: str) -> None:
        """Unmount it."""
        assert self.call("Unmount", Name=name, ID=mount) == {"Err": ""}


def plugin(cluster: LiveCluster, node: MachineName) -> PluginSocket:
    """The plugin of a node."""
    return PluginSocket(socket_of(cluster.sandbox.layout, node))


def an_id() -> str:
    """An id of a mount, as Docker makes them."""
    return uuid4().hex * 2


def dataset_of(cluster: LiveCluster, name: str) -> DatasetID:
    """Give the dataset that is a volume."""
    listed = cluster.ask("GET", "/configuration/datasets").json
    (found,) = [
        each["dataset_id"]
        for each in listed
        if each["metadata"].get("name") == name and not each["deleted"]
    ]
    return DatasetID(UUID(found))


def phases(cluster: LiveCluster, name: str) -> dict[str, str]:
    """Give the phases of a volume's snapshots by their names."""
    dataset = dataset_of(cluster, name)
    answer = cluster.ask("GET", f"/status/snapshots?dataset_id={dataset}")
    return {each["name"]: each["phase"] for each in answer.json}
