"""The agents' port: real protocols on both sides of connections without sockets."""

import gc
from typing import Any
from uuid import UUID

import eliot
import pytest
from attrs import evolve
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.protocols.amp import parseString
from twisted.python.failure import Failure

from flocker.control.agent_protocol import ANSWER_WITHIN, HELLO_WITHIN, AgentFactory
from flocker.control.agents import Agents
from flocker.control.datasets import NewDataset, create
from flocker.control.observations import Observations
from flocker.control.operations import Operations, Timing
from flocker.convergence.link import Link
from flocker.model.cluster import Condition, Role
from flocker.model.configuration import Configuration
from flocker.runtime import logging
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    an_identity,
    dataset_id,
    node_id,
)
from flocker.testing.fakes.stores import MemoryStore
from flocker.testing.simulation.wires import Wire
from flocker.wire.commands import (
    AgentRefused,
    BadPayload,
    Hello,
    ProtocolMismatch,
    ReportFacts,
    Update,
)
from flocker.wire.connection import DEAD_AFTER, PING_EVERY
from flocker.wire.json_codec import encode
from flocker.wire.protocol import PROTOCOL, AgedFact, Report, Slice

LATER = PROTOCOL + 1

BOX = 16 * 1024
"""Bytes of the largest box that may be sent."""


