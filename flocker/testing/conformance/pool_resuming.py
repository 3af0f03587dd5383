"""What a pool must do that goes on with streams that were cut; run it as `pools` says.

Of the two nodes' pools the target is an `IResumingPool`. A source that is one too sends
rests; see `flocker.backends.pool_resuming`.
"""

import os

import pytest

from flocker.backends.pool_errors import NoSuchSnapshot, StreamBroken
from flocker.backends.pool_interface import Announced, PoolSnapshot
from flocker.backends.pool_resuming import (
    CannotResume,
    IResumingPool,
    Unfinished,
    suspend,
)
from flocker.model.ids import DatasetID, SnapshotID
from flocker.model.sizes import MEBIBYTE
from flocker.testing.conformance.pool_bench import (
    NO_SNAPSHOT,
    OTHER,
    PART,
    RECORD,
    Node,
    PoolBench,
    a_node_id,
    announce,
    stream_of,
    transfer,
)


def resuming(node: Node) -> IResumingPool:
    """Give the pool of a node, which is one that goes on with streams."""
    assert IResumingPool.providedBy(node.pool)
    return node.pool


class ResumeConformance(PoolBench):
    """The promises of `IResumingPool`, one a test."""

    content = 8 * MEBIBYTE
    """Bytes of a stream of which a pool keeps something if it is cut in the middle."""

    # Cuts

    @pytest.mark.parametrize("tenth", range(1, 10))
    def test_whole_cut_at(self, one: Node, two: Node, tenth: int) -> None:
        """A whole copy that was cut anywhere is completed by what was not sent."""
        dataset, sent, content = self.a_sent_one(one)
        left = self.cut(one, two, dataset, announce(sent, None), tenth)
        assert dict(two.pool.list().copies) == {}
        self.finish_rest(one, two, dataset, announce(sent, None), left)
        assert two.look(dataset).snapshots == (sent,)
        assert two.read_replica(dataset, "file") == content

    @pytest.mark.parametrize("tenth", range(1, 10))
    def test_increment_cut_at(self, one: Node, two: Node, tenth: int) -> None:
        """So is an increment, and until then the copy stands where it stood."""
        dataset, base, sent, content = self.an_increment(one, two)
        following = announce(sent, base.identity)
        left = self.cut(one, two, dataset, following, tenth)
        copy = two.look(dataset)
        assert (copy.head, copy.snapshots, copy.record) == (
            base.identity,
            (base,),
            RECORD,
        )
        self.finish_rest(one, two, dataset, following, left)
        copy = two.look(dataset)
        assert (copy.snapshots, copy.record) == ((base, sent), OTHER)
        assert two.read_replica(dataset, "file") == content

    def test_cut_again(self, one: Node, two: Node) -> None:
        """What was gone on with may be cut as well, and loses nothing that came."""
        dataset, sent, content = self.a_sent_one(one)
        announced = announce(sent, None)
        left = self.cut(one, two, dataset, announced, 3)
        first = self.rest_of(one, two, dataset, announced)
        entering = resuming(two).receive_rest(dataset, announced)
        entering.write(first[: len(first) // 2])
        suspend(entering)
        assert len(self.rest_of(one, two, dataset, announced)) < len(first)
        self.finish_rest(one, two, dataset, announced, left)
        assert two.read_replica(dataset, "file") == content

    def test_next_life(self, one: Node, two: Node) -> None:
        """Another life of the agent goes on with what the last one has kept."""
        dataset, sent, content = self.a_sent_one(one)
        left = self.cut(one, two, dataset, announce(sent, None), 5)
        before = resuming(two).unfinished(dataset)
        two.restart()
        assert resuming(two).unfinished(dataset) == before
        assert resuming(two).all_unfinished() == frozenset({dataset})
        self.finish_rest(one, two, dataset, announce(sent, None), left)
        assert two.read_replica(dataset, "file") == content

    # What is kept, and for how long

    def test_nothing_unfinished(self, one: Node, two: Node) -> None:
        """Where nothing was cut nothing is unfinished, and no rest is taken."""
        dataset, base, sent, _ = self.an_increment(one, two)
        assert resuming(two).unfinished(dataset) is None
        with pytest.raises(CannotResume):
            resuming(two).receive_rest(dataset, announce(sent, base.identity))
        resuming(two).drop_unfinished(dataset)
        assert resuming(two).all_unfinished() == frozenset()

    def test_aborted_keeps_nothing(self, one: Node, two: Node) -> None:
        """What is aborted, or turned out to be broken, is thrown away."""
        dataset, sent, _ = self.a_sent_one(one)
        announced = announce(sent, None)
        stream = stream_of(one, dataset, sent, None)
        two.made.add(dataset)
        entering = two.pool.receive(dataset, announced)
        entering.write(stream[: len(stream) // 2])
        entering.abort()
        suspend(entering)
        assert resuming(two).unfinished(dataset) is None
        entering = two.pool.receive(dataset, announced)
        entering.write(stream[: len(stream) // 2])
        with pytest.raises(StreamBroken):
            entering.finish(RECORD)
        suspend(entering)
        assert resuming(two).all_unfinished() == frozenset()

    def test_finished_leaves_nothing(self, one: Node, two: Node) -> None:
        """What is whole is not unfinished, whoever suspends it then."""
        dataset, sent, _ = self.a_sent_one(one)
        two.made.add(dataset)
        entering = two.pool.receive(dataset, announce(sent, None))
        entering.write(stream_of(one, dataset, sent, None))
        assert entering.finish(RECORD) == sent.identity
        suspend(entering)
        assert resuming(two).unfinished(dataset) is None
        assert two.look(dataset).head == sent.identity

    def test_from_the_beginning(self, one: Node, two: Node) -> None:
        """A stream from its beginning takes the place of what is unfinished."""
        dataset, base, sent, content = self.an_increment(one, two)
        self.cut(one, two, dataset, announce(sent, base.identity), 5)
        transfer(one, two, dataset, sent, base)
        assert resuming(two).unfinished(dataset) is None
        assert two.read_replica(dataset, "file") == content

    def test_another_is_wanted(self, one: Node, two: Node) -> None:
        """What is unfinished is no beginning of another snapshot, and gives way."""
        dataset, sent, _ = self.a_sent_one(one)
        self.cut(one, two, dataset, announce(sent, None), 5)
        newer = one.save(dataset, "other", b"newer")
        with pytest.raises(CannotResume):
            resuming(two).receive_rest(dataset, announce(newer, None))
        transfer(one, two, dataset, newer)
        assert resuming(two).unfinished(dataset) is None
        assert two.look(dataset).snapshots == (newer,)

    # What it is in nobody's way of

    def test_served(self, one: Node, two: Node) -> None:
        """A copy is made writable, written to and destroyed as ever."""
        dataset, base = self.cut_increment(one, two)
        two.pool.make_writable(dataset, base.identity, None)
        assert resuming(two).unfinished(dataset) is None
        newer = two.save(dataset, "file", b"newer")
        assert two.head(dataset) == newer.identity
        two.pool.destroy_snapshot(dataset, base.identity)
        two.pool.destroy(dataset, RECORD)
        assert resuming(two).all_unfinished() == frozenset()

    def test_destroyed(self, one: Node, two: Node) -> None:
        """Destroying the copy destroys what would have followed it."""
        dataset, _ = self.cut_increment(one, two)
        two.pool.destroy(dataset, RECORD)
        assert resuming(two).unfinished(dataset) is None
        assert dict(two.pool.list().copies) == {}

    def test_set_aside(self, one: Node, two: Node) -> None:
        """A copy set aside has nothing that follows it."""
        dataset, base = self.cut_increment(one, two)
        aside = two.pool.set_aside(dataset, a_node_id(), 1, RECORD)
        assert aside.snapshots == (base,)
        assert resuming(two).unfinished(dataset) is None
        two.pool.destroy_aside(aside.name)

    def test_base_destroyed(self, one: Node, two: Node) -> None:
        """The base may be destroyed; nothing follows it any more then."""
        dataset, base = self.cut_increment(one, two)
        two.pool.destroy_snapshot(dataset, base.identity)
        assert resuming(two).unfinished(dataset) is None

    def test_made_anew(self, one: Node, two: Node) -> None:
        """A dataset that is made here does not wait for the rest of another's."""
        dataset, sent, _ = self.a_sent_one(one)
        self.cut(one, two, dataset, announce(sent, None), 5)
        two.pool.create(dataset, RECORD, None)
        assert resuming(two).unfinished(dataset) is None
        assert two.look(dataset).snapshots == ()

    def test_dropped(self, one: Node, two: Node) -> None:
        """What nobody will send the rest of is thrown away, with or without a copy."""
        dataset, _ = self.cut_increment(one, two)
        whole, sent, _ = self.a_sent_one(one)
        self.cut(one, two, whole, announce(sent, None), 5)
        assert resuming(two).all_unfinished() == frozenset({dataset, whole})
        for each in (dataset, whole):
            resuming(two).drop_unfinished(each)
            assert resuming(two).unfinished(each) is None
        assert resuming(two).all_unfinished() == frozenset()

    # Tokens

    def test_tokens_of_others(self, one: Node, two: Node) -> None:
        """A token brings no other snapshot than the one that is asked for."""
        dataset, sent, _ = self.a_sent_one(one)
        self.cut(one, two, dataset, announce(sent, None), 5)
        there = self.there(two, dataset)
        newer = one.save(dataset, "other", b"newer")
        other, theirs, _ = self.a_sent_one(one)
        for of, snapshot, base, token in [
            (dataset, newer, None, there.token),
            (dataset, newer, sent.identity, there.token),
            (other, theirs, None, there.token),
            (dataset, sent, None, there.token[:-9]),
            (dataset, sent, None, "--help"),
            (dataset, sent, None, ""),
        ]:
            with pytest.raises(CannotResume):
                resuming(one).send_rest(of, snapshot.identity, base, token)
        with pytest.raises(NoSuchSnapshot):
            resuming(one).send_rest(dataset, NO_SNAPSHOT, None, there.token)

    # What these are made of

    def a_sent_one(self, one: Node) -> tuple[DatasetID, PoolSnapshot, bytes]:
        """Give a dataset with a snapshot, and what is in its file."""
        dataset, content = one.create(), os.urandom(self.content)
        return dataset, one.save(dataset, "file", content), content

    def an_increment(
        self, one: Node, two: Node
    ) -> tuple[DatasetID, PoolSnapshot, PoolSnapshot, bytes]:
        """Give a dataset of which two lacks the last snapshot."""
        dataset, content = one.create(), os.urandom(self.content)
        base = one.save(dataset, "file", b"base")
        transfer(one, two, dataset, base)
        return dataset, base, one.save(dataset, "file", content), content

    def cut_increment(self, one: Node, two: Node) -> tuple[DatasetID, PoolSnapshot]:
        """Give a dataset of which an increment came in part, and its base."""
        dataset, base, sent, _ = self.an_increment(one, two)
        self.cut(one, two, dataset, announce(sent, base.identity), 5)
        return dataset, base

    def cut(
        self, one: Node, two: Node, dataset: DatasetID, announced: Announced, tenth: int
    ) -> int:
        """Send so many tenths of a stream; give the bytes that were not sent."""
        leaving = one.pool.send(dataset, announced.identity, announced.base)
        parts = []
        while part := leaving.read(PART):
            parts.append(part)
        stream = b"".join(parts)
        two.made.add(dataset)
        entering = two.pool.receive(dataset, announced)
        end = len(stream) * tenth // 10
        for start in range(0, end, PART):
            entering.write(stream[start : min(start + PART, end)])
        suspend(entering)
        assert self.there(two, dataset).begins(announced)
        return len(stream) - end

    def rest_of(
        self, one: Node, two: Node, dataset: DatasetID, announced: Announced
    ) -> bytes:
        """Give what is not there."""
        there = self.there(two, dataset)
        leaving = resuming(one).send_rest(
            dataset, announced.identity, announced.base, there.token
        )
        parts = []
        while part := leaving.read(PART):
            parts.append(part)
        return b"".join(parts)

    def finish_rest(
        self, one: Node, two: Node, dataset: DatasetID, announced: Announced, left: int
    ) -> None:
        """Send the rest, which is no more than what did not come, or a little."""
        rest = self.rest_of(one, two, dataset, announced)
        assert len(rest) < left + self.lost
        entering = resuming(two).receive_rest(dataset, announced)
        for start in range(0, len(rest), PART):
            entering.write(rest[start : start + PART])
        arrived: SnapshotID = entering.finish(OTHER)
        assert arrived == announced.identity
        assert resuming(two).unfinished(dataset) is None

    def there(self, two: Node, dataset: DatasetID) -> Unfinished:
        """Give what is unfinished."""
        there = resuming(two).unfinished(dataset)
        assert isinstance(there, Unfinished)
        return there

    lost = 2 * MEBIBYTE
    """Bytes of what came that may have to be sent once more."""
