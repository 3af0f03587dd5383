"""What one agent needs to know, and whom a change touches."""

from uuid import UUID

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from flocker.control.slices import Placement, assignment, touched_by
from flocker.model.changes import Change, DatasetEdit, LeaseEdit, OwnershipEdit, apply
from flocker.model.cluster import Assignment
from flocker.model.configuration import Configuration
from flocker.model.datasets import Mounting
from flocker.model.ids import Era
from flocker.model.leases import Holder, Lease
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_lease,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.strategies import changes_to, configurations

HERE, THERE, FAR = node_id(1), node_id(2), node_id(3)


def nobody(_):
    """Nobody holds anything."""
    return ()


def far(_):
    """One more node holds everything."""
    return (FAR,)


@settings(max_examples=50)
@given(st.data())
def test_placement_follows(data):
    """The index that follows edits is the one made of the configuration."""
    before = data.draw(configurations())
    change = data.draw(changes_to(before))
    followed, made = Placement(before), Placement(apply(change, before))
    followed.follow(change, apply(change, before))
    nodes = {d.primary for d in before.datasets.values()} | {HERE, THERE, FAR}
    assert {n: followed.on(n) for n in nodes} == {n: made.on(n) for n in nodes}


def test_placement():
    """A node is to make something of its datasets, deleted ones too."""
    configuration = a_configuration(
        [
            a_dataset(1, on=1),
            a_dataset(2, on=1, deleted=True),
            a_dataset(3, on=1, destroyed=True),
            a_dataset(4, on=2),
        ]
    )
    placement = Placement(configuration)
    assert placement.on(HERE) == {dataset_id(1), dataset_id(2)}
    assert placement.on(FAR) == set()


def test_placement_on_use():
    """What is mounted on use is for the node that leases it, if any."""
    on_use = [evolve(a_dataset(number), mount=Mounting.ON_USE) for number in (1, 2)]
    placement = Placement(a_configuration(on_use, leases=[a_lease(2, on=2)]))
    assert (placement.on(HERE), placement.on(THERE)) == (set(), {dataset_id(2)})


def touched(change: Change, before: Configuration, holders=nobody):
    """Whom a change touches, as a set."""
    return set(touched_by(change, apply(change, before), holders))


def test_touched_by_a_move():
    """A move touches where it was, where it should be, and who has it."""
    change = Change((DatasetEdit(a_dataset(1, on=1), a_dataset(1, on=2)),))
    assert touched(change, a_configuration([a_dataset(1)]), far) == {
        (HERE, dataset_id(1)),
        (THERE, dataset_id(1)),
        (FAR, dataset_id(1)),
    }


def test_touched_by_a_record():
    """A record touches the node that should have the dataset, and who has it."""
    change = Change((OwnershipEdit(None, an_ownership(1)),))
    assert touched(change, a_configuration([a_dataset(1)]), far) == {
        (HERE, dataset_id(1)),
        (FAR, dataset_id(1)),
    }


def test_touched_by_a_lease():
    """A lease touches its node, the one that should have the dataset, and who has."""
    change = Change((LeaseEdit(None, a_lease(1, on=2)),))
    assert touched(change, a_configuration([a_dataset(1)]), far) == {
        (HERE, dataset_id(1)),
        (THERE, dataset_id(1)),
        (FAR, dataset_id(1)),
    }


def test_touched_by_the_deletion_of_what_is_leased():
    """A node at work for a lease hears that the dataset is deleted."""
    on_use = evolve(a_dataset(), mount=Mounting.ON_USE)
    change = Change((DatasetEdit(on_use, evolve(on_use, deleted=True)),))
    before = a_configuration([on_use], leases=[a_lease(1, on=2)])
    assert (THERE, dataset_id(1)) in touched(change, before)


def test_touched_by_a_record_of_nothing():
    """A record of a dataset that is not configured touches nobody."""
    change = Change((OwnershipEdit(None, an_ownership(1)),))
    assert touched(change, a_configuration()) == set()


def test_assignment_of_the_primary():
    """The node that should have it is told wish, record, and who else has it."""
    configuration = a_configuration([a_dataset()], [an_ownership()])
    assert assignment(configuration, HERE, dataset_id(), (HERE, FAR)) == Assignment(
        dataset_id(), a_dataset(), an_ownership(), (FAR,)
    )


def test_assignment_of_a_holder():
    """A node that has what should be elsewhere is told so, also when it is gone."""
    for dataset in (a_dataset(1, on=2), a_dataset(1, on=2, destroyed=True)):
        configuration = a_configuration([dataset])
        assert assignment(configuration, HERE, dataset_id(), (HERE,)) == Assignment(
            dataset_id(), dataset
        )


def test_assignment_of_what_is_leased():
    """Who should have it, or has it, is told of the lease."""
    lease = a_lease(1, on=2)
    configuration = a_configuration([a_dataset(1, on=1)], leases=[lease])
    for node in (HERE, THERE):
        assert assignment(configuration, node, dataset_id(), (THERE,)).lease == lease


def test_assignment_of_what_nobody_uses():
    """What is mounted on use and not leased is told to those alone that have it."""
    configuration = a_configuration([evolve(a_dataset(), mount=Mounting.ON_USE)])
    assert assignment(configuration, HERE, dataset_id(), ()) is None
    assert assignment(configuration, HERE, dataset_id(), (HERE,)) is not None


def test_no_assignment():
    """Others are told nothing, nor anybody of what is destroyed or unknown."""
    elsewhere = a_configuration([a_dataset(1, on=2)])
    over = a_configuration([a_dataset(destroyed=True)])
    assert assignment(elsewhere, HERE, dataset_id(), (FAR,)) is None
    assert assignment(over, HERE, dataset_id(), ()) is None
    assert assignment(a_configuration(), HERE, dataset_id(), (HERE,)) is None


@settings(max_examples=50)
@given(st.data())
def test_touched_are_all(data):
    """Whoever is not touched by a change is told the same as before."""
    before = data.draw(configurations())
    change = data.draw(changes_to(before))
    after = apply(change, before)
    who = set(touched_by(change, after, far))
    for node in (HERE, THERE, FAR):
        for dataset in (dataset_id(1), dataset_id(2), dataset_id(3)):
            if (node, dataset) not in who:
                assert assignment(before, node, dataset, (FAR,)) == assignment(
                    after, node, dataset, (FAR,)
                )


def test_lives_are_not_told():
    """An agent is told who holds a lease, not in which life of the node."""
    lease = Lease(dataset_id(), node_id(1), (Holder("a", None, Era(UUID(int=7))),))
    configuration = a_configuration([a_dataset()], leases=[lease])
    told = assignment(configuration, node_id(1), dataset_id(), ())
    assert told is not None
    assert told.lease == evolve(lease, holders=(Holder("a"),))
