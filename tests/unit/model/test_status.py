"""The status of a dataset: one test a rule, and all situations for the laws."""

from itertools import product

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.cluster import HOLDING, Cause, Condition, Fact, Phase, Want
from flocker.model.datasets import Mounting
from flocker.model.status import (
    BEING_DELETED,
    LEAVING_PHASE,
    NEXT_PHASE,
    NOT_IN_USE,
    NOT_LOOKED_YET,
    UNEXPLAINED,
    Status,
    status,
)
from flocker.testing import strategies
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    a_lease,
    a_sight,
    node_id,
    observed,
)

HERE, THERE, FAR = node_id(1), node_id(2), node_id(3)
EXPLAINED = frozenset(Phase) - {Phase.WAITING, Phase.UNKNOWN, Phase.FAILED}
"""Phases that say themselves why a dataset is not mounted yet."""

TROUBLE = Cause("busy", "process 7 uses it", "stop it")
FATAL = Cause("foreign-signature", "it carries LVM2", "see to it", permanent=True)


def seen(**connected: bool):
    """The nodes `here`, `there` and `far` that have been seen, connected or not."""
    numbers = {"here": 1, "there": 2, "far": 3}
    sights = [a_sight(numbers[n], connected=c) for n, c in connected.items()]
    return {sight.identity.node: sight for sight in sights}


def said(*, here: Fact | None = None, there: Fact | None = None):
    """What the nodes say."""
    facts = {HERE: here, THERE: there}
    return {node: observed(fact) for node, fact in facts.items() if fact is not None}


def at(fact: Fact) -> Status:
    """The status of a dataset of which its connected node says `fact`."""
    return status(a_dataset(), said(here=fact), seen(here=True))


def test_mounted():
    """A mounted dataset has its path, its size and no cause."""
    fact = a_fact()
    assert at(fact) == Status(Phase.MOUNTED, 2000.0, HERE, None, fact.path, fact.size)


@pytest.mark.parametrize("condition", Condition)
def test_next_phase(condition):
    """Between steps a dataset is in the phase that comes next."""
    assert at(a_fact(1, condition)).phase is NEXT_PHASE[condition]


@pytest.mark.parametrize("lease", [None, a_lease(1, 1)], ids=["idle", "leased"])
@pytest.mark.parametrize("mount", Mounting)
def test_letting_go(mount, lease):
    """What may be unmounted this moment does not count as mounted; all else stays."""
    dataset = evolve(a_dataset(), mount=mount)
    for condition in Condition:
        fact = said(here=a_fact(1, condition))
        sure = status(dataset, fact, seen(here=True), lease)
        other = status(dataset, fact, seen(here=True), lease, letting_go={THERE})
        assert other == sure
        unsure = status(dataset, fact, seen(here=True), lease, letting_go={HERE})
        if sure.phase is Phase.MOUNTED:
            sure = Status(Phase.WAITING, dataset.asked, HERE, NOT_LOOKED_YET)
        assert unsure == sure


def test_tables_are_total():
    """Each condition has a next phase, and each that holds a way out."""
    assert set(NEXT_PHASE) == set(Condition)
    assert set(LEAVING_PHASE) == HOLDING


@pytest.mark.parametrize("condition", Condition)
def test_doing(condition):
    """The step under way says more than the condition in which it began."""
    found = at(a_fact(1, condition, doing=Phase.ATTACHING))
    assert (found.phase, found.cause) == (Phase.ATTACHING, None)


def test_trouble_beside_the_phase():
    """A cause for which trying again helps stands beside the phase."""
    found = at(a_fact(1, Condition.ATTACHED, cause=TROUBLE))
    assert (found.phase, found.cause) == (Phase.MOUNTING, TROUBLE)


def test_permanent_trouble():
    """A cause that somebody must see to is a failure."""
    found = at(a_fact(1, Condition.ATTACHED, cause=FATAL))
    assert (found.phase, found.cause) == (Phase.FAILED, FATAL)


@pytest.mark.parametrize("condition", UNEXPLAINED)
def test_unexplained(condition):
    """What the agent has not explained yet is explained by its condition."""
    assert at(a_fact(1, condition)).cause == UNEXPLAINED[condition]


def test_explanation_of_the_agent():
    """What the agent says of it is better than what its condition says."""
    assert at(a_fact(1, Condition.ELSEWHERE, cause=TROUBLE)).cause == TROUBLE


def test_not_told_yet():
    """What a node said before it was told of a wish is no answer to it."""
    early = a_fact(1, Condition.FOREIGN, Want.AWAY, cause=FATAL)
    found = at(early)
    assert found == Status(Phase.WAITING, 1000.0, HERE, NOT_LOOKED_YET)


