"""Snapshots that users want, as the agents of two nodes take, keep and destroy them."""

from uuid import UUID

import pytest
from attrs import define, evolve
from pyrsistent import pmap

from flocker.backends.pool_errors import PoolFull, PoolUnavailable
from flocker.control import pool_moves, pool_snapshots, snapshots
from flocker.dataset_agent.pool_marks import OURS
from flocker.model.changes import apply
from flocker.model.cluster import Condition, Observed, Peer
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, SnapshotID, UserSnapshotID
from flocker.model.pools import Owned, PoolOwnership, Stage
from flocker.model.snapshots import Origin, Taken, UserSnapshots
from flocker.testing.builders import a_node, an_assignment, dataset_id
from flocker.testing.fakes.memory_carrier import NotReached
from flocker.testing.fakes.memory_pool import MemoryPool
from tests.unit.dataset_agent.two_nodes import DATASET, MINUTE, A, B, Cluster

NOW = 1000.0
CLONE = dataset_id(2)
SOON = 30


@define(eq=False)
class Wanting(Cluster):
    """Two nodes, and control that has rows of the dataset and of its snapshots."""

    wanted: UserSnapshots | None = None
    asked: int = 0
    away: object = None

    def tell(self) -> None:
        for node in self.nodes:
            if node.id == self.away:
                continue
            (other,) = [each for each in (A, B) if each != node.id]
            told = evolve(
                an_assignment(),
                dataset=self.dataset,
                lease=self.lease,
                ownership=None,
                pool=self.row,
                peers=(Peer(other, "10.0.0.1", 4525),),
                snapshots=self.wanted,
            )
            node.tell(told)

    @property
    def configuration(self) -> Configuration:
        wanted = {} if self.wanted is None else {DATASET: self.wanted}
        return Configuration(
            datasets=pmap({DATASET: self.dataset}),
            nodes=pmap({A: a_node(1), B: a_node(2)}),
            pools=pmap({DATASET: self.row}),
            snapshots=pmap(wanted),
        )

    def asks(self, decide, *args) -> None:
        """Do what a user asks about snapshots."""
        before = self.configuration
        self.wanted = apply(decide(before, DATASET, *args), before).snapshots[DATASET]
        self.tell()

    def breaks(self, node, what: str | None) -> None:
        """Let durable steps of a kind fail on a node."""

        def fail(step: str) -> None:
            if step == what:
                raise PoolFull("memory", "no room is left")

        node.disk.before = fail

    def takes(self, name: str) -> None:
        self.asked += 1
        self.asks(
            snapshots.create, name, UserSnapshotID(UUID(int=self.asked << 96)), NOW
        )

    def deletes(self, name: str) -> None:
        self.asks(snapshots.delete, name)

    def keep(self) -> bool:
        facts = {
            node.id: Observed(node.fact, self.clock.seconds())
            for node in self.nodes
            if DATASET in node.facts
        }
        then = pool_snapshots.keep(self.configuration, self.row, facts)
        if then is not None:
            self.wanted = then
            self.tell()
            return True
        return super().keep()

    def taken(self, name: str) -> Taken | None:
        return self.wanted.named(name).taken

    def names(self, node) -> list[str]:
        """Those of users that a node has, as users call them."""
        kept = [each.name for each in node.copy.snapshots]
        return [name.split(".")[0] for name in kept if not name.startswith(OURS)]

    def files(self, node, name: str) -> set[str]:
        """What is in a snapshot that a node has."""
        found = [s for s in node.copy.snapshots if s.name.split(".")[0] == name]
        (snapshot,) = found
        return set(snapshot.files)


def cut(_done: int) -> None:
    """Let no stream come through."""
    raise NotReached("the cable is out")


@pytest.fixture
def cluster() -> Wanting:
    """A serves a dataset with one file."""
    made = Wanting()
    made.settle()
    made.a.write("first")
    return made


def test_taken(cluster):
    """The owner takes what is asked for, while it serves; control hears what it is."""
    cluster.takes("monday")
    cluster.settle()
    (snapshot,) = cluster.a.copy.snapshots
    assert cluster.taken("monday").identity == snapshot.identity
    assert cluster.files(cluster.a, "monday") == {"first"}
    assert cluster.a.served
    assert cluster.b.copy is None


def test_taken_once(cluster):
    """What an agent took that died then is known by its name, and not taken again."""
    cluster.away = A
    cluster.takes("monday")
    name = cluster.wanted.named("monday").in_pool
    made = MemoryPool(cluster.a.disk).snapshot(DATASET, name)
    cluster.a.write("second")
    cluster.a.start()
    cluster.away = None
    cluster.tell()
    cluster.settle()
    assert cluster.taken("monday").identity == made.identity
    assert cluster.files(cluster.a, "monday") == {"first"}


