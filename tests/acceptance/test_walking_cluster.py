"""A dataset that follows its node: what Flocker is for, with real processes."""

import json

from flocker.model.ids import DatasetID, parse_uuid
from flocker.sandbox.names import address, node_name
from flocker.testing.clusters import LiveCluster

ONE, TWO, THREE = node_name(1), node_name(2), node_name(3)


def created(cluster: LiveCluster, name: str) -> DatasetID:
    """Create a dataset on node 1 with flockerctl and wait until it is mounted."""
    where = ("--node", address(ONE), "--size", "64M", "--metadata", f"name={name}")
    cluster.flockerctl("create", *where, "--wait")
    listed = json.loads(cluster.flockerctl("list", "--output", "json").out)
    (found,) = [dataset for dataset in listed if dataset["name"] == name]
    return DatasetID(parse_uuid(found["dataset_id"]))


def test_data_follows(cluster: LiveCluster) -> None:
    """What was written on one node is read on the node the dataset moved to."""
    dataset = created(cluster, "follows")
    cluster.write(ONE, cluster.mounted(dataset, ONE) / "greeting", "hello")
    move = ("--dataset", "follows", "--to", address(TWO))
    cluster.flockerctl("move", *move, "--wait")
    path = cluster.mounted(dataset, TWO)
    assert cluster.read(TWO, path / "greeting") == "hello"
    assert str(path) not in cluster.run(ONE, "cat", "/proc/mounts")


def test_there_and_back(cluster: LiveCluster) -> None:
    """A dataset that went round all nodes has what was written on each."""
    dataset = created(cluster, "round")
    for node in (ONE, TWO, THREE):
        cluster.move(dataset, node)
        cluster.write(node, cluster.mounted(dataset, node) / node, node)
    cluster.move(dataset, ONE)
    path = cluster.mounted(dataset, ONE)
    found = [cluster.read(ONE, path / node) for node in (ONE, TWO, THREE)]
    assert found == ["node-1", "node-2", "node-3"]


def test_destroyed_is_gone(cluster: LiveCluster) -> None:
    """Of a destroyed dataset neither mount nor volume is left."""
    dataset = created(cluster, "short-lived")
    path = cluster.mounted(dataset, ONE)
    cluster.flockerctl("destroy", "--dataset", "short-lived", "--wait")
    volumes = cluster.sandbox.layout.volumes
    assert list(volumes.rglob(f"*{dataset}*")) == []
    assert str(path) not in cluster.run(ONE, "cat", "/proc/mounts")


def test_old_clients_see_it(cluster: LiveCluster) -> None:
    """The state of version 1 lists a mounted dataset with its node and path."""
    dataset = created(cluster, "seen")
    path = cluster.mounted(dataset, ONE)
    listed = cluster.ask("GET", "/state/datasets").json
    (found,) = [one for one in listed if one["dataset_id"] == str(dataset)]
    assert (found["primary"], found["path"]) == (str(cluster.id_of(ONE)), str(path))
