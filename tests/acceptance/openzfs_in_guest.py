"""Whole clusters on a real OpenZFS; `test_openzfs` runs this in a machine with one.

Not collected on its own. What is here only OpenZFS can; what all pools are asked for is
in the other modules of this folder, and run there as well.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.sandbox.names import MachineName, node_name
from flocker.sandbox.pools import ZFS, zpool_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.pool_disks import disk, of_users

ONE, TWO = node_name(1), node_name(2)
PATIENCE = 60.0


@pytest.fixture(scope="module")
def live() -> Iterator[LiveCluster]:
    """Two nodes whose pools compress what is written, or not: first one, then two."""
    with live_cluster(2, backend=ZFS) as made:
        for node, how in ((ONE, "lz4"), (TWO, "off")):
            pool = zpool_name(made.sandbox.layout, node)
            made.run(node, "zfs", "set", f"compression={how}", pool)
        yield made


def copy_of(live: LiveCluster, node: MachineName, dataset: DatasetID) -> str:
    """Name a copy as ZFS does."""
    return f"{zpool_name(live.sandbox.layout, node)}/flocker/copies/{dataset}"


def tell(live: LiveCluster, node: MachineName, key: str, name: str) -> str:
    """Ask ZFS for a property; `-` if there is none, or no such filesystem."""
    asked = f"zfs get -Hpo value {key} {name} 2>/dev/null || echo -"
    return live.run(node, "sh", "-c", asked).strip()


def filled(live: LiveCluster, source: str, mebibytes: int) -> tuple[DatasetID, Path]:
    """Make a dataset on node 1 with a file in it."""
    dataset = live.create(ONE)
    path = live.mounted(dataset, ONE)
    copy = f"{source} | head -c {mebibytes * MEBIBYTE} >{path}/file && sync"
    live.run(ONE, "sh", "-c", copy)
    return dataset, path


def arrives(live: LiveCluster, dataset: DatasetID, path: Path) -> None:
    """Wait until it is on node 2, the same."""
    before = live.run(ONE, "sh", "-c", f"cd {path} && md5sum file")
    live.move(dataset, TWO)
    live.mounted(dataset, TWO)
    assert live.run(TWO, "sh", "-c", f"cd {path} && md5sum file") == before


def test_back_and_away(live: LiveCluster) -> None:
    """A snapshot is cloned, gone back to, and goes along when the dataset moves."""
    dataset = live.create(ONE)
    path = live.mounted(dataset, ONE)
    live.write(ONE, path / "file", "first")
    live.flockerctl("snapshot", "create", str(dataset), "before", "--wait")
    live.write(ONE, path / "file", "second")
    made = ("clone", str(dataset), "before", "--wait", "-o", "json")
    clone = Path(json.loads(live.flockerctl(*made).out)["path"])
    assert live.read(ONE, clone / "file") == "first"
    live.write(ONE, clone / "file", "of the clone")
    live.flockerctl("rollback", str(dataset), "before", "--wait")
    assert live.read(ONE, path / "file") == "first"
    live.move(dataset, TWO)
    live.mounted(dataset, TWO)
    assert live.read(TWO, path / "file") == "first"
    assert "before" in of_users(disk(live, TWO).snapshots(dataset))
    assert live.read(ONE, clone / "file") == "of the clone"


def test_compressed(live: LiveCluster) -> None:
    """Compressed blocks are sent as they are, planned so, and stay so there."""
    dataset, path = filled(live, "yes", 30)
    to = live.id_of(TWO)

    def planned() -> bool:
        plan = live.ask("GET", f"/status/datasets/{dataset}/plan?to={to}").json
        return 0 < plan["to_send"] < 10 * MEBIBYTE

    until(planned, "a plan of what is compressed", PATIENCE)
    arrives(live, dataset, path)
    there = copy_of(live, TWO, dataset)
    assert tell(live, TWO, "compression", there) == "off"
    assert float(tell(live, TWO, "compressratio", there)) > 3
