"""The agents' side of control: who is told what, and when."""

import pytest

from flocker.model.cluster import (
    Condition,
    Observed,
    Want,
)
from flocker.testing.builders import (
    a_fact,
    an_identity,
    an_ownership,
    dataset_id,
)
from flocker.wire.commands import BadPayload
from tests.unit.control.agent_lines import (
    BOOT,
    HERE,
    NOW,
    Control,
    Line,
    an_order,
    edits,
    everything,
)


@pytest.fixture
def control() -> Control:
    """Control without datasets."""
    return Control()


def test_all_at_first_contact(control):
    """An agent that connects is told all there is for it, and only that."""
    for number, on in ((1, 1), (2, 1), (3, 2)):
        control.create(number, on)
    here = control.node(1)
    assert here.sent == [(1, everything(an_order(1, 1), an_order(2, 1)))]


def test_empty_at_first_contact(control):
    """An agent for which there is nothing is told so: only then may it act."""
    assert control.node(1).sent == [(1, everything())]


def test_edits_after(control):
    """After that it is told what changes, numbered."""
    here = control.node(1)
    control.create(1, on=1)
    control.create(2, on=1)
    assert here.sent[1:] == [
        (2, edits(an_order(1, 1))),
        (3, edits(an_order(2, 1))),
    ]


def test_one_in_flight(control):
    """While an update is not answered, nothing else is sent."""
    here = control.node(1, at_once=False)
    control.create(1, on=1)
    control.create(2, on=1)
    assert len(here.sent) == 1


def test_merged_meanwhile(control):
    """What changes while an agent is busy is told at once and as one."""
    here = control.node(1, at_once=False)
    for number in (1, 2):
        control.create(number, on=1)
    control.move(1, to=2)
    control.create(3, on=1)
    here.take()
    assert here.sent[1:] == [
        (2, edits(an_order(2, 1), an_order(3, 1))),
    ]


def test_gone(control):
    """What an agent was told of and has nothing to do with any more is gone."""
    here = control.node(1)
    control.create(1, on=1)
    control.move(1, to=2)
    assert here.last == edits(gone=[1])


def test_never_told(control):
    """What came and went while an agent was busy was never told to it."""
    here = control.node(1, at_once=False)
    control.create(1, on=1)
    control.move(1, to=2)
    here.take()
    assert dataset_id(1) not in here.last.gone


def test_refused_edits(control):
    """An agent on whose slice the edits do not follow is told all."""
    here = control.node(1, at_once=False)
    here.take()
    control.create(1, on=1)
    here.refuse()
    assert here.last == everything(an_order(1, 1))


def test_refuses_everything(control):
    """An agent that does not even take everything is hung up on, not told for ever."""
    here = control.node(1, at_once=False)
    here.refuse()
    assert here.aborted == ["the agent does not take all that there is for it"]
    assert len(here.sent) == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (BadPayload("it is bad"), "the agent could not take its slice: it is bad"),
        (KeyError("applied"), "its slice could not be sent"),
    ],
    ids=["theirs", "ours"],
)
def test_fails(control, error, why):
    """An agent that cannot be told is hung up on, and told all when it is back."""
    here = control.node(1, at_once=False)
    here.fail(error)
    assert here.aborted == [why]
    control.cut(here)
    back = control.node(1)
    assert back.sent[-1][1].full


def test_reconnects_knowing(control):
    """An agent that comes back with what it knew is told what changed meanwhile."""
    here = control.node(1)
    for number in (1, 2):
        control.create(number, on=1)
    control.cut(here)
    control.create(3, on=1)
    control.move(1, to=2)
    back = control.connect(Line(here.identity).knew(here))
    assert back.sent == [(4, edits(an_order(3, 1), gone=[1]))]


def test_reconnects_and_nothing_changed(control):
    """One that missed nothing is told so, as an empty update."""
    here = control.node(1)
    control.cut(here)
    back = control.connect(Line(here.identity).knew(here))
    assert back.sent == [(2, edits())]


