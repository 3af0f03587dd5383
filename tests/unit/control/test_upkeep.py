"""What control does of its own accord, rule by rule."""

from math import inf, nextafter
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.control.observations import Observations
from flocker.control.upkeep import GRACE, RETENTION, UNRECORDED, Times, due, upkeep
from flocker.model.changes import Change, DatasetEdit, LeaseEdit, OwnershipEdit, apply
from flocker.model.cluster import Condition, Fact, Phase, Want
from flocker.model.ids import BackendName, Era
from flocker.model.leases import Holder, Lease
from flocker.testing import strategies
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_fact,
    a_lease,
    a_life,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
    volume_id,
)
from flocker.testing.change_strategies import configurations

LIVE = a_configuration([a_dataset()])
DELETED = a_configuration([a_dataset(deleted=True)], [an_ownership()])
UNBORN = a_configuration([a_dataset(deleted=True)])
TIMES = Times(now=2000.0, started=1000.0)
GONE = DatasetEdit(
    a_dataset(deleted=True), a_dataset(destroyed=True, destroyed_at=TIMES.now)
)


def heard(*facts: Fact, silent: tuple[int, ...] = ()) -> Observations:
    """What node 1 said, node 2 said, and so on; some have fallen silent since."""
    observations = Observations()
    for node, fact in enumerate(facts, start=1):
        observations.connected(an_identity(node), 1000.0)
        observations.replace(node_id(node), [(fact, 0.0)], 1000.0)
    for node in silent:
        observations.disconnected(node_id(node), 1000.0)
    return observations


def edits(configuration, *facts: Fact, silent: tuple[int, ...] = ()):
    """What upkeep makes of what the nodes said of dataset 1."""
    found = upkeep(configuration, heard(*facts, silent=silent), [dataset_id()], TIMES)
    return list(found.edits)


def found(volume: int, number: int = 1) -> Fact:
    """A volume was found for dataset `number`."""
    return a_fact(number, Condition.UNREGISTERED, volume=volume_id(volume))


def destroyed(number: int = 1) -> Fact:
    """The backend knows its volume no more."""
    return a_fact(number, Condition.DESTROYED, Want.DELETED)


def test_register():
    """The volume that was found for a dataset is the dataset from then on."""
    assert edits(LIVE, found(1)) == [OwnershipEdit(None, an_ownership())]


def test_register_believes_the_primary_first():
    """Of several volumes, the one on the node that should have it wins."""
    second = a_configuration([a_dataset(1, on=2)])
    assert edits(second, found(7), found(8)) == [
        OwnershipEdit(None, an_ownership(1, volume_id(8)))
    ]


def test_register_once():
    """A dataset that has its volume takes no other: that is a duplicate."""
    known = a_configuration([a_dataset()], [an_ownership()])
    assert edits(known, found(9)) == []


def test_register_what_was_found_as_it_is():
    """What was found for a dataset without a life holds data: never to be formatted."""
    fact = a_fact(1, Condition.FOUND)
    assert edits(LIVE, fact) == [OwnershipEdit(None, an_ownership(acquired=True))]


def test_register_for_this_life_only():
    """What was said of another life of the id puts nothing on record."""
    known = a_configuration([evolve(a_dataset(), life=a_life(2))])
    own = evolve(found(1), life=a_life(2))
    assert edits(known, own) == [OwnershipEdit(None, an_ownership())]
    for other in (evolve(own, life=a_life(1)), found(1), a_fact(1, Condition.FOUND)):
        assert edits(known, other) == []


def test_unclaimed_is_nobodys():
    """A deleted dataset is gone where only an unclaimed volume has its id."""
    (edit,) = edits(UNBORN, a_fact(1, Condition.UNCLAIMED, Want.DELETED))
    assert edit.after.destroyed
    owned = a_configuration([a_dataset(deleted=True)], [an_ownership()])
    assert edits(owned, a_fact(1, Condition.UNCLAIMED, Want.DELETED)) == []


def test_register_what_is_deleted():
    """A volume of a deleted dataset is put on record too, to be destroyed."""
    assert edits(UNBORN, found(1)) == [OwnershipEdit(None, an_ownership())]


@pytest.mark.parametrize("missing", ["volume", "backend"])
def test_register_needs_a_place(missing):
    """A fact that does not say which volume it is about registers nothing."""
    assert edits(LIVE, evolve(found(1), **{missing: None})) == []


@pytest.mark.parametrize("condition", sorted(set(Condition) - UNRECORDED, key=str))
def test_register_only_what_was_found(condition):
    """No other condition puts a volume on record."""
    assert edits(LIVE, a_fact(1, condition)) == []


def test_volume_of_another():
    """A volume that is one dataset is never another."""
    known = a_configuration([a_dataset(1), a_dataset(2)], [an_ownership(2)])
    assert edits(known, found(2)) == []


