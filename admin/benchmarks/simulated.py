"""Simulated agents: they speak the real protocol over TLS, each as its own node.

    python -m admin.benchmarks.simulated CERTIFICATES PORT

They do in no time, and in words only, what they are told. Commands come a JSON text
a line on standard input, from `admin.benchmarks.nodes`.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet import reactor, stdio
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from admin.benchmarks.content import dataset, home, mounted, node
from flocker.ca.authority import Authority
from flocker.ca.contexts import client_context
from flocker.ca.credentials import Credential, KeyType
from flocker.ca.files import load_credential
from flocker.convergence.link import Link
from flocker.model.cluster import Assignment, Condition, Fact, Volume, Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName, DatasetID
from flocker.testing.builders import an_identity
from flocker.wire.protocol import AgedFact, Report, Slice

Facts = dict[DatasetID, Fact]

UPDATES = 3
"""So often an agent is told of a new dataset: that it is wanted, that its volume is
recorded, and that it was mounted once."""

SETTLED_WITHIN = 60.0
LOOK_EVERY = 0.005
"""Seconds."""

AT_ONCE = 32
"""So many agents dial at a time, as those of a cluster do that has lost its control."""


class _Counted(ProtocolWrapper):
    """Counts the bytes of a connection, below TLS."""

    factory: "_Counting"

    def dataReceived(self, data: bytes) -> None:
        self.factory.received += len(data)
        super().dataReceived(data)

    def write(self, data: bytes) -> None:
        self.factory.sent += len(data)
        super().write(data)

    def writeSequence(self, data: Sequence[bytes]) -> None:
        self.write(b"".join(data))


class _Counting(WrappingFactory):
    noisy = False
    received = sent = 0

    def buildProtocol(self, addr: IAddress) -> _Counted:
        return _Counted(self, self.wrappedFactory.buildProtocol(addr))


class _Agent:
    """Holds what it is told to hold, at once."""

    def __init__(
        self,
        number: int,
        facts: Facts,
        told: Callable[[str, float, list[str]], None],
    ) -> None:
        self.number = number
        self.facts = facts
        self.link: Link
        self.joined: Deferred[None] = Deferred()
        self._told = told

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        """Do as told; answer when the consequences are reported."""
        named = [*(each.id for each in what.changed), *what.gone]
        self._told(str(node(self.number)), time.monotonic(), [str(d) for d in named])
        if not self.joined.called:
            await self.link.report(_report(self.facts.values(), full=True))
            self.joined.callback(None)
            return True
        before = dict(self.facts)
        for assignment in what.changed:
            self._do(assignment)
        for each in what.gone:
            self.facts.pop(each, None)
        changed = [f for d, f in self.facts.items() if before.get(d) != f]
        gone = tuple(before.keys() - self.facts.keys())
        if changed or gone:
            await self.link.report(_report(changed, gone=gone))
        return True

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """List nothing: nobody asks."""
        return ()

    def lost(self, why: str) -> None:
        """Control is to be there until the end."""
        print(f"agent {self.number} was cut off: {why}", file=sys.stderr)

    async def report_again(self) -> None:
        """Report a fact that has become another."""
        fact = next(iter(self.facts.values()))
        del self.facts[fact.dataset]
        grown = evolve(fact, size=(fact.size or 0) + 4096)
        self.facts[fact.dataset] = grown
        await self.link.report(_report([grown]))

    def _do(self, told: Assignment) -> None:
        wanted = told.dataset
        if wanted is None or wanted.primary != node(self.number):
            self.facts.pop(told.id, None)
        elif wanted.deleted:
            fact = Fact(told.id, Want.DELETED, Condition.DESTROYED, DEFAULT_BACKEND)
            self.facts[told.id] = fact
        elif told.ownership is None:
            made = Condition.UNREGISTERED
            fact = evolve(mounted(told.id), condition=made, path=None)
            self.facts[told.id] = evolve(fact, life=wanted.life)
        elif not told.held_by:
            self.facts[told.id] = mounted(told.id)


def _report(
    facts: Iterable[Fact], *, full: bool = False, gone: tuple[DatasetID, ...] = ()
) -> Report:
    return Report(full, tuple(AgedFact(fact, 0.0) for fact in facts), gone)


class _Cluster:
    """All agents; each command is a method."""

    def __init__(self, certificates: Path, port: int) -> None:
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._authority = Authority(load_credential(certificates, "cluster"))
        self._agents: list[_Agent] = []
        self._told: list[tuple[str, float, list[str]]] = []
        self._times: Counter[str] = Counter()
        self._counters: list[_Counting] = []
        self._reported = 0

    async def join(self, agents: int, datasets: int) -> dict[str, Any]:
        now = datetime.now(UTC)
        first = len(self._agents)
        certified = {
            number: self._authority.node(node(number), KeyType.ECDSA, now)
            for number in range(1 + first, 1 + agents)
        }
        held: dict[int, Facts] = {number: {} for number in certified}
        for number in range(datasets):
            fact = mounted(dataset(number))
            held[home(number, agents)][fact.dataset] = fact
        limit = DeferredSemaphore(AT_ONCE)
        began = time.monotonic()
        dialled = [
            limit.run(
                lambda number, own: Deferred.fromCoroutine(
                    self._dial(number, own, held[number])
                ),
                number,
                own,
            )
            for number, own in certified.items()
        ]
        _ = await gatherResults(dialled)
        return {"seconds": time.monotonic() - began}

    async def _dial(
        self, number: int, own: Credential, facts: dict[DatasetID, Fact]
    ) -> None:
        agent = _Agent(number, facts, self._hear)
        context = client_context(self._authority.credential.certificate, own)
        factory = Factory.forProtocol(lambda: Link(agent, reactor))
        factory.noisy = False
        counting = _Counting(TLSMemoryBIOFactory(context, True, factory))  # noqa: FBT003
        self._counters.append(counting)
        counted = cast(_Counted, await self._endpoint.connect(counting))
        agent.link = counted.wrappedProtocol.wrappedProtocol
        self._agents.append(agent)
        identity = evolve(an_identity(number), node=node(number))
        await agent.link.hello(identity, "", 0)
        await agent.joined

    async def report(self, times: int) -> dict[str, Any]:
        began = time.monotonic()
        turns = range(self._reported, self._reported + times)
        self._reported += times
        agents = [agent for agent in self._agents if agent.facts]
        limits = {agent: DeferredSemaphore(1) for agent in agents}
        chosen = [agents[turn % len(agents)] for turn in turns]
        _ = await gatherResults(
            [
                limits[agent].run(
                    lambda agent: Deferred.fromCoroutine(agent.report_again()), agent
                )
                for agent in chosen
            ]
        )
        return {"seconds": time.monotonic() - began}

    async def exchanged(self) -> dict[str, Any]:
        found = {
            "received": sum(each.received for each in self._counters),
            "sent": sum(each.sent for each in self._counters),
        }
        for each in self._counters:
            each.received = each.sent = 0
        return found

    async def settled(self, *created: str) -> dict[str, Any]:
        """Wait until all was heard of new datasets; give the updates that came."""
        end = time.monotonic() + SETTLED_WITHIN
        while any(self._times[name] < UPDATES for name in created):
            if time.monotonic() > end:
                raise TimeoutError("control has not told all that was to be told")
            await deferLater(reactor, LOOK_EVERY)
        told, self._told = self._told, []
        return {"told": told}

    def _hear(self, node: str, at: float, datasets: list[str]) -> None:
        self._told.append((node, at, datasets))
        self._times.update(datasets)


class _Commands(LineOnlyReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 2**20

    def __init__(self, cluster: _Cluster) -> None:
        self._cluster = cluster

    def lineReceived(self, line: bytes) -> None:
        name, *arguments = json.loads(line)
        doing = Deferred.fromCoroutine(getattr(self._cluster, name)(*arguments))
        _ = doing.addCallbacks(self._answer, self._fail)

    def connectionLost(self, reason: object = None) -> None:
        if reactor.running:
            reactor.stop()

    def _answer(self, found: dict[str, Any]) -> None:
        self.sendLine(json.dumps(found).encode())

    def _fail(self, failure: Failure) -> None:
        failure.printTraceback(sys.stderr)
        reactor.stop()


def main(certificates: str, port: str) -> None:
    """Be the agents until standard input ends."""
    _ = stdio.StandardIO(_Commands(_Cluster(Path(certificates), int(port))))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
