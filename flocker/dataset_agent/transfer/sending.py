"""The source's side of a transfer: it drives, the target only takes and confirms."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads

from flocker.backends.pool_interface import IOutgoing
from flocker.dataset_agent.transfer.belts import Belt, Part, Work
from flocker.dataset_agent.transfer.channel import Channel, Interrupted, understand
from flocker.dataset_agent.transfer.frames import (
    LONGEST_DATA,
    Arrived,
    Begin,
    Frame,
    Garbage,
    Have,
    Held,
    Kind,
    Offer,
    Packing,
    Refused,
    Whole,
)
from flocker.dataset_agent.transfer.pacing import Pace, Progress
from flocker.dataset_agent.transfer.packing import CountedOut, packed, packings
from flocker.dataset_agent.transfer.telling import Teller
from flocker.model.errors import FlockerError
from flocker.model.ids import SnapshotID
from flocker.runtime.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

LOAD: Final = 512 * 1024
"""Bytes that are sent in one frame, or a little more, unless it is the last."""


@frozen
class TargetRefused(FlockerError):
    """The target did not do it; it says why, with a code for programs."""

    code: str
    why: str

    def words(self) -> str:
        """Give its reason."""
        return f"the target refused the snapshot: {self.why}"


@frozen
class NotWhatWasSent(FlockerError):
    """The target confirms another snapshot than it was sent."""

    sent: SnapshotID
    confirmed: SnapshotID

    def words(self) -> str:
        """Name both."""
        return f"the target confirms snapshot {self.confirmed}, not {self.sent}"


def _unheard(progress: Progress) -> None:
    del progress


@frozen
class Sender:
    """What the source sends with.

    `threads` are only for this: each conversation takes one for as long as it lasts.
    `progress` is called in the reactor's thread. `packing` is for slow lines, and used
    where both sides have its program; `pace` is of what is sent then. Whoever cancels
    what is awaited here ends the connection at once.
    """

    reactor: IReactorFromThreads
    threads: Threads
    pace: Pace = field(factory=Pace)
    progress: Callable[[Progress], None] = _unheard
    packing: Packing | None = None

    async def open_visit(self, channel: Channel, offer: Offer) -> SnapshotID | None:
        """Offer; give the snapshot that what is sent should follow, None for all.

        What the target has of a stream that was cut is noted in the channel.

        Raises `TargetRefused`, `TransferCut`, `Garbage`; then the channel is closed.
        """
        return await self._converse(channel, _open, channel, offer)

    async def ask(self, channel: Channel) -> SnapshotID:
        """Ask which snapshot is on the target's disk, and stays there.

        Raises `TargetRefused`, and the channel can be used still; or `TransferCut`,
        `Garbage`, and it is closed.
        """
        held = await self._converse(channel, _ask, channel)
        if isinstance(held, TargetRefused):
            raise held
        return held.identity

    async def send(self, channel: Channel, begin: Begin, stream: IOutgoing) -> None:
        """Send a stream; return when the target has confirmed that it is on disk.

        The stream is closed then, whatever happens; the channel can be used still if
        nothing was raised. Raises `TargetRefused`, `NotWhatWasSent`, `TransferCut`,
        `Garbage` and what the stream raises.
        """
        try:
            await self._converse(channel, self._send, channel, begin, stream)
        finally:
            await self.threads.run(stream.close)

    async def meanwhile(self, channel: Channel, work: Coroutine[Any, Any, T]) -> T:
        """Do what takes long in a visit; the target hears meanwhile that we live.

        Raises `TransferCut` when the work is done, if the connection ended before.
        """
        over: list[None] = []
        waiting = Deferred.fromCoroutine(
            self._converse(channel, channel.wait_for, lambda: bool(over))
        )
        try:
            result = await work
        finally:
            with channel.changed:
                over.append(None)
                channel.changed.notify_all()
            await waiting
        return result

    async def _converse(
        self, channel: Channel, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def use() -> T:
            with channel.conversation():
                return call(*args, **kwargs)

        try:
            return await self.threads.run(use)
        except BaseException as error:
            channel.abort(f"the source gave up: {error}")
            raise

    def _send(self, channel: Channel, begin: Begin, stream: IOutgoing) -> None:
        if self.packing in packings() and self.packing in channel.packings:
            begin = evolve(begin, packing=self.packing)
        channel.say(Kind.BEGIN, begin)
        _ = _expect(Kind.READY, channel.receive())
        try:
            channel.say(Kind.WHOLE, self._pass_on(channel, begin, stream))
        except Interrupted:
            _ = _expect(Kind.ARRIVED, channel.receive())
            raise Garbage("it said ARRIVED before all was sent") from None
        _check_confirmed(begin, _expect(Kind.ARRIVED, channel.receive()))

    def _pass_on(self, channel: Channel, begin: Begin, stream: IOutgoing) -> Whole:
        """Send all, while the disk's thread reads ahead. Raises what that raises."""
        belt, counted = Belt(channel.changed), CountedOut(stream)
        read = partial(_read_ahead, counted, begin.packing, belt)
        reading = Work(channel.changed, "transfer-reading", read)
        teller, sent = Teller(self.reactor, self.progress, begin.size), 0
        try:
            while load := self._next_load(channel, belt, reading):
                channel.send(Kind.DATA, *load)
                sent += sum(map(len, load))
                teller.reach(counted.size)
                channel.pause(self.pace.wait(sent, teller.seconds))
            channel.wait_for(reading.is_done)
        finally:
            belt.drop()
        teller.reach(counted.size)
        teller.say()
        return reading.result()

    @staticmethod
    def _next_load(
        channel: Channel, belt: Belt, reading: Work[Whole]
    ) -> tuple[Part, ...]:
        """Give what is to be sent next; nothing at the end."""
        channel.wait_for(lambda: belt.has_more() or reading.is_done())
        if channel.heard_more:
            raise Interrupted
        if not belt.has_more():
            _ = reading.result()  # it raised: it had not ended the belt
        return belt.take()


