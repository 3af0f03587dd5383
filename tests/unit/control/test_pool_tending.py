"""Datasets of pools as control keeps them, with nodes that follow the real rules."""

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.control import leases, nodes
from flocker.control.datasets import (
    NewDataset,
    Wishes,
    cancel_move,
    change,
    create,
    delete,
    purge,
)
from flocker.control.observations import Observations
from flocker.control.operations import Decide, Operations, Timing
from flocker.control.pool_moves import MoveRefused, NoMove, NotInPool
from flocker.control.pool_tending import PATIENCE
from flocker.control.pool_wishes import ANY_TERMS, Terms
from flocker.model.cluster import Cause, Condition
from flocker.model.configuration import Configuration
from flocker.model.datasets import Mounting
from flocker.model.errors import FlockerError
from flocker.model.leases import Holder
from flocker.model.nodes import Evidence
from flocker.model.pools import PoolOwnership, Replica, Stage
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from flocker.testing.fakes.stores import MemoryStore

DATASET = dataset_id()
A, B, C = (node_id(number) for number in (1, 2, 3))
NOW = 1000.0


class Cluster:
    """Control, and three nodes with pools; `asks` raises what refuses a change."""

    def __init__(
        self, configuration: Configuration | None = None, clock: Clock | None = None
    ) -> None:
        self.clock = clock or Clock()
        if clock is None:
            self.clock.advance(NOW)
        self.observations = Observations()
        store = MemoryStore()
        store.stored = configuration or store.stored
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.nodes = MemoryPoolNodes(self.operations, self.clock)
        self.nodes.connect(1, 2, 3)

    def asks(self, decide: Decide) -> None:
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        assert isinstance(result, Configuration), result

    def creates(self, on: int = 1, mount: Mounting = Mounting.ALWAYS) -> None:
        new = NewDataset(DATASET, node_id(on), mount=mount)
        self.asks(lambda found: create(found, new, NOW))
        self.nodes.settle()

    def wants(self, on: int, terms: Terms = ANY_TERMS) -> None:
        wishes = Wishes(node_id(on), terms=terms)
        self.asks(lambda found: change(found, DATASET, wishes, NOW))

    def moves(self, to: int, terms: Terms = ANY_TERMS) -> None:
        self.wants(to, terms)
        self.nodes.settle()

    def leases(self, on: int, name: str = "user") -> None:
        holder = Holder(name)
        self.asks(lambda found: leases.acquire(found, DATASET, node_id(on), holder))
        self.nodes.settle()

    def ends_lease(self) -> None:
        self.asks(lambda found: leases.release(found, DATASET))
        self.nodes.settle()

    def cancels(self) -> None:
        self.asks(lambda found: cancel_move(found, DATASET, NOW))
        self.nodes.settle()

    def deletes(self) -> None:
        self.asks(lambda found: delete(found, DATASET, NOW))
        self.nodes.settle()

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.nodes.settle()

    def marks_dead(self, number: int) -> None:
        mark = Evidence.OPERATOR, "alice", "it is off"
        sight = self.observations.sight
        self.asks(
            lambda found: nodes.declare_dead(found, sight, node_id(number), mark, NOW)
        )
        self.nodes.settle()

    @property
    def row(self) -> PoolOwnership:
        return self.operations.configuration.pools[DATASET]

    @property
    def primary(self) -> object:
        return self.operations.configuration.datasets[DATASET].primary

    def is_served(self, on: int) -> bool:
        """Whether it is where it is wanted, on record and for real."""
        row = self.row
        at_rest = row.owner == node_id(on) and row.acquired and row.move is None
        return at_rest and self.nodes.serves(on, DATASET) and self.primary == row.owner


@pytest.fixture
def cluster() -> Cluster:
    """A cluster in which nothing is wanted."""
    return Cluster()


@pytest.fixture
def some(cluster) -> Cluster:
    """One dataset, served on node 1, with something written to it."""
    cluster.creates()
    cluster.nodes.write(1, DATASET, 0)
    cluster.nodes.settle()
    return cluster


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