def test_two_claim_one_volume():
    """When two datasets are said to be one volume at once, only one becomes it."""
    two = a_configuration([a_dataset(1), a_dataset(2)])
    observations = heard(found(5))
    observations.edit(node_id(1), [(found(5, number=2), 0.0)], [], 1000.0)
    change = upkeep(two, observations, [dataset_id(2), dataset_id(1)], TIMES)
    assert change == Change((OwnershipEdit(None, an_ownership(1, volume_id(5))),))
    after = apply(change, two)
    assert not upkeep(after, observations, [dataset_id(2)], TIMES)


def test_acquire():
    """Once it was seen mounted it holds data."""
    known = a_configuration([a_dataset()], [an_ownership()])
    assert edits(known, a_fact()) == [
        OwnershipEdit(an_ownership(), an_ownership(acquired=True))
    ]


@pytest.mark.parametrize(
    "fact",
    [
        a_fact(1, Condition.ATTACHED),
        a_fact(volume=volume_id(7)),
        evolve(a_fact(), backend=BackendName("other")),
    ],
    ids=["not mounted", "another volume", "another backend"],
)
def test_acquire_only_what_was_mounted(fact):
    """Only the volume on record, seen mounted, is marked."""
    known = a_configuration([a_dataset()], [an_ownership()])
    assert edits(known, fact) == []


def test_acquire_once():
    """What is marked already is left."""
    known = a_configuration([a_dataset()], [an_ownership(acquired=True)])
    assert edits(known, a_fact()) == []


def test_destroyed():
    """A deleted dataset is destroyed when its node says that its volume is no more."""
    assert edits(DELETED, destroyed()) == [GONE]


def test_destroyed_before_it_was_made():
    """One that never had a volume is destroyed when none is found."""
    assert edits(UNBORN, a_fact(1, Condition.MISSING, Want.DELETED)) == [GONE]


@pytest.mark.parametrize(
    "fact",
    [
        a_fact(1, Condition.DESTROYED, Want.MOUNTED),
        a_fact(1, Condition.DESTROYED, Want.DELETED, doing=Phase.DESTROYING),
        a_fact(1, Condition.MISSING, Want.DELETED),
        a_fact(1, Condition.REGISTERED, Want.DELETED),
        a_fact(1, Condition.UNKNOWN, Want.DELETED),
        a_fact(1, Condition.DETACHED, Want.DELETED),
    ],
    ids=["not told", "at it", "missing", "not listed", "unknown", "there"],
)
def test_not_yet_destroyed(fact):
    """Anything less than the confirmation of its node leaves it deleted."""
    assert edits(DELETED, fact) == []


def test_destroyed_by_another():
    """Only the node that has to destroy it confirms that."""
    nothing = a_fact(1, Condition.UNKNOWN, Want.DELETED)
    assert edits(DELETED, nothing, destroyed()) == []


def test_not_destroyed_while_wanted():
    """A dataset nobody deleted is never destroyed by what agents say."""
    known = a_configuration([a_dataset()], [an_ownership(acquired=True)])
    assert edits(known, destroyed()) == []


@pytest.mark.parametrize(
    "other",
    [
        a_fact(1, Condition.MOUNTED, Want.AWAY),
        a_fact(1, Condition.MISSING, Want.AWAY, doing=Phase.CREATING),
    ],
    ids=["mounted", "being made"],
)
def test_not_destroyed_while_held(other):
    """While another node has it, or is just making it, it is not destroyed."""
    unborn = a_fact(1, Condition.MISSING, Want.DELETED)
    assert edits(UNBORN, unborn, other) == []


def test_last_words_of_a_dead_node():
    """What a silent node held last does not keep a dataset from being destroyed."""
    attached = a_fact(1, Condition.ATTACHED, Want.AWAY)
    assert edits(DELETED, destroyed(), attached, silent=(2,)) == [GONE]


def at(now: float, configuration, started: float = 0.0):
    """What upkeep asks for at a moment, of its own accord."""
    return upkeep(configuration, heard(), [dataset_id()], Times(now, started))


def test_expire():
    """A lease goes with the time of its last holder, also without a dataset."""
    lease = a_lease(expires=1000.0)
    leased = a_configuration(leases=[lease])
    assert at(999.9, leased) == Change()
    assert at(1000.0, leased) == Change((LeaseEdit(lease, None),))


def test_expire_one_holder():
    """A holder whose time is over goes; the lease stays with the others."""
    lease = a_lease(expires=1000.0, docker=None)
    left = Lease(lease.dataset, lease.node, (Holder("docker"),))
    assert at(1000.0, a_configuration(leases=[lease])) == Change(
        (LeaseEdit(lease, left),)
    )


