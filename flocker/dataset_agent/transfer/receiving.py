"""The target's side of a transfer: it takes what its agent allows, and confirms.

A confirmation is a promise: it is given after the pool has the snapshot, and the record
that the agent chose, on disk.
"""

import hashlib
from collections.abc import Awaitable, Callable

from attrs import define, field, frozen

from flocker.backends.pool_interface import IIncoming
from flocker.dataset_agent.transfer.channel import Channel, understand
from flocker.dataset_agent.transfer.frames import (
    PROTOCOL,
    Arrived,
    Begin,
    Garbage,
    Kind,
    Refused,
    Whole,
)
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.model.errors import FlockerError
from flocker.model.ids import NodeID, SnapshotID
from flocker.runtime import logging
from flocker.runtime.threads import Threads


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


@frozen
class Welcome:
    """The agent allows a stream: where it goes, and the record it comes with."""

    stream: IIncoming
    record: bytes


Admit = Callable[[NodeID, Begin], Awaitable[Welcome]]
"""Decides about what a node offers; raises the error that it is refused with."""


def _unheard(begin: Begin, progress: Progress) -> None:
    del begin, progress


@define(eq=False)
class Receiver:
    """Takes one transfer a connection."""

    threads: Threads
    admit: Admit
    seconds: Callable[[], float]
    progress: Callable[[Begin, Progress], None] = field(default=_unheard)

    async def serve(self, channel: Channel, source: NodeID) -> SnapshotID | None:
        """Take what comes; give what was confirmed, None if nothing was.

        The source is told why. Whatever is no `FlockerError` is raised.
        """
        try:
            begin = await self._begin(channel)
            welcome = await self.admit(source, begin)
            try:
                await self._take(channel, begin, welcome)
            finally:
                await self.threads.run(welcome.stream.abort)
        except FlockerError as error:
            await self._refuse(channel, source, error)
            return None
        except BaseException:
            channel.abort("the target failed")
            raise
        channel.finish()
        return begin.announced.identity

    async def _begin(self, channel: Channel) -> Begin:
        frame = await channel.receive()
        if frame.kind is not Kind.BEGIN:
            raise Garbage(f"it began with {frame.kind.name}")
        begin = understand(Begin, frame)
        if begin.protocol != PROTOCOL:
            raise UnknownProtocol(begin.protocol)
        return begin

    async def _take(self, channel: Channel, begin: Begin, welcome: Welcome) -> None:
        await channel.send(Kind.READY)
        started, done, checksum = self.seconds(), 0, hashlib.sha256()

        def write(part: bytes) -> None:
            checksum.update(part)
            welcome.stream.write(part)

        while (frame := await channel.receive()).kind is Kind.DATA:
            await self.threads.run(write, frame.payload)
            done += len(frame.payload)
            self.progress(begin, Progress(done, begin.size, self.seconds() - started))
        if frame.kind is not Kind.WHOLE:
            raise Garbage(f"it said {frame.kind.name} in the middle")
        whole = understand(Whole, frame)
        if whole != Whole(done, checksum.hexdigest()):
            raise Damaged(f"{done} bytes came of {whole.size}, or others")
        arrived = await self.threads.run(welcome.stream.finish, welcome.record)
        await channel.say(Kind.ARRIVED, Arrived(arrived))

    async def _refuse(
        self, channel: Channel, source: NodeID, error: FlockerError
    ) -> None:
        code, words = type(error).__name__, str(error)
        logging.message("flocker:transfer:refused", source=str(source), why=words)
        try:
            await channel.say(Kind.REFUSED, Refused(code, words[:2000]))
        except FlockerError:  # it is gone, and needs no reason
            return
        channel.finish()
