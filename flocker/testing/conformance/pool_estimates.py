"""What pools must say of streams before they give them; run it as `pools` says.

An estimate is right within a quarter of the stream and `CLOSE`: pools count whole
blocks, and what they need to find their data.
"""

import os
from uuid import uuid4

import pytest

from flocker.backends.pool_errors import NoSuchSnapshot, NotWritable
from flocker.backends.pool_interface import Estimate
from flocker.model.ids import DatasetID, SnapshotID
from flocker.testing.conformance.pool_bench import (
    NO_SNAPSHOT,
    Node,
    PoolBench,
    stream_of,
    transfer,
)

MEBIBYTE = 1024 * 1024
CLOSE = MEBIBYTE // 4
"""Bytes by which an estimate may be wrong whatever it is of."""
WITHIN = 30.0
"""Seconds that a pool has in these tests."""


def check(estimate: Estimate | None, size: int) -> None:
    """See that an estimate fits to a stream, where there is one."""
    if estimate is not None:
        error = size / 4 + CLOSE
        assert estimate.size > size - error
        assert estimate.at_most or estimate.size < size + error


class EstimateConformance(PoolBench):
    """The promises about `estimate`, one a test."""

    def estimate(
        self,
        node: Node,
        dataset: DatasetID,
        snapshot: SnapshotID | None,
        base: SnapshotID | None,
    ) -> Estimate | None:
        """Estimate, and see that this changes nothing."""
        before = node.pool.list().copies
        found: Estimate | None = node.pool.estimate(dataset, snapshot, base, WITHIN)
        assert node.pool.list().copies == before
        return found

    def test_estimate(self, one: Node) -> None:
        """An estimate is about what is sent, of all and of what follows."""
        dataset = one.create()
        first = one.save(dataset, "file", os.urandom(4 * MEBIBYTE))
        second = one.save(dataset, "more", os.urandom(MEBIBYTE))
        for base in (None, first.identity):
            estimate = self.estimate(one, dataset, second.identity, base)
            check(estimate, len(stream_of(one, dataset, second, base)))
        with pytest.raises(NoSuchSnapshot):
            one.pool.estimate(dataset, NO_SNAPSHOT, None, WITHIN)
        with pytest.raises(NoSuchSnapshot):
            one.pool.estimate(dataset, second.identity, NO_SNAPSHOT, WITHIN)

    def test_estimate_of_now(self, one: Node) -> None:
        """Before there is a snapshot it can be said what a stream of one would be."""
        dataset = one.create()
        one.write(dataset, "file", os.urandom(4 * MEBIBYTE))
        whole = self.estimate(one, dataset, None, None)
        first = one.snapshot(dataset)
        check(whole, len(stream_of(one, dataset, first, None)))
        one.write(dataset, "more", os.urandom(2 * MEBIBYTE))
        after_first = self.estimate(one, dataset, None, first.identity)
        second = one.snapshot(dataset)
        one.write(dataset, "yet more", os.urandom(MEBIBYTE))
        after = {
            base: self.estimate(one, dataset, None, base)
            for base in (None, first.identity, second.identity)
        }
        third = one.snapshot(dataset)
        check(after_first, len(stream_of(one, dataset, second, first.identity)))
        for base, estimate in after.items():
            check(estimate, len(stream_of(one, dataset, third, base)))

    def test_estimate_is_exact(self, one: Node) -> None:
        """What was written since the newest snapshot every pool can say."""
        dataset = one.create()
        one.write(dataset, "file", os.urandom(4 * MEBIBYTE))
        whole = self.estimate(one, dataset, None, None)
        assert whole is not None
        assert not whole.at_most
        first = one.snapshot(dataset)
        newer = self.estimate(one, dataset, None, first.identity)
        assert newer is not None
        assert not newer.at_most
        assert one.pool.sends_all or newer.size < CLOSE

    def test_estimate_of_what_came(self, one: Node, two: Node) -> None:
        """On a node that it moved to, it goes on from what came."""
        dataset = one.create()
        first = one.save(dataset, "file", os.urandom(4 * MEBIBYTE))
        one.pool.make_read_only(dataset)
        transfer(one, two, dataset, first)
        with pytest.raises(NotWritable):
            two.pool.estimate(dataset, None, None, WITHIN)
        two.pool.make_writable(dataset, first.identity, None)
        two.write(dataset, "more", os.urandom(MEBIBYTE))
        estimates = [self.estimate(two, dataset, None, first.identity)]
        second = two.snapshot(dataset)
        snapshots = second.identity, first.identity
        estimates.append(self.estimate(two, dataset, *snapshots))
        for estimate in estimates:
            check(estimate, len(stream_of(two, dataset, second, first.identity)))

    def test_estimate_in_vain(self, one: Node) -> None:
        """There is none of what there is not."""
        dataset = one.create()
        for base in (NO_SNAPSHOT, SnapshotID(str(uuid4()))):
            with pytest.raises(NoSuchSnapshot):
                one.pool.estimate(dataset, None, base, WITHIN)