def _read_ahead(counted: CountedOut, packing: Packing | None, belt: Belt) -> Whole:
    """Read all of a stream onto the belt."""
    if packing is None:
        _load(counted.read, belt)
    else:
        source = packed(counted, packing)
        try:
            _load(source.read, belt)
        finally:
            source.close()
    belt.end()
    return counted.whole()


def _load(read: Callable[[int], bytes], belt: Belt) -> None:
    """Put all that is read onto the belt."""
    load: list[bytes] = []
    weight = 0
    while part := read(LONGEST_DATA - weight):
        load.append(part)
        weight += len(part)
        if weight >= LOAD:
            belt.put(*load)
            load, weight = [], 0
    if load:
        belt.put(*load)


def _open(channel: Channel, offer: Offer) -> SnapshotID | None:
    channel.say(Kind.OFFER, offer)
    have = understand(Have, _expect(Kind.HAVE, channel.receive()))
    channel.packings, channel.unfinished = have.packings, have.unfinished
    return have.since


def _ask(channel: Channel) -> Held | TargetRefused:
    channel.send(Kind.ASK)
    try:
        return understand(Held, _expect(Kind.HELD, channel.receive()))
    except TargetRefused as error:
        return error


def _check_confirmed(begin: Begin, frame: Frame) -> None:
    """Raises `NotWhatWasSent`."""
    sent, confirmed = begin.announced.identity, understand(Arrived, frame).identity
    if confirmed != sent:
        raise NotWhatWasSent(sent, confirmed)


def _expect(kind: Kind, frame: Frame) -> Frame:
    if frame.kind is Kind.REFUSED:
        refused = understand(Refused, frame)
        raise TargetRefused(refused.code, refused.words)
    if frame.kind is not kind:
        raise Garbage(f"it said {frame.kind.name}, not {kind.name}")
    return frame