class Ear:
    """Takes every update that follows, as an agent does."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, int, Slice]] = []
        self.tasks: list[str] = []
        self.ends: list[str] = []
        self.busy: Deferred[None] | None = None
        self.answers: list[bool] = []

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        self.updates.append((boot, number, what))
        self.tasks.append(logging.current_task_id())
        if self.busy is not None:
            await self.busy
        return self.answers.pop(0) if self.answers else True

    def lost(self, why: str) -> None:
        self.ends.append(why)


class Dialled:
    """A connection of an agent to control; `said` are the answers to what it said."""

    def __init__(
        self, control: "Control", certified: int, host: str, port: int
    ) -> None:
        self.control = control
        self.ear = Ear()
        self.link = Link(self.ear, control.clock)
        self.wire = Wire(control.clock, node_id(certified), host)
        self.wire.client.address = IPv4Address("TCP", host, port)
        self.boxes: list[bytes] = []
        self.server = control.factory.buildProtocol(None)
        self._listen_in(self.wire.server)
        self._listen_in(self.wire.client)
        self.wire.connect(self.link, self.server)

    def _listen_in(self, end: Any) -> None:
        write = end.write

        def noted(data: bytes) -> None:
            self.boxes.append(data)
            write(data)

        end.write = noted

    def ask(self, question: Any) -> list[Any]:
        """Say something; the answer comes into the list."""
        answers: list[Any] = []
        waiting = (
            question
            if isinstance(question, Deferred)
            else Deferred.fromCoroutine(question)
        )
        waiting.addBoth(answers.append)
        self.control.settle()
        return answers

    def hello(self, identity=None, boot: str = "", number: int = 0) -> Any:
        """Say who it is; give what was raised, or None."""
        claimed = identity or an_identity()
        (answer,) = self.ask(self.link.hello(claimed, boot, number))
        return answer.value if isinstance(answer, Failure) else answer

    def report(self, *facts, full: bool = False) -> Any:
        """Report facts; give what was raised, or None."""
        aged = tuple(AgedFact(fact, 0.0) for fact in facts)
        (answer,) = self.ask(self.link.report(Report(full, aged)))
        return answer.value if isinstance(answer, Failure) else answer

    @property
    def over(self) -> bool:
        """Whether the connection has ended."""
        return self.wire.client.over and self.wire.server.over


class Control:
    """Control with a port that has no sockets."""

    def __init__(self, configuration: Configuration) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.observations = Observations()
        store = MemoryStore()
        store.stored = configuration
        self.operations = Operations(
            store,
            configuration,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.agents = Agents(self.operations, UUID(int=0xB007), self.clock)
        self.factory = AgentFactory(
            self.agents,
            self.observations,
            lambda transport: transport.node,
            self.clock,
            "2.0.test",
        )

    def dial(
        self, certified: int = 1, host: str = "10.0.0.1", port: int = 1
    ) -> Dialled:
        """Connect as an agent with the certificate of a node."""
        return Dialled(self, certified, host, port)

    def agent(self, node: int = 1, **identity: Any) -> Dialled:
        """Connect an agent that is accepted."""
        dialled = self.dial(node, f"10.0.0.{node}")
        assert dialled.hello(an_identity(node, **identity)) is None
        return dialled

    def settle(self) -> None:
        """Let all that was sent arrive."""
        self.clock.pump([0.001] * 20)

    def create(self, number: int, on: int = 1) -> None:
        """Want a dataset."""
        new = NewDataset(dataset_id(number), node_id(on))
        _ = Deferred.fromCoroutine(
            self.operations.change(lambda found: create(found, new, 1000.0))
        )


@pytest.fixture
def control():
    """Control with one dataset, on node 1."""
    return Control(a_configuration([a_dataset()]))


@pytest.fixture
def errors():
    """What Twisted has logged as an error, or nobody has handled."""
    found: list[str | None] = []

    def note(event: LogEvent) -> None:
        if event.get("log_level", LogLevel.info) >= LogLevel.error:
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)
    gc.freeze()  # so that only what the test left is looked through
    yield found
    gc.collect()
    gc.unfreeze()
    globalLogPublisher.removeObserver(note)


@pytest.fixture(autouse=True)
def _nothing_unhandled(request, errors):
    """Nothing is raised and dropped, but where the test is about that."""
    yield
    gc.collect()
    if request.node.get_closest_marker("parametrize") is None:
        assert errors == []


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


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: control\r\n\r\n",
    "an empty box": b"\x00\x00",
    "an answer to nothing": b"\x00\x07_answer\x00\x011\x00\x00",
    "an error to nothing": b"\x00\x06_error\x00\x011\x00\x00",
    "a command without arguments": (
        b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x0bReportFacts\x00\x00"
    ),
    "an unknown command": b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x03Foo\x00\x00",
    "numbers that are none": (
        b"\x00\x04_ask\x00\x011\x00\x08_command\x00\x0bReportFacts"
        b"\x00\x04part\x00\x01x\x00\x05parts\x00\x011\x00\x07payload\x00\x01x"
        b"\x00\x04task\x00\x01x\x00\x00"
    ),
    "zeroes": bytes(1000),
    "ones": b"\xff" * 1000,
}


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(control, name, accepted):
    """Bytes that are no AMP, or none of ours, harm only those who send them."""
    other = control.agent(2)
    dialled = control.agent() if accepted else control.dial()
    dialled.link.transport.write(GARBAGE[name])
    control.settle()
    if name != "an unknown command":
        assert dialled.over
    control.create(2, on=2)
    control.settle()
    assert [each.id for each in other.ear.updates[-1][2].changed] == [dataset_id(2)]


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{", b"\xff", b'{"full": 1, "changed": [], "gone": []}']
)
def test_report_that_is_none(control, payload):
    """A report that cannot be read is refused, and the next one is taken."""
    dialled = control.agent()
    (failure,) = dialled.ask(dialled.link.send_parts(ReportFacts, payload, task=""))
    assert isinstance(failure.value, BadPayload)
    assert dialled.report(a_fact(), full=True) is None
    assert node_id() in control.observations.facts(dataset_id())


def test_parts_out_of_order(control):
    """Parts that do not follow are refused by number."""
    dialled = control.agent()
    (failure,) = dialled.ask(
        dialled.link.callRemote(ReportFacts, part=2, parts=2, payload=b"", task="")
    )
    assert str(failure.value) == "part 2 of 2 came where 1 was due"


# --- payloads -----------------------------------------------------------------


def everything(changed: tuple[AgedFact, ...]) -> Report:
    """All that an agent knows."""
    return Report(full=True, changed=changed)


def boxes(stream: bytes):
    """The boxes of a stream of bytes, with how large each is."""
    for box in parseString(stream):
        yield len(box.serialize()), box


def test_boxes_are_small():
    """However much there is for an agent, no box of it exceeds 16 KiB."""
    many = a_configuration([a_dataset(number) for number in range(1, 1501)])
    control = Control(many)
    dialled = control.agent()
    ((_, _, what),) = dialled.ear.updates
    assert len(what.changed) == 1500
    facts = [a_fact(number) for number in range(1, 1501)]
    assert dialled.report(*facts, full=True) is None
    assert len(list(control.observations.datasets())) == 1500
    found = [size for data in dialled.boxes for size, _ in boxes(data)]
    assert max(found) <= BOX
    assert sum(found) > 500_000


def test_one_update_in_flight(control):
    """An agent that is busy with an update is sent no other."""
    dialled = control.agent()
    dialled.ear.busy = busy = Deferred()
    for number in (2, 3, 4):
        control.create(number)
    control.settle()
    assert len(dialled.ear.updates) == 2
    dialled.ear.busy = None
    busy.callback(None)
    control.settle()
    assert [each.id for each in dialled.ear.updates[2][2].changed] == [
        dataset_id(3),
        dataset_id(4),
    ]


def test_update_that_does_not_follow(control):
    """An agent that does not know what edits rest on is sent all."""
    dialled = control.agent()
    dialled.ear.answers = [False]
    control.create(2)
    control.settle()
    told = [(what.full, len(what.changed)) for _, _, what in dialled.ear.updates]
    assert told == [(True, 1), (False, 1), (True, 2)]


def test_agent_that_fails(control, errors):
    """An agent that cannot take an update loses its connection, and only it."""
    other, dialled = control.agent(2), control.agent()
    dialled.ear.busy = Deferred()
    dialled.ear.busy.errback(Failure(KeyError("a fault")))
    control.create(2)
    control.settle()
    assert dialled.over
    assert not other.over
    assert len(errors) == 1
    errors.clear()


def test_facts_travel(control):
    """A report is control's when its answer has come, with the age of each fact."""
    dialled = control.agent()
    fact = a_fact(1, Condition.ATTACHED)
    (answer,) = dialled.ask(dialled.link.report(everything((AgedFact(fact, 30.0),))))
    assert answer is None
    observed = control.observations.facts(dataset_id())[node_id()]
    assert observed.fact == fact
    assert control.clock.seconds() - observed.since == pytest.approx(30.0, abs=0.1)


