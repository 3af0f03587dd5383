"""The Docker plugin of three nodes, asked as dockerd asks it.

Their volumes are on an XFS, where files can share blocks: so they have snapshots.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flocker.model.ids import DatasetID
from flocker.model.sizes import GIBIBYTE
from flocker.sandbox import writer
from flocker.sandbox.names import CONTROL, MachineName, address, node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.loop_devices import filesystem, scratch_directory
from flocker.testing.moving import await_more, count, seen, writing
from tests.acceptance.plugin_socket import (
    PluginSocket,
    an_id,
    dataset_of,
    phases,
    plugin,
    with_plugins,
)

MOUNTS = "/proc/self/mounts"
ONE, TWO, THREE = node_name(1), node_name(2), node_name(3)


@pytest.fixture(scope="module")
def _docker_cluster() -> Iterator[LiveCluster]:
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with scratch_directory() as scratch:
        disk = filesystem(scratch, "xfs", 20 * GIBIBYTE)
        with live_cluster(3, with_plugins, data=disk / "sandbox") as made:
            yield made


@pytest.fixture
def cluster(_docker_cluster: LiveCluster) -> LiveCluster:
    """A cluster with a plugin on each node."""
    _docker_cluster.restore()
    return _docker_cluster


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


def test_first_mount_decides(cluster: LiveCluster) -> None:
    """A volume takes no storage before it is mounted, and is made where it is first."""
    one, two, mount = plugin(cluster, ONE), plugin(cluster, TWO), an_id()
    two.create("lazy", size="400M", filesystem="xfs")
    got = two.call("Get", Name="lazy")["Volume"]
    assert (got["Mountpoint"], got["Status"]["phase"]) == ("", "waiting")
    path = one.mount("lazy", mount)
    mounts = [line.split() for line in cluster.run(ONE, "cat", MOUNTS).splitlines()]
    assert [line[2] for line in mounts if line[1] == str(path)] == ["xfs"]
    assert str(path) not in cluster.run(TWO, "cat", MOUNTS)
    one.unmount("lazy", mount)


def test_new_volume_is_for_anybody(cluster: LiveCluster) -> None:
    """Whoever a container runs as can write, and finds an empty directory."""
    one, mount = plugin(cluster, ONE), an_id()
    one.create("fresh")
    path = one.mount("fresh", mount)
    assert cluster.run(ONE, "stat", "--format=%a", str(path)).strip() == "777"
    assert cluster.run(ONE, "ls", "-A", str(path)).strip() == ""
    one.unmount("fresh", mount)


def test_backend_that_no_node_has(cluster: LiveCluster) -> None:
    """A volume of a backend that is not there is not mounted, with the reason."""
    one = plugin(cluster, ONE)
    one.create("homeless", backend="fast")
    why = one.call("Mount", Name="homeless", ID=an_id())["Err"]
    assert "volume homeless is not mounted here" in why
    assert "fast" in why
    assert holders(cluster, "homeless") == []


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


def holders(cluster: LiveCluster, name: str) -> list[str]:
    """Who holds the lease of a volume."""
    listed = cluster.ask("GET", "/configuration/datasets").json
    (dataset,) = [
        each["dataset_id"]
        for each in listed
        if each["metadata"].get("name") == name and not each["deleted"]
    ]
    leases = cluster.ask("GET", "/configuration/leases").json
    return [
        holder["holder"]
        for lease in leases
        if lease["dataset_id"] == dataset
        for holder in lease["holders"]
    ]


def kill_plugin(cluster: LiveCluster, node: MachineName) -> None:
    """Kill -9 a node's plugin; it is started again."""
    cluster.kill_program(node, "flocker-docker-plugin")


def test_socket_is_for_root(cluster: LiveCluster) -> None:
    """Nobody but root may speak to the plugin; Docker finds a driver there."""
    one = plugin(cluster, ONE)
    until(one.listens, "the plugin", 30.0)
    assert one.path.stat().st_mode & 0o777 == 0o600
    assert one.path.parent.stat().st_mode & 0o777 == 0o700
    assert one.post("Plugin.Activate", b"") == (200, {"Implements": ["VolumeDriver"]})


def test_killed_between_mount_and_unmount(cluster: LiveCluster) -> None:
    """A plugin that was killed goes on where it was: what is used stays leased."""
    one, two, mount = plugin(cluster, ONE), plugin(cluster, TWO), an_id()
    one.create("survives")
    path = one.mount("survives", mount)
    kill_plugin(cluster, ONE)
    assert address(ONE) in two.call("Mount", Name="survives", ID=an_id())["Err"]
    cluster.write(ONE, path / "still", "here")
    one.unmount("survives", mount)
    assert two.mount("survives", "m2") == path
    two.unmount("survives", "m2")


