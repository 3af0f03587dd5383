"""What a container waits for: volumes made, mounted and moved through the plugin.

Two nodes of the sandbox with real Dockers. The plugin's calls are sent as Docker sends
them, so what Docker itself needs is not counted; at the end Docker runs containers.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any
from uuid import uuid4

from admin.benchmarks.figures import Bench, Notes, Part, at_least, at_most
from flocker.runtime.process import ProcessFailed
from flocker.sandbox import images
from flocker.sandbox.blueprint import PLUGIN_SOCKET
from flocker.sandbox.engines import UnixConnection, from_outside
from flocker.sandbox.names import MachineName, node_name
from flocker.testing.clusters import LiveCluster, live_cluster

ONE, TWO = node_name(1), node_name(2)
TIMES, QUICK_TIMES = 15, 3
CONTAINERS, QUICK_CONTAINERS = 50, 5
PATIENCE = 120.0
"""Seconds, as Docker has for a Mount."""
LOOK_EVERY = 0.01
IDLE = ("sleep", "1000")

WANTED = {
    "Mount of a volume already here": at_most(
        50.0, "Mount of the plugin, its volume mounted and not leased; median"
    ),
    "Create and first Mount": at_most(
        1.0, "Create and Mount of the plugin, 64 MiB on loopback; median"
    ),
    "move of an idle volume, above the storage's own": at_most(
        0.25,
        "Mount on the other node, less a move by REST until it is mounted; medians",
    ),
    "containers of 50 started at once that run": at_least(
        1.0, "the part of docker run, each with a new volume, on one node"
    ),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Measure in a cluster of two nodes."""
    with live_cluster(2, docker=True) as live:
        times = QUICK_TIMES if bench.quick else TIMES
        bench.say("volumes through the plugin")
        volume = _made(live, notes, times)
        _here(live, notes, volume, times)
        _moved(live, notes, volume, times)
        number = QUICK_CONTAINERS if bench.quick else CONTAINERS
        bench.say(f"{number} containers at once")
        _at_once(live, notes, number)


PART = Part("docker", "volumes of containers, through the plugin", WANTED, measure)


def _made(live: LiveCluster, notes: Notes, times: int) -> str:
    """Measure new volumes, and give one that is mounted on node 1."""
    taken, name = [], ""
    for number in range(times):
        name = f"new-{number}"
        began = time.monotonic()
        _call(live, ONE, "Create", Name=name, Opts={"size": "64M"})
        with _Mounted(live, ONE, name):
            taken.append(time.monotonic() - began)
    notes.figure("Create and first Mount", median(taken), "s")
    return name


def _here(live: LiveCluster, notes: Notes, volume: str, times: int) -> None:
    taken = []
    for _ in range(times):
        began = time.monotonic()
        with _Mounted(live, ONE, volume):
            taken.append(time.monotonic() - began)
    notes.figure("Mount of a volume already here", median(taken) * 1e3, "ms")


def _moved(live: LiveCluster, notes: Notes, volume: str, times: int) -> None:
    mounts, moves = [], []
    dataset = live.create(ONE, name="moves-by-rest")
    _ = live.mounted(dataset, ONE)
    for _, node in zip(range(times), _there_and_back(), strict=False):
        began = time.monotonic()
        with _Mounted(live, node, volume):
            mounts.append(time.monotonic() - began)
        began = time.monotonic()
        live.move(dataset, node)
        while not _is_on(live.status(dataset), live.id_of(node)):
            time.sleep(LOOK_EVERY)
        moves.append(time.monotonic() - began)
    notes.row("moves", {"Mount, s": median(mounts), "by REST, s": median(moves)})
    name = "move of an idle volume, above the storage's own"
    notes.figure(name, median(mounts) - median(moves), "s")


def _is_on(seen: Any, node: object) -> bool:  # noqa: ANN401 - an answer of status
    return seen.phase == "mounted" and seen.node == node


def _there_and_back() -> Iterator[MachineName]:
    while True:
        yield TWO
        yield ONE


def _at_once(live: LiveCluster, notes: Notes, number: int) -> None:
    images.load(live.sandbox.layout, ONE, "busybox")
    for each in range(number):
        _call(live, ONE, "Create", Name=f"at-once-{each}", Opts={"size": "64M"})

    def run(each: int) -> bool:
        volume = ("--volume", f"at-once-{each}:/data", "--volume-driver", "flocker")
        try:
            live.docker(ONE, "run", "--detach", *volume, "busybox", *IDLE)
        except ProcessFailed:
            return False
        return True

    began = time.monotonic()
    with ThreadPoolExecutor(number) as threads:
        started = list(threads.map(run, range(number)))
    notes.row("containers", {"number": number, "s": time.monotonic() - began})
    share = sum(started) / number
    notes.figure("containers of 50 started at once that run", share, "of all")


class _Mounted:
    """A volume is mounted for somebody, until the end."""

    def __init__(self, live: LiveCluster, node: MachineName, name: str) -> None:
        self._live, self._node = live, node
        self._call = {"Name": name, "ID": uuid4().hex * 2}

    def __enter__(self) -> None:
        _call(self._live, self._node, "Mount", **self._call)

    def __exit__(self, *_: object) -> None:
        _call(self._live, self._node, "Unmount", **self._call)


def _call(live: LiveCluster, node: MachineName, call: str, **fields: object) -> None:
    """Do a call of the protocol; raises `RuntimeError` for an error of the plugin."""
    place = from_outside(live.sandbox.layout, node, PLUGIN_SOCKET)
    connection = UnixConnection(place, PATIENCE)
    try:
        connection.request("POST", f"/VolumeDriver.{call}", json.dumps(fields))
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if answer["Err"]:
        raise RuntimeError(f"{call}: {answer['Err']}")