def test_never_taken_twice(cluster):
    """What was taken, and is gone, is not replaced by what the dataset holds now."""
    cluster.takes("monday")
    cluster.settle()
    before = cluster.wanted
    cluster.a.copy.snapshots.clear()
    cluster.settle(SOON)
    cluster.tell()
    cluster.settle(SOON)
    assert cluster.names(cluster.a) == []
    assert cluster.wanted == before
    assert cluster.a.fact.pool.users == ()


def test_deleted(cluster):
    """A deleted one is destroyed, then forgotten; others stay."""
    cluster.takes("monday")
    cluster.takes("tuesday")
    cluster.settle()
    cluster.deletes("monday")
    cluster.settle()
    assert cluster.names(cluster.a) == ["tuesday"]
    assert [each.name for each in cluster.wanted.wanted] == ["tuesday"]


def test_name_again(cluster):
    """A name is free at once, and what it is used for next is another snapshot."""
    cluster.takes("monday")
    cluster.settle()
    first = cluster.taken("monday")
    cluster.deletes("monday")
    cluster.a.write("second")
    cluster.takes("monday")
    cluster.settle()
    assert cluster.taken("monday").identity != first.identity
    assert cluster.files(cluster.a, "monday") == {"first", "second"}


def test_deleted_before_taken(cluster):
    """What is deleted before anybody took it leaves nothing behind."""
    cluster.takes("monday")
    cluster.deletes("monday")
    cluster.settle(SOON)
    assert cluster.a.copy.snapshots == []
    assert cluster.wanted.wanted == ()


def test_what_a_deletion_costs(cluster):
    """The owner's record is written once for a deletion, and for nothing else."""
    steps = []
    cluster.a.disk.before = steps.append
    cluster.takes("monday")
    cluster.settle()
    cluster.deletes("monday")
    cluster.settle()
    assert steps == ["snapshot", "record", "destroy snapshot"]
    assert cluster.a.fact.pool.record.heeded == 3


def test_told_old(cluster):
    """A row of before brings nothing back that is deleted; one that goes on does."""
    cluster.takes("monday")
    old = cluster.wanted
    cluster.settle()
    cluster.deletes("monday")
    cluster.settle()
    assert cluster.wanted.wanted == ()
    cluster.a.start()
    present, cluster.wanted = cluster.wanted, old
    cluster.tell()
    cluster.clock.advance(SOON)
    assert cluster.names(cluster.a) == []
    cluster.wanted = present
    cluster.takes("monday")
    cluster.settle()
    assert cluster.names(cluster.a) == ["monday"]


def test_restored_backup(cluster):
    """What a restored row wants is taken, though the owner knows of a later one."""
    cluster.takes("monday")
    old = cluster.wanted
    cluster.settle()
    cluster.deletes("monday")
    cluster.settle()
    cluster.wanted = old
    cluster.tell()
    cluster.settle(SOON)
    assert cluster.taken("monday") is not None


def test_under_which_row(cluster, monkeypatch):
    """While one is to go a node says which row it knew, until it is told another."""
    assert cluster.a.fact.pool.under == 0
    cluster.takes("monday")
    cluster.settle()
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.b.fact.pool.under == 0
    cluster.deletes("monday")
    cluster.settle()
    row = cluster.row
    assert {node.fact.pool.under for node in cluster.nodes} == {row.revision}

    def unanswered(_pool):
        raise PoolUnavailable("memory", "it hangs")

    monkeypatch.setattr(MemoryPool, "list", unanswered)
    cluster.row = evolve(row, revision=row.revision + 1)
    cluster.tell()
    cluster.clock.advance(SOON)
    assert {node.fact.pool.under for node in cluster.nodes} == {0}


def test_travels(cluster):
    """What was taken on the source is on the target, whole, and goes from both."""
    cluster.takes("monday")
    cluster.settle()
    cluster.a.write("second")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.b.served
    assert cluster.files(cluster.b, "monday") == {"first"}
    cluster.deletes("monday")
    cluster.settle(SOON)
    assert cluster.names(cluster.a) == cluster.names(cluster.b) == []
    assert cluster.wanted.wanted == ()


