"""The conversation with control: dial, say Hello, be told, and dial again when lost.

Control hosts are tried in turn. An agent that is not connected changes nothing, so
its loop runs only between `informed` and `lost`. Used by both agents.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from flocker.convergence.link import Hearer, Link
from flocker.model.cluster import Volume
from flocker.model.errors import FlockerError
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName
from flocker.runtime import logging
from flocker.runtime.backoff import Chance, delay
from flocker.wire.commands import BadPayload
from flocker.wire.protocol import Slice

Dial = Callable[[int, Hearer], Awaitable[Link]]
"""Connects to the control host whose turn it is (a count from 0) and says Hello."""


class Agent(Protocol):
    """What the session serves."""

    def talking(self, link: Link) -> None:
        """Control has accepted this agent; updates will come."""

    async def take(self, boot: str, number: int, what: Slice) -> bool:
        """Take an update; False when it does not follow on what is known."""

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """List all volumes of a backend. Raises `ListingFailed`."""

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Say how much a move would send, if known. Raises `ForecastFailed`."""

    def cut_off(self) -> None:
        """Control is not heard any more."""


class Session(Protocol):
    """What may happen to a conversation."""

    def start(self) -> None:
        """Begin to dial."""

    def connected(self, link: Link) -> None:
        """Control has accepted this agent."""

    def failed(self, why: str) -> None:
        """Dialling or Hello did not work."""

    def lost(self, why: str) -> None:
        """The connection has ended."""

    def again(self) -> None:
        """It is time to dial again."""

    def stop(self) -> None:
        """End it for good."""


@define
class Core:
    """What a session knows; `attempts` counts failures in a row."""

    dial: Dial
    agent: Agent
    clock: IReactorTime
    chance: Chance
    session: Session | None = None
    turn: int = 0
    attempts: int = 0
    dialling: Deferred[None] | None = None
    timer: IDelayedCall | None = None
    link: Link | None = None
    ear: Hearer | None = None


@define(eq=False)
class _Ear:
    """Hears one connection on the session's behalf, while it is the session's.

    A connection that is over for the session may still live for a moment, and end
    when the next one is long in use.
    """

    session: Session
    core: Core

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        """Pass an update on. Raises `BadPayload` on a connection that was left."""
        if self.core.ear is not self:
            raise BadPayload("the agent has left this connection")
        return await self.core.agent.take(boot, number, what)

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Pass a question on."""
        return await self.core.agent.volumes(backend)

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Pass a question on."""
        return await self.core.agent.forecast(question)

    def lost(self, why: str) -> None:
        """Pass the end on."""
        if self.core.ear is self:
            self.session.lost(why)


def make_session(
    dial: Dial, agent: Agent, clock: IReactorTime, chance: Chance
) -> Session:
    """Make a session that has not begun."""
    core = Core(dial, agent, clock, chance)
    core.session = _machine(core)
    return core.session


def _dial(session: Session, core: Core) -> None:
    core.timer = None
    turn, core.turn = core.turn, core.turn + 1
    core.ear = _Ear(session, core)
    core.dialling = Deferred.fromCoroutine(_try(session, core, turn, core.ear))


async def _try(session: Session, core: Core, turn: int, ear: Hearer) -> None:
    try:
        link = await core.dial(turn, ear)
    except (CancelledError, ConnectingCancelledError):
        session.failed("dialling was cancelled")
    except FlockerError as error:
        session.failed(str(error))
    except Exception as error:  # noqa: BLE001  (a fault of ours must not end it)
        logging.failure("flocker:session:fault", Failure())
        session.failed(f"unexpected {type(error).__name__}: {error}")
    else:
        session.connected(link)


def _pause(session: Session, core: Core, why: str) -> None:
    core.ear = None
    core.attempts += 1
    wait = delay(core.attempts, core.chance)
    logging.message(
        "flocker:session:failed", why=why, attempts=core.attempts, again_in=wait
    )
    core.timer = core.clock.callLater(wait, session.again)


_builder = TypeMachineBuilder(Session, Core)
_silent = _builder.state("silent")
_dialling = _builder.state("dialling")
_pausing = _builder.state("pausing")
_talking = _builder.state("talking")
_over = _builder.state("over")


@_silent.upon(Session.start).to(_dialling)
def _begin(session: Session, core: Core) -> None:
    _dial(session, core)


@_pausing.upon(Session.again).to(_dialling)
def _dial_again(session: Session, core: Core) -> None:
    _dial(session, core)


@_dialling.upon(Session.connected).to(_talking)
def _talk(session: Session, core: Core, link: Link) -> None:
    core.attempts = 0
    core.link = link
    core.agent.talking(link)
    logging.message("flocker:session:connected", control=link.peer())


@_dialling.upon(Session.failed).to(_pausing)
def _dial_failed(session: Session, core: Core, why: str) -> None:
    _pause(session, core, why)


@_talking.upon(Session.lost).to(_pausing)
def _cut(session: Session, core: Core, why: str) -> None:
    core.link = None
    core.agent.cut_off()
    _pause(session, core, why)


@_dialling.upon(Session.stop).to(_over)
def _stop_dialling(session: Session, core: Core) -> None:
    core.ear = None
    if core.dialling is not None:
        core.dialling.cancel()


@_pausing.upon(Session.stop).to(_over)
def _stop_pausing(session: Session, core: Core) -> None:
    if core.timer is not None:
        core.timer.cancel()


@_talking.upon(Session.stop).to(_over)
def _hang_up(session: Session, core: Core) -> None:
    core.ear = None
    core.agent.cut_off()
    if core.link is not None and core.link.transport is not None:
        core.link.transport.loseConnection()


@_over.upon(Session.connected).loop()
def _too_late(session: Session, core: Core, link: Link) -> None:
    link.abort("the agent is stopping")


_silent.upon(Session.stop).to(_over).returns(None)
for _state in (_silent, _dialling, _pausing, _over):
    _state.upon(Session.lost).loop().returns(None)
_over.upon(Session.failed).loop().returns(None)
_over.upon(Session.stop).loop().returns(None)

_machine = _builder.build()
