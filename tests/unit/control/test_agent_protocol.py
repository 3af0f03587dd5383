"""The agents' port: who is let in, and how connections follow each other and end."""

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from flocker.control.agent_protocol import ANSWER_WITHIN, HELLO_WITHIN
from flocker.model.cluster import Role
from flocker.testing.builders import a_fact, an_identity, dataset_id, node_id
from flocker.wire.commands import AgentRefused, BadPayload, Hello, ProtocolMismatch
from flocker.wire.connection import DEAD_AFTER, PING_EVERY
from flocker.wire.json_codec import encode
from flocker.wire.protocol import PROTOCOL

pytestmark = pytest.mark.usefixtures("nothing_unhandled")

LATER = PROTOCOL + 1


# --- Hello -------------------------------------------------------------------------


def test_hello(control):
    """An agent that says who it is becomes the node's, and is told its slice."""
    dialled = control.agent()
    assert control.observations.nodes[node_id()].identity == an_identity()
    ((_, number, what),) = dialled.ear.updates
    assert (number, what.full, [each.id for each in what.changed]) == (
        1,
        True,
        [dataset_id()],
    )


def test_versions_are_exchanged(control):
    """Control says which protocol and which version it speaks."""
    dialled = control.dial()
    answer = dialled.ask(
        dialled.link.callRemote(
            Hello,
            protocol=PROTOCOL,
            identity=encode(an_identity()),
            boot="",
            number=0,
        )
    )
    assert answer == [{"protocol": PROTOCOL, "version": "2.0.test"}]


def test_other_protocol(control):
    """An agent that speaks another protocol is refused, with both numbers."""
    dialled = control.dial()
    (failure,) = dialled.ask(
        dialled.link.callRemote(
            Hello, protocol=LATER, identity=b"of another shape", boot="", number=0
        )
    )
    assert isinstance(failure.value, ProtocolMismatch)
    assert str(failure.value) == (
        f"the agent at 10.0.0.1 speaks protocol {LATER}, control {PROTOCOL};"
        " both must be of one version"
    )
    assert control.observations.nodes == {}


def test_other_protocol_of_a_member(control):
    """A node that was a member, and was upgraded before control, shows why it waits."""
    control.agent().wire.client.vanish()
    control.settle()
    dialled = control.dial()
    dialled.ask(
        dialled.link.callRemote(Hello, protocol=LATER, identity=b"", boot="", number=0)
    )
    assert f"protocol {LATER}" in control.observations.nodes[node_id()].refused


def test_another_nodes_certificate(control):
    """Nobody is taken for a node whose certificate it does not have."""
    refused = control.dial(certified=2).hello(an_identity(1))
    assert isinstance(refused, AgentRefused)
    assert str(refused) == (
        f"the certificate is of node {node_id(2)}, the agent says {node_id(1)}"
    )
    assert control.observations.nodes == {}


def test_another_role(control):
    """An agent of another kind does not push a dataset agent out."""
    dataset_agent = control.agent()
    refused = control.dial().hello(an_identity(1, role=Role.CONTAINER))
    assert str(refused) == "no container agents are taken here"
    assert not dataset_agent.over


def test_hello_that_is_none(control):
    """An identity that cannot be read is refused, in one short sentence."""
    dialled = control.dial()
    (failure,) = dialled.ask(
        dialled.link.callRemote(
            Hello,
            protocol=PROTOCOL,
            identity=b'{"node": "%s"}' % (b"x" * 60_000),
            boot="",
            number=0,
        )
    )
    assert isinstance(failure.value, BadPayload)
    assert len(str(failure.value)) < 300


def test_hello_twice(control):
    """Who has said Hello has said it."""
    dialled = control.agent()
    assert isinstance(dialled.hello(an_identity(1, era=2)), AgentRefused)
    assert control.observations.nodes[node_id()].identity == an_identity()
    assert not dialled.over


def test_silent_newcomer(control):
    """A connection on which nobody says Hello is ended after a while."""
    dialled = control.dial()
    for _ in range(int(HELLO_WITHIN) - 1):
        control.clock.advance(1.0)
    assert not dialled.over
    control.clock.advance(1.0)
    control.settle()
    assert dialled.over


def test_report_before_hello(control):
    """Words of nobody are not taken."""
    dialled = control.dial()
    refused = dialled.report(a_fact())
    assert isinstance(refused, BadPayload)
    assert str(refused) == "a report came before Hello"
    assert control.observations.facts(dataset_id()) == {}


# --- a second connection ------------------------------------------------------


