"""Two agents over a wire in memory, with pools in memory: all that may happen."""

from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.backends.pool_errors import Held, StreamBroken
from flocker.backends.pool_interface import Announced
from flocker.dataset_agent.transfer.channel import (
    ALIVE_EVERY,
    DEAD_AFTER,
    MOST_WAITING,
    Channel,
    TransferCut,
)
from flocker.dataset_agent.transfer.frames import (
    LONGEST_DATA,
    PROTOCOL,
    Arrived,
    Begin,
    Kind,
    Whole,
)
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.dataset_agent.transfer.receiving import Receiver, Welcome
from flocker.dataset_agent.transfer.sending import (
    NotWhatWasSent,
    Sender,
    TargetRefused,
)
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from tests.unit.dataset_agent.transfer.wire import Wire

SOURCE = NodeID(UUID(int=1))
DATASET = DatasetID(UUID(int=2))
CLONE = DatasetID(UUID(int=3))
RECORD = b"the record of the target"
CONTENT = bytes(range(256)) * 2048
PLACE = Path("/flocker/dataset")


class Transfer:
    """A source with a snapshot, a target without, and what they say to each other."""

    def __init__(self, room=1024**3, pace=None):
        self.clock = ProcessClock(Clock())
        self.disks = MemoryDisk(), MemoryDisk(size=room)
        self.source, self.target = (MemoryPool(disk) for disk in self.disks)
        self.threads = SimulatedThreads(self.clock), SimulatedThreads(self.clock)
        self.progress = []
        self.sender = Sender(
            self.clock, self.threads[0], pace or Pace(), self.progress.append
        )
        self.refusal = None
        self.source.create(DATASET, b"the record of the source", None)
        self.source.mount(DATASET, PLACE)
        self.snapshot = self.save(CONTENT)

    def save(self, content):
        """Write, and take a snapshot."""
        self.disks[0].write(DATASET, "file", content)
        name = f"s{len(self.source.look(DATASET).snapshots)}"
        return self.source.snapshot(DATASET, name)

    def begin(self, base=None):
        """What the source says first."""
        identity = self.snapshot.identity
        announced = Announced(self.snapshot.name, identity, base and base.identity)
        size = self.source.estimate(DATASET, identity, announced.base)
        return Begin(PROTOCOL, DATASET, 1, announced, size)

    async def admit(self, source, begin):
        """What the target's agent decides."""
        assert source == SOURCE
        if self.refusal is not None:
            raise self.refusal
        stream = self.target.receive(begin.dataset, begin.announced)
        return Welcome(stream, RECORD)

    def connect(self):
        """Connect both, and let the target serve."""
        self.channels = Channel(self.clock), Channel(self.clock)
        self.wire = Wire(*self.channels)
        receiver = Receiver(self.threads[1], self.admit, self.clock.seconds)
        self.served = outcome(receiver.serve(self.channels[1], SOURCE))

    def send(self, begin=None):
        """Let the source send, as far as it comes; give what comes of it."""
        begin = begin or self.begin()
        announced = begin.announced
        stream = self.source.send(DATASET, self.snapshot.identity, announced.base)
        sent = outcome(self.sender.send(self.channels[0], begin, stream))
        self.wire.pump()
        return sent

    def run(self, begin=None):
        """Connect and send."""
        self.connect()
        return self.send(begin)

    def wait(self, seconds):
        """Let time go by."""
        for _ in range(int(seconds)):
            self.clock._clock.advance(1)
            self.wire.pump()

    def target_is(self, content):
        """Whether the target stands at the snapshot, with this content."""
        copy = self.target.look(DATASET)
        self.target.clone(CLONE, DATASET, self.snapshot.identity, RECORD)
        found = self.disks[1].files(CLONE)["file"]
        self.target.destroy(CLONE, RECORD)
        head = copy.head == self.snapshot.identity
        return head and copy.record == RECORD and found == content

    def untouched(self):
        """Whether the target has nothing, and the source's snapshot is free."""
        self.source.hold(DATASET, self.snapshot.identity, "tag")
        with pytest.raises(Held) as caught:
            self.source.destroy_snapshot(DATASET, self.snapshot.identity)
        self.source.release(DATASET, self.snapshot.identity, "tag")
        free = caught.value.tags == ("tag",)
        return free and dict(self.target.list().copies) == {}


