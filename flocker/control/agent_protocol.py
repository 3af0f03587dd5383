"""The agents' port: who may be an agent, and AMP on control's side.

The handshake has let in only ``node-`` certificates; here the first command must be
`Hello`, and it must come from the node whose certificate it is.
"""

from collections.abc import Callable
from uuid import UUID

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from flocker.control.agents import Agents, ConnectionGone
from flocker.control.observations import Observations
from flocker.model.cluster import AgentIdentity, Role, Volume
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, NodeID
from flocker.runtime import logging
from flocker.wire.commands import (
    AgentRefused,
    BadPayload,
    ForecastFailed,
    ForecastMove,
    Hello,
    ListingFailed,
    ListVolumes,
    ProtocolMismatch,
    ReportFacts,
    Update,
    VolumesListed,
)
from flocker.wire.connection import ENDED, Connection
from flocker.wire.json_codec import Undecodable, decode, encode_briefly
from flocker.wire.protocol import PROTOCOL, Listing, Report, Slice

ANSWER_WITHIN = 2.0
"""Seconds that an older connection has to answer, or it gives way to a newer one."""

LISTS_WITHIN = 30.0
"""Seconds that an agent has to list the volumes of a backend."""

FORECASTS_WITHIN = 5.0
"""Seconds that an agent has to say how much a move would send; it counts for one."""

HELLO_WITHIN = 15.0
"""Seconds that a new connection has to say who it is."""

Identify = Callable[[ITransport], NodeID]
"""Reads the node's id from the certificate of a connection's other side."""


def _is_same(one: AgentIdentity, other: AgentIdentity) -> bool:
    """Say whether two connections are of one process.

    Its number alone does not say so: a machine may be copied while it runs.
    """
    return (one.process, one.era, one.host) == (other.process, other.era, other.host)


def both_claim(
    second: AgentIdentity, second_host: str, first: AgentIdentity, first_host: str
) -> str:
    """Say that two agents, both alive, are of one node, and what to do about it."""
    node = second.node
    if (second.era, second.host) == (first.era, first.host):
        return f"two agents at {first_host} say they are node {node}; stop one of them"
    return (
        f"{second_host} and {first_host} both say they are node {node}; "
        "every node needs a certificate of its own"
    )


