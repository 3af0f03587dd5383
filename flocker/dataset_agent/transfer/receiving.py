"""The target's side of a transfer: it takes what its agent allows, and confirms.

A confirmation is a promise: it is given after the pool has the snapshot, and the record
that the agent chose, on disk. Of a stream that was cut a pool may keep the beginning;
of one that ends in any other way nothing is kept.
"""

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorFromThreads

from flocker.backends.pool_resuming import suspend
from flocker.dataset_agent.transfer.belts import Belt, Part, Work
from flocker.dataset_agent.transfer.channel import Channel, TransferCut, understand
from flocker.dataset_agent.transfer.frames import (
    PROTOCOL,
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
from flocker.dataset_agent.transfer.hosting import Host, Visit, Welcome, ask
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.dataset_agent.transfer.packing import CountedIn, packings, unpack
from flocker.dataset_agent.transfer.telling import Teller
from flocker.model.errors import FlockerError
from flocker.model.ids import NodeID, SnapshotID
from flocker.runtime import logging
from flocker.runtime.process import ProcessFailed

T = TypeVar("T")

WORTH_KEEPING = 1024 * 1024
"""Bytes of a rest; what ended a shorter one might end all that follow it."""


@frozen
class Damaged(FlockerError):
    """What came is not what was sent."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return f"what came is not what was sent: {self.why}"


@frozen
class UnknownProtocol(FlockerError):
    """The other agent speaks a protocol of another version."""

    theirs: int

    def words(self) -> str:
        """Give both."""
        return f"it speaks protocol {self.theirs} of transfers, and {PROTOCOL} is known"


def _unheard(begin: Begin, progress: Progress) -> None:
    del begin, progress


def _keep(answer: object) -> None:
    del answer


@define(eq=False)
class Receiver:
    """Serves what comes over one connection; `progress` is called by the reactor."""

    reactor: IReactorFromThreads
    host: Host
    progress: Callable[[Begin, Progress], None] = field(default=_unheard)

    def serve(self, channel: Channel, source: NodeID) -> None:
        """Answer until the source has no more questions, in this thread.

        The source is told why it is refused. Whatever is no `FlockerError` is raised.
        The connection is over then.
        """
        try:
            with channel.conversation():
                self._serve(channel, source)
        except FlockerError as error:  # of the connection: nobody is there to be told
            channel.abort(str(error))
        except BaseException:
            channel.abort("the target failed")
            raise
        finally:
            channel.finish()

    def _serve(self, channel: Channel, source: NodeID) -> None:
        channel.greet()
        try:
            offer = understand(Offer, _only(Kind.OFFER, channel.receive_next()))
            _check_protocol(offer.protocol)
            host = partial(self.host.visit, source, offer)
            visit = self._ask_host(channel, host, self._end)
            try:
                self._receive(channel, source, offer, visit)
            finally:
                self._end(visit)
        except TransferCut:
            raise
        except FlockerError as error:
            self._refuse(channel, source, error)
            channel.linger()

    def _end(self, visit: Visit) -> None:
        self.reactor.callFromThread(visit.ended)

    def _receive(
        self, channel: Channel, source: NodeID, offer: Offer, visit: Visit
    ) -> None:
        """Answer what comes in a visit. Raises what it is to end with."""
        channel.say(Kind.HAVE, Have(visit.since, packings(), visit.unfinished))
        while True:
            frame = channel.receive_next()
            if frame.kind is Kind.ASK:
                self._answer(channel, source, visit)
            else:
                begin = understand(Begin, _only(Kind.BEGIN, frame))
                _check_protocol(begin.protocol)
                if (begin.dataset, begin.epoch) != (offer.dataset, offer.epoch):
                    raise Garbage("it began another dataset, or epoch, than it offered")
                self._begun(channel, visit, begin)

    def _answer(self, channel: Channel, source: NodeID, visit: Visit) -> None:
        try:
            held = self._ask_host(channel, visit.confirm)
        except TransferCut:
            raise
        except FlockerError as error:
            self._refuse(channel, source, error)
        else:
            channel.say(Kind.HELD, Held(held))

    def _begun(self, channel: Channel, visit: Visit, begin: Begin) -> None:
        admit = partial(visit.admit, begin)
        welcome = self._ask_host(channel, admit, lambda late: late.stream.abort())
        try:
            channel.send(Kind.READY)
            self._take(channel, begin, welcome)
        finally:
            welcome.stream.abort()

    def _take(self, channel: Channel, begin: Begin, welcome: Welcome) -> None:
        belt = Belt(channel.changed)
        teller = Teller(self.reactor, partial(self.progress, begin), begin.size)
        counted = CountedIn(welcome.stream)
        store = partial(_store, channel, belt, counted, begin.packing)
        storing = Work(channel.changed, "transfer-storing", store)
        try:
            while (frame := channel.receive()).kind is Kind.DATA:
                channel.wait_until(lambda: belt.has_room() or storing.is_done())
                if storing.is_done():
                    _ = storing.result()
                belt.put(frame.payload)
                teller.reach(counted.size)
            if frame.kind is not Kind.WHOLE:
                raise Garbage(f"it said {frame.kind.name} in the middle")
            belt.end()
            channel.wait_until(storing.is_done)
            _check_whole(storing.result(), understand(Whole, frame))
            teller.reach(counted.size)
            teller.say()
            channel.say(Kind.ARRIVED, Arrived(_finish(channel, welcome)))
        except TransferCut:
            if not begin.rest or counted.size >= WORTH_KEEPING:
                suspend(welcome.stream)
            raise
        finally:
            belt.drop()

    def _ask_host(
        self,
        channel: Channel,
        call: Callable[[], Coroutine[Any, Any, T]],
        undo: Callable[[T], None] = _keep,
    ) -> T:
        """Let the agent decide; the source hears meanwhile that we live.

        `undo` gets the answer if the connection ends before it is there.
        """
        answer = ask(self.reactor, channel.changed, call)
        try:
            channel.wait_until(answer.done)
        except TransferCut:
            undo(answer.result())
            raise
        return answer.result()

    def _refuse(self, channel: Channel, source: NodeID, error: FlockerError) -> None:
        code, words = type(error).__name__, str(error)
        self.reactor.callFromThread(
            logging.message,
            "flocker:transfer:refused",
            source=str(source),
            why=words,
        )
        channel.say(Kind.REFUSED, Refused(code, words[:2000]))


def _finish(channel: Channel, welcome: Welcome) -> SnapshotID:
    """Put what came in its place, before the visit ends in any case."""
    finish = partial(welcome.stream.finish, welcome.record)
    finishing = Work(channel.changed, "transfer-finishing", finish)
    try:
        channel.wait_until(finishing.is_done)
    except TransferCut:
        welcome.stream.abort()
        finishing.join()  # or it would write when the visit is over
        raise
    return finishing.result()


def _store(
    channel: Channel, belt: Belt, counted: CountedIn, packing: Packing | None
) -> Whole:
    """Write what is on the belt until it ends."""
    parts = _parts(channel, belt)
    if packing is None:
        for part in parts:
            counted.write(part)
        return counted.whole()
    try:
        unpack(parts, counted, packing)
    except ProcessFailed as error:
        raise Damaged(f"it cannot be unpacked: {error}") from error
    return counted.whole()


def _parts(channel: Channel, belt: Belt) -> Iterator[Part]:
    """Give what is on the belt until it ends, each part until the next is asked for."""
    while load := belt.take():
        for part in load:
            yield part
            channel.give_back(part)


def _check_whole(came: Whole, sent: Whole) -> None:
    """Raises `Damaged`."""
    if came != sent:
        raise Damaged(f"{came.size} bytes came of {sent.size}, or others")


def _only(kind: Kind, frame: Frame) -> Frame:
    """Raises `Garbage` for any other."""
    if frame.kind is not kind:
        raise Garbage(f"it said {frame.kind.name} where {kind.name} was to come")
    return frame


def _check_protocol(theirs: int) -> None:
    """Raises `UnknownProtocol`."""
    if theirs != PROTOCOL:
        raise UnknownProtocol(theirs)
