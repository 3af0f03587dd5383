"""The source's side of a transfer: it drives, the target only takes and confirms."""

import hashlib
from collections.abc import Callable

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.backends.pool_interface import IOutgoing
from flocker.dataset_agent.transfer.channel import Channel, understand
from flocker.dataset_agent.transfer.frames import (
    LONGEST_DATA,
    Arrived,
    Begin,
    Frame,
    Garbage,
    Kind,
    Refused,
    Whole,
)
from flocker.dataset_agent.transfer.pacing import Pace, Progress
from flocker.model.errors import FlockerError
from flocker.model.ids import SnapshotID
from flocker.runtime.threads import Threads


@frozen
class TargetRefused(FlockerError):
    """The target did not take the snapshot; it says why, with a code for programs."""

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
    """What the source sends with: its clock, threads that may wait, its pace."""

    clock: IReactorTime
    threads: Threads
    pace: Pace = field(factory=Pace)
    progress: Callable[[Progress], None] = _unheard

    async def send(self, channel: Channel, begin: Begin, stream: IOutgoing) -> None:
        """Send a stream; return when the target has confirmed that it is on disk.

        The stream and the channel are closed then, whatever happens. Raises
        `TargetRefused`, `NotWhatWasSent`, `TransferCut`, `Garbage` and what the stream
        raises.
        """
        try:
            await channel.say(Kind.BEGIN, begin)
            _expect(Kind.READY, await channel.receive())
            await channel.say(Kind.WHOLE, await self._pass_on(channel, begin, stream))
            _check_confirmed(begin, _expect(Kind.ARRIVED, await channel.receive()))
        except BaseException as error:
            channel.abort(f"the source gave up: {error}")
            raise
        finally:
            channel.finish()
            await self.threads.run(stream.close)

    async def _pass_on(
        self, channel: Channel, begin: Begin, stream: IOutgoing
    ) -> Whole:
        """Send all parts, reading ahead by one. Raises what the target says."""
        started, done, checksum = self.clock.seconds(), 0, hashlib.sha256()

        def read() -> bytes:
            part: bytes = stream.read(LONGEST_DATA)
            checksum.update(part)
            return part

        part = await self.threads.run(read)
        while part:
            if channel.heard_more:
                _ = _expect(Kind.READY, await channel.receive())
                raise Garbage("it said READY again")
            await channel.send(Kind.DATA, part)
            done += len(part)
            seconds = self.clock.seconds() - started
            self.progress(Progress(done, begin.size, seconds))
            if wait := self.pace.wait(done, seconds):
                await deferLater(self.clock, wait)
            part = await self.threads.run(read)
        return Whole(done, checksum.hexdigest())


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
