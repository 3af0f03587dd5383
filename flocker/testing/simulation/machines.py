"""The processes of a simulated cluster: control, and machines with a dataset agent."""

from collections.abc import Callable
from random import Random
from uuid import UUID

from attrs import define, field
from twisted.internet.interfaces import ITransport

from flocker.control.agent_protocol import AgentFactory
from flocker.control.agents import Agents
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.convergence.dialling import ControlUnreachable, Identify, greet
from flocker.convergence.link import Hearer, Link
from flocker.convergence.session import Agent, make_session
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.rig import Backend, Rig
from flocker.model.cluster import AgentIdentity, Assignment, BackendReport, Role, Volume
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Era,
    InstanceID,
    NodeID,
    ProcessID,
)
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.simulation.clocks import SimulatedClock
from flocker.testing.simulation.faults import (
    Faults,
    FaultyBlockDevices,
    FaultyFilesystems,
    FaultyMarkingBlockDevices,
)
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.testing.simulation.stores import Disk, ProcessStore
from flocker.testing.simulation.watching import Watch
from flocker.testing.simulation.wires import LATENCY, End, Wire
from flocker.wire.connection import ENDED
from flocker.wire.protocol import Slice


def a_uuid(random: Random) -> UUID:
    """Make a random UUID that is the same in every run."""
    return UUID(int=random.getrandbits(128), version=4)


def _node_of(transport: ITransport) -> NodeID:
    assert isinstance(transport, End)
    return transport.node


