"""Datasets of pools as control keeps them, with nodes that follow the real rules."""

import pytest
from attrs import evolve

from flocker.control import nodes
from flocker.control.datasets import NewDataset, Wishes, change, create, delete, purge
from flocker.control.pool_moves import MoveRefused, NoMove, NotInPool
from flocker.control.pool_wishes import Terms
from flocker.model.cluster import Cause
from flocker.model.datasets import Mounting
from flocker.model.errors import FlockerError
from flocker.model.pools import Replica, Stage
from flocker.testing.builders import node_id
from tests.unit.control.pool_cluster import DATASET, NOW, A, B, Cluster


def test_created(cluster):
    """A dataset for a node with a pool gets a row, is made there, and served."""
    cluster.creates()
    assert cluster.is_served(1)
    assert cluster.row == evolve(
        cluster.row, owner=A, epoch=1, create=False, base=None, holders=(A,)
    )
    assert DATASET not in cluster.operations.configuration.ownership


def test_created_before_its_node_comes():
    """What was wanted on a node that nobody knew begins when the node connects."""
    cluster = Cluster()
    new = NewDataset(DATASET, node_id(4))
    cluster.asks(lambda found: create(found, new, NOW))
    assert DATASET not in cluster.operations.configuration.pools
    cluster.nodes.connect(4)
    cluster.nodes.settle()
    assert cluster.is_served(4)


def test_moved(some):
    """Copied, frozen, handed over, acquired; what was written is there, and stays."""
    some.moves(to=2)
    assert some.is_served(2)
    assert some.nodes.machines[B, DATASET].disk.data == 1
    assert some.nodes.served[-3:] == [(A,), (), (B,)]
    assert list(some.nodes.holders(DATASET)) == [A, B]
    some.nodes.write(2, DATASET, 1)
    some.moves(to=1)
    assert some.is_served(1)
    assert some.nodes.machines[A, DATASET].disk.data == 0b11


def test_copied_while_used(some):
    """A lease keeps it where it is, while it is copied; its end lets it go."""
    some.leases(on=1)
    some.moves(to=2)
    assert some.row.move is not None
    assert some.row.move.stage is Stage.COPYING
    assert some.nodes.serves(1, DATASET)
    assert some.nodes.machines[B, DATASET].record.standing == Replica(some.row.epoch)
    some.ends_lease()
    assert some.is_served(2)


def test_target_leases_first(some):
    """The Docker plugin leases where it goes before it asks: that is not in the way."""
    some.leases(on=2)
    some.moves(to=2)
    assert some.is_served(2)
    assert some.operations.configuration.leases[DATASET].node == B


def test_taken_by_force(some):
    """With force a lease is dropped when it is frozen."""
    some.leases(on=1)
    some.moves(to=2, terms=Terms(force=True))
    assert some.is_served(2)
    assert DATASET not in some.operations.configuration.leases


def test_force_later(some):
    """Who finds it in use may ask again, with force."""
    only = Wishes(terms=Terms(force=True))
    some.leases(on=1)
    with pytest.raises(NoMove):
        some.asks(lambda found: change(found, DATASET, only, NOW))
    some.moves(to=1, terms=Terms(force=True))  # it is there
    some.moves(to=2)
    some.asks(lambda found: change(found, DATASET, only, NOW))
    some.nodes.settle()
    assert some.is_served(2)


def test_not_ready(some):
    """Nothing is frozen before the source says that the target follows."""
    some.nodes.ready = False
    some.moves(to=2)
    assert some.row.move is not None
    assert some.row.move.stage is Stage.COPYING
    some.nodes.ready = True
    some.nodes.settle()
    assert some.is_served(2)


def test_target_is_silent(some):
    """A target that is not there does not make the source stop serving."""
    some.nodes.ready = False
    some.moves(to=2)
    some.nodes.disconnect(2)
    some.nodes.ready = True
    some.nodes.settle()
    assert some.nodes.serves(1, DATASET)
    assert some.row.move.stage is Stage.COPYING
    some.nodes.connect(2)
    some.nodes.settle()
    assert some.is_served(2)


@pytest.mark.parametrize(("allowed", "on"), [(1.0, 1), (3.0, 2), (None, 2)])
def test_too_slow(some, allowed, on):
    """A move whose last step would take too long is given up, and says why."""
    some.nodes.downtime = 2.5
    some.moves(to=2, terms=Terms(max_downtime=allowed))
    assert some.is_served(on)
    if on == 1:
        assert some.row.given_up == (
            "its last step would take about 2.5 s, and 1 s were allowed (as much is"
            " written to it as is copied meanwhile)"
        )
        some.nodes.downtime = 0.1
        some.moves(to=2)
        assert some.is_served(2)
    assert some.row.given_up is None


def test_nobody_knows_how_slow(some):
    """A move with a limit whose last step was never measured stays, and says why."""
    some.nodes.downtime = None
    some.nodes.causes[A] = Cause("no-rounds", "it is written to all the time")
    some.moves(to=2, terms=Terms(max_downtime=60.0))
    assert some.is_served(1)
    assert some.row.given_up == (
        "nobody can say how long its last step would take, and 60 s were allowed:"
        f" node {A} (10.0.0.1) says: it is written to all the time"
    )
    some.moves(to=2)
    assert some.is_served(2)