def outcome(coroutine):
    """Run; the list gets the result, or what was raised."""
    found = []
    Deferred.fromCoroutine(coroutine).addBoth(
        lambda result: found.append(getattr(result, "value", result))
    )
    return found


def test_arrives():
    """A snapshot arrives whole, then what follows; both ends know and hang up."""
    transfer = Transfer()
    assert transfer.run() == [None]
    assert transfer.target_is(CONTENT)
    first = transfer.snapshot
    transfer.snapshot = transfer.save(b"more")
    assert transfer.run(transfer.begin(first)) == [None]
    assert transfer.served == [transfer.snapshot.identity]
    assert transfer.target_is(b"more")
    assert transfer.wire.over


def test_progress():
    """It is told how much is done, up to all of it."""
    transfer = Transfer()
    transfer.run()
    done = [each.done for each in transfer.progress]
    assert done == sorted(set(done))
    assert done[-1] == transfer.progress[-1].total


@pytest.mark.parametrize("tenth", range(10))
def test_cut(tenth):
    """A connection that is cut anywhere changes nothing; sent again it arrives."""
    transfer = Transfer()
    transfer.connect()
    transfer.wire.cut_after = 20 + tenth * 2 * len(CONTENT) // 10
    (error,) = transfer.send()
    assert isinstance(error, TransferCut)
    assert transfer.served == [None]
    assert transfer.untouched()
    assert transfer.run() == [None]
    assert transfer.target_is(CONTENT)


def test_confirmation_is_lost():
    """A confirmation that does not come through is no confirmation."""
    transfer = Transfer()
    transfer.connect()
    transfer.threads[1].hang()
    sent = transfer.send()
    transfer.wire.deaf = True
    transfer.threads[1].go_on()
    transfer.wait(DEAD_AFTER + ALIVE_EVERY)
    assert isinstance(sent[0], TransferCut)


def test_refused():
    """What the target's agent refuses is not sent, and the source is told why."""
    transfer = Transfer()
    transfer.refusal = StreamBroken(DATASET, "not today")
    (error,) = transfer.run()
    assert isinstance(error, TargetRefused)
    assert error.code == "StreamBroken"
    assert "not today" in str(error)
    assert transfer.progress == []
    assert transfer.untouched()


def test_full_target():
    """A target that is full says so."""
    transfer = Transfer(room=1000)
    (error,) = transfer.run()
    assert (type(error), error.code) == (TargetRefused, "PoolFull")
    assert transfer.untouched()


def test_changed_on_the_way():
    """What is not what was sent is thrown away."""
    transfer = Transfer()
    transfer.connect()
    transfer.wire.changed = len(CONTENT)
    (error,) = transfer.send()
    assert (type(error), error.code) == (TargetRefused, "Damaged")
    assert transfer.untouched()


def test_source_fails():
    """A source whose stream breaks hangs up, and the target throws all away."""
    transfer = Transfer()
    transfer.connect()
    stream = transfer.source.send(DATASET, transfer.snapshot.identity, None)
    failing = Failing(stream)
    begin = transfer.begin()
    sent = outcome(transfer.sender.send(transfer.channels[0], begin, failing))
    transfer.wire.pump()
    assert isinstance(sent[0], StreamBroken)
    assert transfer.served == [None]
    assert transfer.untouched()


