"""What may go wrong between two agents while a snapshot moves: real TLS, threads."""

import threading
import time
from uuid import uuid4

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred

from flocker.backends.pool_errors import StreamBroken
from flocker.dataset_agent.transfer.channel import TransferCut, understand
from flocker.dataset_agent.transfer.connecting import AgentUnreachable
from flocker.dataset_agent.transfer.frames import (
    PROTOCOL,
    Kind,
    Packing,
    Refused,
    Whole,
)
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.dataset_agent.transfer.sending import NotWhatWasSent, TargetRefused
from flocker.model.ids import DatasetID
from flocker.sandbox.waiting import until
from tests.functional.transfer.loops import PATIENCE
from tests.functional.transfer.transfer_rig import (
    CALM,
    CONTENT,
    HASTY,
    LARGE,
    MEBIBYTE,
    Slow,
    open_files,
)


def threads_of_transfers():
    return [t.name for t in threading.enumerate() if t.name.startswith("transfer-")]


@pytest.mark.parametrize("tenth", range(10))
def test_cut(rigs, tenth):
    """A connection that is cut anywhere changes nothing; sent again it arrives."""
    rig = rigs()
    rig.wire(cut_after=3000 + tenth * len(CONTENT) // 10)
    error = rig.run()
    assert isinstance(error, TransferCut | AgentUnreachable), error
    until(rig.untouched, "all thrown away", PATIENCE)
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)
    rig.wires[-1].stop()
    assert rig.run(port=rig.port) == rig.snapshot.identity
    assert rig.target_is(CONTENT)


def test_confirmation_is_lost(rigs):
    """A confirmation that does not come through is no confirmation."""
    rig = rigs(patience=HASTY)
    wire = rig.wire()
    rig.host.gate.hang()
    going = rig.loop.begin(rig.move())
    assert rig.host.gate.reached.wait(PATIENCE)
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
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", PATIENCE)
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
    rig = rigs(LARGE, plain=True, patience=HASTY)
    wire = rig.wire()
    if silent == "in the middle":
        rig.gate.seconds = 0.02
    else:
        rig.host.answering = Deferred()
    going = rig.loop.begin(rig.move())
    until(lambda: rig.host.seen, "a visit", PATIENCE)
    if silent == "in the middle":
        until(lambda: rig.host.gate.passed, "the first data", PATIENCE)
    wire.deaf.set()
    assert "said nothing" in str(going.outcome())
    if rig.host.answering is not None:
        rig.loop.do(rig.host.answering.callback, None)
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", PATIENCE)
    assert rig.untouched()


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
    until(lambda: rig.host.seen, "a visit", PATIENCE)
    time.sleep(0.3)
    going.cancel()
    assert isinstance(going.outcome(), CancelledError)
    if where == "agent":
        rig.loop.do(rig.host.answering.callback, None)
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", PATIENCE)
    until(lambda: open_files() <= files, "all files closed", PATIENCE)
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)
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
        assert go_on.wait(PATIENCE)
        rig.host.seen.append("written")
        return self.stream.finish(record)

    monkeypatch.setattr(Slow, "finish", finish)
    wire = rig.wire()
    going = rig.loop.begin(rig.move())
    assert begun.wait(PATIENCE)
    wire.cut()
    assert isinstance(going.outcome(), TransferCut)
    time.sleep(3 * CALM.alive_every)
    assert "ended" not in rig.host.seen
    go_on.set()
    until(lambda: rig.host.seen[-1] == "ended", "the end of the visit", PATIENCE)
    assert "written" in rig.host.seen


def test_stopped_target(rigs):
    """A target that is stopped ends its transfers at once."""
    rig = rigs(LARGE, plain=True)
    rig.host.gate.hang()
    going = rig.loop.begin(rig.move())
    assert rig.host.gate.reached.wait(PATIENCE)
    assert rig.loop.begin(rig.transfers.stop()).outcome() is None
    assert isinstance(going.outcome(), TransferCut)
    assert rig.untouched()


def test_packed_and_full(rigs):
    """A target that gets full says so of what is packed, too."""
    rig = rigs(LARGE, plain=True)
    rig.packing = Packing.ZSTD
    rig.host.gate.full_after = MEBIBYTE
    error = rig.run()
    assert (type(error), error.code) == (TargetRefused, "PoolFull")
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)


@pytest.mark.parametrize("data", [b"no zstd at all", b"\x28\xb5\x2f\xfd", b""])
def test_badly_packed(rigs, data):
    """What cannot be unpacked, or ends too early, is damaged."""
    rig = rigs(plain=True)
    begin = (Kind.BEGIN, evolve(rig.begin(), packing=Packing.ZSTD))
    parts = [(Kind.DATA, data)] if data else []
    answer = talk(rig, begin, *parts, (Kind.WHOLE, Whole(4, "0" * 32)))
    assert understand(Refused, answer).code == "Damaged"
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)


@pytest.mark.parametrize("where", ["write", "read"])
def test_packed_and_cancelled(rigs, where):
    """It is cancelled at once, and its programs end."""
    rig = rigs(LARGE, plain=True)
    rig.packing = Packing.ZSTD
    files = open_files()
    (rig.host.gate if where == "write" else rig.gate).hang()
    going = rig.loop.begin(rig.move())
    until(lambda: rig.host.streams, "a stream", PATIENCE)
    time.sleep(0.3)
    going.cancel()
    assert isinstance(going.outcome(), CancelledError)
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)
    until(lambda: open_files() <= files, "all files closed", PATIENCE)


def test_gives_all_back(rigs):
    """Many transfers, well and badly ended, leave no file and no thread behind."""
    rig = rigs()
    rig.run()
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)
    files = open_files()
    for number in range(20):
        rig.snapshot = rig.save(bytes([number]) * 100_000)
        assert rig.run() == rig.snapshot.identity
        assert isinstance(rig.run(who="user"), AgentUnreachable)
    until(lambda: open_files() <= files, "all files closed", PATIENCE)
    until(lambda: not threads_of_transfers(), "the ends of the threads", PATIENCE)
