"""Two agents' ends of transfers in this process: real sockets, TLS and threads.

The pools are in memory, the wire between may be cut, deaf or slow.
"""

import os
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from flocker.backends.pool_errors import NoSuchFilesystem, PoolFull
from flocker.backends.pool_interface import Announced
from flocker.backends.pool_resuming import IResumingPool
from flocker.ca.authority import Authority
from flocker.ca.contexts import node_context, server_context
from flocker.ca.credentials import KeyType
from flocker.ca.handshake import explain
from flocker.ca.names import Role
from flocker.dataset_agent.transfer.accepting import Transfers
from flocker.dataset_agent.transfer.channel import Patience
from flocker.dataset_agent.transfer.connecting import dial
from flocker.dataset_agent.transfer.frames import PROTOCOL, Begin, Offer
from flocker.dataset_agent.transfer.hosting import Welcome
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.dataset_agent.transfer.receiving import Receiver
from flocker.dataset_agent.transfer.sending import Sender
from flocker.model.ids import ClusterID, DatasetID, Epoch, MoveNumber, NodeID
from flocker.runtime.threads import Threads
from flocker.sandbox.waiting import until
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_pool import MemoryPool
from tests.functional.transfer.loops import PATIENCE

ONE, TWO, THREE = (NodeID(UUID(int=number)) for number in (1, 2, 3))
RECORD = b"the record of the target"
CALM = Patience(
    alive_every=0.1,
    dead_after=2 * PATIENCE,
    idle_after=2 * PATIENCE,
    reached_within=2 * PATIENCE,
    lingers=0.5,
)
"""No test waits that long: what ends, ends for another reason than a slow machine."""
HASTY = evolve(CALM, dead_after=1.0, idle_after=2.0)
"""For tests of what silence ends."""
LONG_SILENCE = 3.0
"""Seconds that a busy machine does not let pass between two words."""
HEARING = evolve(CALM, dead_after=LONG_SILENCE, idle_after=LONG_SILENCE)
"""For tests of what does not end, as words come meanwhile."""
MEBIBYTE = 1024 * 1024
CONTENT = os.urandom(3 * MEBIBYTE)
LARGE = os.urandom(24 * MEBIBYTE)


@define(eq=False)
class Gate:
    """What a slow or hanging disk does before each part."""

    open: threading.Event = field(factory=threading.Event)
    reached: threading.Event = field(factory=threading.Event)
    seconds: float = 0.0
    passed: int = 0
    full_after: int | None = None

    def __attrs_post_init__(self):
        self.open.set()

    def hang(self):
        self.open.clear()

    def pass_(self, size):
        if not self.open.is_set():
            self.reached.set()
        assert self.open.wait(2 * PATIENCE)
        if self.seconds:
            threading.Event().wait(self.seconds)
        self.passed += size
        if self.full_after is not None and self.passed > self.full_after:
            raise PoolFull("pool", "no space left")


class Slow:
    """A stream whose disk has a gate; `close` and `abort` end a wait, as kills do."""

    def __init__(self, stream, gate):
        self.stream, self.gate, self.closed = stream, gate, 0

    def read(self, most):
        part = self.stream.read(most)
        self.gate.pass_(len(part))
        return part

    def close(self):
        self.closed += 1
        self.gate.open.set()
        self.stream.close()

    def write(self, part):
        self.gate.pass_(len(part))
        self.stream.write(part)

    def finish(self, record):
        self.gate.pass_(0)
        return self.stream.finish(record)

    def abort(self):
        self.closed += 1
        self.gate.open.set()
        self.stream.abort()


class Plain:
    """A stream of bytes as they are: those of pools in memory keep the GIL for long."""

    def __init__(self, content, identity):
        self.left, self.identity = memoryview(content), identity
        self.came = bytearray()

    def read(self, most):
        part, self.left = bytes(self.left[:most]), self.left[most:]
        return part

    def close(self):
        """Do nothing."""

    def write(self, part):
        self.came += part

    def finish(self, record):
        assert record == RECORD
        return self.identity

    abort = close


@define(eq=False)
class Host:
    """The target's agent: it allows what comes, unless told otherwise."""

    pool: MemoryPool
    gate: Gate = field(factory=Gate)
    refusal: Exception | None = None
    seen: list = field(factory=list)
    streams: list = field(factory=list)
    answering: Deferred | None = None
    plain: bool = False
    bare: bool = False
    """Whether streams are without the gate."""

    async def visit(self, source, offer):
        self.seen.append((source, offer))
        if self.answering is not None:
            await self.answering
        if self.refusal is not None:
            raise self.refusal
        return Visit(self, offer)


