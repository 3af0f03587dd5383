"""Simulated agents, as the measurements use them; they live in a process of their own.

`admin.benchmarks.simulated` is what runs there. It is told a command a line and answers
each with a line, all of it JSON.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from uuid import UUID

from attrs import frozen

from admin.benchmarks.programs import Running, started
from flocker.model.ids import NodeID


@frozen
class Exchanged:
    """What went over the wire, TLS and all, seen from the agents, in bytes."""

    received: int
    sent: int

    @property
    def both(self) -> int:
        """All of it."""
        return self.received + self.sent


@frozen
class Told:
    """An update that an agent has heard: which, of what, and when (CLOCK_MONOTONIC)."""

    node: NodeID
    at: float
    datasets: tuple[str, ...]


class Nodes:
    """The process of the agents, as measurements use it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._commands = cast(IO[bytes], process.stdin)
        self._answers = cast(IO[bytes], process.stdout)

    def join(self, agents: int, datasets: int) -> float:
        """Let so many agents connect that hold these datasets; give the seconds.

        They count from the first dial until each has reported and knows its slice.
        """
        return float(self._ask("join", agents, datasets)["seconds"])

    def report(self, times: int) -> float:
        """Let agents report a fact so many times in all; give the seconds it took."""
        return float(self._ask("report", times)["seconds"])

    def exchanged(self) -> Exchanged:
        """Give the bytes since this was asked last."""
        found = self._ask("exchanged")
        return Exchanged(found["received"], found["sent"])

    def settled(self, created: Iterable[str]) -> list[Told]:
        """Wait until new datasets are mounted; give the updates since the last time."""
        return [
            Told(NodeID(UUID(node)), at, tuple(datasets))
            for node, at, datasets in self._ask("settled", *created)["told"]
        ]

    def _ask(self, *command: object) -> Mapping[str, Any]:
        _ = self._commands.write(json.dumps(command).encode() + b"\n")
        self._commands.flush()
        line = self._answers.readline()
        if not line:
            raise SystemExit("the process of the agents has ended")
        found: Mapping[str, Any] = json.loads(line)
        return found


@contextmanager
def agents(certificates: Path, service: Running) -> Iterator[Nodes]:
    """Simulated agents of a control service, not yet connected."""
    module = "admin.benchmarks.simulated"
    command = [sys.executable, "-m", module, str(certificates), str(service.agents)]
    # Killed: agents that say farewell one by one would be noise.
    with started(command, signal.SIGKILL, subprocess.PIPE) as process:
        yield Nodes(process)
