"""Agents of two nodes with pools, and as much of control as they talk to."""

from itertools import count

from attrs import define, evolve, field
from pyrsistent import pmap
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from flocker.control import pool_moves, pool_upkeep
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.pool_rig import Pool, PoolRig
from flocker.dataset_agent.rig import Rig
from flocker.model.changes import apply
from flocker.model.cluster import Fact, Peer
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.pools import PoolOwnership, Stage
from flocker.testing.builders import a_dataset, an_assignment, dataset_id, node_id
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_carrier import MemoryCarrier
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.wire.protocol import Report, Slice

DATASET = dataset_id()
A, B = node_id(1), node_id(2)
MINUTE = 60.0
NEW = PoolOwnership(DATASET, DEFAULT_BACKEND, A, holders=(A,))


@define(eq=False)
class Node:
    """A node: its disk stays, its agent may be started anew."""

    id: object
    clock: Clock
    carrier: MemoryCarrier
    unique: object
    disk: MemoryDisk = field(factory=MemoryDisk)
    kept: dict = field(factory=dict)
    facts: dict = field(factory=dict)
    number: int = 0
    driver: type[ResumingMemoryPool] = ResumingMemoryPool
    agent: DatasetAgent = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a new life of the agent."""
        threads = SimulatedThreads(ProcessClock(self.clock))
        pool = Pool(DEFAULT_BACKEND, "memory", self.pool(), threads)
        kernel = MemoryFilesystems(MemoryBlockDevices())
        rig = Rig(self.id, {}, kernel, threads, pools={DEFAULT_BACKEND: pool})
        peers = PoolRig(
            self.id, rig.mount_root, self.carrier, lambda: f"{next(self.unique):04}"
        )
        self.agent = DatasetAgent(evolve(rig, peers=peers), self.clock, lambda: 0.5)
        self.carrier.hosts[self.id] = self.agent
        self.number = 0
        self.facts.clear()
        self.agent.talking(self)

    def pool(self) -> MemoryPool:
        return self.driver(self.disk, self.kept)

    async def report(self, report: Report) -> None:
        if report.full:
            self.facts.clear()
        for aged in report.changed:
            self.facts[aged.fact.dataset] = aged.fact
        for gone in report.gone:
            del self.facts[gone]

    def abort(self, why: str) -> None:
        raise AssertionError(why)

    def tell(self, *assignments, **others) -> None:
        self.number += 1
        told = Slice(self.number == 1, tuple(assignments), **others)
        ensureDeferred(self.agent.take("boot", self.number, told))

    @property
    def place(self):
        return Rig(self.id, {}, None, None).place(DATASET)

    @property
    def copy(self):
        return self.disk.copies.get(DATASET)

    @property
    def fact(self) -> Fact:
        return self.facts[DATASET]

    @property
    def served(self) -> bool:
        return self.copy is not None and bool(self.copy.mounted_at)

    def write(self, name: str, content: bytes = b"content") -> None:
        self.disk.write(DATASET, name, content)


@define(eq=False)
class Cluster:
    """Two nodes, and the one row that control has."""

    dataset: object = field(factory=a_dataset)
    lease: object = None
    clock: Clock = field(factory=Clock)
    carrier: MemoryCarrier = field(factory=MemoryCarrier)
    freezes: bool = True
    row: PoolOwnership = NEW
    told: list = field(factory=list)
    a: Node = field(init=False)
    b: Node = field(init=False)

    def __attrs_post_init__(self) -> None:
        unique = count(1)
        self.a = Node(A, self.clock, self.carrier, unique)
        self.b = Node(B, self.clock, self.carrier, unique)
        self.tell()

    @property
    def nodes(self):
        return (self.a, self.b)

    def tell(self) -> None:
        """Tell both agents the row as it is."""
        self.told.append(self.row)
        for node in self.nodes:
            others = [each for each in (A, B) if each != node.id]
            peers = tuple(Peer(each, "10.0.0.1", 4525) for each in others)
            assignment = evolve(
                an_assignment(), dataset=self.dataset, lease=self.lease, ownership=None
            )
            node.tell(evolve(assignment, pool=self.row, peers=peers))

    def decide(self, decide, *args, **keywords) -> None:
        """Do what a user asks, and tell the agents."""
        before = Configuration(pools=pmap({DATASET: self.row}))
        change = decide(before, DATASET, *args, **keywords)
        self.row = apply(change, before).pools[DATASET]
        self.tell()

    def keep(self) -> bool:
        """Do what control does when it hears from agents; False if that is nothing."""
        facts = {
            node.id: node.fact.pool
            for node in self.nodes
            if DATASET in node.facts and node.fact.pool is not None
        }
        then = pool_upkeep.keep(self.row, facts)
        if then is not None:
            self.row = then
            self.tell()
            return True
        move = self.row.move
        source = facts.get(self.row.owner)
        copying = None if source is None else source.copying
        ready = copying is not None and copying.ready
        if self.freezes and move and move.stage is Stage.COPYING and ready:
            self.decide(pool_moves.freeze)
            return True
        return False

    def settle(self, seconds: float = 0.0) -> None:
        """Let all that follows happen."""
        for _ in range(100):
            self.clock.pump([0.0, 0.1, 0.5])
            if not self.keep():
                break
        else:
            raise AssertionError("it does not come to rest")
        if seconds:
            self.clock.pump([1.0] * int(seconds))
            self.settle()


def contents(node: Node):
    return dict(node.disk.files(DATASET))
