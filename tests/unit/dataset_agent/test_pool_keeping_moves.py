"""Agents of pools move what is in use: in rounds, then the rest; and back, and not."""

from contextlib import suppress

from twisted.internet.defer import ensureDeferred

from flocker.backends.pool_errors import BeingWritten
from flocker.control import pool_moves
from flocker.dataset_agent.pool_facts import NO_ROUNDS
from flocker.dataset_agent.pool_marks import FINAL, ROUND
from flocker.dataset_agent.pool_receiving import Denied
from flocker.dataset_agent.pool_states import Offer
from flocker.model.forecasts import HAND_OVER
from flocker.model.ids import Epoch
from flocker.model.pools import Released, Replica, Stage
from flocker.runtime.holders import Holder
from flocker.testing.builders import node_id
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from tests.unit.dataset_agent.two_nodes import DATASET, MINUTE, A, B, Cluster, contents


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
