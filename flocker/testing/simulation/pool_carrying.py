"""Both sides of a transfer between simulated agents.

What `flocker.dataset_agent.transfer` does with sockets and threads is done here with
`pool_wires` and simulated time; who decides, on both sides, is the real agent.
"""

from collections.abc import Coroutine
from typing import Any, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from flocker.backends.pool_interface import IOutgoing
from flocker.backends.pool_resuming import (
    IResumableIncoming,
    Unfinished,
    suspend,
)
from flocker.dataset_agent.pool_carrying import Conversation, Door, Visitor
from flocker.dataset_agent.pool_rig import Heard
from flocker.dataset_agent.transfer.channel import PATIENCE, TransferCut
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.dataset_agent.transfer.frames import (
    Arrived,
    Begin,
    Have,
    Held,
    Kind,
    Offer,
    Refused,
)
from flocker.dataset_agent.transfer.hosting import Welcome
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.dataset_agent.transfer.sending import NotWhatWasSent, TargetRefused
from flocker.model.cluster import Peer
from flocker.model.errors import FlockerError
from flocker.model.ids import NodeID, SnapshotID
from flocker.testing.simulation.faults import OddError
from flocker.testing.simulation.pool_wires import Paths, PipeEnd, Station

T = TypeVar("T")

PART = 1024
"""Bytes that are sent at a time."""


WORTH_KEEPING = 2 * PART
"""Bytes of a rest, as in `transfer.receiving`: of one that is cut before nothing is
kept."""


@frozen
class Data:
    """A part of a stream."""

    part: bytes


@define
class Counted:
    """How many bytes of one stream came over this connection."""

    size: int = 0


@define(eq=False)
class Roads:
    """How one life of an agent reaches the others (`pool_carrying.Dial`)."""

    paths: Paths
    here: Station

    async def dial(self, to: Peer, heard: Heard) -> Conversation:
        """Connect. Raises `AgentUnreachable`, `TransferCut`."""
        await self.here.process.sleep(self.paths.pace())
        pipe = self.paths.open(self.here, to.node)
        if pipe is None:
            await self.here.process.sleep(PATIENCE.reached_within)
            raise AgentUnreachable(to.host, to.port, "nobody answers")
        serving = serve(pipe.target, self.here.node)
        _ = self.paths.clock.callLater(0, Deferred.fromCoroutine, serving)
        return Talk(self.paths, pipe.source, heard)


@define(eq=False)
class Talk:
    """The source's side of a connection (`pool_carrying.Conversation`)."""

    paths: Paths
    end: PipeEnd
    heard: Heard
    unfinished: Unfinished | None = field(default=None, init=False)

    async def open_visit(self, offer: Offer) -> SnapshotID | None:
        """Offer."""
        self.end.send(offer)
        have: Have = await self._expect()
        self.unfinished = have.unfinished
        return have.since

    async def meanwhile(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something else: the target hears all the time that we live."""
        result = await work
        if self.end.broken is not None:
            raise TransferCut(self.end.broken)
        return result

    async def send(self, begin: Begin, stream: IOutgoing) -> None:
        """Send a stream."""
        close = self.end.station.threads.run
        try:
            await self._send(begin, stream)
        except GeneratorExit:
            raise  # the process is no more
        except BaseException:
            await close(stream.close)
            raise
        await close(stream.close)

    async def ask(self) -> SnapshotID:
        """Ask."""
        self.end.send(Kind.ASK)
        held: Held = await self._expect()
        return held.identity

    def finish(self) -> None:
        """Close."""
        self.end.close()

    async def _send(self, begin: Begin, stream: IOutgoing) -> None:
        clock, done, parts = self.paths.clock, 0, 0
        doom = self.paths.next_doom(self.end.other.station.node)
        began = clock.seconds()
        self.end.send(begin)
        _ = await self._expect()
        while part := await self.end.station.threads.run(stream.read, PART):
            if self.end.heard_more:
                break
            self.end.send(Data(part))
            done, parts = done + len(part), parts + 1
            if parts == doom:
                self.end.reset()
            await self.end.station.process.sleep(self.paths.pace())
            self.heard(Progress(done, begin.size, clock.seconds() - began))
        else:
            self.end.send(Kind.WHOLE)
        arrived: Arrived = await self._expect()
        if arrived.identity != begin.announced.identity:
            raise NotWhatWasSent(begin.announced.identity, arrived.identity)

    async def _expect(self) -> Any:  # noqa: ANN401  (whatever is answered)
        answer = await self.end.receive()
        if isinstance(answer, Refused):
            raise TargetRefused(answer.code, answer.words)
        return answer


async def serve(end: PipeEnd, source: NodeID) -> None:
    """Be the target of one connection (`transfer.receiving.Receiver`)."""
    try:
        await _serve(end, source)
    except (TransferCut, OddError):
        return
    except FlockerError as error:
        _refuse(end, error)
    finally:
        end.close()


async def _serve(end: PipeEnd, source: NodeID) -> None:
    offer = await end.receive()
    door = end.station.door
    assert isinstance(door, Door)
    visit = await door.visit(source, offer)
    try:
        end.send(Have(visit.since, unfinished=visit.unfinished))
        while True:
            what = await end.receive()
            if what is Kind.ASK:
                await _answer(end, visit)
            else:
                await _take(end, visit, what)
    finally:
        visit.ended()


async def _answer(end: PipeEnd, visit: Visitor) -> None:
    try:
        held = await visit.confirm()
    except FlockerError as error:
        _refuse(end, error)
    else:
        end.send(Held(held))


async def _take(end: PipeEnd, visit: Visitor, begin: Begin) -> None:
    welcome, counted = await visit.admit(begin), Counted()
    try:
        end.send(Kind.READY)
        arrived = await _store(end, welcome, counted)
        end.send(Arrived(arrived))
    except TransferCut:
        worth = not begin.rest or counted.size >= WORTH_KEEPING
        if worth and IResumableIncoming.providedBy(welcome.stream):
            await end.station.threads.run(suspend, welcome.stream)
        raise
    finally:
        welcome.stream.abort()


async def _store(end: PipeEnd, welcome: Welcome, counted: Counted) -> SnapshotID:
    run = end.station.threads.run
    while isinstance(what := await end.receive(), Data):
        await run(welcome.stream.write, what.part)
        counted.size += len(what.part)
    return await run(welcome.stream.finish, welcome.record)


def _refuse(end: PipeEnd, error: FlockerError) -> None:
    if end.broken is None:
        end.send(Refused(type(error).__name__, str(error)))
