"""All that may happen between two agents while a snapshot moves: real TLS, threads."""

import os
import socket
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred

from flocker.backends.pool_errors import StreamBroken
from flocker.dataset_agent.transfer.accepting import MOST_HANDSHAKES, MOST_SERVED
from flocker.dataset_agent.transfer.belts import MOST_WAITING
from flocker.dataset_agent.transfer.channel import TransferCut, understand
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.dataset_agent.transfer.frames import (
    HEAD_SIZE,
    LONGEST_DATA,
    PROTOCOL,
    Kind,
    Packing,
    Refused,
    Whole,
    head,
)
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.dataset_agent.transfer.sending import NotWhatWasSent, TargetRefused
from flocker.model.ids import DatasetID
from flocker.sandbox.waiting import until
from tests.functional.transfer_rig import (
    HASTY,
    ONE,
    THREE,
    Loop,
    Rig,
    Slow,
    open_files,
)

MEBIBYTE = 1024 * 1024
CONTENT = os.urandom(3 * MEBIBYTE)
LARGE = os.urandom(24 * MEBIBYTE)


@pytest.fixture(scope="module")
def loop():
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def rigs(loop):
    made = []

    def make(content=CONTENT, **settings):
        made.append(Rig(loop, content, **settings))
        return made[-1]

    yield make
    for rig in made:
        rig.stop()


def threads_of_transfers():
    return [t.name for t in threading.enumerate() if t.name.startswith("transfer-")]


def test_arrives(rigs):
    """A snapshot arrives whole, then what follows; what the target has is not sent."""
    rig = rigs()
    assert rig.run() == rig.snapshot.identity
    assert rig.target_is(CONTENT)
    first = rig.snapshot.identity
    rig.snapshot = rig.save(b"more")
    assert rig.run() == rig.snapshot.identity
    assert rig.target_is(b"more")
    offers = [seen for seen in rig.host.seen if seen != "ended"]
    assert [source for source, _ in offers] == [ONE, ONE]
    assert offers[1][1].lineage == (first, rig.snapshot.identity)
    until(lambda: rig.host.seen.count("ended") == 2, "the ends of both visits", 5)


def test_several_in_one_visit(rigs):
    """Snapshots may follow each other on one connection, and questions them."""
    rig = rigs()
    asked = []

    async def move():
        sender, channel = rig.sender(), await rig.dial()
        base = await sender.open_visit(channel, rig.offer())
        for content in (b"one", b"two"):
            begin, identity = rig.begin(base), rig.snapshot.identity
            stream = rig.source.send(rig.dataset, identity, base)
            await sender.send(channel, begin, stream)
            asked.append(await sender.ask(channel) == identity)
            base, rig.snapshot = identity, rig.save(content)
        channel.finish()

    rig.loop.run(move())
    assert asked == [True, True]
    assert len(rig.target.look(rig.dataset).snapshots) == 2


def test_progress(rigs):
    """Both sides tell how much is done, up to all of it."""
    rig = rigs(LARGE, plain=True)
    rig.gate.seconds = 0.1
    rig.run()
    for told in (rig.progress, rig.received):
        done = [each.done for each in told]
        assert done == sorted(done)
        assert len(done) > 1
        assert done[-1] == told[-1].total


@pytest.mark.parametrize("tenth", range(10))
def test_cut(rigs, tenth):
    """A connection that is cut anywhere changes nothing; sent again it arrives."""
    rig = rigs()
    rig.wire(cut_after=3000 + tenth * len(CONTENT) // 10)
    error = rig.run()
    assert isinstance(error, TransferCut | AgentUnreachable), error
    until(rig.untouched, "all thrown away", 5)
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)
    rig.wires[-1].stop()
    assert rig.run(port=rig.port) == rig.snapshot.identity
    assert rig.target_is(CONTENT)


def test_confirmation_is_lost(rigs):
    """A confirmation that does not come through is no confirmation."""
    rig = rigs()
    wire = rig.wire()
    rig.host.gate.hang()
    going = rig.loop.begin(rig.move())
    assert rig.host.gate.reached.wait(5)
    wire.deaf.set()
    rig.host.gate.open.set()
    assert isinstance(going.outcome(), TransferCut)
    assert "said nothing" in str(going.outcome())


def test_refused(rigs):
    """What the target's agent refuses is not sent, and the source is told why."""
    rig = rigs()
    rig.host.refusal = StreamBroken(rig.dataset, "not today")
    error = rig.run()
    assert (type(error), error.code) == (TargetRefused, "StreamBroken")
    assert "not today" in str(error)
    assert rig.progress == []
    assert rig.untouched()


