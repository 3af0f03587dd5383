"""Agents keep what is wanted of datasets on pools: made, served, limited, destroyed."""

import pytest
from attrs import evolve
from twisted.internet.defer import ensureDeferred

from flocker.control import pool_moves, pool_upkeep
from flocker.model.cluster import Condition, Want
from flocker.model.datasets import Mounting
from flocker.model.ids import Epoch
from flocker.model.pools import Buried, NoCopy, Owned, Prune
from flocker.testing.builders import a_dataset
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.wire.protocol import Slice
from tests.unit.dataset_agent.two_nodes import MINUTE, A, B, Cluster


def test_created(cluster):
    """A dataset that never was is made by its owner, served, and on record."""
    assert cluster.row.acquired
    assert cluster.a.copy.mounted_at == [cluster.a.place]
    assert cluster.a.fact.condition is Condition.MOUNTED
    assert cluster.a.fact.path == str(cluster.a.place)
    assert cluster.a.fact.pool.record.standing == Owned(Epoch(1), None)
    assert cluster.b.copy is None
    assert (cluster.b.fact.want, cluster.b.fact.condition) == (
        Want.AWAY,
        Condition.MISSING,
    )


def test_served_before_control_is_heard(cluster):
    """After a reboot the owner serves what it has on record; others wait."""
    cluster.a.write("before")
    for node in cluster.nodes:
        if node.copy is not None:
            node.copy.mounted_at.clear()
        node.start()
        node.agent.serve_known()
    cluster.clock.advance(0)
    assert (cluster.a.served, cluster.b.served) == (True, False)


def test_released_is_not_served_before_control_is_heard(cluster):
    """What was let go of is nobody's until control has spoken."""
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.b.copy.mounted_at.clear()
    for node in cluster.nodes:
        node.start()
        node.agent.serve_known()
    cluster.clock.advance(0)
    assert (cluster.a.served, cluster.b.served) == (False, True)


def test_not_told_of(cluster):
    """What control does not speak of is left alone."""
    cluster.a.number = 0
    cluster.a.tell()
    cluster.clock.advance(0)
    assert cluster.a.served
    assert cluster.a.fact.want is Want.LEFT_ALONE


def test_deleted(cluster):
    """A deleted dataset is destroyed everywhere, and remembered."""
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.decide(pool_moves.bury)
    cluster.settle(MINUTE)
    for node in cluster.nodes:
        assert node.copy is None
        assert node.fact.pool.record.standing == Buried()
    facts = {node.id: node.fact.pool for node in cluster.nodes}
    assert pool_upkeep.is_gone(cluster.row, facts)


def test_pruned(cluster):
    """A copy that stayed behind is destroyed when that is wanted, not before."""
    cluster.a.write("file")
    cluster.decide(pool_moves.move, B)
    cluster.settle(2 * MINUTE)
    assert cluster.a.copy is not None
    head = cluster.a.fact.pool.head
    cluster.decide(pool_moves.prune, Prune(A, head), frozenset({head}))
    cluster.settle(MINUTE)
    assert cluster.a.copy is None
    assert cluster.a.fact.pool.record.standing == NoCopy()
    assert cluster.row.prunes == ()
    assert cluster.b.served


def test_stands_down(cluster):
    """A node that is marked dead lets go of what it serves."""
    cluster.a.number += 1
    answers = []
    told = Slice(full=True, stand_down=True)
    work = ensureDeferred(cluster.a.agent.take("boot", cluster.a.number, told))
    work.addCallback(answers.append)
    cluster.settle(2 * MINUTE)
    assert not cluster.a.served
    assert answers == [True]


def test_mounted_on_use():
    """Without a lease the owner has it ready and does not serve it."""
    dataset = evolve(a_dataset(), mount=Mounting.ON_USE)
    cluster = Cluster(dataset=dataset)
    cluster.settle(MINUTE)
    assert not cluster.a.served
    assert cluster.a.fact.condition is Condition.DETACHED
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert cluster.row.owner == B
    assert cluster.row.acquired


def test_quota(cluster):
    """The dataset's size limits what it holds, and can be changed while in use."""
    cluster.dataset = evolve(cluster.dataset, maximum_size=2048)
    cluster.tell()
    cluster.settle()
    assert cluster.a.copy.quota == 2048
    with pytest.raises(OSError, match="quota"):
        cluster.a.write("large", bytes(4096))
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert cluster.b.copy.quota == 2048


def test_less_than_it_holds(cluster):
    """A limit below what is held waits, and says so; it is served, and moved, so."""
    cluster.a.write("large", bytes(4096))
    cluster.dataset = evolve(cluster.dataset, maximum_size=2048)
    cluster.tell()
    cluster.settle()
    assert (cluster.a.copy.quota, cluster.a.served) == (None, True)
    assert cluster.a.fact.cause.code == "quota-too-small"
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert (cluster.b.copy.quota, cluster.b.served) == (4096, True)
    assert cluster.b.fact.cause.code == "quota-too-small"
    cluster.b.write("large", b"little")
    cluster.settle(2 * MINUTE)
    assert cluster.b.copy.quota == 2048
    assert cluster.b.fact.cause is None


def test_strange_record(cluster):
    """A record that is not understood is not acted on, and not overwritten."""
    record = b'{"format":99,"record":{}}'
    cluster.a.copy.record = record
    cluster.a.start()
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert cluster.a.copy.record == record
    assert cluster.a.fact.cause.code == "record-unreadable"
    assert cluster.a.fact.pool is None
    assert cluster.b.copy is None


def test_record_becomes_strange_before_the_step():
    """A record that stopped being understood since the look is not overwritten."""
    cluster = Cluster()
    strange, look = b'{"format":99,"record":{}}', MemoryPool.look
    cluster.settle()
    looks = []

    def spoil(pool, dataset):
        looks.append(dataset)
        if len(looks) == 2:  # the first is the round's, this one the step's
            cluster.a.copy.record = strange
        return look(pool, dataset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryPool, "look", spoil)
        cluster.decide(pool_moves.bury)
        cluster.settle(MINUTE)
    assert len(looks) >= 2
    assert cluster.a.copy.record == strange
    assert cluster.a.served
