"""Control with an agents' port: real protocols at both ends of what is no socket."""

from typing import Any
from uuid import UUID

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.control.agent_protocol import AgentFactory
from flocker.control.agents import Agents
from flocker.control.datasets import NewDataset, create
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.convergence.link import Link
from flocker.model.configuration import Configuration
from flocker.runtime import logging
from flocker.testing.builders import an_identity, dataset_id, node_id
from flocker.testing.fakes.stores import MemoryStore
from flocker.testing.simulation.wires import Wire
from flocker.wire.protocol import AgedFact, Report, Slice


class Ear:
    """Takes every update that follows, as an agent does."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, int, Slice]] = []
        self.tasks: list[str] = []
        self.ends: list[str] = []
        self.busy: Deferred[None] | None = None
        self.answers: list[bool] = []

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        self.updates.append((boot, number, what))
        self.tasks.append(logging.current_task_id())
        if self.busy is not None:
            await self.busy
        return self.answers.pop(0) if self.answers else True

    def lost(self, why: str) -> None:
        self.ends.append(why)


class Dialled:
    """A connection of an agent to control; `said` are the answers to what it said."""

    def __init__(
        self, control: "Control", certified: int, host: str, port: int
    ) -> None:
        self.control = control
        self.ear = Ear()
        self.link = Link(self.ear, control.clock)
        self.wire = Wire(control.clock, node_id(certified), host)
        self.wire.client.address = IPv4Address("TCP", host, port)
        self.boxes: list[bytes] = []
        self.server = control.factory.buildProtocol(None)
        self._listen_in(self.wire.server)
        self._listen_in(self.wire.client)
        self.wire.connect(self.link, self.server)

    def _listen_in(self, end: Any) -> None:
        write = end.write

        def noted(data: bytes) -> None:
            self.boxes.append(data)
            write(data)

        end.write = noted

    def ask(self, question: Any) -> list[Any]:
        """Say something; the answer comes into the list."""
        answers: list[Any] = []
        waiting = (
            question
            if isinstance(question, Deferred)
            else Deferred.fromCoroutine(question)
        )
        waiting.addBoth(answers.append)
        self.control.settle()
        return answers

    def hello(self, identity=None, boot: str = "", number: int = 0) -> Any:
        """Say who it is; give what was raised, or None."""
        claimed = identity or an_identity()
        (answer,) = self.ask(self.link.hello(claimed, boot, number))
        return answer.value if isinstance(answer, Failure) else answer

    def report(self, *facts, full: bool = False) -> Any:
        """Report facts; give what was raised, or None."""
        aged = tuple(AgedFact(fact, 0.0) for fact in facts)
        (answer,) = self.ask(self.link.report(Report(full, aged)))
        return answer.value if isinstance(answer, Failure) else answer

    @property
    def over(self) -> bool:
        """Whether the connection has ended."""
        return self.wire.client.over and self.wire.server.over


class Control:
    """Control with a port that has no sockets."""

    def __init__(self, configuration: Configuration) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.observations = Observations()
        store = MemoryStore()
        store.stored = configuration
        self.operations = Operations(
            store,
            configuration,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.agents = Agents(self.operations, UUID(int=0xB007), self.clock)
        self.factory = AgentFactory(
            self.agents,
            self.observations,
            lambda transport: transport.node,
            self.clock,
            "2.0.test",
        )

    def dial(
        self, certified: int = 1, host: str = "10.0.0.1", port: int = 1
    ) -> Dialled:
        """Connect as an agent with the certificate of a node."""
        return Dialled(self, certified, host, port)

    def agent(self, node: int = 1, **identity: Any) -> Dialled:
        """Connect an agent that is accepted."""
        dialled = self.dial(node, f"10.0.0.{node}")
        assert dialled.hello(an_identity(node, **identity)) is None
        return dialled

    def settle(self) -> None:
        """Let all that was sent arrive."""
        self.clock.pump([0.001] * 20)

    def create(self, number: int, on: int = 1) -> None:
        """Want a dataset."""
        new = NewDataset(dataset_id(number), node_id(on))
        _ = Deferred.fromCoroutine(
            self.operations.change(lambda found: create(found, new, 1000.0))
        )