def test_full_target(rigs):
    """A target that gets full in the middle says so, however much comes still."""
    rig = rigs(room=1000)
    error = rig.run()
    assert (type(error), error.code) == (TargetRefused, "PoolFull")
    assert rig.untouched()


def test_full_after_a_while(rigs):
    """The same where it is known only when the disk is written to."""
    rig = rigs(LARGE, plain=True)

    rig.host.gate.full_after = MEBIBYTE
    error = rig.run()
    assert (type(error), error.code) == (TargetRefused, "PoolFull")
    assert rig.untouched()


@pytest.mark.parametrize("place", [1, MEBIBYTE, len(CONTENT) - 1])
def test_changed_on_the_way(rigs, place):
    """A bit that flips at either end, where TLS does not look, is found."""
    rig = rigs()

    def alter(channel):
        send, sent = channel.send, 0

        def sending(kind, *parts):
            nonlocal sent
            if kind is Kind.DATA:
                whole = bytearray(b"".join(parts))
                if sent <= place < sent + len(whole):
                    whole[place - sent] ^= 4
                sent += len(whole)
                parts = (bytes(whole),)
            send(kind, *parts)

        channel.send = sending

    error = rig.run(alter=alter)
    assert (type(error), error.code) == (TargetRefused, "Damaged")
    assert rig.untouched()


class Failing:
    """A stream that breaks after its first part."""

    def __init__(self, stream, dataset):
        self.stream, self.dataset, self.parts, self.closed = stream, dataset, 0, 0

    def read(self, most):
        self.parts += 1
        if self.parts > 1:
            raise StreamBroken(self.dataset, "the disk is broken")
        return self.stream.read(1000)

    def close(self):
        self.closed += 1
        self.stream.close()


def test_source_fails(rigs):
    """A source whose stream breaks hangs up, and the target throws all away."""
    rig = rigs()

    async def move():
        sender, channel = rig.sender(), await rig.dial()
        await sender.open_visit(channel, rig.offer())
        stream = rig.source.send(rig.dataset, rig.snapshot.identity, None)
        failing.append(Failing(stream, rig.dataset))
        await sender.send(channel, rig.begin(), failing[0])

    failing = []
    error = rig.loop.begin(move()).outcome()
    assert isinstance(error, StreamBroken)
    assert failing[0].closed == 1
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", 5)
    assert rig.host.streams[0].closed
    assert rig.untouched()


def talk(rig, *said):
    """Say that after the offer, as a source that errs; give the last answer."""

    async def talking():
        channel = await rig.dial()

        def conversation():
            with channel.conversation():
                channel.say(Kind.OFFER, rig.offer())
                answer = channel.receive()
                for kind, message in said:
                    if isinstance(message, bytes):
                        channel.send(kind, message)
                    else:
                        channel.say(kind, message)
                    if kind is not Kind.DATA:
                        answer = channel.receive()
                return answer

        answer = await rig.threads.run(conversation)
        channel.finish()
        return answer

    return rig.loop.run(talking())


def test_bad_source(rigs):
    """A source that does not speak as it should is told so, and nothing is kept."""
    rig = rigs()
    begin = (Kind.BEGIN, rig.begin())
    cases = {
        "UnknownProtocol": [(Kind.BEGIN, evolve(rig.begin(), protocol=PROTOCOL + 1))],
        "Garbage": [(Kind.WHOLE, Whole(0, ""))],
        "Damaged": [begin, (Kind.DATA, b"part"), (Kind.WHOLE, Whole(4, "0" * 64))],
    }
    for code, said in cases.items():
        answer = talk(rig, *said)
        assert answer.kind is Kind.REFUSED
        assert understand(Refused, answer).code == code
    other = (Kind.BEGIN, evolve(rig.begin(), dataset=DatasetID(uuid4())))
    later = (Kind.BEGIN, evolve(rig.begin(), epoch=2))
    for said in ([begin, begin], [other], [later]):
        assert understand(Refused, talk(rig, *said)).code == "Garbage"
    assert rig.untouched()


def test_false_confirmation(rigs):
    """A target that confirms another snapshot is not believed."""
    rig = rigs()

    def alter(channel):
        receive = channel.receive

        def receiving():
            frame = receive()
            if frame.kind is Kind.ARRIVED:
                return evolve(frame, payload=b'{"identity":"another"}')
            return frame

        channel.receive = receiving

    assert isinstance(rig.run(alter=alter), NotWhatWasSent)


