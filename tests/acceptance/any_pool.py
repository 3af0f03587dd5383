"""What a dataset on nodes' own pools is good for, whatever the pools are made of.

For modules with the fixture `pools`, a cluster: ``class TestAnyPool(AnyPool)`` is all.
"""

from flocker.sandbox import writer
from flocker.sandbox.names import node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster
from flocker.testing.moving import PATIENCE, await_more, seen, writing

ONE, TWO = node_name(1), node_name(2)


class AnyPool:
    """It moves while it is used, and is there after a power cut."""

    def test_under_a_writer(self, pools: LiveCluster) -> None:
        """Records that are acknowledged while it moves are all there, each once."""
        dataset = pools.create(ONE)
        path = pools.mounted(dataset, ONE)
        with writing(pools, path) as notes:
            await_more(notes[0])
            for node, there in ((TWO, notes[1]), (ONE, notes[0])):
                pools.move(dataset, node)
                await_more(there)
        pools.mounted(dataset, ONE)
        acknowledged = writer.acknowledged(notes)
        assert len(acknowledged) >= 60
        entries = writer.read(seen(pools, ONE, path))
        writer.check(entries, acknowledged)
        nodes = [entry.node for entry in entries]
        assert set(nodes) == {"node-1", "node-2"}
        assert nodes != sorted(nodes)

    def test_power_cut(self, pools: LiveCluster) -> None:
        """A node that lost power serves what it has; nothing was anywhere else."""
        dataset = pools.create(ONE)
        path = pools.mounted(dataset, ONE)
        pools.write(ONE, path / "file", "kept")
        pools.kill(ONE)
        pools.start(ONE)
        look = ("sh", "-c", f"cat {path}/file 2>&1; true")
        until(lambda: pools.run(ONE, *look) == "kept", "what was kept", PATIENCE)
        pools.await_connected()
        pools.mounted(dataset, ONE)
