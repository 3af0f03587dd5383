"""What streams between pools must do; run it on yours, as `pools` says."""

import os
from itertools import pairwise
from uuid import uuid4

import pytest

from flocker.backends.pool_errors import (
    Diverged,
    FilesystemExists,
    Held,
    NoSuchFilesystem,
    NoSuchSnapshot,
    PoolFull,
    SnapshotExists,
    StillWritable,
    StreamBroken,
    WrongSnapshot,
)
from flocker.backends.pool_interface import Announced, PoolSnapshot
from flocker.model.ids import DatasetID
from flocker.model.sizes import KIBIBYTE, MEBIBYTE
from flocker.testing.conformance.pool_bench import (
    NO_SNAPSHOT,
    OTHER,
    PART,
    RECORD,
    Node,
    PoolBench,
    a_node_id,
    announce,
    deliver,
    stream_of,
    transfer,
)


class StreamConformance(PoolBench):
    """The promises about `send` and `receive`, one a test."""

    def replicated(self, one: Node, two: Node) -> tuple[DatasetID, PoolSnapshot]:
        """Give a dataset of which two has what one has."""
        dataset = one.create()
        first = one.save(dataset, "file", b"first")
        transfer(one, two, dataset, first)
        return dataset, first

    # What arrives

    def test_whole(self, one: Node, two: Node) -> None:
        """A copy arrives with name, identity and data; record and limit do not."""
        dataset = one.create(quota=64 * MEBIBYTE)
        content = os.urandom(3 * MEBIBYTE + 17)
        sent = one.save(dataset, "file", content)
        one.pool.hold(dataset, sent.identity, "at-home")
        stream = stream_of(one, dataset, sent, None)
        entering = two.pool.receive(dataset, announce(sent, None))
        for start in range(0, len(stream), PART):
            entering.write(stream[start : start + PART])
        assert dict(two.pool.list().copies) == {}
        assert entering.finish(OTHER) == sent.identity
        copy = two.look(dataset)
        assert copy.snapshots == (PoolSnapshot(sent.name, sent.identity),)
        assert (copy.record, copy.quota, copy.writable) == (OTHER, None, False)
        assert copy.head == sent.identity
        assert two.read_replica(dataset, "file") == content

    def test_increment(self, one: Node, two: Node) -> None:
        """What follows a snapshot is sent alone: it is short, and takes away too."""
        dataset = one.create()
        one.write(dataset, "large", os.urandom(2 * MEBIBYTE))
        first = one.save(dataset, "gone", b"gone")
        transfer(one, two, dataset, first)
        with one.served(dataset):
            self.remove(one, dataset, "gone")
            self.write(one, dataset, "file", b"second")
        second = one.snapshot(dataset)
        stream = stream_of(one, dataset, second, first.identity)
        assert one.pool.sends_all or len(stream) < MEBIBYTE
        deliver(two, dataset, announce(second, first.identity), stream)
        assert two.look(dataset).snapshots == (first, second)
        assert two.look(dataset).head == second.identity
        assert two.read_replica(dataset, "file") == b"second"
        assert two.read_replica(dataset, "gone") is None

    def test_every_snapshot(self, one: Node, two: Node) -> None:
        """Several snapshots follow one another, and each has its data."""
        dataset, base = self.replicated(one, two)
        taken = [base]
        for number in range(3):
            taken.append(one.save(dataset, "file", b"%d" % number))
            transfer(one, two, dataset, taken[-1], taken[-2])
        assert list(two.look(dataset).snapshots) == taken
        for number, snapshot in enumerate(taken[1:]):
            clone = DatasetID(uuid4())
            two.pool.clone(clone, dataset, snapshot.identity, RECORD)
            assert two.read(clone, "file") == b"%d" % number
            two.pool.destroy(clone, RECORD)

    def test_there_and_back(self, one: Node, two: Node, three: Node) -> None:
        """Identities stay the same at third hand, and each node continues another."""
        dataset, base = self.replicated(one, two)
        one.pool.make_read_only(dataset)
        transfer(two, three, dataset, base)
        assert three.look(dataset).head == base.identity
        nodes = [two, three, one, two]
        for number, (source, target) in enumerate(pairwise(nodes)):
            source.pool.make_writable(dataset, base.identity, None)
            newer = source.save(dataset, "file", b"round %d" % number)
            source.pool.make_read_only(dataset)
            for other in {one, two, three} - {source}:
                assert transfer(source, other, dataset, newer, base) == newer.identity
            assert target.read_replica(dataset, "file") == b"round %d" % number
            base = newer
        heads = {node.look(dataset).head for node in (one, two, three)}
        assert heads == {base.identity}

    def test_received_is_served(self, one: Node, two: Node) -> None:
        """A received copy is made writable, and the snapshot stays what it was."""
        dataset, first = self.replicated(one, two)
        two.pool.make_writable(dataset, first.identity, 64 * MEBIBYTE)
        assert two.look(dataset).quota == 64 * MEBIBYTE
        two.write(dataset, "file", b"served")
        copy = two.look(dataset)
        assert (copy.snapshots, copy.head) == ((first,), None)
        clone = DatasetID(uuid4())
        two.pool.clone(clone, dataset, first.identity, RECORD)
        assert two.read(clone, "file") == b"first"
        two.pool.destroy(clone, RECORD)

    # What does not

    @pytest.mark.parametrize("follows", [False, True])
    def test_cut(self, one: Node, two: Node, *, follows: bool) -> None:
        """A stream that is cut anywhere changes nothing, and can be sent again."""
        dataset = one.create()
        first = one.save(dataset, "file", b"first")
        base = None
        if follows:
            transfer(one, two, dataset, first)
            base = first.identity
        content = os.urandom(300 * KIBIBYTE)
        second = one.save(dataset, "file", content)
        stream = stream_of(one, dataset, second, base)
        before = two.pool.list()
        for end in self.cuts(stream):
            with pytest.raises(StreamBroken):
                deliver(two, dataset, announce(second, base), stream[:end])
            after = two.pool.list()
            assert (after.copies, after.ledger) == (before.copies, before.ledger)
        deliver(two, dataset, announce(second, base), stream)
        assert two.read_replica(dataset, "file") == content

    def test_garbage(self, one: Node, two: Node) -> None:
        """What is no stream, or damaged, is refused."""
        dataset = one.create()
        sent = one.save(dataset, "file", os.urandom(MEBIBYTE))
        stream = bytearray(stream_of(one, dataset, sent, None))
        stream[len(stream) // 2] ^= 1
        for bad in (b"", b"garbage" * 1000, bytes(stream)):
            with pytest.raises(StreamBroken):
                deliver(two, dataset, announce(sent, None), bad)
        assert dict(two.pool.list().copies) == {}

    def test_another_than_announced(self, one: Node, two: Node) -> None:
        """What arrives is compared with what was announced."""
        dataset = one.create()
        sent = one.save(dataset, "file", b"content")
        stream = stream_of(one, dataset, sent, None)
        with pytest.raises(WrongSnapshot) as caught:
            deliver(two, dataset, Announced(sent.name, NO_SNAPSHOT, None), stream)
        assert caught.value.arrived == sent.identity
        assert dict(two.pool.list().copies) == {}

    def test_diverged(self, one: Node, two: Node) -> None:
        """A receiver that went its own way is left as it is: nothing is rolled back."""
        dataset, base = self.replicated(one, two)
        two.pool.make_writable(dataset, base.identity, None)
        own = two.save(dataset, "file", b"of its own")
        two.pool.make_read_only(dataset)
        newer = one.save(dataset, "file", b"newer")
        before = two.look(dataset)
        with pytest.raises(Diverged) as caught:
            transfer(one, two, dataset, newer, base)
        assert (caught.value.head, caught.value.wanted) == (own.identity, base.identity)
        assert two.look(dataset) == before
        assert two.read_replica(dataset, "file") == b"of its own"

    def test_written_receiver(self, one: Node, two: Node) -> None:
        """A copy that may be written to receives nothing."""
        dataset, base = self.replicated(one, two)
        newer = one.save(dataset, "file", b"newer")
        two.pool.make_writable(dataset, base.identity, None)
        with pytest.raises(StillWritable):
            transfer(one, two, dataset, newer, base)
        assert two.look(dataset).snapshots == (base,)

    def test_missing_base(self, one: Node, two: Node, three: Node) -> None:
        """A base that one side lacks is named, by that side."""
        dataset, base = self.replicated(one, two)
        newer = one.save(dataset, "file", b"newer")
        newest = one.save(dataset, "file", b"newest")
        with pytest.raises(Diverged) as diverged:
            transfer(one, two, dataset, newest, newer)
        assert diverged.value.wanted == newer.identity
        with pytest.raises(NoSuchFilesystem):
            transfer(one, three, dataset, newest, newer)
        one.pool.destroy_snapshot(dataset, base.identity)
        for snapshot, before in ((base, None), (newer, base.identity)):
            with pytest.raises(NoSuchSnapshot) as missing:
                one.pool.send(dataset, snapshot.identity, before)
            assert missing.value.snapshot == base.identity

    def test_whole_on_a_copy(self, one: Node, two: Node) -> None:
        """A whole stream replaces no copy."""
        dataset, first = self.replicated(one, two)
        newer = one.save(dataset, "file", b"newer")
        with pytest.raises(FilesystemExists):
            transfer(one, two, dataset, newer)
        assert two.look(dataset).snapshots == (first,)

    def test_name_that_is_taken(self, one: Node, two: Node) -> None:
        """A snapshot that arrives takes no other's name."""
        dataset, first = self.replicated(one, two)
        newer = one.save(dataset, "file", b"newer")
        stream = stream_of(one, dataset, newer, first.identity)
        taken = Announced(first.name, newer.identity, first.identity)
        with pytest.raises(SnapshotExists):
            deliver(two, dataset, taken, stream)
        assert two.look(dataset).snapshots == (first,)

    def test_changed_meanwhile(self, one: Node, two: Node) -> None:
        """What came is compared once more with the copy when it is complete."""
        dataset, first = self.replicated(one, two)
        newer = one.save(dataset, "file", b"newer")
        stream = stream_of(one, dataset, newer, first.identity)
        entering = two.pool.receive(dataset, announce(newer, first.identity))
        entering.write(stream)
        two.pool.make_writable(dataset, first.identity, None)
        with pytest.raises(StillWritable):
            entering.finish(OTHER)
        copy = two.look(dataset)
        assert (copy.snapshots, copy.record) == ((first,), RECORD)

    def test_set_aside_meanwhile(self, one: Node, two: Node) -> None:
        """What follows a copy that went away is thrown away."""
        dataset, first = self.replicated(one, two)
        newer = one.save(dataset, "file", b"newer")
        stream = stream_of(one, dataset, newer, first.identity)
        entering = two.pool.receive(dataset, announce(newer, first.identity))
        entering.write(stream)
        aside = two.pool.set_aside(dataset, a_node_id(), 1, RECORD)
        with pytest.raises(NoSuchFilesystem):
            entering.finish(OTHER)
        assert dict(two.pool.list().copies) == {}
        assert two.pool.list().asides == (aside,)

    # Stopping

    def test_aborted(self, one: Node, two: Node) -> None:
        """A stream may be stopped on either side, any time and again."""
        dataset = one.create()
        sent = one.save(dataset, "file", os.urandom(MEBIBYTE))
        leaving = one.pool.send(dataset, sent.identity, None)
        entering = two.pool.receive(dataset, announce(sent, None))
        entering.write(leaving.read(PART))
        for stop in (leaving.close, entering.abort):
            stop()
            stop()
        assert dict(two.pool.list().copies) == {}
        transfer(one, two, dataset, sent)

    def test_killed_receiver(self, one: Node, two: Node) -> None:
        """What an agent had received in part is gone when the next one starts."""
        dataset = one.create()
        sent = one.save(dataset, "file", os.urandom(MEBIBYTE))
        stream = stream_of(one, dataset, sent, None)
        entering = two.pool.receive(dataset, announce(sent, None))
        entering.write(stream[: len(stream) // 2])
        self.kill(two, entering)
        two.restart()
        assert dict(two.pool.list().copies) == {}
        transfer(one, two, dataset, sent)

    def test_sent_stays(self, one: Node) -> None:
        """What is being sent is not destroyed; after that it can be."""
        dataset = one.create()
        base = one.save(dataset, "file", b"base")
        sent = one.save(dataset, "file", os.urandom(4 * MEBIBYTE))
        leaving = one.pool.send(dataset, sent.identity, base.identity)
        for snapshot in (base, sent):
            with pytest.raises(Held):
                one.pool.destroy_snapshot(dataset, snapshot.identity)
        with pytest.raises(Held):
            one.pool.destroy(dataset, RECORD)
        leaving.close()
        for snapshot in (base, sent):
            one.pool.destroy_snapshot(dataset, snapshot.identity)

    # What differs between pools

    def cuts(self, stream: bytes) -> list[int]:
        """Give the lengths at which a stream is cut: tenths, and the last byte."""
        tenths = [len(stream) * tenth // 10 for tenth in range(10)]
        return [*tenths, len(stream) - 1]

    def remove(self, node: Node, dataset: DatasetID, name: str) -> None:
        """Remove a file of a dataset that is mounted."""
        (node.path(dataset) / name).unlink()

    def kill(self, node: Node, entering: object) -> None:
        """Let the agent that receives die, with what it started; nobody tidies up."""
        del node, entering


class FullPools(PoolBench):
    """For pools that can be had small."""

    room = 64 * MEBIBYTE
    """Bytes of which the small pool holds four times as many, but not ten times."""

    def small_pool(self) -> Node:
        """Give the empty pool of another node."""
        raise NotImplementedError

    def test_full_receiver(self, one: Node) -> None:
        """A receiver without room says so and is as before; with room it receives."""
        small = self.small_pool()
        filler = small.create()
        free = small.pool.list().free
        small.write(filler, "file", os.urandom(free - self.room * 3 // 4))
        before = small.look(filler)
        dataset = one.create()
        sent = one.save(dataset, "file", os.urandom(self.room))
        with pytest.raises(PoolFull):
            transfer(one, small, dataset, sent)
        assert dict(small.pool.list().copies) == {filler: before}
        small.pool.destroy(filler, RECORD)
        self.wait_for_room(small, 2 * self.room)
        transfer(one, small, dataset, sent)
        assert small.look(dataset).head == sent.identity
        small.clean()

    def wait_for_room(self, node: Node, size: int) -> None:
        """Wait until what was destroyed has given its room back."""
        assert node.pool.list().free >= size