@define(eq=False)
class Visit:
    """One of its visits."""

    host: Host
    offer: Offer
    over: int = 0

    @property
    def unfinished(self):
        if IResumingPool.providedBy(self.host.pool):
            return self.host.pool.unfinished(self.offer.dataset)
        return None

    @property
    def since(self):
        with suppress(NoSuchFilesystem):
            return self.host.pool.look(self.offer.dataset).head
        return None

    async def admit(self, begin):
        if self.host.plain:
            stream = Plain(b"", begin.announced.identity)
        else:
            pool = self.host.pool
            receive = pool.receive_rest if begin.rest else pool.receive
            stream = receive(begin.dataset, begin.announced)
        if self.host.bare:
            self.host.streams.append(stream)
            return Welcome(stream, RECORD)
        self.host.streams.append(Slow(stream, self.host.gate))
        return Welcome(self.host.streams[-1], RECORD)

    async def confirm(self):
        if self.host.plain:
            return self.offer.snapshot
        return self.host.pool.look(self.offer.dataset).head

    def ended(self):
        self.host.seen.append("ended")


def certificates():
    """Who may, and may not, speak."""
    made = datetime.now(UTC) - timedelta(days=1)
    cluster = Authority.found("mine", ClusterID(uuid4()), KeyType.ECDSA, made)
    other = Authority.found("other", ClusterID(uuid4()), KeyType.ECDSA, made)
    return {
        "authority": cluster.credential.certificate,
        "other authority": other.credential.certificate,
        "one": cluster.node(ONE, KeyType.ECDSA, made),
        "two": cluster.node(TWO, KeyType.ECDSA, made),
        "foreign": other.node(ONE, KeyType.ECDSA, made),
        "user": cluster.user("alice", KeyType.ECDSA, made),
        "control": cluster.control(["localhost"], KeyType.ECDSA, made),
    }


CERTIFICATES = certificates()