# --- logs ---------------------------------------------------------------------


@pytest.fixture
def logged():
    """What was logged."""
    messages: list[dict[str, Any]] = []
    eliot.add_destinations(messages.append)
    messages.clear()
    yield messages
    eliot.remove_destination(messages.append)


def task(identifier: str) -> str:
    """The task of a task id."""
    return identifier.partition("@")[0]


def test_task_goes_to_the_agent(control):
    """What an agent does is logged as part of the request that asked for it."""
    dialled = control.agent()
    with logging.action("a:request"):
        mine = task(logging.current_task_id())
        control.create(2)
    control.settle()
    assert task(dialled.ear.tasks[-1]) == mine


def test_task_goes_to_control(control, logged):
    """What control makes of a report is logged as part of the agent's round."""
    dialled = control.agent()
    with logging.action("a:round"):
        mine = task(logging.current_task_id())
        assert dialled.report(a_fact(1, Condition.UNREGISTERED)) is None
    mentioned = {
        message["action_type"]
        for message in logged
        if message["task_uuid"] == mine and "action_type" in message
    }
    assert {"flocker:control:reported", "flocker:control:commit"} <= mentioned


@pytest.mark.parametrize("identifier", ["", "x", "é@/1", "a@b@c", "@", "a@/x/1", "\0"])
def test_task_that_is_none(control, identifier):
    """A task id that is none does not keep a report from being taken."""
    dialled = control.agent()
    payload = encode(everything((AgedFact(a_fact(1, Condition.UNREGISTERED), 0.0),)))
    (answer,) = dialled.ask(
        dialled.link.send_parts(ReportFacts, payload, task=identifier)
    )
    assert answer == {}
    assert dataset_id() in control.operations.configuration.ownership
    control.settle()
    assert not dialled.over


def test_update_command(control):
    """The parts of an update carry its number and boot; nobody else's is needed."""
    dialled = control.agent()
    commands = [
        box for data in dialled.boxes for _, box in boxes(data) if b"_command" in box
    ]
    (update,) = [box for box in commands if box[b"_command"] == Update.commandName]
    assert (update[b"boot"], update[b"number"], update[b"part"], update[b"parts"]) == (
        str(UUID(int=0xB007)).encode(),
        b"1",
        b"1",
        b"1",
    )


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