@pytest.mark.parametrize("silent", ["from the start", "in the middle"])
def test_silence(rigs, silent):
    """Who hears nothing at all gives up, on both sides."""
    rig = rigs(LARGE, plain=True)
    wire = rig.wire()
    if silent == "in the middle":
        rig.gate.seconds = 0.02
    else:
        rig.host.answering = Deferred()
    going = rig.loop.begin(rig.move())
    until(lambda: rig.host.seen, "a visit", 5)
    if silent == "in the middle":
        until(lambda: rig.host.gate.passed, "the first data", 5)
    wire.deaf.set()
    started = time.monotonic()
    assert "said nothing" in str(going.outcome())
    assert time.monotonic() - started < HASTY.dead_after + 2
    if rig.host.answering is not None:
        rig.loop.do(rig.host.answering.callback, None)
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", 10)
    assert rig.untouched()


@pytest.mark.parametrize("slow", ["source", "target", "agent"])
def test_slow(rigs, slow):
    """A disk, or an agent, that takes longer than any silence is waited for."""
    rig = rigs(LARGE, plain=True)
    gate = rig.gate if slow == "source" else rig.host.gate
    if slow == "agent":
        rig.host.answering = Deferred()
    else:
        gate.hang()
    going = rig.loop.begin(rig.move())
    assert not going.over.wait(3 * HASTY.dead_after)
    if slow == "agent":
        rig.loop.do(rig.host.answering.callback, None)
    else:
        gate.open.set()
    assert going.outcome() == rig.snapshot.identity
    assert rig.target_is(LARGE)


def test_backpressure(rigs):
    """However slow the target is, only so much of a stream is in memory."""
    rig = rigs(LARGE * 4, plain=True)
    rig.host.gate.hang()
    going = rig.loop.begin(rig.move())
    assert rig.host.gate.reached.wait(5)
    time.sleep(HASTY.dead_after)
    limits = [Path(f"/proc/sys/net/ipv4/tcp_{name}mem").read_text() for name in "rw"]
    kernel = sum(int(limit.split()[2]) for limit in limits)
    most = 2 * (MOST_WAITING + LONGEST_DATA) + LONGEST_DATA
    assert MOST_WAITING < rig.gate.passed <= most + kernel < len(rig.content)
    rig.host.gate.open.set()
    assert going.outcome() == rig.snapshot.identity


def test_pace(rigs):
    """A limit is kept over the whole of a stream."""
    rig = rigs()
    started = time.monotonic()
    assert rig.run(pace=Pace(2 * MEBIBYTE)) == rig.snapshot.identity
    assert 1.2 < time.monotonic() - started < 4


@pytest.mark.parametrize("where", ["write", "read", "agent", "pause"])
def test_cancelled(rigs, where):
    """Who cancels a transfer ends it at once, wherever it waits, and frees all."""
    rig = rigs(LARGE, plain=True)
    files = open_files()
    if where == "write":
        rig.host.gate.hang()
    elif where == "read":
        rig.gate.hang()
    elif where == "agent":
        rig.host.answering = Deferred()
    pace = Pace(10_000) if where == "pause" else None
    going = rig.loop.begin(rig.move(pace=pace))
    until(lambda: rig.host.seen, "a visit", 5)
    time.sleep(0.3)
    started = time.monotonic()
    going.cancel()
    assert isinstance(going.outcome(), CancelledError)
    assert time.monotonic() - started < 0.5
    if where == "agent":
        rig.loop.do(rig.host.answering.callback, None)
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", 5)
    until(lambda: open_files() <= files, "all files closed", 5)
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)
    assert rig.untouched()
    rig.host.answering = None
    assert rig.run() == rig.snapshot.identity


def test_cut_while_it_is_put_in_its_place(rigs, monkeypatch):
    """A visit lasts until what came is written: then the dataset is the node's again.

    Else its record would be written over, later, by the one that came with the stream.
    """
    begun, go_on = threading.Event(), threading.Event()
    rig = rigs()

    def finish(self, record):
        begun.set()
        assert go_on.wait(5)
        rig.host.seen.append("written")
        return self.stream.finish(record)

    monkeypatch.setattr(Slow, "finish", finish)
    wire = rig.wire()
    going = rig.loop.begin(rig.move())
    assert begun.wait(5)
    wire.cut()
    assert isinstance(going.outcome(), TransferCut)
    time.sleep(3 * HASTY.alive_every)
    assert "ended" not in rig.host.seen
    go_on.set()
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", 5)
    assert "written" in rig.host.seen


