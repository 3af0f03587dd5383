"""The agents' port: what is said there, what is garbage, and which task it is of."""

from typing import Any
from uuid import UUID

import eliot
import pytest
from twisted.internet.defer import Deferred
from twisted.protocols.amp import parseString
from twisted.python.failure import Failure

from flocker.model.cluster import Condition
from flocker.runtime import logging
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    dataset_id,
    node_id,
)
from flocker.wire.commands import BadPayload, ReportFacts, Update
from flocker.wire.json_codec import encode
from flocker.wire.protocol import AgedFact, Report
from tests.unit.control.agents_port import Control

pytestmark = pytest.mark.usefixtures("nothing_unhandled")

BOX = 16 * 1024
"""Bytes of the largest box that may be sent."""

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
