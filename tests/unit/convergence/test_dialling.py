"""A connection is the session's once Hello was answered; else it is closed."""

from uuid import UUID

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from flocker.convergence.dialling import greet
from flocker.convergence.link import Link
from flocker.model.ids import NodeID
from flocker.testing.builders import an_identity
from flocker.testing.simulation.wires import Wire
from flocker.wire.commands import AgentRefused, Hello
from flocker.wire.connection import Connection
from flocker.wire.json_codec import decode
from flocker.wire.protocol import PROTOCOL


class Deaf:
    """Hears nothing."""

    async def updated(self, boot, number, what):
        raise AssertionError

    def lost(self, why):
        """It does not matter."""


class ControlSide(Connection):
    """Answers Hello as the test wants."""

    refuse = False
    silent = False
    heard = None

    @Hello.responder
    def _hello(self, protocol, identity, boot, number):
        self.heard = (protocol, identity, boot, number)
        if self.silent:
            return Deferred()
        if self.refuse:
            raise AgentRefused("no")
        return {"protocol": PROTOCOL, "version": "2"}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wire(clock):
    made = Wire(clock, NodeID(UUID(int=1)), "10.0.0.7")
    made.connect(Link(Deaf(), clock), ControlSide(clock))
    return made


async def identify(host):
    """An agent is known by its address."""
    return an_identity(1, host=host)


def greeting(wire, who=identify):
    """Say Hello; give the Deferred of it."""
    return ensureDeferred(greet(wire.client.protocol, who, ("boot", 3)))


def test_hello(wire, clock):
    """Control is told who this is, at which address, and what it knows."""
    done = []
    greeting(wire).addCallback(done.append)
    clock.pump([0.01] * 5)
    protocol, identity, boot, number = wire.server.protocol.heard
    assert (protocol, boot, number) == (PROTOCOL, "boot", 3)
    assert decode(type(an_identity()), identity) == an_identity(1, host="10.0.0.7")
    assert done == [None]
    assert not wire.client.over


def test_refused(wire, clock):
    """A connection on which the agent is refused does not stay open."""
    wire.server.protocol.refuse = True
    failures = []
    greeting(wire).addErrback(failures.append)
    clock.pump([0.01] * 5)
    assert failures[0].check(AgentRefused)
    assert wire.client.over
    assert wire.server.over


def test_given_up(wire, clock):
    """A connection on which Hello is given up is closed."""
    wire.server.protocol.silent = True
    greeting(wire).addErrback(lambda _: None).cancel()
    clock.pump([0.01] * 5)
    assert wire.client.over


def test_nobody(wire, clock):
    """A connection is closed if the agent cannot say who it is."""

    async def nobody(host):
        raise ValueError(host)

    failures = []
    greeting(wire, nobody).addErrback(failures.append)
    clock.pump([0.01] * 5)
    assert failures[0].check(ValueError)
    assert wire.client.over