def test_nothing_reported_yet():
    """A connected node that has said nothing will."""
    found = status(a_dataset(), {}, seen(here=True))
    assert found == Status(Phase.WAITING, 1000.0, HERE, NOT_LOOKED_YET)


def test_node_unknown():
    """A node that never connected is named, with what to do about it."""
    found = status(a_dataset(), {}, {})
    assert (found.phase, found.since, found.node) == (Phase.WAITING, 1000.0, HERE)
    assert found.cause == Cause(
        "node-unknown",
        f"no agent of node {HERE} has ever connected",
        "start the agent of that node, or move the dataset",
    )


def test_node_silent():
    """A node that is away is named; what it does not hold only waits."""
    found = status(
        a_dataset(), said(here=a_fact(1, Condition.DETACHED)), seen(here=False)
    )
    assert found == Status(
        Phase.WAITING,
        500.0,
        HERE,
        Cause(
            "node-silent",
            f"node {HERE} (10.0.0.1), where it should be, is not connected",
            "bring node 10.0.0.1 or its agent back, or move the dataset",
        ),
    )


def test_node_silent_that_holds():
    """What a silent node held may be mounted still: nobody knows."""
    fact = a_fact()
    found = status(a_dataset(), said(here=fact), seen(here=False))
    assert (found.phase, found.path, found.size) == (
        Phase.UNKNOWN,
        fact.path,
        fact.size,
    )


@pytest.mark.parametrize(
    ("condition", "phase"),
    [(Condition.MOUNTED, Phase.UNMOUNTING), (Condition.ATTACHED, Phase.DETACHING)],
)
def test_other_node_lets_go(condition, phase):
    """While another node has it, the status is of that node's letting go."""
    leaving = a_fact(1, condition, Want.AWAY, cause=TROUBLE)
    found = status(
        a_dataset(),
        said(here=a_fact(1, Condition.ELSEWHERE), there=leaving),
        seen(here=True, there=True),
    )
    assert (found.phase, found.node, found.cause) == (phase, THERE, TROUBLE)


def test_other_node_at_work():
    """A node that is still in a step for it is waited for, whatever it has."""
    busy = a_fact(1, Condition.MISSING, Want.AWAY, doing=Phase.CREATING)
    found = status(a_dataset(), said(there=busy), seen(here=True, there=True))
    assert (found.phase, found.node) == (Phase.CREATING, THERE)


def test_other_node_cannot_let_go():
    """A node that cannot let go without help is a failure."""
    stuck = a_fact(1, Condition.MOUNTED, Want.AWAY, cause=FATAL)
    found = status(a_dataset(), said(there=stuck), seen(here=True, there=True))
    assert (found.phase, found.node, found.cause) == (Phase.FAILED, THERE, FATAL)


def test_old_trouble_of_the_other_node():
    """What kept a node from mounting it is no failure of the move away from there."""
    before = a_fact(1, Condition.FOREIGN, Want.MOUNTED, cause=FATAL)
    found = status(a_dataset(), said(there=before), seen(here=True, there=True))
    assert (found.phase, found.node, found.cause) == (
        Phase.DETACHING,
        THERE,
        NOT_LOOKED_YET,
    )


@pytest.mark.parametrize("here", [Condition.ELSEWHERE, Condition.UNKNOWN, None])
def test_silent_holder(here):
    """A silent node that held it is named, if nobody knows better."""
    mine = None if here is None else a_fact(1, here)
    found = status(
        a_dataset(), said(here=mine, there=a_fact()), seen(here=True, there=False)
    )
    assert found == Status(
        Phase.WAITING,
        500.0,
        THERE,
        Cause(
            "holder-silent",
            f"node {THERE} (10.0.0.2) has it attached and is not connected",
            "bring node 10.0.0.2 or its agent back; or make sure that the machine is"
            f" off, and say so with flockerctl node dead {THERE} --i-have-checked",
        ),
        size=2**30,
    )


def test_silent_node_at_work():
    """A silent node that had nothing yet is not said to have it."""
    busy = a_fact(1, Condition.MISSING, Want.AWAY, doing=Phase.CREATING)
    found = status(a_dataset(), said(there=busy), seen(here=True, there=False))
    assert (found.node, found.cause) == (HERE, NOT_LOOKED_YET)


@pytest.mark.parametrize(
    "here", sorted(set(Condition) - {Condition.UNKNOWN, Condition.ELSEWHERE}, key=str)
)
def test_silent_holder_is_overtaken(here):
    """What a dead node held last does not matter where its backend gave it away."""
    mine = a_fact(1, here)
    sights = seen(here=True, there=False)
    alone = status(a_dataset(), said(here=mine), sights)
    assert status(a_dataset(), said(here=mine, there=a_fact()), sights) == alone


