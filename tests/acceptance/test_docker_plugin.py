"""The Docker plugin of three nodes, asked as dockerd asks it."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from flocker.sandbox.names import MachineName, address, node_name
from flocker.testing.clusters import LiveCluster, live_cluster
from tests.acceptance.plugin_socket import PluginSocket, socket_of, with_plugins

ONE, TWO, THREE = node_name(1), node_name(2), node_name(3)


@pytest.fixture(scope="module")
def _docker_cluster() -> Iterator[LiveCluster]:
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with live_cluster(3, with_plugins) as made:
        yield made


@pytest.fixture
def cluster(
    _docker_cluster: LiveCluster, request: pytest.FixtureRequest
) -> Iterator[LiveCluster]:
    """A cluster with a plugin on each node; a failing test shows its logs."""
    _docker_cluster.restore()
    failed = request.session.testsfailed
    yield _docker_cluster
    if request.session.testsfailed > failed:
        for line in _docker_cluster.last_words():
            sys.stdout.write(f"{line}\n")


def plugin(cluster: LiveCluster, node: MachineName) -> PluginSocket:
    """The plugin of a node."""
    return PluginSocket(socket_of(cluster.sandbox.layout, node))


def an_id() -> str:
    """An id of a mount, as Docker makes them."""
    return uuid4().hex * 2


def test_volume_follows(cluster: LiveCluster) -> None:
    """A volume made on one node is mounted on it, then on another, with its data."""
    one, two, mounts = plugin(cluster, ONE), plugin(cluster, TWO), (an_id(), an_id())
    one.create("follows")
    path = one.mount("follows", mounts[0])
    cluster.write(ONE, path / "greeting", "hello")
    one.unmount("follows", mounts[0])
    path = two.mount("follows", mounts[1])
    assert cluster.read(TWO, path / "greeting") == "hello"
    two.unmount("follows", mounts[1])


def test_in_use_elsewhere(cluster: LiveCluster) -> None:
    """A volume that a container uses is refused, with its node; both can go on."""
    one, two, mount = plugin(cluster, ONE), plugin(cluster, TWO), an_id()
    one.create("used")
    path = one.mount("used", mount)
    refused = two.call("Mount", Name="used", ID=an_id())
    assert refused["Mountpoint"] == ""
    assert address(ONE) in refused["Err"]
    cluster.write(ONE, path / "still", "mine")
    one.unmount("used", mount)


def test_one_wins(cluster: LiveCluster) -> None:
    """Of two nodes that mount one volume at once exactly one gets it."""
    plugins = {node: plugin(cluster, node) for node in (ONE, TWO, THREE)}
    plugins[ONE].create("raced")
    with ThreadPoolExecutor() as threads:
        answers = {
            node: threads.submit(each.call, "Mount", Name="raced", ID=node)
            for node, each in plugins.items()
        }
    errors = {node: answer.result()["Err"] for node, answer in answers.items()}
    (winner,) = [node for node, error in errors.items() if not error]
    assert all(
        address(winner) in error for node, error in errors.items() if node != winner
    )
    plugins[winner].unmount("raced", winner)


def test_one_dataset(cluster: LiveCluster) -> None:
    """Nodes that create one name at once make one dataset of it."""
    plugins = [plugin(cluster, node) for node in (ONE, TWO, THREE)]
    with ThreadPoolExecutor() as threads:
        made = [threads.submit(each.create, "once") for each in plugins]
    assert [each.result() for each in made] == [None, None, None]
    listed = cluster.ask("GET", "/configuration/datasets").json
    assert len([each for each in listed if each["metadata"]["name"] == "once"]) == 1