def test_target_is_dead(some):
    """A move to a node that is marked dead is given up, whatever its stage."""
    some.nodes.ready = False
    some.moves(to=2)
    some.nodes.disconnect(2)
    some.marks_dead(2)
    assert some.is_served(1)
    assert some.row.given_up == (
        f"node {B} (10.0.0.2), where it was to go, is marked dead"
    )


def test_no_unknown_target(some):
    """A node that nobody knows cannot take what is copied."""
    with pytest.raises(MoveRefused) as caught:
        some.wants(9)
    assert str(caught.value) == (
        f"dataset {DATASET} cannot be moved to node {node_id(9)}: no agent of that"
        " node ever connected"
    )


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (
            "driver",
            (
                f"backend default of node {B} (10.0.0.2) is other (pool), and the"
                " dataset is in memory (pool); choose another node"
            ),
        ),
        (
            "cordoned",
            (
                f"node {B} (10.0.0.2) is cordoned, so nothing new can be put there;"
                f" choose another node, or: flockerctl node uncordon {B}"
            ),
        ),
        (
            "dead",
            (
                f"node {B} (10.0.0.2) is marked dead, so nothing new can be put there;"
                f" choose another node, or: flockerctl node alive {B}"
            ),
        ),
    ],
)
def test_target_refused(some, case, why):
    """What the target cannot take is refused before anything is copied."""
    if case == "driver":
        some.nodes.connect(2, driver="other")
    elif case == "cordoned":
        some.asks(lambda found: nodes.tell(found, B, {}, cordoned=True))
    else:
        some.nodes.disconnect(2)
        some.marks_dead(2)
    with pytest.raises(FlockerError) as caught:
        some.wants(2)
    assert str(caught.value) == why
    assert some.is_served(1)


def test_on_use(cluster):
    """What is mounted on use goes to whoever leases it, and stays there after."""
    cluster.creates(mount=Mounting.ON_USE)
    cluster.leases(on=2)
    assert cluster.row.owner == B
    cluster.ends_lease()
    assert cluster.row.owner == B
    assert cluster.primary == B


def test_destroyed(some):
    """A deleted dataset is destroyed on every node, and only then counts as that."""
    some.moves(to=2)
    some.nodes.disconnect(1)
    some.deletes()
    assert list(some.nodes.holders(DATASET)) == [A]
    assert not some.operations.configuration.datasets[DATASET].destroyed
    some.nodes.connect(1)
    some.nodes.settle()
    assert list(some.nodes.holders(DATASET)) == []
    assert some.operations.configuration.datasets[DATASET].destroyed


def test_destroyed_after_its_use(some):
    """A lease keeps a deleted dataset."""
    some.leases(on=1)
    some.deletes()
    assert some.nodes.serves(1, DATASET)
    assert not some.row.deleted
    some.ends_lease()
    assert some.operations.configuration.datasets[DATASET].destroyed


def test_destroyed_without_who_is_forgotten(some):
    """A node that is forgotten is not waited for; if it comes, it destroys its copy."""
    some.moves(to=2)
    some.nodes.disconnect(1)
    some.deletes()
    sight = some.observations.sight
    some.asks(lambda found: nodes.forget(found, sight, A))
    some.nodes.settle()
    assert some.operations.configuration.datasets[DATASET].destroyed
    some.asks(lambda found: purge(found, DATASET))
    assert some.nodes.told(A, DATASET) is None
    some.nodes.connect(1)
    assert list(some.nodes.holders(DATASET)) == [A]
    some.observations.edit(A, [(some.nodes.says(A, DATASET), 0.0)], [], NOW)
    some.nodes.settle()
    assert list(some.nodes.holders(DATASET)) == []


def test_node_that_owns_is_not_forgotten(some):
    """Nor one to which something is on its way; a replica keeps no node."""
    some.leases(on=1)
    some.moves(to=2)
    for number in (1, 2):
        some.nodes.disconnect(number)
        with pytest.raises(nodes.NodeInUse):
            some.asks(
                lambda found, n=number: nodes.forget(
                    found, some.observations.sight, node_id(n)
                )
            )


def test_made_anew(some):
    """An id that is used again goes on with a later epoch."""
    some.moves(to=2)
    some.deletes()
    some.asks(lambda found: purge(found, DATASET))
    assert some.row.deleted
    some.creates(on=1)
    assert some.is_served(1)
    assert some.row.epoch > 2
    assert some.nodes.machines[A, DATASET].disk.data == 0


def test_deleted_before_it_was_made():
    """What nobody was told to make is destroyed at once."""
    cluster = Cluster()
    new = NewDataset(DATASET, node_id(4))
    cluster.asks(lambda found: create(found, new, NOW))
    cluster.asks(lambda found: delete(found, DATASET, NOW))
    cluster.nodes.connect(4)
    assert cluster.operations.configuration.datasets[DATASET].destroyed
    assert DATASET not in cluster.operations.configuration.pools


def test_terms_of_a_volume():
    """What is on a volume is not copied, so there is nothing to be said about how."""
    cluster = Cluster()
    new = NewDataset(DATASET, node_id(9))
    cluster.asks(lambda found: create(found, new, NOW))
    with pytest.raises(NotInPool):
        cluster.wants(2, Terms(force=True))
    cluster.wants(2)
