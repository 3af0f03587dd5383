"""Datasets on the nodes' own pools: they move as snapshots, with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.pools import zpool_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import PATIENCE, seen
from tests.acceptance.any_pool import AnyPool

ONE, TWO, THREE = node_name(1), node_name(2), node_name(3)


@pytest.fixture(scope="module", params=["btrfs", "zfs"])
def pools(request: pytest.FixtureRequest) -> Iterator[LiveCluster]:
    """A cluster whose three nodes have a pool each."""
    with live_cluster(3, backend=request.param) as live:
        yield live


class TestAnyPool(AnyPool):
    """What datasets on all pools are good for."""


def copies_on(live: LiveCluster, node: MachineName, dataset: DatasetID) -> list[str]:
    """Look for copies of a dataset with the backend's own means."""
    if live.sandbox.backend == "zfs":
        pool = zpool_name(live.sandbox.layout, node)
        found = live.run(node, "zfs", "list", "-Hro", "name", pool).split()
    else:
        kept = seen(live, node, live.sandbox.layout.pool(node)) / ".flocker" / "copies"
        found = [path.name for path in kept.iterdir()]
    return [name for name in found if str(dataset) in name]


def await_served(live: LiveCluster, node: MachineName, path: Path) -> None:
    """Wait until it is mounted on a node, whatever control knows."""
    until(lambda: str(path) in live.run(node, "cat", "/proc/mounts"), "it", PATIENCE)


def test_follows(pools: LiveCluster) -> None:
    """What was written on one node is read on the other, and on the way back."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "one", "first")
    pools.move(dataset, TWO)
    path = pools.mounted(dataset, TWO)
    assert pools.read(TWO, path / "one") == "first"
    assert str(path) not in pools.run(ONE, "cat", "/proc/mounts")
    pools.write(TWO, path / "two", "second")
    pools.move(dataset, ONE)
    path = pools.mounted(dataset, ONE)
    assert pools.read(ONE, path / "one") == "first"
    assert pools.read(ONE, path / "two") == "second"


def test_round_trip(pools: LiveCluster) -> None:
    """Each node that had it before is brought what is new: its copy goes on."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "at-0", "kept")
    for stop, node in enumerate((TWO, THREE, ONE, TWO), start=1):
        pools.move(dataset, node)
        pools.write(node, pools.mounted(dataset, node) / f"at-{stop}", "kept")
    for stop in range(5):
        assert pools.read(TWO, path / f"at-{stop}") == "kept"
    found = pools.ask("GET", f"/status/datasets/{dataset}").json["nodes"]
    copies = [found[str(pools.id_of(node))]["copy"] for node in (ONE, TWO, THREE)]
    assert [copy["asides"] for copy in copies] == [[], [], []]
    assert all(copy["exists"] for copy in copies)


def test_served_without_control(pools: LiveCluster) -> None:
    """A node that reboots while control is away serves what is its own."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.write(ONE, path / "file", "kept")
    pools.kill("control")
    pools.kill(ONE)
    pools.start(ONE)
    try:
        await_served(pools, ONE, path)
        assert pools.read(ONE, path / "file") == "kept"
    finally:
        pools.restore()
        pools.await_connected()
    pools.mounted(dataset, ONE)


def test_planned(pools: LiveCluster) -> None:
    """A plan counts what is sent, all and then what is newer, and moves nothing."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    fill = ("dd", "if=/dev/urandom", "bs=1M", "conv=fsync")

    def plans(target: MachineName, size: int) -> bool:
        to = pools.id_of(target)
        plan = pools.ask("GET", f"/status/datasets/{dataset}/plan?to={to}").json
        assert plan["not_counted"] is None
        assert plan["downtime_from"] == "rounds"
        return abs(plan["to_send"] - size * MEBIBYTE) < MEBIBYTE

    pools.run(ONE, *fill, f"of={path}/big", "count=20")
    until(lambda: plans(TWO, 20), "all that was written is in the plan", PATIENCE)
    pools.move(dataset, TWO)
    path = pools.mounted(dataset, TWO)
    pools.run(TWO, *fill, f"of={path}/more", "count=5")
    until(lambda: plans(ONE, 5), "what is newer is in the plan", PATIENCE)
    until(lambda: plans(THREE, 25), "and all of it for who has nothing", PATIENCE)


def test_destroyed(pools: LiveCluster) -> None:
    """Of a destroyed dataset no copy is left on any node."""
    dataset = pools.create(ONE)
    pools.mounted(dataset, ONE)
    pools.move(dataset, TWO)
    pools.mounted(dataset, TWO)
    assert copies_on(pools, TWO, dataset)
    pools.delete(dataset)
    pools.await_phase(dataset, "destroyed")
    for node in (ONE, TWO):
        assert copies_on(pools, node, dataset) == []


def test_limit(pools: LiveCluster) -> None:
    """A limit is raised and lowered in use; below what is held it waits, and why."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    fill = ("dd", "if=/dev/urandom", f"of={path}/big", "bs=1M", "conv=fsync")
    resize = ("resize", str(dataset))
    pools.flockerctl(*resize, "200M", "--wait")
    pools.run(ONE, *fill, "count=100")
    pools.flockerctl(*resize, "150M", "--wait")
    pools.flockerctl(*resize, "80M")
    until(lambda: "[quota-too-small]" in why(pools, dataset), "the cause", PATIENCE)
    assert pools.status(dataset).size == 150 * 2**20
    more = f"head -c 90M /dev/urandom 2>&1 >{path}/x; true"
    failed = pools.run(ONE, "sh", "-c", more)
    assert "quota" in failed
    pools.run(ONE, "rm", f"{path}/big", f"{path}/x")
    pools.flockerctl(*resize, "80M", "--wait")
    assert pools.status(dataset).size == 80 * 2**20


def why(live: LiveCluster, dataset: DatasetID) -> str:
    """What a user is told about a dataset."""
    return live.flockerctl("why", str(dataset)).out.decode()


def test_no_stranger_writes(pools: LiveCluster) -> None:
    """Where the dataset was before, nobody can write."""
    dataset = pools.create(ONE)
    path = pools.mounted(dataset, ONE)
    pools.move(dataset, TWO)
    pools.mounted(dataset, TWO)
    failed = pools.run(ONE, "sh", "-c", f"touch {path}/x 2>&1; true")
    assert "not permitted" in failed or "No such file" in failed
