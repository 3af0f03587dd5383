"""What a node needs to make datasets as they are wanted, on real loop devices.

A cluster of the sandbox: real daemons, TLS, ext4, as a user's. Who waits here asks for
the status every hundredth of a second. Rounds and steps are also taken alone, in this
process (`admin.benchmarks.rounds`).
"""

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any
from uuid import uuid4

from admin.benchmarks.figures import RATIO, Bench, Cell, Notes, Part, at_most
from admin.benchmarks.machine import cpu_seconds, resident_mib
from admin.benchmarks.rounds import (
    MANY,
    Rounds,
    a_life,
    a_node,
    counting,
    in_memory,
    milliseconds,
    on_loops,
)
from flocker.sandbox.machines import programs_of
from flocker.sandbox.names import MachineName
from flocker.sandbox.reaching import connected
from flocker.testing.clusters import SIZE, LiveCluster, live_cluster
from flocker.testing.loop_devices import scratch_directory

HELD, QUICK_HELD = (0, 50, 200), (0, 5)
AT_ONCE = 50
TIMES = 7
IDLE, QUICK_IDLE = 120.0, 5.0
"""Seconds in which a node at rest is watched; an hour is more of the same."""
HOUR = 3600.0
LOOK_EVERY = 0.01
PATIENCE = 180.0
"""Seconds."""
AGENT = "flocker-dataset-agent"

