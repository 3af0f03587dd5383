"""One agent's end of transfers, as a program of its own, with a Btrfs pool.

`receive DIRECTORY POOL` takes what comes, on a free port of loopback: its first line of
output; the others say what was confirmed or whom it refused. `send DIRECTORY POOL PORT
NODE DATASET SNAPSHOT BASE` sends one to the node, and says how that ended; without a
base BASE is a hyphen.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from twisted.internet import task
from twisted.internet.defer import Deferred

from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.pool_interface import Announced
from flocker.ca.contexts import node_context, server_context
from flocker.ca.handshake import explain
from flocker.ca.names import Role
from flocker.ca.services import load_service_directory
from flocker.dataset_agent.transfer.connecting import Transfers, dial
from flocker.dataset_agent.transfer.frames import PROTOCOL, Begin
from flocker.dataset_agent.transfer.receiving import Receiver, Welcome
from flocker.dataset_agent.transfer.sending import Sender
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.runtime.listening import listen
from flocker.runtime.threads import Threads


def say(words):
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def begin_threads(reactor):
    threads = Threads(reactor, "pool", 4)
    threads.start()
    reactor.addSystemEventTrigger("before", "shutdown", threads._pool.stop)
    return threads


async def receive(reactor, files, pool):
    async def admit(source, begin):
        say(f"offered by {source}")
        stream = pool.receive(begin.dataset, begin.announced)
        return Welcome(stream, f"from {source}".encode())

    tls = server_context(
        files.authority, files.own, accepts=Role.NODE, refused=say, noticed=say
    )
    receiver = Receiver(begin_threads(reactor), admit, reactor.seconds)
    factory = Transfers(reactor, receiver)
    port = await listen(reactor, "-", "tcp:0:interface=127.0.0.1", tls, factory)
    say(port.getHost().port)
    await Deferred()


async def send(reactor, files, pool, *more):
    port, node, dataset, snapshot, base = more
    dataset = DatasetID(UUID(dataset))
    base = None if base == "-" else base
    name = next(
        each.name for each in pool.look(dataset).snapshots if each.identity == snapshot
    )
    begin = Begin(PROTOCOL, dataset, 1, Announced(name, snapshot, base))
    tls = node_context(files.authority, files.own, node=NodeID(UUID(node)))

    def why(error):
        return explain(error, files.own)

    try:
        channel = await dial(reactor, "127.0.0.1", int(port), tls, why)
        say("connected")
        sender = Sender(reactor, begin_threads(reactor))
        await sender.send(channel, begin, pool.send(dataset, snapshot, base))
    except FlockerError as error:
        say(f"{type(error).__name__}: {error}")
    else:
        say("arrived")


def main(reactor, what, directory, root, *more):
    files = load_service_directory(Path(directory), "node", now=datetime.now(UTC))
    does = {"receive": receive, "send": send}[what]
    pool = make_btrfs(Path(root))
    return Deferred.fromCoroutine(does(reactor, files, pool, *more))


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
