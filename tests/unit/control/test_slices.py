"""What one agent needs to know, and whom a change touches."""

from uuid import UUID

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from flocker.control.slices import Placement, assignment, touched_by
from flocker.model.changes import (
    Change,
    DatasetEdit,
    LeaseEdit,
    NodeEdit,
    OwnershipEdit,
    PoolEdit,
    apply,
)
from flocker.model.cluster import Assignment, BackendReport, Condition, Peer, Want
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Mounting
from flocker.model.ids import Epoch, Era, MoveNumber
from flocker.model.leases import Holder, Lease
from flocker.model.pools import Buried, Move, Owned, PoolFact, PoolOwnership, Record
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    a_lease,
    a_node,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.change_strategies import changes_to, configurations

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


# --- pools -------------------------------------------------------------------------


ROW = PoolOwnership(
    dataset_id(),
    DEFAULT_BACKEND,
    HERE,
    create=False,
    acquired=True,
    holders=(HERE, FAR),
)
MOVING = evolve(ROW, move=Move(MoveNumber(1), THERE), holders=(HERE, FAR, THERE))
POOLS = tuple(
    evolve(
        a_node(number),
        backends=(BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=4520 + number),),
    )
    for number in (1, 2, 3)
)


def in_pool(row: PoolOwnership, *more, dataset=None) -> Configuration:
    """A configuration with three nodes with pools, and one dataset in them."""
    edits = [NodeEdit(None, node) for node in POOLS]
    edits += [DatasetEdit(None, dataset or a_dataset()), PoolEdit(None, row), *more]
    return apply(Change(tuple(edits)), Configuration())


def test_pool_placement():
    """Every node that may have a copy is to make something of its dataset."""
    placement = Placement(in_pool(ROW))
    assert [placement.on(n) for n in (HERE, THERE, FAR)] == [
        {dataset_id()},
        set(),
        {dataset_id()},
    ]
    change = Change((PoolEdit(ROW, MOVING),))
    placement.follow(change, apply(change, in_pool(ROW)))
    assert placement.on(THERE) == {dataset_id()}
    assert not Placement(in_pool(ROW, dataset=a_dataset(destroyed=True))).on(HERE)


def test_unsure_is_not_told():
    """Before it is known who owns it, nobody is told; but who was to make it."""
    unsure = in_pool(evolve(ROW, unsure=True))
    assert not Placement(unsure).on(HERE)
    assert assignment(unsure, HERE, dataset_id(), (HERE,)) is None
    new = evolve(ROW, unsure=True, create=True, acquired=False, holders=(HERE,))
    made = in_pool(new)
    assert Placement(made).on(HERE) == {dataset_id()}
    told = assignment(made, HERE, dataset_id(), ())
    assert told is not None
    assert told.pool == evolve(new, unsure=False)


def test_pool_is_told_as_it_is():
    """Holders are told the row, whoever holds, acts or is dead; others nothing."""
    known = in_pool(MOVING, LeaseEdit(None, a_lease(on=2)))
    everybody = (HERE, THERE, FAR)
    told = {
        node: assignment(known, node, dataset_id(), everybody, (), a_fact())
        for node in everybody
    }
    bare = Assignment(dataset_id(), a_dataset(), lease=a_lease(on=2), pool=MOVING)
    assert told == {
        HERE: evolve(bare, peers=(Peer(THERE, "10.0.0.2", 4522),)),
        THERE: evolve(bare, peers=(Peer(HERE, "10.0.0.1", 4521),)),
        FAR: bare,
    }
    assert assignment(in_pool(ROW), THERE, dataset_id(), everybody) is None


def test_pool_peer_without_port():
    """Who has not said where it takes streams is nobody's peer yet."""
    silent = evolve(POOLS[1], backends=())
    known = in_pool(MOVING, NodeEdit(POOLS[1], silent))
    told = assignment(known, HERE, dataset_id(), ())
    assert told is not None
    assert told.peers == ()


def test_touched_in_a_pool():
    """A row touches all holders of before and after, and so does all about it."""
    change = Change((PoolEdit(MOVING, ROW),))
    assert touched(change, in_pool(MOVING)) == {
        (node, dataset_id()) for node in (HERE, THERE, FAR)
    }
    for edit in (
        LeaseEdit(None, a_lease(on=1)),
        DatasetEdit(a_dataset(), evolve(a_dataset(), maximum_size=2**30)),
    ):
        assert touched(Change((edit,)), in_pool(ROW)) == {
            (node, dataset_id()) for node in (HERE, FAR)
        }


def test_touched_by_another_address():
    """Who exchanges data with a node is told where it is to be reached now."""
    for after in (evolve(POOLS[1], host="10.0.0.9"), evolve(POOLS[1], backends=())):
        change = Change((NodeEdit(POOLS[1], after),))
        assert touched(change, in_pool(MOVING)) == {(HERE, dataset_id())}
        assert touched(change, in_pool(ROW)) == set()
    later = Change((NodeEdit(POOLS[1], evolve(POOLS[1], last_seen=900.0)),))
    assert touched(later, in_pool(MOVING)) == set()


def test_row_of_a_life_that_is_over():
    """A dataset on a volume has nothing to do with the row of an earlier life."""
    buried = evolve(ROW, deleted=True)
    known = in_pool(buried, OwnershipEdit(None, an_ownership()))
    told = assignment(known, HERE, dataset_id(), (THERE,))
    assert told == Assignment(dataset_id(), a_dataset(), an_ownership(), (THERE,))
    deleted = in_pool(
        buried, OwnershipEdit(None, an_ownership()), dataset=a_dataset(deleted=True)
    )
    assert assignment(deleted, FAR, dataset_id(), ()) is None


def test_grave():
    """Who comes with a copy of what is destroyed is told so, until it is gone."""
    buried = evolve(ROW, deleted=True)
    known = in_pool(buried, dataset=a_dataset(destroyed=True))

    def told(standing, *, exists: bool):
        copy = PoolFact(Record(dataset_id(), standing), exists)
        fact = evolve(a_fact(1, Condition.DETACHED, Want.AWAY), pool=copy)
        return assignment(known, FAR, dataset_id(), (), (), fact)

    grave = Assignment(dataset_id(), None, pool=buried)
    assert told(Owned(Epoch(1), None), exists=True) == grave
    assert told(Buried(), exists=True) == grave
    assert told(Buried(), exists=False) is None
    assert assignment(known, FAR, dataset_id(), ()) is None