def test_connected_holder_before_silent_one():
    """Of several that hold it, the one that can answer is shown."""
    facts = {FAR: observed(a_fact()), THERE: observed(a_fact())}
    found = status(a_dataset(), facts, seen(here=True, there=False, far=True))
    assert found.node == FAR


def test_deleted():
    """A deleted dataset is on its way out: unmounted, detached, destroyed."""
    conditions = (Condition.MOUNTED, Condition.ATTACHED, Condition.DETACHED)
    found = [
        status(
            a_dataset(deleted=True),
            said(here=a_fact(1, condition, Want.DELETED)),
            seen(here=True),
        )
        for condition in conditions
    ]
    assert [(each.phase, each.cause) for each in found] == [
        (Phase.UNMOUNTING, BEING_DELETED),
        (Phase.DETACHING, BEING_DELETED),
        (Phase.DESTROYING, BEING_DELETED),
    ]


@pytest.mark.parametrize("sights", [seen(here=False), {}], ids=["silent", "unknown"])
def test_deleted_cannot_be_moved(sights):
    """Nobody is advised to move a dataset that is deleted."""
    found = status(a_dataset(deleted=True), {}, sights)
    assert found.cause is not None
    assert found.cause.release is not None
    assert "move" not in found.cause.release


def test_destroyed():
    """What is destroyed is over, whatever anybody says."""
    found = status(a_dataset(destroyed=True), said(there=a_fact()), seen(there=True))
    assert found == Status(Phase.DESTROYED, 1000.0, HERE)


def on_use(**changes):
    """A dataset that is mounted on use."""
    return evolve(a_dataset(), mount=Mounting.ON_USE, **changes)


def test_destroyed_since():
    """It is destroyed since its volume was confirmed to be gone."""
    found = status(a_dataset(destroyed=True, destroyed_at=3000.0), {}, {})
    assert found == Status(Phase.DESTROYED, 3000.0, HERE)


@pytest.mark.parametrize(
    "dataset", [a_dataset(1, on=2), a_dataset(deleted=True)], ids=["moved", "deleted"]
)
def test_leased(dataset):
    """A lease that keeps a dataset from what is wanted is named, with its holders."""
    found = status(
        dataset,
        said(here=a_fact()),
        seen(here=True, there=True),
        a_lease(1, on=1, docker=None),
    )
    assert (found.phase, found.node, found.path) == (
        Phase.WAITING,
        HERE,
        a_fact().path,
    )
    assert found.since == max(dataset.asked, observed(a_fact()).since)
    late = evolve(dataset, asked=9000.0)
    nodes, lease = seen(here=True, there=True), a_lease(1, on=1)
    assert status(late, said(here=a_fact()), nodes, lease).since == 9000.0
    assert found.cause == Cause(
        "leased",
        f"node {HERE} keeps it mounted, because docker, user has it leased there",
        f"end its use on node {HERE}, or the lease",
    )


@pytest.mark.parametrize(
    "lease", [a_lease(1, on=1), a_lease(1, on=2)], ids=["here", "elsewhere"]
)
def test_lease_that_keeps_nothing(lease):
    """A lease of what is where it should be, or of another node, is not spoken of."""
    facts, sights = said(here=a_fact()), seen(here=True, there=True)
    assert status(a_dataset(), facts, sights, lease) == status(
        a_dataset(), facts, sights
    )


@pytest.mark.parametrize(
    "condition", sorted(set(Condition) - {Condition.MOUNTED}, key=str)
)
def test_lease_of_what_is_not_mounted(condition):
    """A lease keeps what is mounted, and nothing else."""
    facts = said(here=a_fact(1, condition, Want.AWAY))
    moved, sights = a_dataset(1, on=2), seen(here=True, there=True)
    assert status(moved, facts, sights, a_lease()) == status(moved, facts, sights)


def test_lease_of_what_cannot_be_looked_at():
    """What is leased where it is mounted is kept there while its driver fails."""
    facts = said(here=a_fact(1, Condition.STRANDED, Want.MOUNTED))
    deleted, sights = a_dataset(1, deleted=True), seen(here=True)
    cause = status(deleted, facts, sights, a_lease()).cause
    assert cause is not None
    assert cause.code == "leased"


def test_lease_of_a_dead_node():
    """What its backend took from a dead node is where it is, whoever leased it."""
    facts = said(here=a_fact(), there=a_fact())
    found = status(
        a_dataset(1, on=2), facts, seen(here=False, there=True), a_lease(1, on=1)
    )
    assert (found.phase, found.node) == (Phase.MOUNTED, THERE)


