"""Both ends of the agents' protocol, connected in memory: what control asks for."""

from collections.abc import Coroutine
from typing import Any, cast
from uuid import UUID

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.test.iosim import FakeTransport, IOPump, connect

from flocker.control.agent_protocol import (
    FORECASTS_WITHIN,
    LISTS_WITHIN,
    AgentFactory,
    AgentProtocol,
)
from flocker.control.agents import Agents, ConnectionGone
from flocker.control.observations import Observations
from flocker.convergence.link import Link
from flocker.model.cluster import Volume
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import (
    BackendName,
    DatasetID,
    InstanceID,
    NodeID,
    SnapshotID,
    VolumeID,
)
from flocker.wire.commands import (
    BadPayload,
    ForecastFailed,
    ForecastMove,
    ListingFailed,
)
from flocker.wire.protocol import PART_SIZE, Slice

MANY = tuple(
    Volume(
        DEFAULT_BACKEND,
        VolumeID(f"volume-{number}"),
        DatasetID(UUID(int=number)),
        1024 * number,
        InstanceID("i-1") if number % 2 else None,
    )
    for number in range(1000)
)


class Agent:
    """Says what it has, when it is allowed to."""

    def __init__(
        self, volumes: tuple[Volume, ...] | Exception, foretold: Forecast | None = None
    ) -> None:
        self.listed, self.foretold = volumes, foretold
        self.asked: list[FirstRound] = []
        self.allowed: Deferred[None] = Deferred()

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        return True

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        await self.allowed
        if isinstance(self.listed, Exception):
            raise self.listed
        return tuple(each for each in self.listed if each.backend == backend)

    async def forecast(self, question: FirstRound) -> Forecast | None:
        await self.allowed
        self.asked.append(question)
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.foretold

    def lost(self, why: str) -> None:
        """It is over."""


class Conversation:
    """Control and an agent over one connection."""

    def __init__(
        self, volumes: tuple[Volume, ...] | Exception, foretold: Forecast | None = None
    ) -> None:
        self.clock = Clock()
        self.agent = Agent(volumes, foretold)
        factory = AgentFactory(
            cast(Agents, None),
            Observations(),
            lambda _: NodeID(UUID(int=1)),
            self.clock,
            "2.0",
        )
        self.control = AgentProtocol(factory)
        self.control._speak_up.cancel()  # as if it had said Hello
        link = Link(self.agent, self.clock)
        self.pump: IOPump = connect(
            self.control,
            FakeTransport(self.control, isServer=True),
            link,
            FakeTransport(link, isServer=False),
        )

    def ask(self) -> list[Any]:
        """Ask for volumes; what comes of it is put in the list."""
        return self.wait(self.control.volumes(DEFAULT_BACKEND))

    def forecast(self, question: FirstRound) -> list[Any]:
        """Ask how much a move would send."""
        return self.wait(self.control.forecast(question))

    def wait(self, asking: Coroutine[Any, Any, object]) -> list[Any]:
        """Put what comes of it in the list."""
        found: list[Any] = []
        Deferred.fromCoroutine(asking).addBoth(found.append)
        self.pump.flush()
        return found

    def allow(self) -> None:
        self.agent.allowed.callback(None)
        self.pump.flush()


def test_many_volumes() -> None:
    """A list that is longer than a box comes whole."""
    conversation = Conversation(MANY)
    found = conversation.ask()
    assert found == []
    conversation.allow()
    assert found == [MANY]
    assert len(repr(MANY)) > 5 * PART_SIZE


def test_two_at_once() -> None:
    """Each question gets its own answer."""
    conversation = Conversation(MANY[:3])
    both = [conversation.ask(), conversation.ask()]
    conversation.allow()
    assert both == [[MANY[:3]], [MANY[:3]]]


def test_refusal() -> None:
    """Why an agent cannot list is told in its words."""
    conversation = Conversation(ListingFailed("the cloud is down"))
    found = conversation.ask()
    conversation.allow()
    with pytest.raises(ListingFailed, match="the cloud is down"):
        found[0].raiseException()


def test_late_answer() -> None:
    """Whoever waits is told after a while; what comes later does no harm."""
    conversation = Conversation(MANY[:3])
    found = conversation.ask()
    for _ in range(int(LISTS_WITHIN)):
        conversation.clock.advance(1.0)
        conversation.pump.flush()
    with pytest.raises(ListingFailed, match="has not answered for 30 s"):
        found[0].raiseException()
    conversation.allow()
    assert conversation.ask() == [MANY[:3]]


def test_lost_connection() -> None:
    """A connection that ends takes the question along."""
    conversation = Conversation(MANY)
    found = conversation.ask()
    transport = cast(StringTransport, conversation.control.transport)
    transport.loseConnection()
    conversation.pump.flush()
    with pytest.raises(ConnectionGone):
        found[0].raiseException()


DATASET = DatasetID(UUID(int=7))
QUESTIONS = [
    FirstRound(BackendName("fast"), DATASET, None),
    FirstRound(BackendName("fast"), DATASET, SnapshotID("8107439012345678900")),
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "forecast",
    [
        None,
        Forecast(0),
        Forecast(2**50, at_most=True),
        Forecast(7, sends_all=True),
    ],
)
def test_forecast(question: FirstRound, forecast: Forecast | None) -> None:
    """How much a move would send is asked and told as it is meant."""
    conversation = Conversation((), forecast)
    found = conversation.forecast(question)
    conversation.allow()
    assert found == [forecast]
    assert conversation.agent.asked == [question]


def test_no_forecast() -> None:
    """Why an agent cannot say is told in its words."""
    conversation = Conversation(ForecastFailed("the pool is not there"))
    found = conversation.forecast(QUESTIONS[0])
    conversation.allow()
    with pytest.raises(ForecastFailed, match="the pool is not there"):
        found[0].raiseException()


def test_late_forecast() -> None:
    """A pool that hangs does not keep those waiting who only want to know."""
    conversation = Conversation(())
    found = conversation.forecast(QUESTIONS[0])
    for _ in range(int(FORECASTS_WITHIN)):
        conversation.clock.advance(1.0)
        conversation.pump.flush()
    with pytest.raises(ForecastFailed, match="has not answered for 5 s"):
        found[0].raiseException()


def test_forecast_of_nothing() -> None:
    """What is no dataset is refused, and the connection goes on."""
    conversation = Conversation((), Forecast(5))
    found: list[Any] = []
    asking = conversation.control.callRemote(
        ForecastMove, pool="fast", dataset="none", base=None
    )
    asking.addBoth(found.append)
    conversation.pump.flush()
    with pytest.raises(BadPayload):
        found[0].raiseException()
    conversation.allow()
    assert conversation.forecast(QUESTIONS[0]) == [Forecast(5)]
