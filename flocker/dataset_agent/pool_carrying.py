"""Brings snapshots to the agents of other nodes, and lets theirs in, over TLS.

Between the keepers of pools, which know what may be sent and taken, and
`flocker.dataset_agent.transfer`, which knows how.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import evolve, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure

from flocker.backends.pool_interface import Announced, Estimate, IOutgoing
from flocker.backends.pool_resuming import CannotResume, IResumingPool, Unfinished
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

T = TypeVar("T")

COUNTS_WITHIN = 10.0
"""Seconds that a pool has to say how long a stream will be."""

SOON = NotYet.__name__
"""The code of a refusal that may be another one in a moment."""

ToNode = Callable[[NodeID], IOpenSSLClientConnectionCreator]
"""Gives the TLS of a connection to the agent of a node, and to no other."""


class Conversation(Protocol):
    """A connection to the agent of another node, over which snapshots go.

    All raise `TargetRefused`, and `TransferCut` where the connection ends.
    """

    @property
    def unfinished(self) -> Unfinished | None:
        """What the target has of a stream that was cut; it says so in `open_visit`."""

    async def open_visit(self, offer: Offer) -> SnapshotID | None:
        """Offer a snapshot; give the one that is to be followed, None for all."""

    async def meanwhile(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what takes long; the target hears meanwhile that we live."""

    async def send(self, begin: Begin, stream: IOutgoing) -> None:
        """Send a stream until it is on the target's disk; it is closed then."""

    async def ask(self) -> SnapshotID:
        """Ask which snapshot is on the target's disk, and stays there."""

    def finish(self) -> None:
        """Nothing more is sent."""


Dial = Callable[[Peer, Heard], Awaitable[Conversation]]
"""Begins a conversation; what it is given hears how far each stream is."""


@frozen
class OverTLS:
    """How agents are reached; `explain` puts the end of a TLS connection in words.

    `threads` are only for this: a conversation takes one for as long as it lasts.
    """

    reactor: IReactor
    threads: Threads
    tls: ToNode
    explain: Callable[[BaseException], str | None]
    pace: Pace = field(factory=Pace)
    packing: Packing | None = None

    async def dial(self, to: Peer, heard: Heard) -> Conversation:
        """Connect (`Dial`)."""
        channel = await dial(
            self.threads, to.host, to.port, self.tls(to.node), self.explain
        )
        sender = Sender(
            self.reactor, self.threads, self.pace, heard, packing=self.packing
        )
        return _Talk(channel, sender)


@frozen
class _Talk:
    """A conversation over a channel."""

    channel: Channel
    sender: Sender

    @property
    def unfinished(self) -> Unfinished | None:
        return self.channel.unfinished

    async def open_visit(self, offer: Offer) -> SnapshotID | None:
        return await self.sender.open_visit(self.channel, offer)

    async def meanwhile(self, work: Coroutine[Any, Any, T]) -> T:
        return await self.sender.meanwhile(self.channel, work)

    async def send(self, begin: Begin, stream: IOutgoing) -> None:
        await self.sender.send(self.channel, begin, stream)

    async def ask(self) -> SnapshotID:
        return await self.sender.ask(self.channel)

    def finish(self) -> None:
        self.channel.finish()


@frozen
class Carrier:
    """The way to other nodes, which are reached by `dial`."""

    dial: Dial

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
        sent = _Sum(heard)
        talk = await self.dial(to, sent.add)
        try:
            return await self._converse(talk, pool, shipment, sent)
        finally:
            talk.finish()

    async def _converse(
        self, talk: Conversation, pool: Pool, shipment: Shipment, sent: "_Sum"
    ) -> SnapshotID:
        since = await talk.open_visit(_offer(shipment))
        for each in shipment.after(since, talk.unfinished):
            size = None
            if not shipment.urgent:
                what = shipment.dataset, each.identity, since
                counting = pool.threads.run(pool.api.estimate, *what, COUNTS_WITHIN)
                size = _total(await talk.meanwhile(counting))
            begin = Begin(
                PROTOCOL,
                shipment.dataset,
                shipment.offer.epoch,
                Announced(each.name, each.identity, since),
                size,
            )
            begin, stream = await open_stream(pool, begin, talk.unfinished)
            await talk.send(begin, stream)
            sent.next()
            since = each.identity
        return await talk.ask()


async def open_stream(
    pool: Pool, begin: Begin, there: Unfinished | None
) -> tuple[Begin, IOutgoing]:
    """Open a stream, or the rest where the target has its beginning."""
    sent, api = begin.announced, pool.api
    arguments = begin.dataset, sent.identity, sent.base
    known = there is not None and there.begins(sent)
    if there is not None and known and IResumingPool.providedBy(api):
        with suppress(CannotResume):
            send_rest = partial(api.send_rest, token=there.token)
            stream = await _open(pool, send_rest, *arguments)
            left = None if begin.size is None else max(0, begin.size - there.came)
            return evolve(begin, size=left, rest=True), stream
    return begin, await _open(pool, api.send, *arguments)


async def _open(
    pool: Pool,
    send: Callable[[DatasetID, SnapshotID, SnapshotID | None], IOutgoing],
    *arguments: Any,  # noqa: ANN401  (of that)
) -> IOutgoing:
    """Open a stream; if this is cancelled meanwhile, it is closed once it is there."""
    wanted: Deferred[IOutgoing] = Deferred()

    def opened(stream: IOutgoing) -> None:
        if wanted.called:
            # Left open it would hold its snapshot, and so the copy, for ever.
            _ = Deferred.fromCoroutine(pool.threads.run(stream.close))
        else:
            wanted.callback(stream)

    def failed(failure: Failure) -> None:
        if not wanted.called:
            wanted.errback(failure)

    opening = pool.threads.run(send, *arguments)
    _ = Deferred.fromCoroutine(opening).addCallbacks(opened, failed)
    return await wanted


def _total(estimate: Estimate | None) -> int | None:
    """Give what progress is measured by; that it is at most so much does not help."""
    if estimate is None or estimate.at_most:
        return None
    return estimate.size


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

    @property
    def unfinished(self) -> Unfinished | None:
        """What there is of what comes first."""
        return self.visit.unfinished

    async def admit(self, begin: Begin) -> Welcome:
        """Let a stream come."""
        return await self.visit.admit(begin.announced, rest=begin.rest)

    async def confirm(self) -> SnapshotID:
        """Say what is on the disk."""
        return await self.visit.confirm()

    def ended(self) -> None:
        """The source has gone."""
        self.visit.ended()