class AgentProtocol(Connection):
    """A connection to one agent."""

    identity: AgentIdentity

    def __init__(self, factory: "AgentFactory") -> None:
        super().__init__(factory.clock)
        self._factory = factory
        self._greeted = False
        self._accepted = False
        self._requests = 0
        self._listings: dict[int, Listing] = {}
        self._speak_up = factory.clock.callLater(HELLO_WITHIN, self._say_nothing)

    def dataReceived(self, data: bytes) -> None:
        """Whatever it says, it lives."""
        if self._accepted:
            self._factory.agents.heard(self)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the connection."""
        if self._speak_up.active():
            self._speak_up.cancel()
        if self._accepted:
            logging.message(
                "flocker:control:agent-disconnected",
                node=str(self.identity.node),
                peer=self.identity.host,
                why=reason.getErrorMessage(),
            )
            self._factory.agents.disconnected(self)
        super().connectionLost(reason)

    async def update(self, boot: UUID, number: int, what: Slice) -> bool:
        """Send a slice (`AgentConnection`)."""
        try:
            answer = await self.send_parts(
                Update,
                encode_briefly(what),
                boot=str(boot),
                number=number,
                task=logging.current_task_id(),
            )
        except ENDED as error:
            raise ConnectionGone from error
        return bool(answer["applied"])

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Ask for all volumes of a backend (`AgentConnection`)."""
        self._requests += 1
        request = self._requests
        self._listings[request] = Listing(())
        try:
            _ = await self.callRemote(
                ListVolumes, request=request, backend=backend
            ).addTimeout(LISTS_WITHIN, self.clock)
        except ENDED as error:
            raise ConnectionGone from error
        except defer.TimeoutError as error:
            words = f"its agent has not answered for {LISTS_WITHIN:.0f} s"
            raise ListingFailed(words) from error
        else:
            return self._listings[request].volumes
        finally:
            del self._listings[request]

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Ask how much a move would send (`AgentConnection`)."""
        try:
            answer = await self.callRemote(
                ForecastMove,
                pool=question.pool,
                dataset=str(question.dataset),
                base=question.base,
            ).addTimeout(FORECASTS_WITHIN, self.clock)
        except ENDED as error:
            raise ConnectionGone from error
        except defer.TimeoutError as error:
            words = f"its pool has not answered for {FORECASTS_WITHIN:.0f} s"
            raise ForecastFailed(words) from error
        if answer["size"] is None:
            return None
        return Forecast(
            answer["size"], bool(answer["at_most"]), bool(answer["sends_all"])
        )

    async def lives(self) -> bool:
        """Ask for a sign of life (`AgentConnection`)."""
        try:
            _ = await self.ping().addTimeout(ANSWER_WITHIN, self.clock)
        except (*ENDED, defer.TimeoutError):
            return False
        return True

    @Hello.responder
    def _hello(
        self, protocol: int, identity: bytes, boot: str, number: int
    ) -> Deferred[dict[str, object]]:
        return Deferred.fromCoroutine(self._answer(protocol, identity, boot, number))

    async def _answer(
        self, protocol: int, identity: bytes, boot: str, number: int
    ) -> dict[str, object]:
        """Let it in, or refuse it and say so here too."""
        assert self.transport is not None  # noqa: S101  (it has just spoken)
        node = self._factory.identify(self.transport)
        host, peer = self.peer_host(), self.peer()  # it may be gone in the end
        try:
            return await self._greet(protocol, identity, boot, number)
        except (AgentRefused, BadPayload, ProtocolMismatch) as refusal:
            logging.message(
                "flocker:control:agent-refused",
                node=str(node),
                host=host,
                why=str(refusal),
                peer=peer,
            )
            if not isinstance(refusal, BadPayload):
                self._factory.observations.refused(node, str(refusal))
            raise

    async def _greet(
        self, protocol: int, identity: bytes, boot: str, number: int
    ) -> dict[str, object]:
        if protocol != PROTOCOL:
            raise ProtocolMismatch(
                f"the agent at {self.peer_host()} speaks protocol {protocol}, control"
                f" {PROTOCOL}; both must be of one version"
            )
        try:
            claimed = decode(AgentIdentity, identity)
        except Undecodable as error:
            raise BadPayload(str(error)) from error
        self._examine(claimed)
        await self._make_way(claimed)
        self.identity = claimed
        if self._speak_up.active():
            self._speak_up.cancel()
        _ = self.clock.callLater(0, self._join, boot, number)
        return {"protocol": PROTOCOL, "version": self._factory.version}

    def _examine(self, claimed: AgentIdentity) -> None:
        """Refuse who is not what the certificate, or this port, is for."""
        if self._greeted:
            raise AgentRefused("Hello was said before on this connection")
        if claimed.role is not Role.DATASET:
            raise AgentRefused(f"no {claimed.role.value} agents are taken here")
        assert self.transport is not None  # noqa: S101  (it has just spoken)
        certified = self._factory.identify(self.transport)
        if claimed.node != certified:
            raise AgentRefused(
                f"the certificate is of node {certified}, the agent says {claimed.node}"
            )
        self._greeted = True

    async def _make_way(self, claimed: AgentIdentity) -> None:
        """Close an older connection of the node, or refuse this one.

        Note [A process replaces itself]: a process that dials anew has given its older
        connection up. That of another process is asked for a sign of life, also where
        host and era are the same: of two that run, each would push out the other.
        """
        agents = self._factory.agents
        while (older := agents.connection_of(claimed.node)) is not None:
            if not _is_same(older.identity, claimed) and await older.lives():
                raise AgentRefused(
                    both_claim(
                        claimed, self.peer_host(), older.identity, older.peer_host()
                    )
                )
            older.abort(f"{self.peer()} takes its place")
            agents.disconnected(older)

    def _join(self, boot: str, number: int) -> None:
        """Become the node's connection, once `Hello` is answered."""
        if not self.alive:
            return
        if self._factory.agents.connection_of(self.identity.node) is not None:
            self.abort("another connection of the node was quicker")
            return
        self._accepted = True
        logging.message(
            "flocker:control:agent-connected",
            node=str(self.identity.node),
            host=self.identity.host,
            era=str(self.identity.era),
            peer=self.peer(),
        )
        self._factory.agents.connected(self, boot, number)

    @VolumesListed.responder
    def _listed(
        self, request: int, part: int, parts: int, payload: bytes
    ) -> dict[str, object]:
        whole = self.take_part(part, parts, payload)
        # An answer that came too late is to no request any more.
        if whole is not None and request in self._listings:
            try:
                self._listings[request] = decode(Listing, whole)
            except Undecodable as error:
                raise BadPayload(str(error)) from error
        return {}

    @ReportFacts.responder
    def _report(
        self, part: int, parts: int, payload: bytes, task: str
    ) -> dict[str, object]:
        if not self._accepted:
            raise BadPayload("a report came before Hello")
        whole = self.take_part(part, parts, payload)
        if whole is not None:
            self._take_report(whole, task)
        return {}

    def _take_report(self, whole: bytes, task: str) -> None:
        try:
            report = decode(Report, whole)
        except Undecodable as error:
            raise BadPayload(str(error)) from error
        with logging.continued(
            task,
            "flocker:control:reported",
            node=str(self.identity.node),
            full=report.full,
            changed=[str(aged.fact.dataset) for aged in report.changed],
            gone=[str(dataset) for dataset in report.gone],
        ):
            self._factory.agents.reported(self, report)

    def _say_nothing(self) -> None:
        self.abort(f"it did not say who it is within {HELLO_WITHIN:.0f} s")


class AgentFactory(Factory):
    """Makes an `AgentProtocol` a connection."""

    noisy = False

    def __init__(
        self,
        agents: Agents,
        observations: Observations,
        identify: Identify,
        clock: IReactorTime,
        version: str,
    ) -> None:
        self.agents = agents
        self.observations = observations
        self.identify = identify
        self.clock = clock
        self.version = version

    def buildProtocol(self, addr: IAddress | None) -> AgentProtocol:
        """Take a connection."""
        return AgentProtocol(self)
