"""One agent's end of transfers, as a program of its own, with a Btrfs pool.

For tests and benchmarks. `receive DIRECTORY POOL` takes what comes, on a free port of
loopback: its first line of output; the others say what was offered or whom it refused.
`send DIRECTORY POOL PORT NODE DATASET SNAPSHOT [BASE [RATE]]` sends one to the node, at
so many bytes a second, asks what it holds, and says how that ended, after how many
seconds and how many of CPU; a BASE of - is none. `move` is the same, but what the
snapshot is sent as follows from what the target says that it has. A POOL
`nowhere:BYTES` has one snapshot of that size in memory, and forgets what it gets.
"""

import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast
from uuid import UUID

from attrs import define, field, frozen
from twisted.internet import task
from twisted.internet.defer import Deferred

from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.pool_errors import NoSuchFilesystem
from flocker.backends.pool_interface import (
    Announced,
    Copy,
    IFilesystemPool,
    PoolSnapshot,
)
from flocker.ca.contexts import node_context, server_context
from flocker.ca.handshake import explain
from flocker.ca.names import Role
from flocker.ca.services import ServiceCertificates, load_service_directory
from flocker.dataset_agent.transfer.accepting import Transfers
from flocker.dataset_agent.transfer.connecting import dial
from flocker.dataset_agent.transfer.frames import (
    PROTOCOL,
    Begin,
    Offer,
)
from flocker.dataset_agent.transfer.hosting import Welcome
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.dataset_agent.transfer.receiving import Receiver
from flocker.dataset_agent.transfer.sending import Sender
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, Epoch, MoveNumber, NodeID, SnapshotID
from flocker.runtime.reactor import IReactor
from flocker.runtime.threads import Threads

EPOCH, MOVE = Epoch(1), MoveNumber(1)
NOWHERE = "nowhere:"