@pytest.mark.parametrize(
    ("boot", "number"), [("", 0), (str(BOOT), 7), (str(BOOT), -1), ("other", 1)]
)
def test_reconnects_unknowing(control, boot, number):
    """One that knows another slice, or says so, is told all."""
    control.create(1, on=1)
    here = control.node(1)
    control.cut(here)
    back = control.connect(Line(here.identity, boot=boot, number=number))
    assert [what for _, what in back.sent] == [everything(an_order(1, 1))]


@pytest.mark.parametrize("applied", [False, True])
def test_update_that_was_under_way(control, applied):
    """What was under way when a connection ended is not lost, applied or not."""
    here = control.node(1, at_once=False)
    here.take()
    control.create(1, on=1)
    if applied:
        assert here.apply()
    control.cut(here)
    back = control.connect(Line(here.identity).knew(here))
    assert back.slice == {dataset_id(1): an_order(1, 1)}


def test_answer_on_an_old_connection(control):
    """An answer that comes when the connection was replaced settles nothing."""
    old = control.node(1, at_once=False)
    control.agents.disconnected(old)
    new = control.node(1, at_once=False)
    old.take()
    control.create(1, on=1)
    assert len(new.sent) == 1
    new.take()
    assert new.sent[1:] == [(2, edits(an_order(1, 1)))]


def test_records_are_told(control):
    """The record that upkeep makes of a report is told at once."""
    here = control.node(1)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.UNREGISTERED))
    assert here.slice[dataset_id(1)].ownership == an_ownership(1)


def test_report(control):
    """A report becomes what control knows."""
    here = control.node(1)
    control.say(here, a_fact(), full=True)
    assert control.observations.facts(dataset_id()) == {HERE: Observed(a_fact(), NOW)}


def test_report_of_an_old_connection(control):
    """Words of a connection that was replaced are void."""
    old = control.node(1)
    control.agents.disconnected(old)
    control.node(1)
    control.say(old, a_fact())
    assert control.observations.facts(dataset_id()) == {}


def test_end_of_an_old_connection(control):
    """The end of a connection that was replaced does not matter."""
    old = control.node(1)
    control.agents.disconnected(old)
    new = control.node(1)
    control.agents.disconnected(old)
    assert control.agents.connection_of(HERE) is new
    assert control.observations.nodes[HERE].connected


def test_report_is_a_sign_of_life(control):
    """Who reports was seen."""
    here = control.node(1)
    control.clock.advance(5)
    control.say(here)
    assert control.observations.nodes[HERE].last_seen == NOW + 5


def test_unknown_dataset(control):
    """A node that holds what nobody knows is told nothing about it."""
    here = control.node(1)
    control.say(here, a_fact(9, Condition.ATTACHED, Want.LEFT_ALONE))
    assert here.slice == {}


def test_destroyed(control):
    """When its node confirms that a dataset is destroyed, it is told of it no more."""
    here = control.node(1)
    control.create(1, on=1)
    control.delete(1)
    control.say(here, a_fact(1, Condition.MISSING, Want.DELETED))
    assert control.operations.configuration.datasets[dataset_id(1)].destroyed
    assert here.slice == {}


@pytest.mark.parametrize("back", [False, True], ids=["gone", "rebooted"])
def test_destroyed_when_the_last_holder_is(control, back):
    """The end of what kept a dataset from being destroyed is enough to go on."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.delete(1)
    held = a_fact(1, Condition.ATTACHED, Want.AWAY)
    control.say(there, held)
    control.say(here, a_fact(1, Condition.MISSING, Want.DELETED))
    datasets = control.operations.configuration.datasets
    assert not datasets[dataset_id(1)].destroyed
    if back:
        control.agents.connected(Line(an_identity(2, era=2)), "", 0)
    else:
        control.cut(there)
    assert control.operations.configuration.datasets[dataset_id(1)].destroyed
