"""A cluster of the sandbox whose first node is filled with datasets.

Real daemons, TLS, loop devices, ext4, as a user's. Who waits here asks for the status
every hundredth of a second. Used by `admin.benchmarks.convergence` and `idle`.
"""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flocker.sandbox.machines import programs_of
from flocker.sandbox.names import MachineName
from flocker.sandbox.reaching import connected
from flocker.testing.clusters import SIZE, LiveCluster

AT_ONCE = 50
LOOK_EVERY = 0.01
PATIENCE = 180.0
"""Seconds."""
AGENT = "flocker-dataset-agent"


class FilledCluster:
    """Two nodes: the first is filled, the second is where datasets move to."""

    def __init__(self, live: LiveCluster) -> None:
        self._live = live
        self.first, self.second = live.nodes
        self._asking = connected(live.sandbox.layout)
        self._there = 0

    def fill(self, held: int) -> tuple[float, ...]:
        """Have so many datasets on the first node; give the seconds each lot took."""
        taken = []
        while self._there < held:
            number = min(AT_ONCE, held - self._there)
            taken.append(self._more(number))
            self._there += number
        return tuple(taken)

    def _more(self, number: int) -> float:
        began = time.monotonic()
        wanted = {self.create() for _ in range(number)}

        def there() -> bool:
            statuses = self.ask("GET", "status/datasets")
            mounted = {e["dataset_id"] for e in statuses if e["phase"] == "mounted"}
            return wanted <= mounted

        self.until(there)
        return time.monotonic() - began

    def agent(self, node: MachineName) -> int:
        """Give the process id of a node's agent."""
        return programs_of(self._live.sandbox.layout, node)[AGENT].pid

    def id(self, node: MachineName) -> str:
        """Give the uuid of a node."""
        return str(self._live.id_of(node))

    def create(self, on: MachineName | None = None) -> str:
        """Want a dataset on a node, the first if none is named; give its id."""
        body = {
            "dataset_id": str(uuid4()),
            "primary": self.id(on or self.first),
            "maximum_size": SIZE,
        }
        made = self.ask("POST", "configuration/datasets", body)
        return str(made["dataset_id"])

    def reached(self, dataset: str, phase: str, on: MachineName | None = None) -> None:
        """Wait until a dataset is in a phase, on a node."""
        node = None if on is None else self.id(on)

        def there() -> bool:
            found = self.ask("GET", f"status/datasets/{dataset}")
            return found["phase"] == phase and node in {None, found["node"]}

        self.until(there)

    def until(self, there: Callable[[], bool]) -> None:
        """Wait."""
        end = time.monotonic() + PATIENCE
        while not there():
            if time.monotonic() > end:
                raise SystemExit("a dataset has not got where it was wanted")
            time.sleep(LOOK_EVERY)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Ask the REST API over one connection; give its answer."""
        text = None if body is None else json.dumps(body)
        self._asking.request(method, f"/v1/{path}", text)
        answer = self._asking.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {said!r}")
        return json.loads(said)