def mounted_as_docker(plugin: PluginSocket, name: str, mount: str) -> None:
    """Mount a volume, and ask again where a connection breaks: dockerd does so."""
    answers: list[Path] = []

    def answered() -> bool:
        with suppress(OSError, HTTPException):
            answers.append(plugin.mount(name, mount))
        return bool(answers)

    until(answered, "an answer", 60.0)


def test_killed_during_mount(cluster: LiveCluster) -> None:
    """A mount whose plugin was killed is done again by Docker, and ends as others."""
    one, mount = plugin(cluster, ONE), an_id()
    one.create("halfway")
    with ThreadPoolExecutor() as threads:
        begun = threads.submit(one.call, "Mount", Name="halfway", ID=mount)
        until(lambda: bool(holders(cluster, "halfway")), "the lease", 30.0)
        kill_plugin(cluster, ONE)
        with suppress(OSError, HTTPException):  # it may have been answered before
            begun.result()
    mounted_as_docker(one, "halfway", mount)
    one.unmount("halfway", mount)
    for _ in holders(cluster, "halfway"):
        one.unmount("halfway", mount)
    assert holders(cluster, "halfway") == []


def test_control_is_away(cluster: LiveCluster) -> None:
    """Without control containers stop and start beside others, and errors say why."""
    one, mount = plugin(cluster, ONE), an_id()
    one.create("alone")
    path = one.mount("alone", mount)
    cluster.kill(CONTROL)
    assert one.call("Get", Name="alone")["Volume"]["Mountpoint"] == str(path)
    assert one.mount("alone", "second") == path
    one.unmount("alone", mount)
    refused = one.call("Create", Name="another", Opts=None)["Err"]
    assert "cannot be reached" in refused
    cluster.start(CONTROL)
    cluster.await_connected()
    until(lambda: holders(cluster, "alone") == ["docker:second"], "the truth", 60.0)
    one.unmount("alone", "second")
    assert holders(cluster, "alone") == []


def test_reboot(cluster: LiveCluster) -> None:
    """After a power cut a node uses nothing: its volumes are free, with their data."""
    one, two = plugin(cluster, ONE), plugin(cluster, TWO)
    one.create("rebooted")
    path = one.mount("rebooted", an_id())
    cluster.write(ONE, path / "kept", "yes")
    cluster.kill(ONE)
    refused = two.call("Mount", Name="rebooted", ID=an_id())["Err"]
    assert address(ONE) in refused
    cluster.start(ONE)
    cluster.await_connected()
    until(lambda: holders(cluster, "rebooted") == [], "the end of the lease", 60.0)
    path = two.mount("rebooted", "m2")
    assert cluster.read(TWO, path / "kept") == "yes"
    two.unmount("rebooted", "m2")


def test_switched_off(cluster: LiveCluster) -> None:
    """What a machine used that its backend knows to be off is mounted elsewhere."""
    one, two = plugin(cluster, ONE), plugin(cluster, TWO)
    one.create("unplugged")
    path = one.mount("unplugged", an_id())
    cluster.write(ONE, path / "kept", "yes")
    cluster.kill(ONE)
    until(lambda: not cluster_sees(cluster, ONE), "control to miss the node", 60.0)
    path = two.mount("unplugged", "m2")
    assert cluster.read(TWO, path / "kept") == "yes"
    two.unmount("unplugged", "m2")
    cluster.start(ONE)
    cluster.await_connected()


def test_dead_node(cluster: LiveCluster) -> None:
    """A dead node's volume is refused with the command that frees it, and freed so."""
    one, two = plugin(cluster, ONE), plugin(cluster, TWO)
    one.create("orphan")
    path = one.mount("orphan", an_id())
    cluster.write(ONE, path / "kept", "yes")
    cluster.partition(ONE)
    until(lambda: not cluster_sees(cluster, ONE), "control to miss the node", 60.0)
    command = f"flockerctl node dead {cluster.id_of(ONE)} --i-have-checked"
    assert command in two.call("Mount", Name="orphan", ID=an_id())["Err"]
    cluster.kill(ONE)
    cluster.flockerctl("node", "dead", str(cluster.id_of(ONE)), "--i-have-checked")
    path = two.mount("orphan", "m2")
    assert cluster.read(TWO, path / "kept") == "yes"
    two.unmount("orphan", "m2")


def cluster_sees(cluster: LiveCluster, node: MachineName) -> bool:
    """Whether control has a connection to a node."""
    found = cluster.ask("GET", f"/status/nodes/{cluster.id_of(node)}").json
    return bool(found["connected"])


