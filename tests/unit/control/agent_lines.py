"""Control with agents whose ends of the connections are the test's."""

from collections.abc import Iterable
from uuid import UUID

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.control import leases
from flocker.control.agents import Agents, ConnectionGone
from flocker.control.datasets import NewDataset, Wishes, change, create, delete
from flocker.control.observations import Observations
from flocker.control.operations import Decide, Operations, Timing
from flocker.model.cluster import (
    AgentIdentity,
    Assignment,
    Fact,
    NodeSight,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import Mounting
from flocker.model.ids import DatasetID, NodeID
from flocker.model.leases import USER, Holder
from flocker.model.status import Status, status
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    an_identity,
    dataset_id,
    node_id,
)
from flocker.testing.fakes.stores import MemoryStore
from flocker.wire.protocol import AgedFact, Report, Slice

BOOT = UUID(int=0xB007)
HERE, THERE, FAR = node_id(1), node_id(2), node_id(3)
NOW = 1000.0


@define(eq=False)
class Line:
    """A connection whose other end is the test.

    What was sent and not answered yet is `under_way`; `refuses` is for agents that
    answer at once.
    """

    identity: AgentIdentity
    answers_at_once: bool = True
    boot: str = ""
    number: int = 0
    slice: dict[DatasetID, Assignment] = field(factory=dict)
    sent: list[tuple[int, Slice]] = field(factory=list)
    under_way: list[tuple[Deferred[bool], str, int, Slice]] = field(factory=list)
    aborted: list[str] = field(factory=list)

    async def update(self, boot: UUID, number: int, what: Slice) -> bool:
        self.sent.append((number, what))
        answer: Deferred[bool] = Deferred()
        self.under_way.append((answer, str(boot), number, what))
        if self.answers_at_once:
            self.take()
        return await answer

    def take(self) -> None:
        """Do with the oldest update what an agent does, and answer."""
        applied = self.apply()
        self.under_way.pop(0)[0].callback(applied)

    def apply(self) -> bool:
        """Do with the oldest update what an agent does."""
        _, boot, number, what = self.under_way[0]
        follows = (boot, number) == (self.boot, self.number + 1)
        if what.full or follows:
            self.boot, self.number = boot, number
            if what.full:
                self.slice.clear()
            self.slice.update({each.id: each for each in what.changed})
            for dataset in what.gone:
                self.slice.pop(dataset, None)
        return what.full or follows

    def refuse(self) -> None:
        """Say that the oldest update does not follow."""
        refused = False
        self.under_way.pop(0)[0].callback(refused)

    def fail(self, error: Exception) -> None:
        """Answer the oldest update with an error."""
        self.under_way.pop(0)[0].errback(Failure(error))

    def knew(self, other: "Line") -> "Line":
        """Know what the agent knew on another connection."""
        self.boot, self.number, self.slice = other.boot, other.number, other.slice
        return self

    async def lives(self) -> bool:
        return True

    def abort(self, why: str) -> None:
        self.aborted.append(why)

    def peer(self) -> str:
        return self.identity.host

    @property
    def last(self) -> Slice:
        """What was sent last."""
        return self.sent[-1][1]


@define
class Seeing:
    """Notes of which datasets anything was observed."""

    seen: list[DatasetID]

    def observed(self, datasets: Iterable[DatasetID]) -> None:
        self.seen.extend(datasets)

    def sighted(self, sight: NodeSight) -> None:
        pass


class Control:
    """Control, from operations to the connections."""

    def __init__(self, configuration: Configuration | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        store = MemoryStore()
        store.stored = configuration or Configuration()
        self.observations = Observations()
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.agents = Agents(self.operations, BOOT, self.clock)

    def connect(self, line: Line) -> Line:
        """Let an agent connect with what it knows."""
        self.agents.connected(line, line.boot, line.number)
        return line

    def node(self, number: int, *, at_once: bool = True, era: int = 1) -> Line:
        """Let a new agent of a node connect."""
        return self.connect(Line(an_identity(number, era=era), at_once))

    def cut(self, line: Line) -> None:
        """End a connection: whatever was under way is lost."""
        self.agents.disconnected(line)
        while line.under_way:
            line.fail(ConnectionGone())

    def change(self, decide: Decide) -> None:
        """Carry out a change that must work."""
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        (result,) = results
        assert isinstance(result, Configuration), result

    def create(self, number: int, on: int, mount: Mounting = Mounting.ALWAYS) -> None:
        """Want a dataset."""
        new = NewDataset(dataset_id(number), node_id(on), mount=mount)
        self.change(lambda configuration: create(configuration, new, 1000.0))

    def move(self, number: int, to: int) -> None:
        """Want it elsewhere."""
        wishes = Wishes(node_id(to))
        self.change(lambda now: change(now, dataset_id(number), wishes, 1000.0))

    def lease(self, number: int, node: NodeID) -> None:
        """Use it on a node."""
        user = Holder(USER)
        self.change(lambda now: leases.acquire(now, dataset_id(number), node, user))

    def unlease(self, number: int) -> None:
        """Use it no more."""
        self.change(lambda now: leases.release(now, dataset_id(number)))

    def mounted_here(self, *, on_use: bool = False) -> Line:
        """Have the first dataset mounted on `HERE`, whose agent is asked to answer."""
        here = self.node(1, at_once=False)
        here.take()
        self.create(1, on=1, mount=Mounting.ON_USE if on_use else Mounting.ALWAYS)
        if not on_use:
            here.take()
        self.say(here, a_fact(1))
        while here.under_way:
            here.take()
        return here

    def status(self, number: int) -> Status:
        """Say what is happening to it."""
        wanted, seen = self.operations.configuration, self.observations
        found = dataset_id(number)
        return status(
            wanted.datasets[found],
            seen.facts(found),
            seen.nodes,
            wanted.leases.get(found),
            wanted.nodes,
            seen.letting_go(found),
        )

    def delete(self, number: int) -> None:
        """Want it gone."""
        self.change(lambda now: delete(now, dataset_id(number), 1000.0))

    def say(self, line: Line, *facts: Fact, full: bool = False, gone=()) -> None:
        """Let an agent report."""
        aged = tuple(AgedFact(fact, 0.0) for fact in facts)
        ids = tuple(dataset_id(number) for number in gone)
        self.agents.reported(line, Report(full, aged, ids))


def an_order(number: int, on: int, held_by: Iterable[int] = ()) -> Assignment:
    """What is told of a dataset that has no volume yet."""
    return Assignment(
        id=dataset_id(number),
        dataset=a_dataset(number, on),
        held_by=tuple(node_id(holder) for holder in held_by),
    )


def everything(*changed: Assignment) -> Slice:
    """All there is for an agent."""
    return Slice(full=True, changed=changed)


def edits(*changed: Assignment, gone: Iterable[int] = ()) -> Slice:
    """What changed for an agent."""
    return Slice(full=False, changed=changed, gone=tuple(map(dataset_id, gone)))