def test_same_agent_again(control):
    """A process that dials again replaces itself at once, though the old one lives."""
    old = control.agent()
    new = control.agent()
    assert (old.over, new.over) == (True, False)
    assert control.agents.connection_of(node_id()) is new.server
    assert new.ear.updates != []
    assert control.observations.nodes[node_id()].connected


BOTH = (
    f"10.0.0.9 and 10.0.0.1 both say they are node {node_id()}; "
    "every node needs a certificate of its own"
)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            {"era": 2, "host": "10.0.0.9"},
            BOTH,
        ),
        (
            {"host": "10.0.0.9"},
            BOTH,
        ),
        (
            {"process": 2},
            f"two agents at 10.0.0.1 say they are node {node_id()}; stop one of them",
        ),
    ],
    ids=["another machine", "a machine that was copied", "on one machine"],
)
def test_two_that_live(control, other, words):
    """Two agents with one certificate: the first stays, the second is told why."""
    first = control.agent()
    second = control.dial(host=other.get("host", "10.0.0.1"), port=9)
    refused = second.hello(an_identity(1, **other))
    assert isinstance(refused, AgentRefused)
    assert str(refused) == words
    assert control.observations.nodes[node_id()].refused == words
    assert control.agents.connection_of(node_id()) is first.server
    assert not first.over


@pytest.mark.parametrize(
    "other", [{"era": 2}, {"host": "10.0.0.9"}, {"process": 2}], ids=str
)
def test_successor_of_a_silent_one(control, other):
    """A successor takes its node's place when the old connection is silent."""
    old = control.agent()
    old.wire.silent = True
    new = control.dial()
    answers = new.ask(new.link.hello(an_identity(1, **other), "", 0))
    control.clock.advance(ANSWER_WITHIN - 0.5)
    assert answers == []
    control.clock.advance(0.5)
    control.settle()
    assert answers == [None]
    assert control.agents.connection_of(node_id()) is new.server
    assert new.ear.updates != []


def test_two_at_once(control):
    """Of two that say Hello at the same time, one becomes the node's agent."""
    dialled = [control.dial(port=1), control.dial(port=2)]
    for process, each in enumerate(dialled):
        identity = an_identity(process=process)
        Deferred.fromCoroutine(each.link.hello(identity, "", 0)).addErrback(
            lambda _: None
        )
    control.settle()
    assert sorted(each.over for each in dialled) == [False, True]
    (alive,) = [each for each in dialled if not each.over]
    assert control.agents.connection_of(node_id()) is alive.server


# --- the end of a connection --------------------------------------------------


def test_disconnected(control):
    """A node whose connection ends is not connected."""
    dialled = control.agent()
    dialled.link.transport.loseConnection()
    control.settle()
    assert not control.observations.nodes[node_id()].connected
    assert control.agents.connection_of(node_id()) is None


def test_silent_connection(control):
    """A connection on which nothing is heard is ended, whatever TCP believes."""
    dialled = control.agent()
    dialled.wire.silent = True
    for _ in range(int(DEAD_AFTER + PING_EVERY)):
        control.clock.advance(1.0)
    assert dialled.over
    assert not control.observations.nodes[node_id()].connected


def test_connection_that_lives(control):
    """Pings keep an idle connection, and show that the node lives."""
    dialled = control.agent()
    for _ in range(100):
        control.clock.advance(1.0)
    assert not dialled.over
    seen = control.observations.nodes[node_id()].last_seen
    assert control.clock.seconds() - seen <= PING_EVERY + 1


def test_end_while_an_update_is_under_way(control):
    """What was under way when a connection ended is told on the next one."""
    dialled = control.agent()
    dialled.ear.busy = Deferred()
    control.create(2)
    control.settle()
    dialled.wire.client.vanish()
    control.settle()
    back = control.agent(process=2)
    assert {each.id for each in back.ear.updates[-1][2].changed} == {
        dataset_id(1),
        dataset_id(2),
    }


def test_nothing_is_left_behind(control):
    """An ended connection leaves no timer."""
    dialled = control.agent()
    dialled.link.transport.loseConnection()
    control.settle()
    assert control.clock.getDelayedCalls() == []


def test_refused_words_are_of_the_second(control):
    """A node whose second agent was refused says so until it connects anew."""
    first = control.agent()
    control.dial(host="10.0.0.9").hello(an_identity(1, era=2, host="10.0.0.9"))
    assert control.observations.nodes[node_id()].refused is not None
    first.wire.client.vanish()
    control.settle()
    control.agent(process=2)
    assert control.observations.nodes[node_id()] == evolve(
        control.observations.nodes[node_id()], refused=None, connected=True
    )