class Failing:
    """A stream that breaks after its first part."""

    def __init__(self, stream):
        self.stream = stream
        self.parts = 0

    def read(self, most):
        self.parts += 1
        if self.parts > 1:
            raise StreamBroken(DATASET, "the disk is broken")
        return self.stream.read(1000)

    def close(self):
        self.stream.close()


@pytest.mark.parametrize("code", ["UnknownProtocol", "Garbage", "Damaged"])
def test_bad_source(code):
    """A source that does not speak as it should is told so, and nothing is kept."""
    transfer = Transfer()
    transfer.connect()
    talking = outcome(talk_badly(transfer, code))
    transfer.wire.pump()
    assert talking == [code]
    assert transfer.untouched()


async def talk_badly(transfer, code):
    channel, begin = transfer.channels[0], transfer.begin()
    if code == "UnknownProtocol":
        await channel.say(Kind.BEGIN, evolve(begin, protocol=PROTOCOL + 1))
    elif code == "Garbage":
        await channel.say(Kind.WHOLE, Whole(0, ""))
    else:
        await channel.say(Kind.BEGIN, begin)
        assert (await channel.receive()).kind is Kind.READY
        await channel.send(Kind.DATA, b"part")
        await channel.say(Kind.WHOLE, Whole(4, "0" * 64))
    answer = await channel.receive()
    assert answer.kind is Kind.REFUSED
    return code if code.encode() in answer.payload else answer


def test_no_language():
    """Who speaks something else is hung up on."""
    transfer = Transfer()
    transfer.connect()
    transfer.channels[1].dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    assert transfer.wire.over
    assert transfer.served == [None]


def test_false_confirmation():
    """A target that confirms another snapshot is not believed."""
    transfer = Transfer()
    channels = transfer.channels = Channel(transfer.clock), Channel(transfer.clock)
    transfer.wire = Wire(*channels)
    outcome(confirm_falsely(channels[1]))
    (error,) = transfer.send()
    assert isinstance(error, NotWhatWasSent)


async def confirm_falsely(channel):
    await channel.receive()
    await channel.send(Kind.READY)
    while (await channel.receive()).kind is not Kind.WHOLE:
        pass
    await channel.say(Kind.ARRIVED, Arrived(SnapshotID("another")))


def test_silence():
    """Who hears nothing at all gives up."""
    transfer = Transfer()
    transfer.connect()
    transfer.wire.deaf = True
    sent = transfer.send()
    transfer.wait(DEAD_AFTER - 1)
    assert sent == []
    transfer.wait(1 + ALIVE_EVERY)
    assert isinstance(sent[0], TransferCut)
    assert "said nothing" in str(sent[0])
    assert transfer.untouched()


def test_slow_disk():
    """A target whose disk takes long is waited for."""
    transfer = Transfer()
    transfer.connect()
    transfer.threads[1].hang()
    sent = transfer.send()
    transfer.wait(10 * DEAD_AFTER)
    assert sent == []
    transfer.threads[1].go_on()
    transfer.wire.pump()
    assert sent == [None]
    assert transfer.target_is(CONTENT)


def test_backpressure():
    """However slow the target is, only so much of a stream is in memory."""
    transfer = Transfer()
    transfer.disks[0].size = transfer.disks[1].size = 1024**3
    large = CONTENT * 24
    transfer.snapshot = transfer.save(large)
    transfer.connect()
    transfer.threads[1].hang()
    sent = transfer.send()
    most = MOST_WAITING + 4 * LONGEST_DATA
    assert MOST_WAITING < transfer.progress[-1].done < most
    transfer.threads[1].go_on()
    transfer.wire.pump()
    assert sent == [None]
    assert transfer.target_is(large)


def test_pace():
    """A limit is kept over the whole of a stream."""
    limit = 256 * 1024
    transfer = Transfer(pace=Pace(limit))
    sent = transfer.run()
    transfer.wait(3)
    assert sent == []
    assert transfer.progress[-1].done <= 4 * limit + LONGEST_DATA
    transfer.wait(3)
    assert sent == [None]
