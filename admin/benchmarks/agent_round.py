#!/usr/bin/env python3
"""What a round of the dataset agent costs when there is nothing to do.

    python admin/benchmarks/agent_round.py [--loops]

Compares a round with 500 mounted datasets with a round with one; the budget is three
times (docs: "Costs to hold"). The round is one that something unrelated caused; the
thorough one, once a minute, asks for every device and is shown beside it. Storage is in
memory, where nothing takes time but the agent itself; with --loops (root) it is real as
well: loop devices, the loopback driver, the kernel's mount table. Exit status 1 beyond
the budget, in memory.
"""

import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from uuid import uuid4

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.backends.caching import CachingBlockDevices
from flocker.backends.loopback.api import make_loopback
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.filesystems import Filesystems
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import Assignment, Condition
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import ClusterID
from flocker.model.sizes import MEBIBYTE
from flocker.testing.builders import (
    an_assignment,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.rigs import FakeRig
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.wire.protocol import Report, Slice

MANY = 500
ROUNDS = 30
BUDGET = 3
SIZE = 4 * MEBIBYTE


class Control:
    """Takes every report."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    async def report(self, report: Report) -> None:
        """Take it."""
        self.reports.append(report)

    def abort(self, why: str) -> None:
        """Never happens."""
        raise AssertionError(why)


@frozen
class Rounds:
    """What begins a round of an agent at rest."""

    woken: Callable[[], object]
    thorough: Callable[[], object]


def in_memory(number_of: int) -> Rounds:
    """Give rounds with `number_of` datasets mounted."""
    fakes = FakeRig()
    assignments = []
    for number in range(number_of):
        volume = fakes.mounted(dataset_id(number))
        owned = an_ownership(number, volume, acquired=True)
        assignments.append(evolve(an_assignment(number), ownership=owned))
    return resting(fakes.rig, fakes.clock, assignments)


def on_loops(number_of: int, scratch: Path) -> Rounds:
    """Give rounds with `number_of` datasets on real loop devices, mounted."""
    clock = Clock()
    threads = SimulatedThreads(ProcessClock(clock))
    api = CachingBlockDevices(
        make_loopback(ClusterID(uuid4()), str(scratch / str(number_of)), "i-bench"),
        keeps_device_paths=False,
    )
    backend = Backend(DEFAULT_BACKEND, "loopback", "block", api, threads)
    mounts = scratch / f"mounts-{number_of}"
    kernel = Filesystems()
    rig = Rig(node_id(), {backend.name: backend}, kernel, threads, mounts)
    assignments = []
    for number in range(number_of):
        dataset = dataset_id(number)
        volume = api.create_volume(dataset, SIZE).blockdevice_id
        api.attach_volume(volume, api.compute_instance_id())
        device = api.get_device_path(volume)
        kernel.make(device)
        kernel.mount(device, rig.place(dataset))
        owned = an_ownership(number, volume, acquired=True)
        assignments.append(evolve(an_assignment(number), ownership=owned))
    return resting(rig, clock, assignments)


def resting(rig: Rig, clock: Clock, assignments: Sequence[Assignment]) -> Rounds:
    """Give the rounds of an agent that has all it was told to have."""
    agent = DatasetAgent(rig, clock, lambda: 0.5)
    control = Control()
    agent.talking(control)
    what = Slice(full=True, changed=tuple(assignments))
    Deferred.fromCoroutine(agent.take("boot", 1, what))
    found = [aged.fact.condition for aged in control.reports[-1].changed]
    if found != [Condition.MOUNTED] * len(assignments):
        raise SystemExit(f"not all are mounted: {set(found)}")
    numbers = count(2)

    def wake() -> None:
        Deferred.fromCoroutine(agent.take("boot", next(numbers), Slice(full=False)))

    wake()
    return Rounds(wake, lambda: clock.advance(60.0))


def seconds(do: Callable[[], object]) -> float:
    """Time the least disturbed of several rounds, by the clock on the wall."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        do()
        best = min(best, time.perf_counter() - began)
    return best


def told(storage: str, one: Rounds, many: Rounds) -> bool:
    """Print the figures; say whether they are within the budget."""
    few, lots = seconds(one.woken), seconds(many.woken)
    print(f"{storage}, round with 1 dataset {few * 1e3:.2f} ms", end=", ")
    print(f"with {MANY} {lots * 1e3:.2f} ms: {lots / few:.1f} x (budget {BUDGET} x)")
    few_thorough, lots_thorough = seconds(one.thorough), seconds(many.thorough)
    print(f"  thorough: {few_thorough * 1e3:.2f} ms, {lots_thorough * 1e3:.2f} ms")
    return lots <= BUDGET * few


def main() -> int:
    """Measure; give the exit status."""
    fits = told("in memory", in_memory(1), in_memory(MANY))
    if "--loops" in sys.argv[1:]:
        with scratch_directory() as scratch:
            _ = told("loop devices", on_loops(1, scratch), on_loops(MANY, scratch))
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
