"""What pools must do to go back to a snapshot; run it on yours, as `pools` says."""

import os

import pytest

from flocker.backends.pool_errors import (
    BadName,
    NoSuchSnapshot,
    SnapshotExists,
    StillWritable,
)
from flocker.backends.pool_interface import PoolSnapshot
from flocker.model.ids import DatasetID
from flocker.testing.conformance.pool_bench import (
    NO_SNAPSHOT,
    Node,
    PoolBench,
    stream_of,
    transfer,
)
from flocker.testing.conformance.pool_crashes import CrashConformance, Repeat
from flocker.testing.conformance.pool_estimates import MEBIBYTE, WITHIN, check


class RepeatConformance(PoolBench):
    """The promises about `repeat`, one a test."""

    def read_only(self, one: Node) -> tuple[DatasetID, PoolSnapshot, PoolSnapshot]:
        """Give a dataset that was changed between two snapshots, at the newer."""
        dataset = one.create()
        one.write(dataset, "both", b"first")
        first = one.save(dataset, "first", b"alone")
        one.write(dataset, "both", b"second")
        second = one.save(dataset, "second", b"alone")
        one.pool.make_read_only(dataset)
        return dataset, first, second

    def check_holds(self, node: Node, dataset: DatasetID, *, first: bool) -> None:
        """Look whether a copy, which is read-only, holds what a snapshot had."""
        both = b"first" if first else b"second"
        assert node.read_replica(dataset, "both") == both
        kept = node.read_replica(dataset, "second")
        assert kept == (None if first else b"alone")
        assert node.read_replica(dataset, "first") == b"alone"

    def test_repeated(self, one: Node) -> None:
        """What an older snapshot had is the newest, and all others stay."""
        dataset, first, second = self.read_only(one)
        again = one.pool.repeat(dataset, first.identity, "again")
        one.restart()
        copy = one.look(dataset)
        assert copy.snapshots == (first, second, again)
        assert (copy.head, copy.writable) == (again.identity, False)
        assert again.name == "again"
        assert again.identity not in {first.identity, second.identity}
        self.check_holds(one, dataset, first=True)

    def test_goes_on(self, one: Node) -> None:
        """From there it is written to, and what came before comes back as well."""
        dataset, first, second = self.read_only(one)
        again = one.pool.repeat(dataset, first.identity, "again")
        one.pool.make_writable(dataset, again.identity, None)
        assert one.look(dataset).head == again.identity
        third = one.save(dataset, "third", b"third")
        one.pool.make_read_only(dataset)
        back = one.pool.repeat(dataset, second.identity, "back")
        assert one.look(dataset).snapshots == (first, second, again, third, back)
        self.check_holds(one, dataset, first=False)
        assert one.read_replica(dataset, "third") is None

    def test_estimated(self, one: Node) -> None:
        """What comes back is estimated too, though nobody has written it anew."""
        dataset = one.create()
        first = one.save(dataset, "file", os.urandom(2 * MEBIBYTE))
        second = one.save(dataset, "file", os.urandom(2 * MEBIBYTE))
        one.pool.make_read_only(dataset)
        again = one.pool.repeat(dataset, first.identity, "again")
        one.pool.make_writable(dataset, again.identity, None)
        one.write(dataset, "more", os.urandom(MEBIBYTE))
        for base in (again, second):
            estimate = one.pool.estimate(dataset, None, base.identity, WITHIN)
            third = one.snapshot(dataset, f"after-{base.name}")
            check(estimate, len(stream_of(one, dataset, third, base.identity)))
        estimate = one.pool.estimate(dataset, again.identity, second.identity, WITHIN)
        check(estimate, len(stream_of(one, dataset, again, second.identity)))

    def test_what_it_stands_at(self, one: Node) -> None:
        """The newest snapshot can be repeated too: one that is no other's."""
        dataset, _, second = self.read_only(one)
        again = one.pool.repeat(dataset, second.identity, "again")
        assert again.identity != second.identity
        assert one.look(dataset).head == again.identity
        self.check_holds(one, dataset, first=False)

    def test_others_follow(self, one: Node, two: Node) -> None:
        """A copy elsewhere follows it as any other snapshot, and can repeat it."""
        dataset, first, second = self.read_only(one)
        transfer(one, two, dataset, first)
        transfer(one, two, dataset, second, first)
        again = one.pool.repeat(dataset, first.identity, "again")
        assert transfer(one, two, dataset, again, second) == again.identity
        assert two.look(dataset).snapshots == (first, second, again)
        self.check_holds(two, dataset, first=True)
        there = two.pool.repeat(dataset, second.identity, "there")
        assert there.identity not in {each.identity for each in (first, second, again)}
        self.check_holds(two, dataset, first=False)
        assert transfer(two, one, dataset, there, again) == there.identity
        self.check_holds(one, dataset, first=False)

    def test_refused(self, one: Node) -> None:
        """A name that is taken, or none, and a snapshot that is not there."""
        dataset, first, second = self.read_only(one)
        with pytest.raises(SnapshotExists):
            one.pool.repeat(dataset, first.identity, second.name)
        with pytest.raises(NoSuchSnapshot):
            one.pool.repeat(dataset, NO_SNAPSHOT, "again")
        with pytest.raises(BadName):
            one.pool.repeat(dataset, first.identity, "a b")
        assert one.look(dataset).snapshots == (first, second)
        self.check_holds(one, dataset, first=False)

    def test_writable(self, one: Node) -> None:
        """What may be written to is left as it is."""
        dataset = one.create()
        first = one.save(dataset, "file", b"first")
        one.write(dataset, "file", b"second")
        with pytest.raises(StillWritable):
            one.pool.repeat(dataset, first.identity, "again")
        assert one.read(dataset, "file") == b"second"
        assert one.look(dataset).snapshots == (first,)


class RepeatCrashes(CrashConformance):
    """Killed while it repeats a pool is as before or as after."""

    def test_killed_anywhere_in_repeat(self, one: Node, two: Node) -> None:
        """Whenever the agent dies it is repeated or not; see `pool_crashes`."""
        self.check_killed_anywhere(one, two, Repeat)