class Rig:
    """A source with a snapshot, and a target that listens."""

    def __init__(
        self,
        loop,
        content,
        *,
        plain=False,
        room=1024**3,
        patience=CALM,
        pool=MemoryPool,
    ):
        self.loop, self.content, self.patience = loop, content, patience
        self.disks = MemoryDisk(), MemoryDisk(size=room)
        self.source, self.target = (pool(disk) for disk in self.disks)
        self.host = Host(self.target, plain=plain, bare=pool is not MemoryPool)
        self.gate = Gate()
        self.progress, self.received, self.refused = [], [], []
        self.dataset = DatasetID(uuid4())
        self.source.create(self.dataset, b"the record of the source", None)
        self.source.mount(self.dataset, Path("/flocker/dataset"))
        self.snapshot = self.save(b"" if plain else content)
        self.threads = Threads(loop.reactor, "sources", 20)
        self.packing = None
        self.wires = []
        receiver = Receiver(
            loop.reactor, self.host, lambda _, progress: self.received.append(progress)
        )
        authority, two = CERTIFICATES["authority"], CERTIFICATES["two"]
        tls = server_context(
            authority, two, accepts=Role.NODE, refused=self.refused.append
        )
        self.transfers = loop.do(Transfers, loop.reactor, tls, receiver, patience)
        loop.do(self.threads.start)
        where = "tcp:0:interface=127.0.0.1"
        port = loop.run(self.transfers.listen("--port", where))
        self.port = port.getHost().port

    def stop(self):
        for wire in self.wires:
            wire.stop()
        self.loop.run(self.transfers.stop())
        self.loop.run(self.threads.stop())

    def save(self, content):
        """Write, and take a snapshot."""
        self.disks[0].write(self.dataset, "file", content)
        name = f"s{len(self.source.look(self.dataset).snapshots)}"
        return self.source.snapshot(self.dataset, name)

    def wire(self, **faults):
        """Put a wire between, with faults; the next dial goes through it."""
        self.wires.append(Wire(self.port, **faults))
        return self.wires[-1]

    async def dial(self, who="one", node=TWO, port=None):
        own = CERTIFICATES[who]
        authority = CERTIFICATES["other authority" if who == "foreign" else "authority"]
        tls = node_context(authority, own, node=node)
        port = port or (self.wires[-1].port if self.wires else self.port)
        return await dial(
            self.threads,
            "127.0.0.1",
            port,
            tls,
            lambda error: explain(error, own),
            self.patience,
        )

    def offer(self):
        lineage = tuple(s.identity for s in self.source.look(self.dataset).snapshots)
        return Offer(
            self.dataset, Epoch(1), MoveNumber(1), self.snapshot.identity, lineage
        )

    def begin(self, base=None):
        identity = self.snapshot.identity
        announced = Announced(self.snapshot.name, identity, base)
        estimate = self.source.estimate(self.dataset, identity, base, 10.0)
        size = None if estimate is None else estimate.size
        if self.host.plain:
            size = len(self.content)
        return Begin(PROTOCOL, self.dataset, 1, announced, size)

    def sender(self, pace=None):
        return Sender(
            self.loop.reactor,
            self.threads,
            pace or Pace(),
            self.progress.append,
            self.packing,
        )

    async def move(self, pace=None, alter=lambda _: None, **dialled):
        """Do the whole of it; give what the target holds then."""
        sender = self.sender(pace)
        channel = await self.dial(**dialled)
        alter(channel)
        base = await sender.open_visit(channel, self.offer())
        await sender.send(channel, self.begin(base), Slow(self.stream(base), self.gate))
        held = await sender.ask(channel)
        channel.finish()
        return held

    def stream(self, base):
        if self.host.plain:
            return Plain(self.content, self.snapshot.identity)
        return self.source.send(self.dataset, self.snapshot.identity, base)

    def run(self, **arguments):
        """Move, and give what comes of it."""
        return self.loop.begin(self.move(**arguments)).outcome()

    def target_is(self, content):
        """Whether the target stands at the snapshot, with this content."""
        if self.host.plain:
            return self.host.streams[-1].stream.came == content
        copy, clone = self.target.look(self.dataset), DatasetID(uuid4())
        self.target.clone(clone, self.dataset, self.snapshot.identity, RECORD)
        found = self.disks[1].files(clone)["file"]
        self.target.destroy(clone, RECORD)
        head = copy.head == self.snapshot.identity
        return head and copy.record == RECORD and found == content

    def untouched(self):
        """Whether the target has nothing, and the source sends nothing."""
        sending = self.disks[0].copies[self.dataset].snapshots[-1].sending
        return sending == 0 and dict(self.target.list().copies) == {}


class Wire:
    """A relay on loopback: what the source sends may be cut or not pass.

    It is cut `cut_after` so many bytes, as soon as `cut_when` holds.

    The target reads all that has passed before it sees the end: a connection whose
    socket is closed on data that nobody read is reset, and then it would not.
    """

    def __init__(self, port, cut_after=None, cut_when=lambda: True):
        self.cut_after, self.cut_when, self.to = cut_after, cut_when, port
        self.passed = 0
        self.deaf = threading.Event()
        self.near = self.far = None
        self.pumps = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self._go(self._accept)

    def _go(self, call, *args):
        self.pumps.append(threading.Thread(target=call, args=args, daemon=True))
        self.pumps[-1].start()

    def _accept(self):
        with suppress(OSError):
            self.near, _ = self.listening.accept()
            self.far = socket.create_connection(("127.0.0.1", self.to))
            self._go(self._pump, self.far, self.near, None)
            self._pump(self.near, self.far, self.cut_after)

    def _pump(self, out, into, most):
        with suppress(OSError):
            while part := out.recv(64 * 1024):
                if self.deaf.is_set():
                    continue
                if most is not None:
                    part = part[: most - self.passed]
                    self.passed += len(part)
                self._pass(part, into)
                if most is not None and self.passed >= most:
                    until(self.cut_when, "the target to take more", PATIENCE)
                    break
        if not self.deaf.is_set():
            self.cut()

    def _pass(self, part, into):
        """Pass it on; where nobody takes it, it is lost."""
        try:
            into.sendall(part)
        except OSError:
            self.cut()

    def cut(self):
        with suppress(OSError):
            if self.near is not None:
                self.near.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            if self.far is not None:
                self.far.shutdown(socket.SHUT_WR)

    def stop(self):
        """End it, once the target has closed its end too, if it does."""
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.cut()
        for pump in self.pumps:
            pump.join(PATIENCE)
        for end in (self.near, self.far, self.listening):
            if end is not None:
                end.close()


def open_files():
    """Count this process's open files."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
