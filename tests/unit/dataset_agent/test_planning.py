"""A decision for every wish, situation and assignment."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.dataset_agent import states
from flocker.dataset_agent.planning import AT_REST, Waiting, decide
from flocker.dataset_agent.steps import (
    Attach,
    Create,
    Destroy,
    Detach,
    Format,
    Mount,
    Unmount,
)
from flocker.dataset_agent.transitions import NEXT, REST, Refuse, Wait
from flocker.model.cluster import Want
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.sizes import DEFAULT_SIZE, GIBIBYTE, MEBIBYTE
from flocker.testing.builders import a_dataset, an_assignment, node_id
from flocker.testing.situations import (
    DATASET,
    DEVICE,
    OTHER,
    PLACE,
    SIZE,
    VOLUME,
    situations,
)

WHERE = (DATASET, DEFAULT_BACKEND, VOLUME)

wants = st.sampled_from(Want)
assignments = st.none() | st.builds(
    an_assignment,
    st.just(1),
    on=st.sampled_from([1, 2]),
    held_by=st.sampled_from([(), (node_id(2),), (node_id(2), node_id(3))]),
)


def decided(want, found, assignment=None):
    """Decide, on a backend of whole mebibytes."""
    return decide(want, found, assignment, DEFAULT_BACKEND, MEBIBYTE)


@given(wants, situations, assignments)
def test_every_situation_is_planned(want, found, assignment):
    """No table entry asks for what its situation does not have."""
    decision = decided(want, found, assignment)
    entry = NEXT[want, found.condition]
    if entry == REST:
        assert decision == AT_REST
    elif isinstance(entry, Wait | Refuse):
        assert decision.cause.code == entry.code
    elif isinstance(decision, Waiting):
        if decision.cause.code == "held":
            assert assignment.held_by
        else:
            assert decision.cause.code == "not-marked"
            assert isinstance(found, states.OnDeadNode)
    else:
        assert type(decision) is entry
        assert decision.dataset == found.dataset


@given(wants, situations, assignments)
def test_causes_are_sentences(want, found, assignment):
    """No cause leaves a gap, or shows a value that is not there."""
    decision = decided(want, found, assignment)
    if isinstance(decision, Waiting):
        words = decision.cause.words + (decision.cause.release or "")
        assert "None" not in words
        assert "{" not in words


@given(wants, situations, st.sampled_from([(node_id(2),), (node_id(2), node_id(3))]))
def test_nothing_is_taken_from_a_holder(want, found, holders):
    """While another node holds a dataset, this one does nothing but let go of it."""
    decision = decided(want, found, an_assignment(1, held_by=holders))
    assert not isinstance(decision, Create | Attach | Format | Mount | Destroy)
    if isinstance(decision, Detach):
        assert decision.instance is None


def test_held_names_the_holders():
    """Who waits for other nodes says for which."""
    holders = (node_id(2), node_id(3))
    decision = decided(
        Want.MOUNTED, states.Missing(DATASET), an_assignment(1, held_by=holders)
    )
    assert f"{node_id(2)}, {node_id(3)}" in decision.cause.words


def test_size_is_rounded_up():
    """A volume has room for what was asked, in whole units of its backend."""
    assignment = evolve(
        an_assignment(1), dataset=a_dataset(1, maximum_size=GIBIBYTE + 1)
    )
    assert decided(Want.MOUNTED, states.Missing(DATASET), assignment) == Create(
        DATASET, DEFAULT_BACKEND, GIBIBYTE + MEBIBYTE
    )


def test_default_size():
    """A dataset without a size gets the one of Flocker 1.15."""
    decision = decided(Want.MOUNTED, states.Missing(DATASET), an_assignment(1))
    assert decision == Create(DATASET, DEFAULT_BACKEND, DEFAULT_SIZE)


def test_the_way_to_mounted():
    """One step a situation leads from a detached volume to a mounted one."""
    way = [
        states.Detached(DATASET, VOLUME, SIZE),
        states.Appearing(DATASET, VOLUME, SIZE),
        states.Blank(DATASET, VOLUME, SIZE, DEVICE),
        states.Attached(DATASET, VOLUME, SIZE, DEVICE, "ext4"),
        states.Mounted(DATASET, VOLUME, SIZE, DEVICE, PLACE),
    ]
    assert [decided(Want.MOUNTED, found, an_assignment(1)) for found in way] == [
        Attach(*WHERE),
        Attach(*WHERE),
        Format(*WHERE, DEVICE),
        Mount(*WHERE, DEVICE),
        AT_REST,
    ]


def test_the_way_to_destroyed():
    """One step a situation leads from a mounted volume to none."""
    way = [
        states.Mounted(DATASET, VOLUME, SIZE, DEVICE, PLACE),
        states.Attached(DATASET, VOLUME, SIZE, DEVICE, "ext4"),
        states.Detached(DATASET, VOLUME, SIZE),
        states.Destroyed(DATASET, VOLUME),
    ]
    assert [decided(Want.DELETED, found, an_assignment(1)) for found in way] == [
        Unmount(DATASET, PLACE, DEVICE),
        Detach(*WHERE),
        Destroy(*WHERE),
        AT_REST,
    ]


def test_dead_machine():
    """A volume is taken from the machine that control says is dead, and no other."""
    found = states.OnDeadNode(DATASET, VOLUME, SIZE, OTHER, off=True)
    told = evolve(an_assignment(1), dead=(OTHER,))
    assert decided(Want.MOUNTED, found, told) == Detach(*WHERE, OTHER)
    for dead in ((), ("i-third",)):
        decision = decided(Want.MOUNTED, found, evolve(told, dead=dead))
        assert isinstance(decision, Waiting)
        assert decision.cause.code == "not-marked"
        assert decision.poll


def test_stranded_without_a_volume():
    """What is mounted in a place is unmounted there, whatever it is."""
    found = states.Stranded(DATASET, None, PLACE)
    assert decided(Want.AWAY, found) == Unmount(DATASET, PLACE, None)


def test_unlisted_is_looked_for_soon():
    """A volume that is not listed yet is looked for again in 3 s."""
    decision = decided(
        Want.MOUNTED, states.Registered(DATASET, VOLUME), an_assignment(1)
    )
    assert decision.poll == 3.0


def test_what_is_refused_is_permanent():
    """A refusal needs a person; a wait that may end by itself does not say so."""
    blank = states.Emptied(DATASET, VOLUME, SIZE, DEVICE)
    late = states.Registered(DATASET, VOLUME)
    decisions = [decided(Want.MOUNTED, found) for found in (blank, late)]
    assert [decision.cause.permanent for decision in decisions] == [True, False]
