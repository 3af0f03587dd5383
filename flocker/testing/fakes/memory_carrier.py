"""Brings snapshots from one agent to another of the same process."""

from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from flocker.backends.pool_interface import Announced, IOutgoing
from flocker.backends.pool_resuming import suspend
from flocker.dataset_agent.pool_carrying import open_stream
from flocker.dataset_agent.pool_receiving import Denied, NotYet, Visit
from flocker.dataset_agent.pool_rig import Cancel, Heard, NotTaken, Pool, Shipment
from flocker.dataset_agent.pool_states import Offer
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.dataset_agent.transfer.frames import PROTOCOL, Begin
from flocker.dataset_agent.transfer.hosting import Welcome
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.model.cluster import Peer
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID, SnapshotID

PART = 1024


class Host(Protocol):
    """An agent that lets others bring snapshots."""

    async def visit(self, source: NodeID, dataset: DatasetID, offer: Offer) -> Visit:
        """Begin a visit."""


@frozen
class NotReached(FlockerError):
    """The way to the other agent was cut."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"the other agent is not reached: {self.why}"


@define(eq=False)
class MemoryCarrier:
    """The way from one agent to the others; `hosts` are those that live.

    `passing` is called before each part of a stream, and may raise what stands for a
    cut.
    """

    hosts: dict[NodeID, Host] = field(factory=dict)
    passing: Callable[[int], None] = field(default=lambda _done: None)
    sent: list[tuple[str, SnapshotID | None]] = field(factory=list)
    """The names of the snapshots that came, each with what it continued."""
    rests: list[str] = field(factory=list)
    """The names of those of which only the rest was sent."""

    async def carry(
        self,
        pool: Pool,
        to: Peer,
        shipment: Shipment,
        heard: Heard,
        under_way: Callable[[Cancel], None],
    ) -> SnapshotID:
        """Send what the target lacks (`pool_rig.Carrier`)."""
        host = self.hosts.get(to.node)
        if host is None:
            raise AgentUnreachable(to.host, to.port, "it is off")
        ended: list[str] = []
        under_way(ended.append)
        try:
            return await self._bring(pool, host, shipment, heard, ended)
        except Denied as error:
            soon = isinstance(error, NotYet)
            raise NotTaken(to.node, str(error), soon=soon) from error

    async def _bring(
        self,
        pool: Pool,
        host: Host,
        shipment: Shipment,
        heard: Heard,
        ended: list[str],
    ) -> SnapshotID:
        dataset = shipment.dataset
        visit = await host.visit(shipment.offer.source, dataset, shipment.offer)
        try:
            since, there = visit.since, visit.unfinished
            sent: list[int] = []
            for each in shipment.after(since, there):
                announced = Announced(each.name, each.identity, since)
                begin = Begin(PROTOCOL, dataset, shipment.offer.epoch, announced)
                begin, outgoing = await open_stream(pool, begin, there)
                if begin.rest:
                    self.rests.append(each.name)
                try:
                    welcome = await visit.admit(announced, rest=begin.rest)
                    await self._pour(pool, outgoing, welcome, ended, heard, sent)
                finally:
                    outgoing.close()
                self.sent.append((each.name, since))
                since = each.identity
            return await visit.confirm()
        finally:
            visit.ended()

    async def _pour(
        self,
        pool: Pool,
        outgoing: IOutgoing,
        welcome: Welcome,
        ended: list[str],
        heard: Heard,
        sent: list[int],
    ) -> None:
        """Send a stream; `sent` has the bytes of each part of the visit."""
        try:
            while part := await pool.threads.run(outgoing.read, PART):
                _check(ended)
                self.passing(sum(sent))
                welcome.stream.write(part)
                sent.append(len(part))
                heard(Progress(sum(sent), None, 1.0))
            welcome.stream.finish(welcome.record)
        except NotReached:
            suspend(welcome.stream)
            raise
        finally:
            welcome.stream.abort()


def _check(ended: list[str]) -> None:
    if ended:
        raise NotReached(ended[0])