def used() -> float:
    """Give the seconds of CPU so far, with those of the programs that have ended."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    each = [resource.getrusage(kind) for kind in kinds]
    return sum(found.ru_utime + found.ru_stime for found in each)


def say(words: object) -> None:
    """Write a line at once."""
    _ = sys.stdout.write(f"{words}\n")
    _ = sys.stdout.flush()


class Peer:
    """An agent that knows how to do one of the two."""

    def __init__(
        self, reactor: IReactor, files: ServiceCertificates, pool: IFilesystemPool
    ) -> None:
        self.reactor = reactor
        self.files = files
        self.pool = pool
        self.threads = Threads(reactor, "pool", 4)
        self.threads.start()
        self.pace = Pace()

    async def receive(self) -> None:
        """Take what comes, for ever; the record says from whom it came."""
        authority, own = self.files.authority, self.files.own
        tls = server_context(authority, own, accepts=Role.NODE, refused=say)
        transfers = Transfers(self.reactor, tls, Receiver(self.reactor, self))
        port = await transfers.listen("transfer_peer", "tcp:0:interface=127.0.0.1")
        say(getattr(port.getHost(), "port", "?"))
        await Deferred()

    async def send(
        self,
        port: str,
        node: str,
        dataset: str,
        snapshot: str,
        base: str = "-",
        rate: str | None = None,
    ) -> None:
        """Send a snapshot."""
        given = None if base == "-" else SnapshotID(base)
        self.pace = Pace(None if rate is None else int(rate))
        await self._converse(port, node, dataset, snapshot, lambda _: given)

    async def move(self, port: str, node: str, dataset: str, snapshot: str) -> None:
        """Send what the target lacks."""
        await self._converse(port, node, dataset, snapshot, lambda have: have)

    async def _converse(
        self,
        port: str,
        node: str,
        dataset: str,
        snapshot: str,
        choose: Callable[[SnapshotID | None], SnapshotID | None],
    ) -> None:
        tls = node_context(
            self.files.authority, self.files.own, node=NodeID(UUID(node))
        )
        sender = Sender(self.reactor, self.threads, self.pace)
        offer, name = self._offer(DatasetID(UUID(dataset)), snapshot)

        def why(error: BaseException) -> str | None:
            return explain(error, self.files.own)

        try:
            channel = await dial(self.threads, "127.0.0.1", int(port), tls, why)
            say("connected")
            before = used()
            base = choose(await sender.open_visit(channel, offer))
            say(f"follows {base}")
            started = self.reactor.seconds()
            announced = Announced(name, offer.snapshot, base)
            begin = Begin(PROTOCOL, offer.dataset, offer.epoch, announced)
            stream = self.pool.send(offer.dataset, offer.snapshot, base)
            await sender.send(channel, begin, stream)
            seconds = self.reactor.seconds() - started
            say(f"holds {await sender.ask(channel)}")
            channel.finish()
        except FlockerError as error:
            say(f"{type(error).__name__}: {error}")
        else:
            cpu = used() - before
            say(f"arrived after {seconds:.3f} s, {cpu:.3f} s of CPU")
        await self.threads.stop()

    def _offer(self, dataset: DatasetID, snapshot: str) -> tuple[Offer, str]:
        """Give what is offered, and the name of the snapshot."""
        taken = self.pool.look(dataset).snapshots
        number = next(n for n, each in enumerate(taken) if each.identity == snapshot)
        lineage = tuple(each.identity for each in taken[: number + 1])
        offer = Offer(dataset, EPOCH, MOVE, SnapshotID(snapshot), lineage)
        return offer, taken[number].name

    async def visit(self, source: NodeID, offer: Offer) -> "Reception":
        """Give what there is, whatever is offered."""
        since = None
        with suppress(NoSuchFilesystem):
            since = self.pool.look(offer.dataset).head
        return Reception(self.pool, source, offer.dataset, since)


@frozen
class Reception:
    """The visit of one source: it may bring everything."""

    pool: IFilesystemPool
    source: NodeID
    dataset: DatasetID
    since: SnapshotID | None
    unfinished: None = None

    async def admit(self, begin: Begin) -> Welcome:
        """Take it."""
        say(f"offered by {self.source}")
        stream = self.pool.receive(begin.dataset, begin.announced)
        return Welcome(stream, f"from {self.source}".encode())

    async def confirm(self) -> SnapshotID:
        """Give what there is. Raises `NoSuchFilesystem`."""
        head = self.pool.look(self.dataset).head
        if head is None:
            raise NoSuchFilesystem(self.dataset)
        return head

    def ended(self) -> None:
        """Do nothing."""


@frozen
class Nowhere:
    """A pool that is not there, for what agents need without one."""

    size: int

    def look(self, dataset: DatasetID) -> Copy:
        """Give a copy with one snapshot."""
        taken = PoolSnapshot("sent", SnapshotID("sent"))
        return Copy(dataset, b"{}", (taken,), writable=False, written=False)

    def send(self, dataset: DatasetID, snapshot: str, base: str | None) -> "Void":
        """Give so many bytes."""
        del dataset, snapshot, base
        return Void(self.size)

    def receive(self, dataset: DatasetID, announced: Announced) -> "Void":
        """Forget what comes."""
        del dataset, announced
        return Void(0)


@define
class Void:
    """A stream from nowhere, or into it."""

    left: int
    part: bytes = field(factory=partial(os.urandom, 64 * 1024), repr=False)

    def read(self, most: int) -> bytes:
        """Give more of the same."""
        part = self.part[: min(most, self.left)]
        self.left -= len(part)
        return part

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Forget it."""

    def finish(self, record: bytes) -> SnapshotID:
        """Confirm."""
        del record
        return SnapshotID("sent")

    def close(self) -> None:
        """Do nothing."""

    abort = close


def main(
    reactor: IReactor, what: str, directory: str, root: str, *more: str
) -> Deferred[None]:
    """Do what the command line says."""
    files = load_service_directory(Path(directory), "node", now=datetime.now(UTC))
    kind, _, size = root.partition(NOWHERE)
    pool = make_btrfs(Path(root)) if kind else Nowhere(int(size))
    peer = Peer(reactor, files, cast(IFilesystemPool, pool))
    does: dict[str, Callable[..., object]] = {
        "receive": peer.receive,
        "send": peer.send,
        "move": peer.move,
    }
    return Deferred.fromCoroutine(does[what](*more))  # type: ignore[arg-type]


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
