"""One agent's end of transfers, as a program of its own, with a Btrfs pool.

For tests and benchmarks. `receive DIRECTORY POOL` takes what comes, on a free port of
loopback: its first line of output; the others say what was offered or whom it refused.
`send DIRECTORY POOL PORT NODE DATASET SNAPSHOT [BASE]` sends one to the node, and says
how that ended, after how many seconds.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from twisted.internet import task
from twisted.internet.defer import Deferred

from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.pool_interface import Announced, IFilesystemPool
from flocker.ca.contexts import node_context, server_context
from flocker.ca.handshake import explain
from flocker.ca.names import Role
from flocker.ca.services import ServiceCertificates, load_service_directory
from flocker.dataset_agent.transfer.connecting import Transfers, dial
from flocker.dataset_agent.transfer.frames import PROTOCOL, Begin
from flocker.dataset_agent.transfer.receiving import Receiver, Welcome
from flocker.dataset_agent.transfer.sending import Sender
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.runtime.listening import listen
from flocker.runtime.reactor import IReactor
from flocker.runtime.threads import Threads


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

    async def receive(self) -> None:
        """Take what comes, for ever; the record says from whom it came."""
        authority, own = self.files.authority, self.files.own
        tls = server_context(authority, own, accepts=Role.NODE, refused=say)
        receiver = Receiver(self.threads, self._admit, self.reactor.seconds)
        factory = Transfers(self.reactor, receiver)
        where = "tcp:0:interface=127.0.0.1"
        port = await listen(self.reactor, "transfer_peer", where, tls, factory)
        say(getattr(port.getHost(), "port", "?"))
        await Deferred()

    async def send(
        self,
        port: str,
        node: str,
        dataset: str,
        snapshot: str,
        base: str | None = None,
    ) -> None:
        """Send a snapshot."""
        tls = node_context(
            self.files.authority, self.files.own, node=NodeID(UUID(node))
        )
        begin = self._begin(DatasetID(UUID(dataset)), snapshot, base)

        def why(error: BaseException) -> str | None:
            return explain(error, self.files.own)

        try:
            channel = await dial(self.reactor, "127.0.0.1", int(port), tls, why)
            say("connected")
            started = self.reactor.seconds()
            announced = begin.announced
            stream = self.pool.send(begin.dataset, announced.identity, announced.base)
            await Sender(self.reactor, self.threads).send(channel, begin, stream)
        except FlockerError as error:
            say(f"{type(error).__name__}: {error}")
        else:
            say(f"arrived after {self.reactor.seconds() - started:.3f} s")
        await self.threads.stop()

    def _begin(self, dataset: DatasetID, snapshot: str, base: str | None) -> Begin:
        taken = self.pool.look(dataset).snapshots
        name = next(each.name for each in taken if each.identity == snapshot)
        announced = Announced(
            name, SnapshotID(snapshot), None if base is None else SnapshotID(base)
        )
        return Begin(PROTOCOL, dataset, 1, announced)

    async def _admit(self, source: NodeID, begin: Begin) -> Welcome:
        say(f"offered by {source}")
        stream = self.pool.receive(begin.dataset, begin.announced)
        return Welcome(stream, f"from {source}".encode())


def main(
    reactor: IReactor, what: str, directory: str, root: str, *more: str
) -> Deferred[None]:
    """Do what the command line says."""
    files = load_service_directory(Path(directory), "node", now=datetime.now(UTC))
    peer = Peer(reactor, files, make_btrfs(Path(root)))
    does: dict[str, Callable[..., object]] = {
        "receive": peer.receive,
        "send": peer.send,
    }
    return Deferred.fromCoroutine(does[what](*more))  # type: ignore[arg-type]


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