class ControlProcess:
    """One life of the control service, on the configuration that was stored."""

    def __init__(self, around: "Surroundings", disk: Disk) -> None:
        self.clock = ProcessClock(
            around.clock, around.control_ahead, around.rate("control")
        )
        self.observations = Observations()
        store = ProcessStore(disk, self.clock, around.random.random)
        self.operations = Operations(
            store,
            disk.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.agents = Agents(self.operations, around.unique(), self.clock)
        self.factory = AgentFactory(
            self.agents, self.observations, _node_of, self.clock, "simulated"
        )
        self.ends: list[End] = []

    def suspend(self, seconds: float) -> None:
        """Let it stand still for a while."""
        self.clock.suspend(seconds)

    def kill(self) -> None:
        """End it, as ``kill -9`` does."""
        self.clock.kill()
        for end in self.ends:
            end.vanish()


@define
class Surroundings:
    """What the machines of a world share; all chance comes from `random`.

    `steps_take` is how long a driver's or kernel's call takes at most, `latency` how
    long a message does, both in seconds. `control_ahead` are the seconds by which the
    wall clock of control's machine is ahead when it starts. `marks` says whether the
    driver can mark volumes, as those of the first Flocker cannot. The clocks of
    processes go wrong by up to `drift`, a part of 1. In pools that are `zfs` a snapshot
    stays while there are clones of it; with `resumes` streams go on after a cut.
    """

    random: Random
    clock: SimulatedClock
    service: MemoryBlockDevices
    watch: Watch
    steps_take: float
    latency: float = LATENCY
    control_ahead: float = 0.0
    marks: bool = True
    control: ControlProcess | None = None
    drift: float = 0.0
    zfs: bool = False
    resumes: bool = False

    def rate(self, who: str) -> float:
        """Give the seconds on somebody's clock that go by in one of the world's."""
        return 1.0 + self.drift * Random(f"the clock of {who}").uniform(-1.0, 1.0)

    def unique(self) -> UUID:
        """Make an id."""
        return a_uuid(self.random)

    def pace(self) -> float:
        """Give the seconds that a message takes."""
        if self.latency <= LATENCY:
            return LATENCY
        return LATENCY + (self.latency - LATENCY) * self.random.random()


def _forget(told: dict[DatasetID, Assignment]) -> None:
    del told


@define(eq=False)
class Listened:
    """An agent, and what it has taken in of what control told it (`session.Agent`).

    `informed` says whether it may begin anything: it hears control, and was told.
    """

    agent: DatasetAgent
    told: dict[DatasetID, Assignment] = field(factory=dict)
    informed: bool = False
    noted: Callable[[dict[DatasetID, Assignment]], None] = _forget
    """Is given all that it was told so far, with each update."""

    def talking(self, link: Link) -> None:
        """Pass it on."""
        self.agent.talking(link)

    async def take(self, boot: str, number: int, what: Slice) -> bool:
        """Pass it on, and note it when it was taken."""
        self.informed = True
        taken = await self.agent.take(boot, number, what)
        if taken:
            if what.full:
                self.told.clear()
            for gone in what.gone:
                self.told.pop(gone, None)
            self.told.update((each.id, each) for each in what.changed)
            self.noted(dict(self.told))
        return taken

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Pass it on."""
        return await self.agent.volumes(backend)

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Pass a question on."""
        return await self.agent.forecast(question)

    def cut_off(self) -> None:
        """Pass it on."""
        self.informed = False
        self.agent.cut_off()


class Machine:
    """A machine: its kernel and driver outlive the agents that run on it."""

    def __init__(
        self, node: NodeID, instance: InstanceID, around: "Surroundings"
    ) -> None:
        self.node = node
        self.instance = instance
        self.faults = Faults(heard=self._is_heard)
        self.kernel = MemoryFilesystems(around.service)
        self.partitioned = False
        self.on = True
        self.agent: Listened | None = None
        self._around = around
        kind = FaultyMarkingBlockDevices if around.marks else FaultyBlockDevices
        self._driver = kind(
            around.service.cloud_node(instance), self.faults, around.watch
        )
        self._filesystems = FaultyFilesystems(self.kernel, self.faults, around.watch)
        self._process = ProcessClock(around.clock)
        self.threads = SimulatedThreads(self._process)
        self.kernel_threads = SimulatedThreads(self._process)
        self.era = Era(around.unique())
        self._wires: list[Wire] = []
        self.start_agent()

    def start_agent(self) -> None:
        """Start the agent anew, if the machine is on; the one before is killed."""
        self.kill_agent()
        if not self.on:
            return
        rate = self._around.rate(self.instance)
        self._process = process = ProcessClock(self._around.clock, rate=rate)
        chance = self._around.random.random
        longest = self._around.steps_take
        self.threads = SimulatedThreads(process, chance, longest)
        self.kernel_threads = SimulatedThreads(process, chance, longest)
        rig = self._rig()
        agent = DatasetAgent(rig, process, chance)
        identity = self._identity()

        async def dial(turn: int, hearer: Hearer) -> Link:
            link = await self._connect(process, hearer)
            try:
                await greet(link, identity, agent.slice_number)
            except ENDED as error:
                raise ControlUnreachable("control", 4524, str(error)) from error
            return link

        self.agent = listened = Listened(agent)
        session_agent: Agent = listened
        self._started(agent)
        make_session(dial, session_agent, process, chance).start()

    def _rig(self) -> Rig:
        """Give what the agent works with."""
        backend = Backend(
            DEFAULT_BACKEND, "memory", "block", self._driver, self.threads
        )
        backends = {backend.name: backend}
        return Rig(self.node, backends, self._filesystems, self.kernel_threads)

    def _reports(self) -> tuple[BackendReport, ...]:
        """Give what the agent says of its backends."""
        return (BackendReport(DEFAULT_BACKEND, "memory", "block", self.instance),)

    def _started(self, agent: DatasetAgent) -> None:
        """An agent has started, and has not dialled control yet."""

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
            self.era = Era(self._around.unique())
            self._around.service.live.add(self.instance)
            self.start_agent()

    def suspend(self, seconds: float) -> None:
        """Let the agent stand still for a while; mounts and disks stay as they are."""
        self._process.suspend(seconds)

    def tell(self, said: Callable[[str], None]) -> None:
        """Tell somebody what is done to its storage."""
        self.faults.said = said

    @property
    def at_rest(self) -> bool:
        """Whether nothing is being asked of the driver or the kernel."""
        return not (self.threads.running or self.kernel_threads.running)

    def partition(self) -> None:
        """Cut it off from control."""
        self.partitioned = True
        self._silence()

    def mute(self, *, control: bool) -> None:
        """Lose what it sends to control, or what control sends to it."""
        self.partitioned = True
        for wire in self._wires:
            (wire.server if control else wire.client).mute = True

    def stall(self, seconds: float) -> None:
        """Hold back for a while what is sent from now on, either way."""
        until = self._around.clock.seconds() + seconds
        for wire in self._wires:
            for end in (wire.client, wire.server):
                end.held_until = max(end.held_until, until)

    def cut(self) -> None:
        """Break its connections."""
        for wire in self._wires:
            wire.cut()

    def heal(self) -> None:
        """Let new connections come about."""
        self.partitioned = False

    def _is_heard(self) -> bool:
        return any(not (wire.client.mute or wire.client.over) for wire in self._wires)

    def _silence(self) -> None:
        for wire in self._wires:
            wire.silent = True

    def _identity(self) -> Identify:
        process, era = ProcessID(self._around.unique()), self.era
        reports = self._reports()

        async def at(host: str) -> AgentIdentity:
            return AgentIdentity(
                node=self.node,
                role=Role.DATASET,
                era=era,
                process=process,
                host=host,
                version="simulated",
                backends=reports,
            )

        return at

    async def _connect(self, process: ProcessClock, hearer: Hearer) -> Link:
        await process.sleep(self._around.pace())
        control = self._around.control
        if control is None or self.partitioned:
            raise ControlUnreachable("control", 4524, "nobody answers")
        around = self._around
        wire = Wire(around.clock, self.node, f"host-{self.instance}", around.pace)
        self._wires = [each for each in self._wires if not each.over]
        self._wires.append(wire)
        control.ends.append(wire.server)
        wire.client.process, wire.server.process = process, control.clock
        link = Link(hearer, process)
        wire.connect(link, control.factory.buildProtocol(None))
        return link