def test_not_in_use():
    """What is mounted on use waits for a lease, on no node."""
    assert status(on_use(), {}, seen(here=True)) == Status(
        Phase.WAITING, 1000.0, None, NOT_IN_USE
    )


def test_stays_after_use():
    """What is mounted on use is mounted where it stayed."""
    fact = a_fact(1, Condition.MOUNTED, Want.KEPT)
    found = status(on_use(), said(there=fact), seen(here=True, there=True))
    assert (found.phase, found.node, found.cause) == (Phase.MOUNTED, THERE, None)


def test_used_again():
    """What stayed mounted is mounted for who leases it there, without asking anew."""
    fact = a_fact(1, Condition.MOUNTED, Want.KEPT)
    found = status(on_use(), said(here=fact), seen(here=True), a_lease(1, on=1))
    assert (found.phase, found.node, found.path) == (Phase.MOUNTED, HERE, fact.path)
    leaving = evolve(fact, doing=Phase.UNMOUNTING)
    found = status(on_use(), said(here=leaving), seen(here=True), a_lease(1, on=1))
    assert found.cause == NOT_LOOKED_YET


def test_stays_at_a_silent_node():
    """Where it stayed on a node that is silent now, nobody knows."""
    fact = a_fact(1, Condition.MOUNTED, Want.KEPT)
    found = status(on_use(), said(there=fact), seen(here=True, there=False))
    assert (found.phase, found.node) == (Phase.UNKNOWN, THERE)
    assert found.cause is not None
    assert found.cause.code == "node-silent"


def test_follows_its_lease():
    """What is mounted on use is on its way to where it is leased."""
    fact = a_fact(1, Condition.ATTACHED)
    found = status(
        on_use(), said(there=fact), seen(here=True, there=True), a_lease(1, on=2)
    )
    assert (found.phase, found.node) == (Phase.MOUNTING, THERE)
    away = a_fact(1, Condition.MOUNTED, Want.AWAY)
    found = status(
        on_use(), said(here=away), seen(here=True, there=True), a_lease(1, on=2)
    )
    assert (found.phase, found.node) == (Phase.UNMOUNTING, HERE)


def test_on_use_and_deleted():
    """What is mounted on use is destroyed by its primary."""
    fact = a_fact(1, Condition.DETACHED, Want.DELETED)
    found = status(on_use(deleted=True), said(here=fact), seen(here=True))
    assert (found.phase, found.node) == (Phase.DESTROYING, HERE)


SIGHTS = [{}, seen(here=False), seen(here=True), seen(there=True)] + [
    seen(here=here, there=there) for here, there in product([True, False], repeat=2)
]


@pytest.mark.parametrize("sights", SIGHTS, ids=range(len(SIGHTS)))
@pytest.mark.parametrize("deleted", [False, True])
def test_all_situations(sights, deleted):
    """No situation raises, and none that is not mounted goes without explanation."""
    doings = [None, Phase.ATTACHING, Phase.WAITING]
    others = [None, Condition.MOUNTED, Condition.ATTACHED, Condition.DETACHED]
    everything = product(Condition, Want, doings, [None, TROUBLE, FATAL], others)
    for condition, want, doing, cause, other in everything:
        here = a_fact(1, condition, want, doing=doing, cause=cause)
        there = None if other is None else a_fact(1, other, Want.AWAY)
        found = status(a_dataset(deleted=deleted), said(here=here, there=there), sights)
        if doing is None:
            assert found.cause is not None or found.phase in EXPLAINED


@pytest.mark.parametrize("sights", SIGHTS, ids=range(len(SIGHTS)))
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("mount", Mounting)
@pytest.mark.parametrize("lease", [None, a_lease(1, on=1), a_lease(1, on=2)])
def test_all_leased_situations(sights, deleted, mount, lease):
    """Leased or not, no situation goes without explanation."""
    others = [None, Condition.MOUNTED, Condition.ATTACHED]
    for condition, want, other in product(Condition, Want, others):
        here = a_fact(1, condition, want)
        there = None if other is None else a_fact(1, other, Want.AWAY)
        dataset = evolve(a_dataset(deleted=deleted), mount=mount)
        found = status(dataset, said(here=here, there=there), sights, lease)
        assert found.cause is not None or found.phase in EXPLAINED


@given(
    strategies.datasets,
    st.dictionaries(st.sampled_from([HERE, THERE, FAR]), strategies.observations),
    st.dictionaries(st.sampled_from([HERE, THERE, FAR]), strategies.sights),
    st.none() | strategies.leases,
)
def test_never_raises(dataset, facts, nodes, lease):
    """Whatever agents say, there is a status."""
    assert isinstance(status(dataset, facts, nodes, lease), Status)
