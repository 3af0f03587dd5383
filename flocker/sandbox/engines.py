"""Asks the Dockers of a sandbox's nodes, from outside, over their own sockets.

A socket in a node's /run is reached through /proc, by the root of its first process.
Users run ``flocker-sandbox exec node-1 -- docker``.
"""

import json
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.sandbox.blueprint import ENGINE, ENGINE_SOCKET, PLUGIN_SOCKET
from flocker.sandbox.layout import Layout
from flocker.sandbox.machines import MachineOff, demand
from flocker.sandbox.names import MachineName
from flocker.sandbox.waiting import Waited, until

_ANSWER_WITHIN = 10.0
"""Seconds for each step of a request."""


@frozen
class EngineSilent(FlockerError):
    """The Docker of a node gave no answer."""

    node: MachineName
    why: str

    def words(self) -> str:
        """Say why not."""
        return f"the Docker of {self.node} does not answer: {self.why}"


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, place: Path, seconds: float = _ANSWER_WITHIN) -> None:
        super().__init__("localhost", timeout=seconds)
        self._place = place

    def connect(self) -> None:
        """Connect to the file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._place))


def from_outside(layout: Layout, node: MachineName, place: Path) -> Path:
    """Say where a file that a node sees is for those outside; raises `MachineOff`."""
    init = demand(layout, node).init.pid
    return Path(f"/proc/{init}/root") / place.relative_to("/")


def engine_socket(layout: Layout, node: MachineName) -> Path:
    """Give the socket of a node's Docker, from outside; raises `MachineOff`."""
    return from_outside(layout, node, ENGINE_SOCKET)


def ask_engine(layout: Layout, node: MachineName, path: str) -> Any:  # noqa: ANN401
    """Get what a node's Docker says at a path, JSON; raises `EngineSilent`."""
    try:
        connection = UnixConnection(engine_socket(layout, node))
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError, MachineOff) as error:
        raise EngineSilent(node, str(error) or type(error).__name__) from error


def await_engines(
    layout: Layout, nodes: tuple[MachineName, ...], seconds: float
) -> None:
    """Wait until the nodes' Dockers and their plugins answer; raises `Waited`."""
    last: list[EngineSilent] = []

    def all_answer() -> bool:
        try:
            for node in nodes:
                ask_engine(layout, node, "/version")
                _knock(layout, node)
        except EngineSilent as error:
            last[:] = [error]
            return False
        return True

    try:
        until(all_answer, f"Docker on {', '.join(nodes)}", seconds)
    except Waited as waited:
        logs = layout.logs(last[0].node) / "machine.log"
        what = f"{waited.what}: {last[0]}; see [{ENGINE}] in {logs}"
        raise Waited(what, waited.seconds) from None


def _knock(layout: Layout, node: MachineName) -> None:
    """See that a node's plugin listens; raises `EngineSilent`."""
    try:
        connection = UnixConnection(from_outside(layout, node, PLUGIN_SOCKET))
        try:
            connection.connect()
        finally:
            connection.close()
    except (OSError, MachineOff) as error:
        raise EngineSilent(node, f"its plugin does not listen: {error}") from error


def engine_words(layout: Layout, node: MachineName) -> str:
    """Say in a few words how a node's Docker is."""
    try:
        found = ask_engine(layout, node, "/info")
        version, total = found["ServerVersion"], found["Containers"]
        return f"{version}: {found['ContainersRunning']} of {total} run"
    except EngineSilent:
        return "does not answer"
