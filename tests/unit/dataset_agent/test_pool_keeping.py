"""Agents of nodes with pools, and as much of control as they talk to."""

from contextlib import suppress
from itertools import count

import pytest
from attrs import define, evolve, field
from pyrsistent import pmap
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from flocker.backends.pool_errors import BeingWritten
from flocker.control import pool_moves, pool_upkeep
from flocker.dataset_agent.agent import DatasetAgent
from flocker.dataset_agent.pool_facts import NO_ROUNDS
from flocker.dataset_agent.pool_marks import FINAL, ROUND
from flocker.dataset_agent.pool_planning import HAND_OVER
from flocker.dataset_agent.pool_receiving import Denied
from flocker.dataset_agent.pool_rig import Pool, PoolRig
from flocker.dataset_agent.pool_states import Offer
from flocker.dataset_agent.rig import Rig
from flocker.model.changes import apply
from flocker.model.cluster import Condition, Fact, Peer, Want
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Mounting
from flocker.model.ids import Epoch
from flocker.model.pools import (
    Buried,
    NoCopy,
    Owned,
    PoolOwnership,
    Prune,
    Released,
    Replica,
    Stage,
)
from flocker.runtime.holders import Holder
from flocker.testing.builders import a_dataset, an_assignment, dataset_id, node_id
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices
from flocker.testing.fakes.memory_carrier import MemoryCarrier, NotReached
from flocker.testing.fakes.memory_disk import MemoryDisk
from flocker.testing.fakes.memory_filesystems import MemoryFilesystems
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads
from flocker.wire.protocol import Report, Slice

DATASET = dataset_id()
A, B = node_id(1), node_id(2)
MINUTE = 60.0
NEW = PoolOwnership(DATASET, DEFAULT_BACKEND, A, holders=(A,))


