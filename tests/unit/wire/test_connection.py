"""A connection says how its calls end, and notices when the other side is gone."""

import gc
from uuid import UUID
from weakref import ref

import pytest
from twisted.internet import main
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.model.ids import NodeID
from flocker.testing.simulation.wires import Wire
from flocker.wire.commands import BadPayload, ReportFacts
from flocker.wire.connection import DEAD_AFTER, ENDED, PING_EVERY, Connection
from flocker.wire.protocol import PART_SIZE


class Receiver(Connection):
    """Takes reports; `refuse` makes it answer with an error, `silent` not at all."""

    refuse = False
    silent = False

    @ReportFacts.responder
    def _report(self, part, parts, payload, task):
        if self.silent:
            return Deferred()
        if self.refuse:
            raise BadPayload("it is bad")
        whole = self.take_part(part, parts, payload)
        self.got = whole if whole is not None else None
        return {}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wire(clock):
    made = Wire(clock, NodeID(UUID(int=1)), "here")
    made.connect(Connection(clock), Receiver(clock))
    return made


def sending(wire, payload=b"x"):
    """Send a report; give the list that its end will be in."""
    done = []
    work = wire.client.protocol.send_parts(ReportFacts, payload, task="")
    Deferred.fromCoroutine(work).addBoth(done.append)
    return done


def test_parts_arrive_as_one(wire, clock):
    """A payload of several parts is put together on the other side."""
    payload = bytes(range(256)) * 200
    assert len(payload) > 2 * PART_SIZE
    done = sending(wire, payload)
    clock.pump([0.01] * 10)
    assert done == [{}]
    assert wire.server.protocol.got == payload


def test_refusal_is_raised(wire, clock):
    """What the other side refuses with is what the sender sees."""
    wire.server.protocol.refuse = True
    done = sending(wire)
    clock.pump([0.01] * 10)
    assert isinstance(done[0], Failure)
    assert done[0].check(BadPayload)


@pytest.mark.parametrize("end", ["loseConnection", "abortConnection"])
@pytest.mark.parametrize("side", ["client", "server"])
def test_call_ends_with_its_connection(wire, clock, side, end):
    """However a connection ends, the calls under way raise one of `ENDED`."""
    wire.server.protocol.silent = True
    done = sending(wire, bytes(3 * PART_SIZE))
    clock.pump([0.01] * 10)
    assert done == []
    getattr(getattr(wire, side), end)()
    clock.pump([0.01] * 10)
    assert isinstance(done[0], Failure)
    assert done[0].check(*ENDED)
    assert done[0].check(ConnectionClosed)


def test_dead_connection(wire, clock):
    """A side that hears nothing ends the connection, with its pings unanswered."""
    clock.pump([PING_EVERY] * 4)
    assert not wire.client.over
    wire.silent = True
    clock.pump([1.0] * int(DEAD_AFTER + PING_EVERY + 1))
    assert wire.client.over
    assert wire.server.over
    assert clock.getDelayedCalls() == []


class Counting(Connection):
    """Counts its pings."""

    pings = 0

    def ping(self):
        self.pings += 1
        return super().ping()


def test_who_hears_much_does_not_ping(clock):
    """A side pings only where it was quiet; answers to its own words count."""
    wire = Wire(clock, NodeID(UUID(int=1)), "here")
    wire.connect(Counting(clock), Receiver(clock))
    for _ in range(20):
        sending(wire)
        clock.pump([0.01] * 10 + [0.9])
    assert wire.client.protocol.pings == 0
    clock.pump([1.0] * 20)
    assert 2 <= wire.client.protocol.pings <= 20 / PING_EVERY


@pytest.mark.parametrize("later", [1.0, 2.0, 3.0, 4.5])
def test_one_of_two_pings(clock, later):
    """Of two sides whose time for a ping comes one after the other, one pings."""
    wire = Wire(clock, NodeID(UUID(int=1)), "here")
    wire.connect(Counting(clock), Counting(clock))
    server = wire.server.protocol
    server._pinging.stop()
    clock.advance(later)
    server._pinging.start(PING_EVERY, now=False)
    clock.pump([0.1] * 600)
    counts = wire.client.protocol.pings, server.pings
    assert sum(counts) <= 60 / PING_EVERY + 1
    assert not wire.client.over


def frames_of(error: BaseException) -> int:
    """How many frames an exception keeps."""
    found, place = 0, error.__traceback__
    while place is not None:
        found, place = found + 1, place.tb_next
    return found


@pytest.mark.parametrize("shared", [main.CONNECTION_DONE, main.CONNECTION_LOST])
def test_nothing_is_kept(clock, shared):
    """Of a connection that ended under a call nothing stays.

    See Note [Reasons of their own].
    """
    ended = []
    for _ in range(5):
        wire = Wire(clock, NodeID(UUID(int=1)), "here")
        wire.connect(Connection(clock), Receiver(clock))
        wire.server.protocol.silent = True
        done = sending(wire)
        clock.pump([0.01] * 10)
        for side in (wire.client, wire.server):
            side.protocol.connectionLost(Failure(shared))
        assert done[0].check(type(shared))
        ended.append(ref(wire.client.protocol))
    del wire, done, side
    gc.collect()
    assert frames_of(shared) == 0
    assert [each() for each in ended] == [None] * 5