def test_while_it_is_copied(cluster):
    """What is asked for between two rounds is taken by the source, and goes along."""
    cluster.freezes = False
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.takes("meanwhile")
    cluster.settle()
    assert cluster.taken("meanwhile") is not None
    cluster.a.write("second")
    cluster.freezes = True
    cluster.settle(SOON)
    assert cluster.b.served
    assert cluster.files(cluster.b, "meanwhile") == {"first"}


def test_not_while_frozen(cluster):
    """Between freeze and hand-over none is taken; the next owner takes it then."""
    cluster.freezes = False
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.a.write("second")
    cluster.carrier.passing = cut
    cluster.decide(pool_moves.freeze)
    cluster.settle()
    assert not cluster.a.served
    cluster.takes("late")
    cluster.settle(SOON)
    assert cluster.row.move.stage is Stage.FREEZING
    assert cluster.names(cluster.a) == []
    cluster.carrier.passing = lambda _done: None
    cluster.settle(120)
    assert cluster.row.owner == B
    assert cluster.names(cluster.b) == ["late"]
    assert cluster.names(cluster.a) == []
    assert cluster.taken("late") is not None


def test_kept_as_base(cluster):
    """A deleted snapshot that the epoch began from stays: the way back goes on from it.

    Then nothing rests on it, and it goes.
    """
    cluster.takes("base")
    cluster.settle()
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.row.base == cluster.taken("base").identity
    cluster.deletes("base")
    cluster.settle(SOON)
    assert cluster.names(cluster.b) == ["base"]
    cluster.b.write("second")
    cluster.carrier.sent.clear()
    cluster.decide(pool_moves.move, A)
    cluster.settle(SOON)
    assert cluster.a.served
    assert None not in [since for _, since in cluster.carrier.sent]
    assert cluster.a.disk.asides == {}
    assert cluster.names(cluster.a) == cluster.names(cluster.b) == []
    assert cluster.wanted.wanted == ()


def test_away_holder(cluster):
    """While a node with a copy is away it is not forgotten that one is deleted."""
    cluster.takes("monday")
    cluster.settle()
    cluster.a.write("second")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.away = A
    cluster.deletes("monday")
    cluster.settle(SOON)
    assert cluster.names(cluster.b) == []
    assert [each.name for each in cluster.wanted.wanted] == ["monday"]
    cluster.away = None
    cluster.tell()
    cluster.settle(SOON)
    assert cluster.names(cluster.a) == []
    assert cluster.wanted.wanted == ()


def test_trouble_holds_up_nothing(cluster):
    """While one cannot be taken the reason is told, and a move goes on."""
    cluster.breaks(cluster.a, "snapshot")
    cluster.takes("monday")
    cluster.settle(SOON)
    assert cluster.taken("monday") is None
    assert cluster.a.fact.cause.code == "pool-full"
    made = MemoryPool(cluster.a.disk)
    cluster.breaks(cluster.a, None)
    cluster.settle(MINUTE)
    assert cluster.taken("monday") is not None
    assert cluster.a.fact.cause is None
    assert made.list().copies[DATASET].snapshots


def test_clone(cluster):
    """A clone begins as the snapshot, is written by itself, and needs no other copy."""
    cluster.takes("monday")
    cluster.settle()
    cluster.a.write("second")
    origin = Origin(DATASET, cluster.taken("monday").identity)
    row = PoolOwnership(CLONE, DEFAULT_BACKEND, A, origin=origin, holders=(A,))
    told = evolve(an_assignment(2), ownership=None, pool=row)
    cluster.breaks(cluster.a, "create")
    cluster.a.tell(told)
    cluster.settle()
    assert CLONE not in cluster.a.disk.copies
    assert cluster.a.facts[CLONE].cause.code == "pool-full"
    cluster.breaks(cluster.a, None)
    cluster.settle(MINUTE)
    assert set(cluster.a.disk.files(CLONE)) == {"first"}
    assert cluster.a.facts[CLONE].condition is Condition.MOUNTED
    assert cluster.a.facts[CLONE].pool.record.standing == Owned(Epoch(1), None)
    cluster.a.disk.write(CLONE, "third", b"content")
    assert set(cluster.a.disk.files(DATASET)) == {"first", "second"}


def test_clone_of_nothing(cluster):
    """Where the snapshot is not there, no empty dataset takes its place."""
    origin = Origin(DATASET, SnapshotID("gone"))
    row = PoolOwnership(CLONE, DEFAULT_BACKEND, A, origin=origin, holders=(A,))
    cluster.a.tell(evolve(an_assignment(2), ownership=None, pool=row))
    cluster.settle(SOON)
    assert CLONE not in cluster.a.disk.copies
    assert cluster.a.facts[CLONE].cause.code == "no-such-snapshot"
