"""Control is restored from a backup of before a move: real processes, Btrfs pools."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.control.persistence.backups import back_up, restore
from flocker.model.ids import DatasetID
from flocker.sandbox.names import CONTROL, node_name
from flocker.sandbox.reaching import await_connected
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import PATIENCE

ONE, TWO = node_name(1), node_name(2)


@pytest.fixture(scope="module")
def pools() -> Iterator[LiveCluster]:
    """A cluster whose two nodes have a Btrfs pool each."""
    with live_cluster(2, backend="btrfs") as live:
        yield live


def cause(live: LiveCluster, dataset: DatasetID) -> str | None:
    """Why a dataset is not as wanted, in short."""
    found = live.ask("GET", f"/status/datasets/{dataset}").json["cause"]
    return None if found is None else found["code"]


def known_again(live: LiveCluster, dataset: DatasetID) -> bool:
    """What the backup does not know is served and listed; made anew it is that."""
    listed = live.ask("GET", "/status/volumes").json["copies"]
    found = [each["path"] for each in listed if each["dataset_id"] == str(dataset)]
    if not found:
        return False  # its node has not connected yet
    assert live.read(ONE, Path(found[0]) / "file") == "made later"
    node = str(live.id_of(ONE))
    wish = ("--id", str(dataset), "-n", node, "-s", "64M", "--wait")
    live.flockerctl("create", *wish)
    assert live.read(ONE, live.mounted(dataset, ONE) / "file") == "made later"
    assert live.ask("GET", "/status/volumes").json["copies"] == []
    return True


def gone_back(live: LiveCluster, place: Path) -> tuple[DatasetID, DatasetID]:
    """Restore control; node 2, to which a dataset was moved since, is off.

    Gives that dataset, and one that was made on node 1 since.
    """
    data = live.sandbox.layout.machine(CONTROL) / "data"
    dataset = live.create(ONE)
    path = live.mounted(dataset, ONE)
    live.write(ONE, path / "file", "before the backup")
    _ = back_up(data, place / "backup")
    live.move(dataset, TWO)
    live.write(TWO, live.mounted(dataset, TWO) / "file", "after the move")
    later = live.create(ONE)
    live.write(ONE, live.mounted(later, ONE) / "file", "made later")
    live.kill(TWO)
    live.kill(CONTROL)
    _ = restore(data, place / "backup")
    live.start(CONTROL)
    await_connected(live.sandbox.layout, (ONE,), PATIENCE)
    return dataset, later


def test_moved_after_the_backup(pools: LiveCluster, tmp_path: Path) -> None:
    """What was written where it was moved to is what is served, there and elsewhere.

    That node is off when the restored control starts: the older copy is not served
    then, and the status names the node whose word is missing.
    """
    dataset, later = gone_back(pools, tmp_path)
    until(lambda: pools.status(dataset).node == pools.id_of(TWO), "node 2", PATIENCE)
    assert cause(pools, dataset) == "owner-unsure"
    wish = {"primary": str(pools.id_of(TWO))}
    answer = pools.ask("POST", f"/configuration/datasets/{dataset}", wish)
    assert answer.status == 409, answer.body
    assert str(dataset) not in pools.run(ONE, "cat", "/proc/mounts")
    until(lambda: known_again(pools, later), "the one made later", PATIENCE)
    pools.start(TWO)
    path = pools.mounted(dataset, TWO)
    assert pools.read(TWO, path / "file") == "after the move"
    pools.write(TWO, path / "more", "after the restore")
    pools.move(dataset, ONE)
    path = pools.mounted(dataset, ONE)
    assert pools.read(ONE, path / "file") == "after the move"
    assert pools.read(ONE, path / "more") == "after the restore"
    found = pools.ask("GET", f"/status/datasets/{dataset}").json["nodes"]
    copies = [found[str(pools.id_of(node))]["copy"] for node in (ONE, TWO)]
    assert [copy["asides"] for copy in copies] == [[], []]
