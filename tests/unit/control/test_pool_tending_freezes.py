"""Moves of pools that are frozen or cancelled: who serves the dataset in the end."""

import pytest
from attrs import evolve

from flocker.control import nodes
from flocker.control.datasets import cancel_move
from flocker.control.pool_moves import MoveRefused, NoMove
from flocker.control.pool_tending import PATIENCE, SLOWLY
from flocker.control.pool_wishes import ANY_TERMS, Terms
from flocker.model.cluster import Cause, Condition
from flocker.model.pools import Stage
from tests.unit.control.pool_cluster import DATASET, NOW, A, B, C, Cluster


def frozen_without_target(cluster: Cluster, terms: Terms = ANY_TERMS) -> None:
    """Bring it into the stage *freezing*, with a target that does not confirm."""
    cluster.leases(on=1)
    cluster.moves(2, terms)
    cluster.nodes.away.add(B)
    cluster.ends_lease()
    assert cluster.row.move.stage is Stage.FREEZING
    assert not cluster.nodes.serves(1, DATASET)


def test_target_dies_while_frozen(some):
    """Then the source serves it again."""
    frozen_without_target(some)
    some.nodes.disconnect(2)
    some.marks_dead(2)
    assert some.is_served(1)


def test_target_away_while_frozen(some):
    """A target that stays away for too long: then the source serves it again."""
    frozen_without_target(some)
    some.nodes.disconnect(2)
    some.nodes.settle()
    assert not some.nodes.serves(1, DATASET)
    some.passes(PATIENCE - 1)
    assert not some.nodes.serves(1, DATASET)
    some.passes(2)
    assert some.is_served(1)
    assert some.row.given_up == (
        f"it cannot be handed over: node {B} (10.0.0.2), where it was to go, is away"
    )


def test_target_goes_on_while_frozen(some):
    """A last step that is slow, and in no trouble, takes as long as it takes."""
    frozen_without_target(some)
    some.passes(10 * PATIENCE)
    assert some.row.move.stage is Stage.FREEZING
    some.nodes.away.clear()
    some.nodes.settle()
    assert some.is_served(2)


def test_target_in_trouble_while_frozen(some):
    """One that is in trouble is given up, with its reason; also long after."""
    frozen_without_target(some)
    some.passes(2 * PATIENCE)
    some.nodes.causes[B] = Cause("pool-full", "the pool is full")
    some.nodes.speak(2)
    some.nodes.settle()
    assert some.is_served(1)
    assert some.row.given_up == (
        f"it cannot be handed over: node {B} (10.0.0.2) says: the pool is full"
    )


@pytest.mark.parametrize("code", ["step-slow", "backend-slow"])
@pytest.mark.parametrize("node", [A, B])
def test_slow_while_frozen(some, node, code):
    """What only takes long is waited for; what goes on for too long is given up."""
    frozen_without_target(some)
    some.nodes.causes[node] = Cause(code, "it has taken 5 seconds until now")
    some.nodes.speak(1)
    some.nodes.speak(2)
    some.passes(SLOWLY - 1)
    assert some.row.move.stage is Stage.FREEZING
    some.nodes.causes[node] = Cause(code, "it has taken 120 seconds until now")
    some.passes(2)
    some.nodes.speak(1)
    some.nodes.speak(2)
    some.nodes.settle()
    assert some.is_served(1)
    assert "says: it has taken 120 seconds" in str(some.row.given_up)


def test_still_mounted_while_frozen(some):
    """What is in use when it is frozen is served: that is no reason to give up."""
    frozen_without_target(some)
    busy = some.nodes.says(A, DATASET)
    in_use = Cause("busy", "process 7 uses it")
    mounted = evolve(busy, condition=Condition.MOUNTED, cause=in_use)
    some.observations.edit(A, [(mounted, 0.0)], [], NOW)
    some.nodes.away.add(A)
    some.passes(10 * PATIENCE)
    assert some.row.move.stage is Stage.FREEZING


