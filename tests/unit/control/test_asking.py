"""Asking agents what their backends list."""

from uuid import UUID

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.control.agents import ConnectionGone
from flocker.control.asking import TRIES, Asking, BackendUnanswered, Nobody, NotCounted
from flocker.control.datasets import NewDataset, create
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.model.changes import apply
from flocker.model.cluster import AgentIdentity, BackendReport, Role, Volume
from flocker.model.configuration import Configuration
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Era,
    NodeID,
    ProcessID,
    VolumeID,
)
from flocker.testing.fakes.stores import MemoryStore
from flocker.wire.commands import ForecastFailed, ListingFailed

FAST, SLOW = BackendName("fast"), BackendName("slow")
VOLUME = Volume(FAST, VolumeID("v"), DatasetID(UUID(int=1)), 1024)


def a_node(number: int) -> NodeID:
    return NodeID(UUID(int=number))


class Agent:
    """A connected agent that answers, or cannot."""

    def __init__(
        self,
        answer: tuple[Volume, ...] | Exception,
        foretold: Forecast | None = None,
    ) -> None:
        self.answer, self.foretold = answer, foretold
        self.asked: list[BackendName | FirstRound] = []

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        self.asked.append(backend)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def forecast(self, question: FirstRound) -> Forecast | None:
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.foretold


class Cluster:
    """Nodes with one backend each, and the agents of those that are connected."""

    def __init__(self, *nodes: tuple[BackendName, Agent | None]) -> None:
        self.observations = Observations()
        self.agents = {a_node(n): agent for n, (_, agent) in enumerate(nodes, 1)}
        for number, (backend, _) in enumerate(nodes, 1):
            identity = AgentIdentity(
                a_node(number),
                Role.DATASET,
                Era(UUID(int=1)),
                ProcessID(UUID(int=2)),
                "10.0.0.1",
                "2.0",
                (BackendReport(backend, "memory", "block"),),
            )
            self.observations.connected(identity, 0.0)
        change = create(
            Configuration(),
            NewDataset(DatasetID(UUID(int=9)), a_node(1), backend=SLOW),
            0.0,
        )
        clock = Clock()
        operations = Operations(
            MemoryStore(),
            apply(change, Configuration()),
            self.observations,
            clock,
            Timing(clock.seconds),
        )
        self.asking = Asking(operations, self)

    def connection_of(self, node: NodeID) -> Agent | None:
        return self.agents.get(node)

    def look(self, node: NodeID, dataset: DatasetID) -> None:
        raise AssertionError

    def volumes(self, backend: BackendName = FAST) -> tuple[Volume, ...]:
        found: list = []
        Deferred.fromCoroutine(self.asking.volumes(backend)).addBoth(found.append)
        (result,) = found
        if not isinstance(result, tuple):
            result.raiseException()
        return result


def test_one_agent_answers_for_its_backend() -> None:
    """The backend is listed once, by a node that has it."""
    other, first, second = Agent(()), Agent((VOLUME,)), Agent((VOLUME,))
    cluster = Cluster((SLOW, other), (FAST, first), (FAST, second))
    assert cluster.volumes() == (VOLUME,)
    assert (other.asked, first.asked, second.asked) == ([], [FAST], [])


@pytest.mark.parametrize("trouble", [ConnectionGone(), ListingFailed("no answer")])
def test_next_agent_is_asked(trouble: Exception) -> None:
    """Where one agent cannot say, another may."""
    cluster = Cluster((FAST, Agent(trouble)), (FAST, None), (FAST, Agent((VOLUME,))))
    assert cluster.volumes() == (VOLUME,)


def test_nobody_can_say() -> None:
    """The last reason is told; not every agent of a cluster is tried."""
    agents = [Agent(ListingFailed(f"reason {number}")) for number in range(TRIES + 1)]
    with pytest.raises(BackendUnanswered, match=f"reason {TRIES - 1}"):
        Cluster(*((FAST, agent) for agent in agents)).volumes()
    assert [len(agent.asked) for agent in agents] == [1] * TRIES + [0]


def test_nobody_is_connected() -> None:
    """A backend of silent nodes is unanswered."""
    with pytest.raises(BackendUnanswered, match="no node that has it is connected"):
        Cluster((FAST, None)).volumes()


QUESTION = FirstRound(FAST, DatasetID(UUID(int=9)), None)


def forecast(agent: Agent | None) -> Forecast:
    """Ask the second node, which has this agent."""
    cluster = Cluster((FAST, Agent(())), (FAST, agent))
    found: list = []
    asking = cluster.asking.forecast(a_node(2), QUESTION)
    Deferred.fromCoroutine(asking).addBoth(found.append)
    (result,) = found
    if not isinstance(result, Forecast):
        result.raiseException()
    assert isinstance(result, Forecast)
    return result


def test_forecast() -> None:
    """How much a move would send is asked of the node that has it, and no other."""
    agent = Agent((), Forecast(5))
    assert forecast(agent) == Forecast(5)
    assert agent.asked == [QUESTION]


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (None, f"node {a_node(2)} is not connected"),
        (Agent(ConnectionGone()), f"the connection to node {a_node(2)} was lost"),
        (Agent(ForecastFailed("no pool")), f"node {a_node(2)} says: no pool"),
        (Agent(()), "its pool cannot say, or not within a second"),
    ],
)
def test_not_counted(agent: Agent | None, why: str) -> None:
    """Why nobody knows is told."""
    with pytest.raises(NotCounted, match=why):
        forecast(agent)


def test_backends() -> None:
    """Backends are those of nodes, and those that datasets want."""
    assert Cluster((FAST, None)).asking.backends() == [FAST, SLOW]


def test_nobody() -> None:
    """Where there are no agents, none is reached."""
    assert Nobody().connection_of(a_node(1)) is None
    assert Nobody().look(a_node(1), DatasetID(UUID(int=9))) is None