WANTED = {
    "POST to mounted, an empty node": at_most(
        1.0, f"from sending the request until the status says so; median of {TIMES}"
    ),
    "POST to mounted, with 200 / with none": at_most(1.2, "the same on both nodes"),
    "50 at once": at_most(10.0, "from the first POST until the last is mounted"),
    "agent at rest with 200, of one CPU": at_most(
        0.1, f"CPU of its process in {IDLE:.0f} s, with at least one thorough look"
    ),
    "round with 500 / with one, on loop devices": at_most(
        3.0, "CPU of the least disturbed; each alone on the machine"
    ),
    "programs started in a round with 500": at_most(0.0, "audit events of Python"),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Measure rounds alone, then a cluster."""
    many = 20 if bench.quick else MANY
    _rounds(bench, notes, many)
    with live_cluster(2) as live:
        _Cluster(live, notes).measure(bench)


PART = Part("convergence", "what nodes do until all is as wanted", WANTED, measure)


def _rounds(bench: Bench, notes: Notes, many: int) -> None:
    bench.say(f"rounds with 1 and {many} datasets, alone")
    _compare(notes, "in memory", in_memory(1), in_memory(many))
    with scratch_directory() as scratch:
        node = a_node(scratch / "one")
        one = on_loops(1, node)
        few = milliseconds(one.woken), milliseconds(one.thorough)
        for step, started in a_life(node):
            cells: dict[str, Cell] = {"step": step, "number": len(started)}
            notes.row("programs started", {**cells, "which": " ".join(started)})
        lots = on_loops(many, a_node(scratch / "many"))
        with counting() as started:
            found = milliseconds(lots.woken), milliseconds(lots.thorough)
        _note(notes, "on loop devices", few, found)
        name = "programs started in a round with 500"
        notes.figure(name, float(len(started)), "")


def _compare(notes: Notes, storage: str, one: Rounds, many: Rounds) -> None:
    few = milliseconds(one.woken), milliseconds(one.thorough)
    _note(notes, storage, few, (milliseconds(many.woken), milliseconds(many.thorough)))


def _note(
    notes: Notes, storage: str, few: tuple[float, float], lots: tuple[float, float]
) -> None:
    notes.figure(f"round with 500 / with one, {storage}", lots[0] / few[0], RATIO)
    for kind, one, many in zip(("woken", "thorough"), few, lots, strict=True):
        cells = {"storage": storage, "round": kind, "ms with one": one}
        notes.row("rounds", {**cells, "ms with 500": many})


class _Cluster:
    """Two nodes: the first is filled, the second is where datasets move to."""

    def __init__(self, live: LiveCluster, notes: Notes) -> None:
        self._live = live
        self._notes = notes
        self._first, self._second = live.nodes
        self._asking = connected(live.sandbox.layout)

    def measure(self, bench: Bench) -> None:
        """Measure with more and more datasets."""
        mounted: dict[int, float] = {}
        there = 0
        for held in QUICK_HELD if bench.quick else HELD:
            bench.say(f"a node with {held} datasets")
            while there < held:
                number = min(AT_ONCE, held - there)
                seconds = self._fill(number)
                if there == 0:
                    self._notes.figure("50 at once", seconds, "s")
                there += number
            mounted[held] = self._lives(held)
        self._notes.figure("POST to mounted, an empty node", mounted[0], "s")
        self._notes.figure(
            "POST to mounted, with 200 / with none",
            mounted[there] / mounted[0],
            RATIO,
        )
        self._rest(QUICK_IDLE if bench.quick else IDLE, bench)

    def _fill(self, number: int) -> float:
        began = time.monotonic()
        wanted = {self._create() for _ in range(number)}
        self._until(
            lambda: (
                wanted
                <= {
                    each["dataset_id"]
                    for each in self._ask("GET", "status/datasets")
                    if each["phase"] == "mounted"
                }
            )
        )
        return time.monotonic() - began

    def _lives(self, held: int) -> float:
        """Take some datasets through their lives; give the median until mounted."""
        agent = self._agent(self._first)
        times: dict[str, list[float]] = {"mounted": [], "moved": [], "destroyed": []}
        used = cpu_seconds(agent)
        for _ in range(TIMES):
            began = time.monotonic()
            dataset = self._create()
            self._reached(dataset, "mounted", self._first)
            created = time.monotonic()
            place = f"configuration/datasets/{dataset}"
            _ = self._ask("POST", place, {"primary": self._id(self._second)})
            self._reached(dataset, "mounted", self._second)
            moved = time.monotonic()
            _ = self._ask("DELETE", place)
            self._reached(dataset, "destroyed")
            times["mounted"].append(created - began)
            times["moved"].append(moved - created)
            times["destroyed"].append(time.monotonic() - moved)
        cells: dict[str, Cell] = {"datasets": held}
        cells |= {f"{name}, s": median(each) for name, each in times.items()}
        cells["agent's CPU a life, ms"] = (cpu_seconds(agent) - used) / TIMES * 1e3
        cells["agent's RSS, MiB"] = resident_mib(agent)
        self._notes.row("lives", cells)
        return median(times["mounted"])

    def _rest(self, seconds: float, bench: Bench) -> None:
        bench.say(f"nodes at rest for {seconds:.0f} s")
        time.sleep(2.0)
        agents = {each: self._agent(each) for each in (self._first, self._second)}
        before = {node: cpu_seconds(agent) for node, agent in agents.items()}
        time.sleep(seconds)
        used = {
            node: cpu_seconds(agent) - before[node] for node, agent in agents.items()
        }
        for node, cpu in used.items():
            what = f"agent of {node} at rest, an hour of it (scaled)"
            self._notes.figure(what, cpu / seconds * HOUR, "s of CPU")
        share = used[self._first] / seconds * 100
        self._notes.figure("agent at rest with 200, of one CPU", share, "%")

    def _agent(self, node: MachineName) -> int:
        return programs_of(self._live.sandbox.layout, node)[AGENT].pid

    def _id(self, node: MachineName) -> str:
        return str(self._live.id_of(node))

    def _create(self) -> str:
        body = {
            "dataset_id": str(uuid4()),
            "primary": self._id(self._first),
            "maximum_size": SIZE,
        }
        made = self._ask("POST", "configuration/datasets", body)
        return str(made["dataset_id"])

    def _reached(self, dataset: str, phase: str, on: MachineName | None = None) -> None:
        node = None if on is None else self._id(on)

        def there() -> bool:
            found = self._ask("GET", f"status/datasets/{dataset}")
            return found["phase"] == phase and node in {None, found["node"]}

        self._until(there)

    def _until(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not there():
            if time.monotonic() > end:
                raise SystemExit("a dataset has not got where it was wanted")
            time.sleep(LOOK_EVERY)

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        text = None if body is None else json.dumps(body)
        self._asking.request(method, f"/v1/{path}", text)
        answer = self._asking.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {said!r}")
        return json.loads(said)
