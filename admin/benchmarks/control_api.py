#!/usr/bin/env python3
"""CPU time of the REST API, with the real store on a real disk.

    python admin/benchmarks/control_api.py

Prints each figure with its budget (docs: "Costs to hold"); exit status 1 beyond one.
Nothing but this process is measured: requests come from memory, without TLS.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from queue import Queue
from typing import Any, TypeVar
from uuid import UUID, uuid4

from pyrsistent import pmap
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.control.events import Events
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.control.persistence.opening import open_store
from flocker.model.changes import Change, DatasetEdit
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.restapi.app import World, app_resource, site
from flocker.runtime import logging

T = TypeVar("T")

DATASETS = b"/v1/configuration/datasets"
NODE = NodeID(uuid4())

MANY = 10_000
LISTED = 5_000
ROUNDS = 15
POSTS = 40
"""Requests a round; rounds of both sizes take turns, and the least disturbed counts."""


@implementer(IReactorFromThreads)
class Turns:
    """The one thing of a reactor that a store needs."""

    def __init__(self) -> None:
        self._calls: Queue[Callable[[], object]] = Queue()

    def callFromThread(
        self, function: Callable[..., object], *args: object, **kwargs: object
    ) -> None:
        self._calls.put(lambda: function(*args, **kwargs))

    def take(self) -> None:
        self._calls.get(timeout=60.0)()


class Sink(StringTransport):
    """Keeps what is written as it is written: no copy, as a socket makes none."""

    parts: list[bytes]

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.parts.extend(data)


class Control:
    """A control service with so many datasets, in a directory of its own."""

    def __init__(self, data: Path, datasets: int) -> None:
        self.turns = Turns()
        store = open_store(data, self.turns)
        if datasets:
            edits = tuple(DatasetEdit(None, _dataset()) for _ in range(datasets))
            self.complete(store.commit(Change(edits), 0))
        configuration = self.complete(store.load())
        clock = Clock()
        operations = Operations(
            store, configuration, Observations(), clock, Timing(clock.seconds)
        )
        resource = app_resource(
            operations,
            Events(operations, store.store_id, clock.seconds),
            World(clock, clock.seconds),
            store_id=store.store_id,
            version="0",
        )
        self.store = store
        self.factory = site(resource, clock)

    def complete(self, coroutine: Coroutine[Any, Any, T]) -> T:
        answers: list[T] = []
        _ = Deferred.fromCoroutine(coroutine).addCallback(answers.append)
        while not answers:
            self.turns.take()
        return answers[0]

    def ask(self, request: bytes, status: bytes) -> int:
        """Send a request over a new connection; give how many bytes come back."""
        protocol = self.factory.buildProtocol(None)
        transport = Sink()
        transport.parts = []
        protocol.makeConnection(transport)
        protocol.dataReceived(request)
        while not transport.parts:
            self.turns.take()
        head = b"".join(transport.parts[:3])
        if not head.startswith(b"HTTP/1.1 %b" % status):
            sys.exit(f"unexpected answer: {head[:200]!r}")
        protocol.connectionLost(Failure(ConnectionDone()))
        return sum(map(len, transport.parts))

    def create(self) -> None:
        body = b'{"primary":"%b","metadata":{"name":"x"}}' % str(NODE).encode()
        head = b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
        self.ask(head % (DATASETS, len(body)) + body, b"201")

    def list(self) -> None:
        if self.ask(b"GET %b HTTP/1.1\r\n\r\n" % DATASETS, b"200") < 130 * LISTED:
            sys.exit("the list is too short")


def _dataset() -> Dataset:
    number = UUID(bytes=os.urandom(16), version=4)
    return Dataset(DatasetID(number), NODE, metadata=pmap({"name": "x"}))


def cpu(work: Callable[[], None], times: int) -> float:
    """Give the milliseconds of CPU, all threads, that one of `times` took."""
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times * 1000


def posting(directory: Path) -> bool:
    """A durable creation, with and without many datasets."""
    none, many = Control(directory / "none", 0), Control(directory / "many", MANY)
    measured: dict[Control, list[float]] = {none: [], many: []}
    for _ in range(ROUNDS):
        for control, figures in measured.items():
            figures.append(cpu(control.create, POSTS))
    ours, base = min(measured[many]), min(measured[none])
    print(f"POST, durable, no dataset:        {base:6.2f} ms")
    print(f"POST, durable, {MANY} datasets:    {ours:6.2f} ms")
    print(f"ratio:                            {ours / base:6.2f}     (budget 1.2)")
    for control in measured:
        control.complete(control.store.close())
    return ours / base <= 1.2


def listing(directory: Path) -> bool:
    """A listing, of what was listed before and after a change."""
    control = Control(directory / "listed", LISTED)
    control.list()
    again = min(cpu(control.list, 20) for _ in range(ROUNDS))
    after = []
    for _ in range(ROUNDS):
        control.create()
        after.append(cpu(control.list, 1))
    changed = min(after)
    print(f"GET {LISTED} datasets, unchanged:    {again:6.2f} ms  (budget 2)")
    print(f"GET {LISTED} datasets, one changed:  {changed:6.2f} ms  (budget 2)")
    control.complete(control.store.close())
    return max(again, changed) <= 2.0


def main() -> int:
    """Measure; 0 if all budgets are held."""
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as log:
        logging.start_logging(logging.lines_to(log))
        kept = [posting(Path(name)), listing(Path(name))]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