def test_in_use_for_longer_than_allowed(some):
    """With a limit it is given up though it is served, and who uses it is named."""
    frozen_without_target(some, Terms(max_downtime=5.0))
    busy = some.nodes.says(A, DATASET)
    in_use = Cause("busy", "process 7 uses it")
    mounted = evolve(busy, condition=Condition.MOUNTED, cause=in_use)
    some.observations.edit(A, [(mounted, 0.0)], [], NOW)
    some.nodes.away.add(A)
    some.passes(6)
    assert some.row.given_up == (
        "it could not be handed over within 5 s:"
        f" node {A} (10.0.0.1) says: process 7 uses it"
    )


def test_no_longer_than_allowed(some):
    """With `max_downtime` it is served again after that, whatever the reason is."""
    frozen_without_target(some, Terms(max_downtime=5.0))
    some.passes(4)
    assert some.row.move.stage is Stage.FREEZING
    some.passes(2)
    assert some.is_served(1)
    assert some.row.given_up == "it could not be handed over within 5 s"


def test_frozen_when_control_starts(some):
    """Nothing is given up before nodes had time to connect to a new control."""
    frozen_without_target(some)
    some.passes(PATIENCE - 5)
    again = Cluster(some.operations.configuration, some.clock)
    again.nodes.machines = some.nodes.machines
    again.nodes.disconnect(2)
    again.passes(PATIENCE - 1)
    assert again.row.move.stage is Stage.FREEZING
    again.passes(2)
    assert again.is_served(1)


def test_cancelled(some):
    """A move that is cancelled leaves it where it is, and leaves a replica."""
    some.leases(on=1)
    some.moves(to=2)
    some.cancels()
    assert some.is_served(1)
    some.ends_lease()
    assert some.is_served(1)
    with pytest.raises(NoMove):
        some.cancels()


def test_cancelled_while_frozen(some):
    """So does one that is frozen already, when the source has refused it."""
    frozen_without_target(some)
    some.cancels()
    assert some.is_served(1)
    some.nodes.away.clear()
    some.nodes.settle()
    assert some.is_served(1)
    assert some.row.given_up is None


def test_moved_elsewhere_meanwhile(some):
    """A later wish replaces a move that is still copying."""
    some.leases(on=1)
    some.moves(to=2)
    some.moves(to=3)
    assert some.row.move.target == C
    some.ends_lease()
    assert some.is_served(3)


def test_wanted_back_meanwhile(some):
    """So does the wish that it stay."""
    some.leases(on=1)
    some.moves(to=2)
    some.moves(to=1)
    some.ends_lease()
    assert some.is_served(1)


def test_moved_elsewhere_while_frozen(some):
    """A wish that comes while it is frozen is begun when that move is cancelled."""
    frozen_without_target(some)
    with pytest.raises(MoveRefused) as caught:
        some.wants(3, Terms(max_downtime=2.0))
    assert str(caught.value) == (
        f"dataset {DATASET} cannot be moved to node {C}: it is being handed over, or a"
        " move is being cancelled; ask again soon"
    )
    some.moves(to=3)
    assert some.is_served(3)


def test_wanted_there_again_while_cancelling(some):
    """Who cancels and wants it there after all gets it there."""
    frozen_without_target(some)
    some.asks(lambda found: cancel_move(found, DATASET, NOW))
    some.nodes.away.clear()
    some.moves(to=2)
    assert some.is_served(2)


def test_hindered_for_a_while(some):
    """A wish that met an obstacle begins when that is gone."""
    frozen_without_target(some)
    some.wants(3)
    some.asks(lambda found: nodes.tell(found, C, {}, cordoned=True))
    some.nodes.settle()
    assert some.nodes.serves(1, DATASET)
    assert some.primary == C
    some.asks(lambda found: nodes.tell(found, C, {}, cordoned=False))
    some.nodes.settle()
    assert some.is_served(3)