def test_stopped_target(rigs):
    """A target that is stopped ends its transfers at once."""
    rig = rigs(LARGE, plain=True)
    rig.host.gate.hang()
    going = rig.loop.begin(rig.move())
    assert rig.host.gate.reached.wait(5)
    started = time.monotonic()
    rig.loop.run(rig.transfers.stop())
    assert time.monotonic() - started < 1
    assert isinstance(going.outcome(), TransferCut)
    assert rig.untouched()


def test_meanwhile(rigs):
    """What takes the source longer than any silence in a visit does not end it."""
    rig = rigs()

    async def move():
        sender, channel = rig.sender(), await rig.dial()
        await sender.open_visit(channel, rig.offer())
        long = 2 * HASTY.idle_after
        told = await sender.meanwhile(channel, rig.threads.run(time.sleep, long))
        assert told is None
        await sender.send(channel, rig.begin(), rig.stream(None))
        channel.finish()

    rig.loop.run(move())
    assert rig.target_is(CONTENT)


@pytest.mark.parametrize("ends", ["target", "work", "source"])
def test_trouble_meanwhile(rigs, ends):
    """It is told what went wrong: the target is gone, or the work failed, or none."""
    rig = rigs()
    wire = rig.wire()

    def work():
        if ends == "target":
            wire.cut()
        time.sleep(0.3)
        if ends == "work":
            raise StreamBroken(rig.dataset, "the disk is broken")

    async def move():
        sender, channel = rig.sender(), await rig.dial()
        await sender.open_visit(channel, rig.offer())
        try:
            await sender.meanwhile(channel, rig.threads.run(work))
        finally:
            channel.finish()

    going = rig.loop.begin(move())
    until(lambda: rig.host.seen, "a visit", 5)
    if ends == "source":
        going.cancel()
    wanted = {"target": TransferCut, "work": StreamBroken, "source": CancelledError}
    assert isinstance(going.outcome(), wanted[ends])


# Packed


def test_packed(rigs):
    """What is packed is less on the wire, and arrives as it was."""
    content = bytes(range(256)) * 4096 * 16
    rig = rigs(content, plain=True)
    rig.packing = Packing.ZSTD
    wire = rig.wire(cut_after=10**9)
    assert rig.run() == rig.snapshot.identity
    assert rig.target_is(content)
    assert wire.passed < len(content) // 10
    assert rig.progress[-1].done == rig.received[-1].done == len(content)


@pytest.mark.parametrize("lacks", ["receiving", "sending"])
def test_only_one_can_pack(rigs, monkeypatch, lacks):
    """Nothing is packed where one side has no program for it."""
    monkeypatch.setattr(f"flocker.dataset_agent.transfer.{lacks}.packings", lambda: ())
    content = bytes(MEBIBYTE)
    rig = rigs(content, plain=True)
    rig.packing = Packing.ZSTD
    wire = rig.wire(cut_after=10**9)
    assert rig.run() == rig.snapshot.identity
    assert rig.target_is(content)
    assert wire.passed > len(content)


def test_packed_and_full(rigs):
    """A target that gets full says so of what is packed, too."""
    rig = rigs(LARGE, plain=True)
    rig.packing = Packing.ZSTD
    rig.host.gate.full_after = MEBIBYTE
    error = rig.run()
    assert (type(error), error.code) == (TargetRefused, "PoolFull")
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)


@pytest.mark.parametrize("data", [b"no zstd at all", b"\x28\xb5\x2f\xfd", b""])
def test_badly_packed(rigs, data):
    """What cannot be unpacked, or ends too early, is damaged."""
    rig = rigs(plain=True)
    begin = (Kind.BEGIN, evolve(rig.begin(), packing=Packing.ZSTD))
    parts = [(Kind.DATA, data)] if data else []
    answer = talk(rig, begin, *parts, (Kind.WHOLE, Whole(4, "0" * 32)))
    assert understand(Refused, answer).code == "Damaged"
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)