@define(eq=False)
class Node:
    """A node: its disk stays, its agent may be started anew."""

    id: object
    clock: Clock
    carrier: MemoryCarrier
    unique: object
    disk: MemoryDisk = field(factory=MemoryDisk)
    kept: dict = field(factory=dict)
    facts: dict = field(factory=dict)
    number: int = 0
    driver: type[ResumingMemoryPool] = ResumingMemoryPool
    agent: DatasetAgent = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin a new life of the agent."""
        threads = SimulatedThreads(ProcessClock(self.clock))
        pool = Pool(DEFAULT_BACKEND, "memory", self.pool(), threads)
        kernel = MemoryFilesystems(MemoryBlockDevices())
        rig = Rig(self.id, {}, kernel, threads, pools={DEFAULT_BACKEND: pool})
        peers = PoolRig(
            self.id, rig.mount_root, self.carrier, lambda: f"{next(self.unique):04}"
        )
        self.agent = DatasetAgent(evolve(rig, peers=peers), self.clock, lambda: 0.5)
        self.carrier.hosts[self.id] = self.agent
        self.number = 0
        self.facts.clear()
        self.agent.talking(self)

    def pool(self) -> MemoryPool:
        return self.driver(self.disk, self.kept)

    async def report(self, report: Report) -> None:
        if report.full:
            self.facts.clear()
        for aged in report.changed:
            self.facts[aged.fact.dataset] = aged.fact
        for gone in report.gone:
            del self.facts[gone]

    def abort(self, why: str) -> None:
        raise AssertionError(why)

    def tell(self, *assignments, **others) -> None:
        self.number += 1
        told = Slice(self.number == 1, tuple(assignments), **others)
        ensureDeferred(self.agent.take("boot", self.number, told))

    @property
    def place(self):
        return Rig(self.id, {}, None, None).place(DATASET)

    @property
    def copy(self):
        return self.disk.copies.get(DATASET)

    @property
    def fact(self) -> Fact:
        return self.facts[DATASET]

    @property
    def served(self) -> bool:
        return self.copy is not None and bool(self.copy.mounted_at)

    def write(self, name: str, content: bytes = b"content") -> None:
        self.disk.write(DATASET, name, content)


@define(eq=False)
class Cluster:
    """Two nodes, and the one row that control has."""

    dataset: object = field(factory=a_dataset)
    lease: object = None
    clock: Clock = field(factory=Clock)
    carrier: MemoryCarrier = field(factory=MemoryCarrier)
    freezes: bool = True
    row: PoolOwnership = NEW
    told: list = field(factory=list)
    a: Node = field(init=False)
    b: Node = field(init=False)

    def __attrs_post_init__(self) -> None:
        unique = count(1)
        self.a = Node(A, self.clock, self.carrier, unique)
        self.b = Node(B, self.clock, self.carrier, unique)
        self.tell()

    @property
    def nodes(self):
        return (self.a, self.b)

    def tell(self) -> None:
        """Tell both agents the row as it is."""
        self.told.append(self.row)
        for node in self.nodes:
            others = [each for each in (A, B) if each != node.id]
            peers = tuple(Peer(each, "10.0.0.1", 4525) for each in others)
            assignment = evolve(
                an_assignment(), dataset=self.dataset, lease=self.lease, ownership=None
            )
            node.tell(evolve(assignment, pool=self.row, peers=peers))

    def decide(self, decide, *args, **keywords) -> None:
        """Do what a user asks, and tell the agents."""
        before = Configuration(pools=pmap({DATASET: self.row}))
        change = decide(before, DATASET, *args, **keywords)
        self.row = apply(change, before).pools[DATASET]
        self.tell()

    def keep(self) -> bool:
        """Do what control does when it hears from agents; False if that is nothing."""
        facts = {
            node.id: node.fact.pool
            for node in self.nodes
            if DATASET in node.facts and node.fact.pool is not None
        }
        then = pool_upkeep.keep(self.row, facts)
        if then is not None:
            self.row = then
            self.tell()
            return True
        move = self.row.move
        source = facts.get(self.row.owner)
        copying = None if source is None else source.copying
        ready = copying is not None and copying.ready
        if self.freezes and move and move.stage is Stage.COPYING and ready:
            self.decide(pool_moves.freeze)
            return True
        return False

    def settle(self, seconds: float = 0.0) -> None:
        """Let all that follows happen."""
        for _ in range(100):
            self.clock.pump([0.0, 0.1, 0.5])
            if not self.keep():
                break
        else:
            raise AssertionError("it does not come to rest")
        if seconds:
            self.clock.pump([1.0] * int(seconds))
            self.settle()


@pytest.fixture
def cluster() -> Cluster:
    """A serves an empty dataset."""
    made = Cluster()
    made.settle()
    assert made.a.served
    return made


def contents(node: Node):
    return dict(node.disk.files(DATASET))


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


def test_moves(cluster):
    """What was written on the source is served by the target, and by it alone."""
    cluster.a.write("before")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.row.owner == B
    assert cluster.row.acquired
    assert (cluster.a.served, cluster.b.served) == (False, True)
    assert contents(cluster.b) == {"before": b"content"}
    assert isinstance(cluster.a.fact.pool.record.standing, Released)
    assert not cluster.a.copy.seen().writable
    stages = [row.move.stage for row in cluster.told if row.move is not None]
    assert stages == [Stage.COPYING, Stage.FREEZING]


def test_moves_back(cluster):
    """On its way back only what is new is sent, to the copy that stayed."""
    cluster.a.write("first")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.b.write("second")
    cluster.carrier.sent.clear()
    cluster.decide(pool_moves.move, A)
    cluster.settle()
    assert cluster.a.served
    assert contents(cluster.a) == {"first": b"content", "second": b"content"}
    assert cluster.carrier.sent
    assert None not in [since for _, since in cluster.carrier.sent]
    assert cluster.a.disk.asides == {}


def test_rounds_while_in_use(cluster):
    """The source serves while it sends; what is written then goes with the last."""
    cluster.freezes = False
    cluster.a.write("before")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.a.served
    assert cluster.a.fact.pool.copying.ready
    for number in range(3):
        cluster.a.write(f"meanwhile-{number}")
        cluster.settle(10)
    assert cluster.a.served
    assert isinstance(cluster.b.fact.pool.record.standing, Replica)
    assert cluster.b.fact.pool.head == cluster.a.fact.pool.head
    cluster.a.write("last")
    cluster.freezes = True
    cluster.settle()
    assert cluster.b.served
    assert len(contents(cluster.b)) == 5
    names = [snapshot.name for snapshot in cluster.b.copy.snapshots]
    assert names[-1].startswith(FINAL)
    assert all(name.startswith((FINAL, ROUND)) for name in names)


class OnlyCopies(ResumingMemoryPool):
    """A pool that knows no snapshot of what somebody writes to."""

    def snapshot(self, dataset, name):
        """Take one, if nobody has it mounted."""
        if self.look(dataset).mounted_at:
            raise BeingWritten(dataset)
        return super().snapshot(dataset, name)


def only_copies(cluster) -> None:
    """Let all that the source has be written to all the time."""
    cluster.a.driver = OnlyCopies
    cluster.a.start()
    cluster.tell()
    cluster.settle()


def test_no_rounds_while_written_to(cluster):
    """What can only be copied at rest moves nevertheless, all of it in the end."""
    only_copies(cluster)
    cluster.freezes = False
    cluster.a.write("file")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.a.served
    copying = cluster.a.fact.pool.copying
    assert (copying.ready, copying.downtime) == (True, None)
    assert cluster.a.fact.cause == NO_ROUNDS
    cluster.freezes = True
    cluster.settle()
    assert cluster.b.served
    assert contents(cluster.b) == {"file": b"content"}
    assert cluster.a.fact.cause is None


def test_no_rounds_on_the_way_back(cluster):
    """The target has what was there; how long the rest takes was never measured."""
    cluster.a.write("file")
    for target in (B, A):
        cluster.decide(pool_moves.move, target)
        cluster.settle()
    only_copies(cluster)
    cluster.freezes = False
    cluster.a.write("more")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    copying = cluster.a.fact.pool.copying
    assert (copying.ready, copying.downtime) == (True, None)
    cluster.freezes = True
    cluster.settle()
    assert contents(cluster.b) == {"file": b"content", "more": b"content"}


def test_rounds_are_tidied(cluster):
    """Snapshots that were only for rounds do not pile up, on either side."""
    cluster.freezes = False
    cluster.decide(pool_moves.move, B)
    for number in range(12):
        cluster.a.write(f"file-{number}")
        cluster.settle(10)
    assert len(cluster.carrier.sent) >= 10
    cluster.freezes = True
    cluster.settle()
    assert cluster.b.served
    cluster.settle(2 * MINUTE)
    assert len(cluster.a.copy.snapshots) <= 4
    assert len(cluster.b.copy.snapshots) <= 4
    assert len(contents(cluster.b)) == 12


def test_user_snapshots_travel(cluster):
    """What users keep goes along, in its order."""
    pool = MemoryPool(cluster.a.disk)
    cluster.a.write("one")
    first = pool.snapshot(DATASET, "monday")
    cluster.a.write("two")
    second = pool.snapshot(DATASET, "tuesday")
    cluster.a.write("three")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    kept = [each.seen() for each in cluster.b.copy.snapshots[:2]]
    assert kept == [first, second]
    assert len(contents(cluster.b)) == 3


def test_busy(cluster):
    """What a container has open is not taken; the words say who has it."""
    cluster.a.copy.users.append(Holder(512, "postgres", "open /flocker/x"))
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.row.move.stage is Stage.FREEZING
    assert cluster.a.served
    assert "process 512 (postgres)" in cluster.a.fact.cause.words
    cluster.a.copy.users.clear()
    cluster.settle(MINUTE)
    assert cluster.b.served


def test_cancelled_while_copying(cluster):
    """A move that is cancelled leaves the source as it was."""
    cluster.freezes = False
    cluster.a.write("before")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.decide(pool_moves.cancel)
    cluster.settle(MINUTE)
    assert cluster.row.move is None
    assert (cluster.a.served, cluster.b.served) == (True, False)
    assert cluster.row.epoch == 1


def test_cancelled_while_freezing(cluster):
    """A cancel that comes late still ends on the source."""
    cluster.a.copy.users.append(Holder(512, "postgres", "open /flocker/x"))
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.decide(pool_moves.cancel)
    cluster.settle(MINUTE)
    assert cluster.row.move is None
    assert cluster.a.fact.pool.record.refused == 1
    assert (cluster.a.served, cluster.b.served) == (True, False)


def test_cut(cluster):
    """A stream that is cut is sent again; the cause is told meanwhile."""
    cluster.a.write("large", bytes(8 * 1024))

    def cut(done: int) -> None:
        if done >= 4 * 1024:
            raise NotReached("cut")

    cluster.carrier.passing = cut
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.a.served
    assert cluster.b.copy is None
    assert cluster.a.fact.cause.code == "not-reached"
    cluster.carrier.passing = lambda _done: None
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert contents(cluster.b)["large"] == bytes(8 * 1024)
    assert cluster.b.kept == {}


def cut_after(cluster, size):
    """Let the first stream of a move end after so many bytes."""

    def cut(done: int) -> None:
        if done >= size:
            raise NotReached("cut")

    cluster.freezes = False
    cluster.carrier.passing = cut
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert list(cluster.b.kept) == [DATASET]
    assert cluster.b.copy is None


@pytest.mark.parametrize("tenth", range(1, 10))
def test_goes_on_after_a_cut(cluster, tenth):
    """What came before a cut is not sent again, and nothing is taken for whole."""
    content = bytes(range(256)) * 64
    cluster.a.write("large", content)
    cut_after(cluster, 2 * len(content) * tenth // 10)
    before = len(cluster.b.kept[DATASET][1])
    passed = []
    cluster.carrier.passing = passed.append
    cluster.freezes = True
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert contents(cluster.b)["large"] == content
    assert len(cluster.carrier.rests) == 1
    whole = passed[: passed.index(0, 1)] if 0 in passed[1:] else passed
    assert whole[-1] < 2 * len(content) + 1024 - before
    assert cluster.b.kept == {}


def test_nobody_brings_the_rest(cluster):
    """What was cut goes when the move is cancelled: it is in nobody's way for ever."""
    cluster.a.write("large", bytes(8 * 1024))
    cut_after(cluster, 4 * 1024)
    cluster.decide(pool_moves.cancel)
    cluster.settle(MINUTE)
    assert cluster.row.move is None
    assert cluster.a.served
    assert cluster.b.kept == {}


