"""People who want several things at once: data stays one, and nothing is left over."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

from flocker.backends.loopback.loop_devices import LoopDevices
from flocker.model.ids import DatasetID, NodeID
from flocker.sandbox.names import MachineName
from flocker.sandbox.reaching import Answer
from flocker.sandbox.waiting import until
from flocker.testing.clusters import SIZE, LiveCluster

WITHIN = 60.0
"""Seconds, on a machine that is busy with other tests."""
DATASETS = "/configuration/datasets"
PAUSES = (0.0, 0.05, 0.15, 0.4)
"""Seconds after which a wish is crossed by the next: before, within and after steps."""


def at_once(wishes: Sequence[Callable[[], Answer]]) -> list[int]:
    """Ask all at once; the statuses of the answers."""
    with ThreadPoolExecutor(len(wishes)) as pool:
        return [each.result().status for each in [pool.submit(w) for w in wishes]]


def create(live: LiveCluster, node: MachineName, dataset: DatasetID) -> Answer:
    """Want a dataset of a certain id on a node."""
    body = {
        "primary": str(live.id_of(node)),
        "dataset_id": str(dataset),
        "maximum_size": SIZE,
    }
    return live.ask("POST", DATASETS, body)


def move(live: LiveCluster, dataset: DatasetID, node: NodeID) -> Answer:
    """Want a dataset on a node."""
    return live.ask("POST", f"{DATASETS}/{dataset}", {"primary": str(node)})


def volumes_of(live: LiveCluster, dataset: DatasetID) -> list[str]:
    """The files of the backend that carry a dataset."""
    return [f.name for f in live.sandbox.layout.volumes.glob(f"*/**/*_{dataset}*")]


def nothing_is_left(live: LiveCluster, datasets: Sequence[DatasetID]) -> None:
    """Wait until datasets are destroyed; no volume and no device is left of them."""
    loops = LoopDevices()
    for dataset in datasets:
        live.await_phase(dataset, "destroyed")
        assert volumes_of(live, dataset) == []
    bound = [loops.backing_name(device) for device, _ in loops.bound()]
    assert [b for b in bound if any(str(d) in b for d in datasets)] == []


def pause(live: LiveCluster, seconds: float) -> None:
    """Let a while pass on the cluster."""
    live.run(live.nodes[0], "sleep", str(seconds))


def test_deleted_while_it_is_created(cluster: LiveCluster) -> None:
    """However far a dataset has come, it ends destroyed, and nothing is left."""
    one, *_ = cluster.nodes
    made = []
    for seconds in PAUSES:
        made.append(cluster.create(one))
        pause(cluster, seconds)
        cluster.delete(made[-1])
    nothing_is_left(cluster, made)


def test_deleted_while_it_moves(cluster: LiveCluster) -> None:
    """However far a move has come, the dataset ends destroyed, and nothing is left."""
    one, two, _ = cluster.nodes
    made = [cluster.create(one) for _ in PAUSES]
    for dataset in made:
        cluster.mounted(dataset, one)
    for dataset, seconds in zip(made, PAUSES, strict=True):
        cluster.move(dataset, two)
        pause(cluster, seconds)
        cluster.delete(dataset)
    nothing_is_left(cluster, made)


def test_moved_to_two_nodes(cluster: LiveCluster) -> None:
    """Of moves at once the last one counts; the data is there, and nowhere else."""
    one, two, three = cluster.nodes
    dataset = cluster.create(one)
    path = cluster.mounted(dataset, one)
    cluster.write(one, path / "file", "kept")
    goals = (two, three, one, three, two)
    wishes = [
        lambda goal=goal: move(cluster, dataset, cluster.id_of(goal)) for goal in goals
    ]
    assert set(at_once(wishes)) == {200}
    primary = cluster.status(dataset).primary
    (where,) = [node for node in cluster.nodes if cluster.id_of(node) == primary]
    assert cluster.mounted(dataset, where) == path
    assert cluster.read(where, path / "file") == "kept"
    assert len(volumes_of(cluster, dataset)) == 1

    def let_go() -> bool:
        return not any(
            is_mounted(cluster, node, path) for node in cluster.nodes if node != where
        )

    until(let_go, "all others to let go", WITHIN)


def is_mounted(live: LiveCluster, node: MachineName, path: Path) -> bool:
    """Whether something is mounted at a path of a node."""
    return f" {path} " in live.run(node, "cat", "/proc/self/mounts")


def test_created_twice_at_once(cluster: LiveCluster) -> None:
    """The same id on two nodes at once: one is created, with one volume."""
    one, two, _ = cluster.nodes
    dataset = DatasetID(UUID(str(uuid4())))
    wishes = [
        lambda node=node: create(cluster, node, dataset) for node in (one, two, one)
    ]
    assert sorted(at_once(wishes)) == [201, 409, 409]
    primary = cluster.status(dataset).primary
    (where,) = [node for node in cluster.nodes if cluster.id_of(node) == primary]
    cluster.mounted(dataset, where)
    assert len(volumes_of(cluster, dataset)) == 1


def test_moved_to_nowhere_and_back(cluster: LiveCluster) -> None:
    """A node that nobody knows is waited for, in words; the data stays, and is back."""
    one, *_ = cluster.nodes
    dataset = cluster.create(one)
    path = cluster.mounted(dataset, one)
    cluster.write(one, path / "file", "kept")
    nobody = NodeID(uuid4())
    assert move(cluster, dataset, nobody).status == 200

    def is_said() -> bool:
        cause = cluster.status(dataset).cause
        return cause is not None and cause.code == "node-unknown"

    until(is_said, "what it waits for", WITHIN)
    assert move(cluster, dataset, cluster.id_of(one)).status == 200
    cluster.mounted(dataset, one)
    assert cluster.read(one, path / "file") == "kept"
