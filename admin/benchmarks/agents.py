#!/usr/bin/env python3
"""What one change costs with ten and with a thousand agents connected.

    python admin/benchmarks/agents.py

Prints each figure with its budget (docs: "Costs to hold"); exit status 1 beyond one.
Real protocols on both sides, from the commit to the agent's answer; the store and the
connections are in memory, without TLS.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.control.agent_protocol import AgentFactory
from flocker.control.agents import Agents
from flocker.control.datasets import Wishes, change
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.convergence.link import Link
from flocker.model.cluster import Condition
from flocker.model.ids import NodeID
from flocker.runtime import logging
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.fakes.stores import MemoryStore
from flocker.wire.protocol import AgedFact, Report, Slice

FEW, MANY = 10, 1_000
DATASETS_OF_A_NODE = 5
ROUNDS = 15
CHANGES = 60
"""Changes a round; rounds of both sizes take turns, and the least disturbed counts."""

TOLD_WITHIN = 50.0
"""Milliseconds from a change to the agent that starts acting, for 99 of 100."""


class End:
    """One end of a connection; what is written waits in `line` for its turn."""

    other: "End"
    protocol: Any

    def __init__(self, line: deque[tuple["End", bytes]], node: NodeID) -> None:
        self.line = line
        self.node = node
        self.sent = 0

    def write(self, data: bytes) -> None:
        self.sent += len(data)
        self.line.append((self.other, data))

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "10.0.0.1", 1)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "10.0.0.254", 4524)


class Agent:
    """Takes whatever it is told, and notes when."""

    def __init__(self) -> None:
        self.told_at = 0.0

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        self.told_at = time.perf_counter()
        return True

    def lost(self, why: str) -> None:
        raise AssertionError(why)


class Cluster:
    """Control and its agents, each holding its datasets."""

    def __init__(self, agents: int) -> None:
        self.line: deque[tuple[End, bytes]] = deque()
        self.clock = Clock()
        self.clock.advance(1_000_000.0)
        numbers = range(agents * DATASETS_OF_A_NODE)
        configuration = a_configuration(
            [a_dataset(n, on=1 + n % agents) for n in numbers],
            [an_ownership(n, acquired=True) for n in numbers],
        )
        store, observations = MemoryStore(), Observations()
        store.stored = configuration
        self.operations = Operations(
            store, configuration, observations, self.clock, Timing(self.clock.seconds)
        )
        self.factory = AgentFactory(
            Agents(self.operations, UUID(int=1), self.clock),
            observations,
            lambda transport: transport.node,  # type: ignore[attr-defined]
            self.clock,
            "measured",
        )
        self.ends: list[End] = []
        self.agents = [self._connect(1 + number) for number in range(agents)]

    def _connect(self, number: int) -> Agent:
        agent = Agent()
        client, server = (
            End(self.line, node_id(number)),
            End(self.line, node_id(number)),
        )
        client.other, server.other = server, client
        client.protocol = link = Link(agent, self.clock)
        server.protocol = self.factory.buildProtocol(None)
        self.ends += [client, server]
        for end in (server, client):
            end.protocol.makeConnection(end)
        _ = Deferred.fromCoroutine(link.hello(an_identity(number), "", 0))
        self.settle()
        self.clock.advance(0)  # only here: Twisted's Clock sorts all that it has
        self.settle()
        configured = len(self.operations.configuration.datasets)
        held = range(number - 1, configured, configured // DATASETS_OF_A_NODE)
        facts = tuple(AgedFact(a_fact(n, Condition.DETACHED), 0.0) for n in held)
        _ = Deferred.fromCoroutine(link.report(Report(full=True, changed=facts)))
        self.settle()
        return agent

    def settle(self) -> None:
        """Deliver all that was written."""
        while self.line:
            end, data = self.line.popleft()
            end.protocol.dataReceived(data)

    def move(self, to: int) -> None:
        """Move one dataset, and let everybody who is concerned hear of it."""
        there = Wishes(primary=node_id(to))
        _ = Deferred.fromCoroutine(
            self.operations.change(lambda c: change(c, dataset_id(0), there, 1.0))
        )
        self.settle()

    @property
    def sent(self) -> int:
        """All bytes that were ever written."""
        return sum(end.sent for end in self.ends)


def cpu(run: Callable[[], None]) -> float:
    """The microseconds of CPU that something takes."""
    before = time.process_time()
    run()
    return (time.process_time() - before) * 1e6


def some_changes(cluster: Cluster) -> None:
    """Move one dataset to and fro."""
    for _ in range(CHANGES // 2):
        cluster.move(2)
        cluster.move(1)


def latencies(cluster: Cluster) -> list[float]:
    """Milliseconds from each change to the agent that hears of it, in order."""
    found = []
    for _ in range(CHANGES * ROUNDS // 2):
        for to in (2, 1):
            began = time.perf_counter()
            cluster.move(to)
            found.append((cluster.agents[to - 1].told_at - began) * 1e3)
    return sorted(found)


def say(what: str, figure: str, budget: str, *, kept: bool) -> bool:
    """Print a line; give whether the budget is kept."""
    print(f"{what:<52} {figure:>14}   {budget:<14} {'ok' if kept else 'TOO MUCH'}")
    return kept


def main() -> int:
    """Measure and print; 1 when a budget is exceeded."""
    with Path(os.devnull).open("w") as log:
        logging.start_logging(logging.lines_to(log))
        return measure()


def measure() -> int:
    """Build both clusters and compare them."""
    few, many = Cluster(FEW), Cluster(MANY)
    sent = {}
    for cluster in (few, many):
        some_changes(cluster)
        before = cluster.sent
        some_changes(cluster)
        sent[cluster] = (cluster.sent - before) / CHANGES
    times: dict[Cluster, list[float]] = {few: [], many: []}
    for _ in range(ROUNDS):
        for cluster, found in times.items():
            found.append(cpu(partial(some_changes, cluster)) / CHANGES)
    little, much = min(times[few]), min(times[many])
    told = latencies(many)
    p99 = told[len(told) * 99 // 100]
    print(f"one change, {FEW} and {MANY} agents connected")
    kept = [
        say(f"CPU a change, {FEW} agents", f"{little:.0f} us", "", kept=True),
        say(
            f"CPU a change, {MANY} agents",
            f"{much:.0f} us",
            f"<= {1.2 * little:.0f} us",
            kept=much <= 1.2 * little,
        ),
        say(f"bytes a change, {FEW} agents", f"{sent[few]:.0f}", "", kept=True),
        say(
            f"bytes a change, {MANY} agents",
            f"{sent[many]:.0f}",
            f"<= {1.05 * sent[few]:.0f}",
            kept=sent[many] <= 1.05 * sent[few],
        ),
        say(
            f"change -> agent told, {MANY} agents, p50",
            f"{told[len(told) // 2]:.2f} ms",
            "",
            kept=True,
        ),
        say(
            f"change -> agent told, {MANY} agents, p99",
            f"{p99:.2f} ms",
            f"<= {TOLD_WITHIN:.0f} ms",
            kept=p99 <= TOLD_WITHIN,
        ),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
