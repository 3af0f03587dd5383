"""Datasets on plain files, which can only be copied at rest, move all the same.

As root; what a user without root can do, tests/functional asks.
"""

from collections.abc import Iterator

import pytest

from flocker.sandbox import writer
from flocker.sandbox.names import address, node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import PATIENCE, await_more, seen, writing
from tests.acceptance.any_pool import AnyPool

ONE, TWO = node_name(1), node_name(2)


@pytest.fixture(scope="module")
def pools() -> Iterator[LiveCluster]:
    """A cluster whose two nodes have a directory each."""
    with live_cluster(2, backend="directory") as live:
        yield live


class TestAnyPool(AnyPool):
    """What datasets on all pools are good for."""


def test_never_longer_than_allowed(pools: LiveCluster) -> None:
    """Under a writer nobody can say how long it takes: with a limit it stays."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    # So large that each copy of it takes longer than a pause of the writer.
    argv = ("dd", "if=/dev/zero", f"of={path}/filled", "bs=1M", "count=200")
    _ = pools.run(ONE, *argv, "conv=fsync", "status=none")
    limit = ("--max-downtime", "30s")
    with writing(pools, path) as notes:
        await_more(notes[0])
        pools.flockerctl(
            "move", "--dataset", str(dataset), "--to", address(TWO), *limit
        )

        def why() -> str:
            cause = pools.status(dataset).cause
            return "" if cause is None else cause.words

        until(lambda: "was given up" in why(), "the move to be given up", PATIENCE)
        assert "nobody can say how long its last step would take, and 30 s" in why()
        await_more(notes[0])
    entries = writer.read(seen(pools, ONE, path))
    assert {entry.node for entry in entries} == {"node-1"}
