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
KILOBITS = 8_000
"""A second: 1 MB/s, so that a move can be cut."""
LARGE = 40
"""Mebibytes."""


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


def received(live: LiveCluster, node: MachineName) -> int:
    """Count the bytes that came through a node's cable."""
    lines = live.run(node, "cat", "/proc/net/dev").splitlines()
    (found,) = [line.split(":")[1] for line in lines if line.strip().startswith("eth0")]
    return int(found.split()[0])


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


def beginnings(live: LiveCluster, node: MachineName) -> list[str]:
    """Give the tokens of what was cut and could go on, in a node's pool."""
    staging = f"{zpool_name(live.sandbox.layout, node)}/flocker/staging"
    asked = ("get", "-Hpro", "value", "receive_resume_token", staging)
    return [each for each in live.run(node, "zfs", *asked).split() if each != "-"]


def test_goes_on_after_a_cut(live: LiveCluster) -> None:
    """What came before a cable was cut is kept, and does not come again."""
    dataset, path = filled(live, "cat /dev/urandom", LARGE)
    before = received(live, TWO)
    whole = live.run(ONE, "sh", "-c", f"cd {path} && md5sum file")
    live.throttle(ONE, KILOBITS)
    live.move(dataset, TWO)
    until(
        lambda: received(live, TWO) - before > LARGE // 2 * MEBIBYTE,
        "half of it",
        PATIENCE,
    )
    live.partition(TWO)
    until(lambda: beginnings(live, TWO) != [], "what came to be kept", PATIENCE)
    live.heal(ONE)
    live.heal(TWO)
    live.mounted(dataset, TWO)
    assert live.run(TWO, "sh", "-c", f"cd {path} && md5sum file") == whole
    assert beginnings(live, TWO) == []
    assert received(live, TWO) - before < (LARGE + LARGE // 4) * MEBIBYTE