def test_never_expires():
    """A lease for ever stays."""
    assert at(1e12, a_configuration(leases=[a_lease()])) == Change()


def test_grace_after_a_start():
    """No lease ends in the first minute after a start: its holder may not reach us."""
    leased = a_configuration(leases=[a_lease(expires=10.0)])
    assert at(1000.0 + GRACE - 0.1, leased, started=1000.0) == Change()
    assert at(1000.0 + GRACE, leased, started=1000.0)


def test_purge():
    """A destroyed dataset is forgotten with its record when its time is over."""
    dataset = a_dataset(destroyed=True, destroyed_at=500.0)
    configuration = a_configuration([dataset], [an_ownership()])
    assert at(500.0 + RETENTION - 1, configuration) == Change()
    assert at(500.0 + RETENTION, configuration) == Change(
        (DatasetEdit(dataset, None), OwnershipEdit(an_ownership(), None))
    )


def test_due():
    """Upkeep is due at the end of a holder's time, of a minute, of what is kept."""
    times = Times(now=0.0, started=1000.0, retention=50.0)
    dataset = a_dataset(destroyed=True, destroyed_at=3000.0)
    configuration = a_configuration(
        [dataset, a_dataset(2), a_dataset(3)],
        leases=[a_lease(2, expires=10.0, docker=None), a_lease(3, expires=5000.0)],
    )
    found = [due(configuration, dataset_id(number), times) for number in (1, 2, 3, 4)]
    assert found == [3050.0, 1000.0 + GRACE, 5000.0, None]


@given(st.data())
def test_due_is_when_something_is_done(data):
    """At its deadline upkeep finds something to do, and before it nothing.

    Without nodes, pools, snapshots: it may find something to do of these at any time.
    """
    drawn = data.draw(configurations())
    configuration = evolve(drawn, pools=pmap(), nodes=pmap(), snapshots=pmap())
    for number in (1, 2, 3):
        when = due(configuration, dataset_id(number), Times(0.0, 0.0))
        ids = [dataset_id(number)]
        nothing = Observations()
        if when is None:
            assert not upkeep(configuration, nothing, ids, Times(1e12, 0.0))
        else:
            assert upkeep(configuration, nothing, ids, Times(when, 0.0))
            before = Times(nextafter(when, -inf), 0.0)
            assert not upkeep(configuration, nothing, ids, before)


def test_over():
    """What is destroyed, or was never configured, is nobody's business."""
    over = a_configuration([a_dataset(destroyed=True)])
    assert edits(over, found(1)) == []
    assert edits(a_configuration(), found(1)) == []


def test_only_what_was_heard_of():
    """Other datasets are not looked at: it costs what was heard, not what exists."""
    two = a_configuration([a_dataset(1), a_dataset(2)])
    assert not upkeep(two, heard(found(1)), [dataset_id(2)], TIMES)


@settings(max_examples=50)
@given(st.data())
def test_settles(data):
    """Whatever is said: what upkeep asks for applies, and soon it asks no more."""
    configuration = data.draw(configurations())
    ids = [dataset_id(number) for number in (1, 2, 3)]
    observations = Observations()
    for node in (1, 2):
        observations.connected(an_identity(node), 1000.0)
        said = [
            evolve(data.draw(strategies.facts), dataset=dataset)
            for dataset in data.draw(st.lists(st.sampled_from(ids), unique=True))
        ]
        observations.replace(node_id(node), [(fact, 0.0) for fact in said], 1000.0)
    for _ in range(4):
        change = upkeep(configuration, observations, ids, TIMES)
        configuration = apply(change, configuration)
    assert change == Change()


ERA = an_identity(1).era
EARLIER = Era(UUID(int=77))
OF_A_LIFE = Lease(
    dataset_id(), node_id(1), (Holder("a", None, EARLIER), Holder("b", None, ERA))
)


def test_users_end_with_their_life():
    """Who used a dataset in an earlier life of the node does so no more."""
    known = a_configuration([a_dataset()], leases=[OF_A_LIFE])
    left = evolve(OF_A_LIFE, holders=(Holder("b", None, ERA),))
    assert LeaseEdit(OF_A_LIFE, left) in edits(known, a_fact())


def test_last_user_of_an_earlier_life():
    """The lease goes with the last of them."""
    lease = evolve(OF_A_LIFE, holders=(Holder("a", None, EARLIER),))
    known = a_configuration([a_dataset()], leases=[lease])
    assert LeaseEdit(lease, None) in edits(known, a_fact())


def test_lives_of_silent_nodes_are_not_known():
    """Which life a node is in only its connection tells: the registry may be behind."""
    known = a_configuration([a_dataset()], leases=[OF_A_LIFE])
    found = edits(known, a_fact(), silent=(1,))
    assert not any(isinstance(edit, LeaseEdit) for edit in found)
