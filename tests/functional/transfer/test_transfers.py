"""Snapshots move between two agents, at their pace: real TLS, threads."""

import threading
import time
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError, Deferred

from flocker.backends.pool_errors import StreamBroken
from flocker.dataset_agent.transfer.belts import MOST_WAITING
from flocker.dataset_agent.transfer.channel import TransferCut
from flocker.dataset_agent.transfer.frames import LONGEST_DATA, Packing
from flocker.dataset_agent.transfer.pacing import Pace
from flocker.sandbox.waiting import until
from tests.functional.transfer.loops import PATIENCE
from tests.functional.transfer.transfer_rig import (
    CONTENT,
    HEARING,
    LARGE,
    LONG_SILENCE,
    MEBIBYTE,
    ONE,
)


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
    until(
        lambda: rig.host.seen.count("ended") == 2, "the ends of both visits", PATIENCE
    )


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


@pytest.mark.parametrize("slow", ["source", "target", "agent"])
def test_slow(rigs, slow):
    """A disk, or an agent, that takes longer than any silence is waited for."""
    rig = rigs(LARGE, plain=True, patience=HEARING)
    gate = rig.gate if slow == "source" else rig.host.gate
    if slow == "agent":
        rig.host.answering = Deferred()
    else:
        gate.hang()
    going = rig.loop.begin(rig.move())
    assert not going.over.wait(2 * LONG_SILENCE)
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
    assert rig.host.gate.reached.wait(PATIENCE)
    time.sleep(1)
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
    assert time.monotonic() - started > 1.2


def test_meanwhile(rigs):
    """What takes the source longer than any silence in a visit does not end it."""
    rig = rigs(patience=HEARING)

    async def move():
        sender, channel = rig.sender(), await rig.dial()
        await sender.open_visit(channel, rig.offer())
        long = 2 * LONG_SILENCE
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

    cancelled = threading.Event()

    def work(channel):
        if ends == "target":
            wire.cut()
            until(lambda: channel._why, "a source that notices", PATIENCE)
        elif ends == "source":
            assert cancelled.wait(PATIENCE)
        else:
            raise StreamBroken(rig.dataset, "the disk is broken")

    async def move():
        sender, channel = rig.sender(), await rig.dial()
        await sender.open_visit(channel, rig.offer())
        try:
            await sender.meanwhile(channel, rig.threads.run(work, channel))
        finally:
            channel.finish()

    going = rig.loop.begin(move())
    until(lambda: rig.host.seen, "a visit", PATIENCE)
    if ends == "source":
        going.cancel()
        cancelled.set()
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