def test_next_agent_goes_on(cluster):
    """An agent that is started anew goes on with what the last one had kept."""
    cluster.a.write("large", bytes(8 * 1024))
    cut_after(cluster, 4 * 1024)
    cluster.b.start()
    cluster.tell()
    cluster.settle()
    assert list(cluster.b.kept) == [DATASET]
    cluster.carrier.passing = lambda _done: None
    cluster.freezes = True
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert set(cluster.carrier.rests) == {cluster.carrier.sent[0][0]}


def test_cancel_ends_the_stream(cluster):
    """A stream for a move that is cancelled does not go on."""
    cluster.freezes = False
    cluster.a.write("large", bytes(64 * 1024))
    passed = []

    def cancel(done: int) -> None:
        passed.append(done)
        if len(passed) == 3:
            cluster.decide(pool_moves.cancel)

    cluster.carrier.passing = cancel
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert len(passed) <= 4
    assert cluster.a.served
    assert cluster.b.copy is None


def test_target_has_another_copy(cluster):
    """A copy that continues nothing is set aside, named and told; never overwritten."""
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.decide(pool_moves.move, A)
    cluster.settle()
    assert cluster.a.served
    # Somebody writes to what B kept, behind our back.
    cluster.b.disk.copies[DATASET].snapshots[-1].files["theirs"] = b"only here"
    cluster.b.disk.copies[DATASET].snapshots[-1].identity = "another"
    cluster.a.write("new")
    cluster.decide(pool_moves.move, B)
    cluster.settle(MINUTE)
    assert cluster.b.served
    assert contents(cluster.b) == {"new": b"content"}
    ((name, (_, aside)),) = cluster.b.disk.asides.items()
    assert aside.snapshots[-1].files == {"theirs": b"only here"}
    assert cluster.b.fact.pool.asides == (name,)


