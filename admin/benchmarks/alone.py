"""Rounds and steps of a dataset agent in this process, without control.

Storage is in memory, where nothing takes time but the agent itself, or real: loop
devices, the loopback driver, the kernel's mount table (root). Used by
`admin.benchmarks.rounds`.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.backends.caching import CachingBlockDevices
from flocker.backends.loopback.api import make_loopback
from flocker.convergence.outcome import Done
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.filesystems import Filesystems
from flocker.dataset_agent.performing import perform
from flocker.dataset_agent.rig import Backend, Rig
from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    Finish,
    Format,
    Mount,
    Step,
    Unmount,
)
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
from flocker.testing.rigs import FakeRig
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.wire.protocol import Report, Slice

MANY = 500
ROUNDS = 60
_HEARERS: list[list[str]] = []
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


@frozen
class Node:
    """A node with loop devices, whose time stands still."""

    rig: Rig
    clock: Clock


def a_node(scratch: Path) -> Node:
    """Make a node that keeps its volumes below a directory."""
    clock = Clock()
    threads = SimulatedThreads(ProcessClock(clock))
    api = CachingBlockDevices(
        make_loopback(ClusterID(uuid4()), str(scratch / "volumes"), "i-bench"),
        keeps_device_paths=False,
    )
    backend = Backend(DEFAULT_BACKEND, "loopback", "block", api, threads)
    mounts = scratch / "mounts"
    rig = Rig(node_id(), {backend.name: backend}, Filesystems(), threads, mounts)
    return Node(rig, clock)


def on_loops(number_of: int, node: Node) -> Rounds:
    """Give rounds with `number_of` datasets on real loop devices, mounted."""
    rig, assignments = node.rig, []
    api, kernel = rig.backends[DEFAULT_BACKEND].api, rig.filesystems
    for number in range(number_of):
        dataset = dataset_id(number)
        volume = api.create_volume(dataset, SIZE).blockdevice_id
        api.attach_volume(volume, api.compute_instance_id())
        device = api.get_device_path(volume)
        kernel.make(device)
        kernel.mount(device, rig.place(dataset))
        owned = an_ownership(number, volume, acquired=True)
        assignments.append(evolve(an_assignment(number), ownership=owned))
    return resting(rig, node.clock, assignments)


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


def milliseconds(do: Callable[[], object]) -> float:
    """Time the least disturbed of several rounds, in CPU of this process."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        do()
        best = min(best, time.process_time() - began)
    return best * 1e3


@contextmanager
def counting() -> Iterator[list[str]]:
    """Name the programs that this process starts meanwhile."""
    started: list[str] = []
    _HEARERS.append(started)
    try:
        yield started
    finally:
        _HEARERS.remove(started)


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and isinstance(arguments[1], list):
        for started in _HEARERS:
            started.append(str(arguments[1][0]))


sys.addaudithook(_hear)


def a_life(node: Node) -> Iterator[tuple[str, list[str]]]:
    """Take a dataset through its life; give each step with the programs it started."""
    rig, name, dataset = node.rig, DEFAULT_BACKEND, dataset_id(MANY + 1)
    api = rig.backends[name].api

    def done(step: Step) -> tuple[str, list[str]]:
        with counting() as started:
            outcomes: list[object] = []
            doing = Deferred.fromCoroutine(perform(step, rig))
            doing.addBoth(outcomes.append)
            node.clock.pump([0.0] * 10)
        if outcomes != [Done()]:
            raise SystemExit(f"{step} ended with {outcomes}")
        return type(step).__name__, started

    yield done(Create(dataset, name, SIZE))
    (volume,) = (
        v.blockdevice_id for v in api.list_volumes() if v.dataset_id == dataset
    )
    yield done(Attach(dataset, name, volume))
    device = api.get_device_path(volume)
    yield done(Format(dataset, name, volume, device))
    yield done(Mount(dataset, name, volume, device))
    yield done(Finish(dataset, name, volume, device, SIZE))
    yield done(Unmount(dataset, rig.place(dataset), device))
    yield done(Detach(dataset, name, volume))
    yield done(Destroy(dataset, name, volume))
