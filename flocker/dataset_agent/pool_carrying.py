"""Brings snapshots to the agents of other nodes, and lets theirs in, over TLS.

Between the keepers of pools, which know what may be sent and taken, and
`flocker.dataset_agent.transfer`, which knows how.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from flocker.backends.pool_interface import Announced
from flocker.dataset_agent import pool_receiving, pool_states
from flocker.dataset_agent.pool_receiving import NotYet
from flocker.dataset_agent.pool_rig import Cancel, Heard, NotTaken, Pool, Shipment
from flocker.dataset_agent.transfer.channel import Channel, TransferCut
from flocker.dataset_agent.transfer.connecting import dial
from flocker.dataset_agent.transfer.frames import PROTOCOL, Begin, Offer, Packing
from flocker.dataset_agent.transfer.hosting import Welcome
from flocker.dataset_agent.transfer.pacing import Pace, Progress
from flocker.dataset_agent.transfer.sending import Sender, TargetRefused
from flocker.model.cluster import Peer
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.runtime.reactor import IReactor
from flocker.runtime.threads import Threads

SOON = NotYet.__name__
"""The code of a refusal that may be another one in a moment."""

ToNode = Callable[[NodeID], IOpenSSLClientConnectionCreator]
"""Gives the TLS of a connection to the agent of a node, and to no other."""


@frozen
class Carrier:
    """The way to other nodes; `explain` puts the end of a TLS connection in words.

    `threads` are only for this: a conversation takes one for as long as it lasts.
    """

    reactor: IReactor
    threads: Threads
    tls: ToNode
    explain: Callable[[BaseException], str | None]
    pace: Pace = field(factory=Pace)
    packing: Packing | None = None

    async def carry(
        self,
        pool: Pool,
        to: Peer,
        shipment: Shipment,
        heard: Heard,
        under_way: Callable[[Cancel], None],
    ) -> SnapshotID:
        """Send what the target lacks (`pool_rig.Carrier`)."""
        work = Deferred.fromCoroutine(self._carry(pool, to, shipment, heard))
        reasons: list[str] = []

        def cancel(why: str) -> None:
            reasons.append(why)
            work.cancel()

        under_way(cancel)
        try:
            return await work
        except TargetRefused as error:
            soon = error.code == SOON
            raise NotTaken(to.node, error.why, soon=soon) from error
        except CancelledError as error:
            raise TransferCut(reasons[0] if reasons else "it was cancelled") from error

    async def _carry(
        self, pool: Pool, to: Peer, shipment: Shipment, heard: Heard
    ) -> SnapshotID:
        channel = await dial(
            self.threads, to.host, to.port, self.tls(to.node), self.explain
        )
        try:
            return await self._converse(channel, pool, shipment, heard)
        finally:
            channel.finish()

    async def _converse(
        self, channel: Channel, pool: Pool, shipment: Shipment, heard: Heard
    ) -> SnapshotID:
        sent = _Sum(heard)
        sender = Sender(
            self.reactor, self.threads, self.pace, sent.add, packing=self.packing
        )
        since = await sender.open_visit(channel, _offer(shipment))
        for each in shipment.after(since):
            estimate = pool.threads.run(
                pool.api.estimate, shipment.dataset, each.identity, since
            )
            size = await sender.meanwhile(channel, estimate)
            begin = Begin(
                PROTOCOL,
                shipment.dataset,
                shipment.offer.epoch,
                Announced(each.name, each.identity, since),
                size,
            )
            stream = await pool.threads.run(
                pool.api.send, shipment.dataset, each.identity, since
            )
            await sender.send(channel, begin, stream)
            sent.next()
            since = each.identity
        return await sender.ask(channel)


class _Sum:
    """How far several streams are that follow each other."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._before = 0
        self._last = 0

    def add(self, progress: Progress) -> None:
        self._last = progress.done
        total = progress.total
        self._heard(
            Progress(
                self._before + progress.done,
                None if total is None else self._before + total,
                progress.seconds,
            )
        )

    def next(self) -> None:
        self._before, self._last = self._before + self._last, 0


def _offer(shipment: Shipment) -> Offer:
    offer = shipment.offer
    return Offer(
        shipment.dataset,
        offer.epoch,
        shipment.move,
        offer.snapshot,
        tuple(each.identity for each in shipment.snapshots),
        offer.released,
    )


class Agent(Protocol):
    """Who decides what others may bring."""

    def visit(
        self, source: NodeID, dataset: DatasetID, offer: pool_states.Offer
    ) -> Awaitable[pool_receiving.Visit]:
        """Let another node bring a dataset's snapshot. Raises `Denied`, pool errors."""


@frozen
class Door:
    """What the agent is to the transfers of other nodes (`hosting.Host`)."""

    agent: Agent

    async def visit(self, source: NodeID, offer: Offer) -> "Visitor":
        """Begin a visit."""
        understood = pool_states.Offer(
            source,
            offer.epoch,
            offer.snapshot,
            frozenset(offer.lineage),
            released=offer.released,
        )
        return Visitor(await self.agent.visit(source, offer.dataset, understood))


@frozen
class Visitor:
    """A visit, as transfers see it (`hosting.Visit`)."""

    visit: pool_receiving.Visit

    @property
    def since(self) -> SnapshotID | None:
        """The snapshot that what comes is to follow."""
        return self.visit.since

    async def admit(self, begin: Begin) -> Welcome:
        """Let a stream come."""
        return await self.visit.admit(begin.announced)

    async def confirm(self) -> SnapshotID:
        """Say what is on the disk."""
        return await self.visit.confirm()

    def ended(self) -> None:
        """The source has gone."""
        self.visit.ended()