def test_deleted_while_mounted(cluster: LiveCluster) -> None:
    """What is deleted while it is used goes when that has ended; its name is free."""
    one, mount = plugin(cluster, ONE), an_id()
    one.create("doomed", on_remove="delete")
    path = one.mount("doomed", mount)
    assert "in use" in one.call("Remove", Name="doomed")["Err"]
    cluster.flockerctl("destroy", "--dataset", "doomed")
    cluster.write(ONE, path / "still", "here")
    assert one.call("Get", Name="doomed")["Err"].startswith("no such volume")
    one.create("doomed")
    one.unmount("doomed", mount)
    dataset = DatasetID(UUID(path.name))
    cluster.await_phase(dataset, "destroyed")


def test_anonymous_volumes_do_not_leak(cluster: LiveCluster) -> None:
    """What no one named is destroyed when Docker removes it."""
    one, name, mount = plugin(cluster, ONE), uuid4().hex * 2, an_id()
    assert one.call("Create", Name=name, Opts=None) == {"Err": ""}
    path = one.mount(name, mount)
    one.unmount(name, mount)
    assert one.call("Remove", Name=name) == {"Err": ""}
    cluster.await_phase(DatasetID(UUID(path.name)), "destroyed")


def test_datasets_of_flockerctl(cluster: LiveCluster) -> None:
    """A dataset that is mounted for good elsewhere is a volume, and comes here."""
    dataset = cluster.create(TWO, name="old")
    path = cluster.mounted(dataset, TWO)
    cluster.write(TWO, path / "kept", "yes")
    one, mount = plugin(cluster, ONE), an_id()
    path = one.mount("old", mount)
    assert cluster.read(ONE, path / "kept") == "yes"
    one.unmount("old", mount)


def files_of(cluster: LiveCluster) -> list[str]:
    """Name the files that hold snapshots of volumes."""
    found = cluster.sandbox.layout.volumes.glob("*/snapshots/*")
    return [path.name for path in found]


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_made_from_another(cluster: LiveCluster, kind: str) -> None:
    """A volume begins as a snapshot of another, beside it and on another node."""
    one, two, (mine, here, there) = (
        plugin(cluster, ONE),
        plugin(cluster, TWO),
        (an_id(), an_id(), an_id()),
    )
    source, old, now = f"source-{kind}", f"old-{kind}", f"now-{kind}"
    one.create(source, size="400M", filesystem=kind)
    path = one.mount(source, mine)
    cluster.write(ONE, path / "file", "first")
    cluster.flockerctl("snapshot", "create", source, "monday", "--wait")
    cluster.run(ONE, "sh", "-c", f"echo second >{path}/file")
    one.create(old, size="400M", **{"from": f"{source}@monday"})
    two.create(now, size="400M", **{"from": source, "on_remove": "delete"})
    copy = one.mount(old, here)
    assert cluster.read(ONE, copy / "file") == "first"
    cluster.write(ONE, copy / "file", "mine")
    copy = two.mount(now, there)
    assert cluster.read(TWO, copy / "file").strip() == "second"
    assert cluster.read(ONE, path / "file").strip() == "second"
    (taken,) = phases(cluster, source).keys() - {"monday"}
    told = two.call("Get", Name=now)["Volume"]["Status"]
    assert told["made from"] == f"{source}@{taken}"
    for node, name, mount in ((one, source, mine), (one, old, here), (two, now, there)):
        node.unmount(name, mount)
    two.call("Remove", Name=now)
    assert phases(cluster, source).get(taken) in {"deleting", None}
    until(lambda: len(phases(cluster, source)) == 1, f"the end of {taken}", 30.0)


def test_snapshot_of_what_is_written(cluster: LiveCluster) -> None:
    """What was acknowledged is in a snapshot, whoever is killed, and it is a beginning.

    It stays with its dataset wherever that goes, and ends with it.
    """
    one, two, mounts = plugin(cluster, ONE), plugin(cluster, TWO), (an_id(), an_id())
    one.create("written", size="400M")
    path = one.mount("written", mounts[0])
    dataset = dataset_of(cluster, "written")
    with writing(cluster, path) as notes:
        await_more(notes[0])
        acknowledged = count(notes[0])
        cluster.flockerctl("snapshot", "create", "written", "now")
        cluster.kill_daemon(ONE)
        until(lambda: phases(cluster, "written") == {"now": "taken"}, "it", 60.0)
        await_more(notes[0])
    one.unmount("written", mounts[0])
    two.mount("written", mounts[1])
    assert phases(cluster, "written") == {"now": "taken"}
    told = json.loads(
        cluster.flockerctl("clone", "written", "now", "--wait", "-o", "json").out
    )
    before = writer.read(seen(cluster, ONE, Path(told["path"])))
    assert len(before) >= acknowledged
    assert writer.read(seen(cluster, TWO, path))[: len(before)] == before
    two.unmount("written", mounts[1])
    volume = cluster.status(dataset).volume
    assert any(str(volume) in name for name in files_of(cluster))
    cluster.delete(dataset)
    cluster.await_phase(dataset, "destroyed")
    assert not any(str(volume) in name for name in files_of(cluster))
