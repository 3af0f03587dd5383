"""The processes of a simulated cluster: control, and machines with a dataset agent."""

from random import Random
from uuid import UUID

from attrs import define
from twisted.internet.interfaces import ITransport
from twisted.internet.task import Clock

from flocker.control.agent_protocol import AgentFactory
from flocker.control.agents import Agents
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.convergence.dialling import ControlUnreachable, Identify, greet
from flocker.convergence.link import Hearer, Link
from flocker.convergence.session import make_session
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import AgentIdentity, BackendReport, Role
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Era, InstanceID, NodeID, ProcessID
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.fakes.stores import MemoryStore
from flocker.testing.simulation.faults import (
    Faults,
    FaultyBlockDevices,
    FaultyFilesystems,
    Watch,
)
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.testing.simulation.wires import LATENCY, End, Wire
from flocker.wire.connection import ENDED


def a_uuid(random: Random) -> UUID:
    """Make a random UUID that is the same in every run."""
    return UUID(int=random.getrandbits(128), version=4)


def _node_of(transport: ITransport) -> NodeID:
    assert isinstance(transport, End)
    return transport.node


class ControlProcess:
    """One life of the control service, on the configuration that was stored."""

    def __init__(
        self, clock: Clock, store: MemoryStore, stored: Configuration, boot: UUID
    ) -> None:
        self.clock = ProcessClock(clock)
        self.observations = Observations()
        self.operations = Operations(
            store, stored, self.observations, self.clock, Timing(self.clock.seconds)
        )
        self.agents = Agents(self.operations, boot, self.clock)
        self.factory = AgentFactory(
            self.agents, self.observations, _node_of, self.clock, "simulated"
        )
        self.ends: list[End] = []

    def kill(self) -> None:
        """End it, as ``kill -9`` does."""
        self.clock.kill()
        for end in self.ends:
            end.vanish()


@define
class Surroundings:
    """What the machines of a world share; all chance comes from `random`.

    `steps_take` is how long a driver's or kernel's call takes at most, in seconds.
    """

    random: Random
    clock: Clock
    service: MemoryBlockDevices
    watch: Watch
    steps_take: float
    control: ControlProcess | None = None

    def unique(self) -> UUID:
        """Make an id."""
        return a_uuid(self.random)


class Machine:
    """A machine: its kernel and driver outlive the agents that run on it."""

    def __init__(
        self, node: NodeID, instance: InstanceID, around: "Surroundings"
    ) -> None:
        self.node = node
        self.instance = instance
        self.faults = Faults()
        self.kernel = MemoryFilesystems(around.service)
        self.partitioned = False
        self.on = True
        self.agent: DatasetAgent | None = None
        self._around = around
        self._driver = FaultyBlockDevices(
            around.service.cloud_node(instance), self.faults, around.watch
        )
        self._filesystems = FaultyFilesystems(self.kernel, self.faults, around.watch)
        self._process = ProcessClock(around.clock)
        self.threads = SimulatedThreads(self._process)
        self._era = Era(around.unique())
        self._wires: list[Wire] = []
        self.start_agent()

    def start_agent(self) -> None:
        """Start the agent anew, if the machine is on; the one before is killed."""
        self.kill_agent()
        if not self.on:
            return
        self._process = process = ProcessClock(self._around.clock)
        chance = self._around.random.random
        longest = self._around.steps_take
        self.threads = SimulatedThreads(process, chance, longest)
        kernel = SimulatedThreads(process, chance, longest)
        backend = Backend(
            DEFAULT_BACKEND, "memory", "block", self._driver, self.threads
        )
        rig = Rig(self.node, {backend.name: backend}, self._filesystems, kernel)
        agent = DatasetAgent(rig, process, chance)
        identity = self._identity()

        async def dial(turn: int, hearer: Hearer) -> Link:
            link = await self._connect(process, hearer)
            try:
                await greet(link, identity, agent.slice_number)
            except ENDED as error:
                raise ControlUnreachable("control", 4524, str(error)) from error
            return link

        self.agent = agent
        make_session(dial, agent, process, chance).start()

    def kill_agent(self) -> None:
        """End the agent, as ``kill -9`` does."""
        self._process.kill()
        self.agent = None
        for wire in self._wires:
            wire.client.vanish()
        self._wires.clear()

    def power_off(self) -> None:
        """Switch the machine off: nobody is told, its mounts are gone."""
        self._silence()
        self.on = False
        self.kill_agent()
        self.kernel.crash()
        self._around.service.live.discard(self.instance)

    def power_on(self) -> None:
        """Boot."""
        if not self.on:
            self.on = True
            self._era = Era(self._around.unique())
            self._around.service.live.add(self.instance)
            self.start_agent()

    def partition(self) -> None:
        """Cut it off from control."""
        self.partitioned = True
        self._silence()

    def heal(self) -> None:
        """Let new connections come about."""
        self.partitioned = False

    def _silence(self) -> None:
        for wire in self._wires:
            wire.silent = True

    def _identity(self) -> Identify:
        process, era = ProcessID(self._around.unique()), self._era
        report = BackendReport(DEFAULT_BACKEND, "memory", "block", self.instance)

        async def at(host: str) -> AgentIdentity:
            return AgentIdentity(
                node=self.node,
                role=Role.DATASET,
                era=era,
                process=process,
                host=host,
                version="simulated",
                backends=(report,),
            )

        return at

    async def _connect(self, process: ProcessClock, hearer: Hearer) -> Link:
        await process.sleep(LATENCY)
        control = self._around.control
        if control is None or self.partitioned:
            raise ControlUnreachable("control", 4524, "nobody answers")
        wire = Wire(self._around.clock, self.node, f"host-{self.instance}")
        self._wires = [each for each in self._wires if not each.client.over]
        self._wires.append(wire)
        control.ends.append(wire.server)
        link = Link(hearer, process)
        wire.connect(link, control.factory.buildProtocol(None))
        return link
