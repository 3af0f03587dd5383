"""Who is told that others hold a dataset still, and who looks for the silent."""

import pytest
from attrs import evolve

from flocker.model.cluster import (
    Condition,
    Phase,
    Want,
)
from flocker.model.datasets import Mounting
from flocker.model.ids import DatasetID, InstanceID
from flocker.testing.builders import (
    a_fact,
    dataset_id,
)
from tests.unit.control.agent_lines import (
    FAR,
    HERE,
    THERE,
    Control,
    Line,
    Seeing,
    an_order,
    everything,
)


@pytest.fixture
def control() -> Control:
    """Control without datasets."""
    return Control()


def test_taken_from_a_holder(control):
    """A node that has what was moved away is told to let go, its successor to wait."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    assert here.slice == {dataset_id(1): an_order(1, 2)}
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}


def test_holder_lets_go(control):
    """When the holder has let go, its successor is told at once, and it forgets."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.say(here, gone=[1])
    assert here.slice == {}
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_still_acting(control):
    """Until the old node has confirmed that it is out, its successor waits."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2)}
    assert here.slice == {dataset_id(1): an_order(1, 2)}
    here.take()
    assert here.slice == {}


def test_taken_while_it_was_given(control):
    """The confirmation that it was given is none that it was taken away."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    control.move(1, to=2)
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_all_there_is_for_a_holder(control):
    """All that there is for an agent is also what it has and must let go."""
    here = control.node(1, at_once=False)
    here.take()
    control.create(1, on=1)
    here.take()
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    here.take()
    control.create(2, on=1)
    here.refuse()
    assert here.last == everything(an_order(1, 2), an_order(2, 1))


def test_still_in_a_step(control):
    """One that says with its confirmation that it is at work is waited for on."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    busy = a_fact(1, Condition.MISSING, Want.AWAY, doing=Phase.CREATING)
    control.say(here, busy)
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}
    control.say(here, gone=[1])
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_nobody_was_told(control):
    """A node that was never told of a dataset does not act for it."""
    there = control.node(2)
    here = control.node(1, at_once=False)
    control.create(1, on=1)
    control.move(1, to=2)
    assert there.slice == {dataset_id(1): an_order(1, 2)}
    assert here.under_way != []


def test_disconnected_while_acting(control):
    """A node that is gone cannot be waited for."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    control.cut(here)
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_disconnected_holder(control):
    """What a silent node held blocks nobody: the backend knows whether it is free."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.cut(here)
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_holder_returns(control):
    """A holder that is back is waited for again, until it says otherwise."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.cut(here)
    back = control.connect(Line(here.identity).knew(here))
    assert there.slice[dataset_id(1)].held_by == (HERE,)
    control.say(back, full=True)
    assert there.slice[dataset_id(1)].held_by == ()


def test_holder_returns_rebooted(control):
    """After a reboot a node holds nothing that it held before."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.cut(here)
    control.node(1, era=2)
    assert there.slice[dataset_id(1)].held_by == ()


def test_back_and_forth(control):
    """A dataset that is moved away and back is waited for by nobody in the end."""
    here, there = control.node(1, at_once=False), control.node(2, at_once=False)
    here.take()
    there.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    control.move(1, to=1)
    while here.under_way or there.under_way:
        for line in (here, there):
            if line.under_way:
                line.take()
    assert here.slice == {dataset_id(1): an_order(1, 1)}
    assert there.slice == {}


def test_unsure_while_it_comes_back(control):
    """What was moved away and back counts as mounted when its node has confirmed."""
    here = control.mounted_here()
    control.move(1, to=2)
    control.move(1, to=1)
    told = [control.status(1)]
    here.take()
    told.append(control.status(1))
    assert [(each.phase, each.node, each.path) for each in told] == 2 * [
        (Phase.WAITING, HERE, None)
    ]
    here.take()
    assert control.status(1).phase is Phase.MOUNTED


def test_unsure_after_a_break(control):
    """An agent that may have heard only that it was moved away must confirm all."""
    here = control.mounted_here()
    control.move(1, to=2)
    control.cut(here)
    control.move(1, to=1)
    back = control.connect(Line(here.identity, answers_at_once=False).knew(here))
    assert control.status(1).phase is Phase.WAITING
    back.take()
    assert control.status(1).phase is Phase.MOUNTED


def test_sure_while_it_only_rests(control):
    """A dataset that nobody used for a moment was never to leave its node."""
    here = control.mounted_here(on_use=True)
    control.lease(1, HERE)
    here.take()
    control.unlease(1)
    control.lease(1, HERE)
    assert here.under_way != []
    assert control.status(1).phase is Phase.MOUNTED


def test_sure_is_told(control):
    """Who watches is told when it counts as mounted again."""
    here = control.mounted_here()
    control.move(1, to=2)
    control.move(1, to=1)
    here.take()
    seen: list[DatasetID] = []
    control.observations.watch(Seeing(seen))
    here.take()
    assert seen == [dataset_id(1)]


@pytest.fixture
def leased_to_silent(control):
    """A dataset that is mounted on use, leased to `HERE`, which is silent."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1, mount=Mounting.ON_USE)
    control.lease(1, HERE)
    control.cut(here)
    assert there.slice == {}
    return there


def test_witness(control, leased_to_silent):
    """Who was refused what a silent node leases looks where that is, each time."""
    there = leased_to_silent
    for times in (1, 2):
        before = len(there.sent)
        control.agents.look(THERE, dataset_id(1))
        assert there.slice.keys() == {dataset_id(1)}, times
        assert len(there.sent) == before + 1


def test_witness_finds_it_off(control, leased_to_silent):
    """The backend's word that the node is off ends its lease, and the looking."""
    there = leased_to_silent
    control.agents.look(THERE, dataset_id(1))
    control.clock.advance(1.0)
    off = a_fact(1, Condition.ON_DEAD_NODE, Want.AWAY)
    control.say(there, evolve(off, instance=InstanceID("i-1"), off=True))
    known = control.operations.configuration
    assert (known.nodes[HERE].is_dead, dict(known.leases)) == (True, {})
    assert there.slice == {}


@pytest.mark.parametrize("how", ["released", "back", "looks"])
def test_witness_is_dismissed(control, leased_to_silent, how):
    """When the lease has ended, or its node is back, nobody else need look."""
    there = leased_to_silent
    control.agents.look(THERE, dataset_id(1))
    if how == "released":
        control.unlease(1)
    else:
        control.node(1)
    if how == "looks":
        control.agents.look(THERE, dataset_id(1))
    assert there.slice == {}


def test_no_witness(control, leased_to_silent):
    """Nobody looks for a node that is silent itself, or for what is not leased."""
    control.agents.look(FAR, dataset_id(1))
    control.agents.look(HERE, dataset_id(1))
    control.agents.look(THERE, dataset_id(2))
    assert leased_to_silent.slice == {}
    assert control.node(3).slice == {}