def test_restarts_in_the_middle(cluster):
    """Agents that die between any two steps of theirs go on where they were."""
    for victim in ("a", "b"):
        for after in range(12):
            one = Cluster()
            one.settle()
            one.a.write("content")
            node = getattr(one, victim)
            left = [after]

            def die(_step: str, node=node, left=left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise Died

            node.disk.before = die
            one.decide(pool_moves.move, B)
            with suppress(Died):
                one.settle()
            node.disk.before = lambda _step: None
            node.start()
            one.tell()
            one.settle(5 * MINUTE)
            assert (one.a.served, one.b.served) == (False, True), (victim, after)
            assert contents(one.b) == {"content": b"content"}


class Died(Exception):
    """The agent is no more."""


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


def test_source_and_offer_are_of_one_node(cluster):
    """A node may offer only what it says is its own."""
    offer = Offer(A, Epoch(1), "s", frozenset({"s"}))
    failed = []
    work = ensureDeferred(cluster.b.agent.visit(node_id(3), DATASET, offer))
    work.addErrback(failed.append)
    assert failed[0].check(Denied)


def test_begins_with_what_is_there_now(cluster):
    """An older snapshot says nothing about how long the last step will take."""
    cluster.a.write("one")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    cluster.decide(pool_moves.move, A)
    cluster.settle()
    cluster.a.write("two")
    cluster.freezes = False
    cluster.carrier.sent.clear()
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    (first, *_) = cluster.carrier.sent
    assert first[0].startswith(ROUND)
    assert "two" in cluster.b.copy.snapshots[-1].files


def test_nothing_left_to_send(cluster):
    """With nothing written since the last round the downtime is the hand-over's."""
    cluster.freezes = False
    cluster.a.write("one")
    cluster.decide(pool_moves.move, B)
    cluster.settle()
    assert cluster.a.fact.pool.copying.downtime == HAND_OVER


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