@pytest.mark.parametrize("where", ["write", "read"])
def test_packed_and_cancelled(rigs, where):
    """It is cancelled at once, and its programs end."""
    rig = rigs(LARGE, plain=True)
    rig.packing = Packing.ZSTD
    files = open_files()
    (rig.host.gate if where == "write" else rig.gate).hang()
    going = rig.loop.begin(rig.move())
    until(lambda: rig.host.streams, "a stream", 5)
    time.sleep(0.3)
    started = time.monotonic()
    going.cancel()
    assert isinstance(going.outcome(), CancelledError)
    assert time.monotonic() - started < 0.5
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)
    until(lambda: open_files() <= files, "all files closed", 5)


# Who may speak


@pytest.mark.parametrize("who", ["user", "control", "foreign"])
def test_wrong_role(rigs, who):
    """Only nodes of this cluster are served; the target's log says who was not."""
    rig = rigs()
    error = rig.run(who=who)
    assert isinstance(error, AgentUnreachable)
    assert rig.host.seen == []
    assert who == "foreign" or len(rig.refused) == 1


def test_another_node_than_meant(rigs):
    """A source talks only to the node that control named, whoever answers there."""
    rig = rigs()
    error = rig.run(node=THREE)
    assert isinstance(error, AgentUnreachable)
    assert f"expected the one of node-{THREE}" in str(error)
    assert rig.host.seen == []


def test_nobody_there(rigs):
    """An address where nobody listens is told with its reason."""
    rig = rigs()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = rig.run(port=port)
    assert isinstance(error, AgentUnreachable)
    assert "refused" in str(error)


def test_dial_is_cancelled(rigs):
    """Somebody who answers and says nothing does not keep who dials from leaving."""
    rig = rigs()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        going = rig.loop.begin(rig.dial(port=mute.getsockname()[1]))
        time.sleep(0.2)
        going.cancel()
        assert isinstance(going.outcome(1), CancelledError)
        slow = rig.loop.begin(rig.dial(port=mute.getsockname()[1]))
        assert isinstance(slow.outcome(5), AgentUnreachable)


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100]
)
def test_idle_strangers(rigs, said):
    """Strangers who hold connections open keep no node out, and are sent away."""
    rig = rigs(patience=evolve(HASTY, reached_within=8.0))
    address = ("127.0.0.1", rig.port)
    strangers = [socket.create_connection(address) for _ in range(50)]
    try:
        for stranger in strangers:
            stranger.sendall(said)
        started = time.monotonic()
        assert rig.run() == rig.snapshot.identity
        assert time.monotonic() - started < 5
        for stranger in strangers:
            stranger.settimeout(12)
            with pytest.raises(ConnectionError):  # noqa: PT012
                while stranger.recv(1000):
                    pass
                raise ConnectionResetError
    finally:
        for stranger in strangers:
            stranger.close()
    assert MOST_HANDSHAKES < 50


def test_idle_nodes(rigs):
    """More nodes than are served are told so; those that ask nothing are sent away."""
    rig = rigs()

    async def dial_all():
        return [await rig.dial() for _ in range(MOST_SERVED)]

    channels = rig.loop.run(dial_all())
    error = rig.run()
    assert isinstance(error, AgentUnreachable)
    assert f"serves {MOST_SERVED} transfers" in str(error)
    time.sleep(HASTY.idle_after + 1.2)
    assert rig.run() == rig.snapshot.identity
    for channel in channels:
        rig.loop.do(channel.finish)


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n",
        head(Kind.DATA, LONGEST_DATA + 1),
        head(Kind.BEGIN, 20_000),
        head(Kind.OFFER, 3) + b"{}}",
        b"\xff" * HEAD_SIZE,
    ],
)
def test_garbage_of_a_node(rigs, said):
    """A node that speaks something else is hung up on, and others are served."""
    rig = rigs()

    async def talk():
        channel = await rig.dial()

        def conversation():
            with channel.conversation():
                channel._put(said)
                return channel.receive()

        try:
            return await rig.threads.run(conversation)
        finally:
            channel.finish()

    error = rig.loop.begin(talk()).outcome()
    refused = not isinstance(error, TransferCut)
    assert not refused or understand(Refused, error).code == "Garbage"
    assert rig.run() == rig.snapshot.identity


def test_gives_all_back(rigs):
    """Many transfers, well and badly ended, leave no file and no thread behind."""
    rig = rigs()
    rig.run()
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)
    files = open_files()
    for number in range(20):
        rig.snapshot = rig.save(bytes([number]) * 100_000)
        assert rig.run() == rig.snapshot.identity
        assert isinstance(rig.run(who="user"), AgentUnreachable)
    until(lambda: open_files() <= files, "all files closed", 5)
    until(lambda: not threads_of_transfers(), "the ends of the threads", 5)
