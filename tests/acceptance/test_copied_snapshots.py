"""Snapshots of volumes on an ext4, where no blocks can be shared: they are copied.

Real processes, a writer that goes on, and kills of whoever copies.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pytest

from flocker.backends.loopback import frozen_copy
from flocker.model.ids import DatasetID
from flocker.model.sizes import GIBIBYTE
from flocker.sandbox import writer
from flocker.sandbox.machines import programs_of
from flocker.sandbox.names import node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.loop_devices import filesystem, scratch_directory
from flocker.testing.moving import PATIENCE, await_more, count, seen, writing
from tests.acceptance.plugin_socket import (
    an_id,
    dataset_of,
    phases,
    plugin,
    with_plugins,
)

ONE, TWO = node_name(1), node_name(2)


@pytest.fixture(scope="module")
def _on_ext4() -> Iterator[LiveCluster]:
    if os.geteuid() != 0:
        pytest.skip("a sandbox needs root")
    with scratch_directory() as scratch:
        disk = filesystem(scratch, "ext4", 20 * GIBIBYTE)
        with live_cluster(2, with_plugins, data=disk / "sandbox") as made:
            yield made


@pytest.fixture
def cluster(_on_ext4: LiveCluster) -> LiveCluster:
    """A cluster with a plugin on each node."""
    _on_ext4.restore()
    return _on_ext4


def used(cluster: LiveCluster, name: str, **options: str) -> tuple[DatasetID, Path]:
    """Make a volume that holds something, used on the first node."""
    one = plugin(cluster, ONE)
    one.create(name, size="600M", **options)
    path = one.mount(name, an_id())
    big = f"of={path}/big"
    cluster.run(ONE, "dd", "if=/dev/urandom", big, "bs=1M", "count=200", "status=none")
    return dataset_of(cluster, name), path


def begun(cluster: LiveCluster) -> bool:
    """Whether a copy is under way."""
    return any(cluster.sandbox.layout.volumes.glob("*/attached/*/.copying-*"))


def taken(cluster: LiveCluster, name: str) -> bool:
    """Whether the one snapshot of a volume is there."""
    return list(phases(cluster, name).values()) == ["taken"]


def copiers(cluster: LiveCluster) -> list[int]:
    """Give the processes that copy for the agent of the first node."""
    agent = programs_of(cluster.sandbox.layout, ONE)["flocker-dataset-agent"].pid
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            arguments = (each / "cmdline").read_bytes().split(b"\0")
            parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
            if frozen_copy.__file__.encode() in arguments and int(parent) == agent:
                found.append(int(each.name))
    return found


def assert_whole(
    cluster: LiveCluster, name: str, path: Path, acknowledged: int
) -> None:
    """Clone the one snapshot, and see that it is a beginning of what was written."""
    (snapshot,) = phases(cluster, name)
    told = cluster.flockerctl("clone", name, snapshot, "--wait", "-o", "json").out
    copy = Path(json.loads(told)["path"])
    kept = writer.read(seen(cluster, ONE, copy))
    assert len(kept) >= acknowledged
    assert writer.read(seen(cluster, ONE, path))[: len(kept)] == kept
    cluster.run(ONE, "cmp", f"{path}/big", f"{copy}/big")
    assert not begun(cluster)


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_under_a_writer(cluster: LiveCluster, kind: str) -> None:
    """It is a beginning of what is written, which goes on; Docker makes another of it.

    The other begins the same, on whichever node.
    """
    name = f"written-{kind}"
    _, path = used(cluster, name, filesystem=kind)
    with writing(cluster, path) as notes:
        await_more(notes[0])
        acknowledged = count(notes[0])
        cluster.flockerctl("snapshot", "create", name, "monday", "--wait")
        await_more(notes[0])
        two = plugin(cluster, TWO)
        two.create(f"new-{kind}", size="600M", **{"from": f"{name}@monday"})
        copy = two.mount(f"new-{kind}", an_id())
        there = writer.read(seen(cluster, TWO, copy))
        await_more(notes[0])
    assert len(there) >= acknowledged
    assert_whole(cluster, name, path, acknowledged)


def test_agent_killed(cluster: LiveCluster) -> None:
    """Its agent is killed while it copies: who writes goes on, and it is taken once."""
    _, path = used(cluster, "agent-killed")
    with writing(cluster, path) as notes:
        await_more(notes[0])
        acknowledged = count(notes[0])
        cluster.flockerctl("snapshot", "create", "agent-killed", "monday")
        until(lambda: begun(cluster) or taken(cluster, "agent-killed"), "it", PATIENCE)
        cluster.kill_daemon(ONE)
        await_more(notes[0])
        until(lambda: taken(cluster, "agent-killed"), "the snapshot", PATIENCE)
        await_more(notes[0])
    assert_whole(cluster, "agent-killed", path, acknowledged)


def test_copier_killed(cluster: LiveCluster) -> None:
    """Who copies is killed: who writes goes on, and it is copied again."""
    _, path = used(cluster, "copier-killed")
    with writing(cluster, path) as notes:
        await_more(notes[0])
        acknowledged = count(notes[0])
        cluster.flockerctl("snapshot", "create", "copier-killed", "monday")
        until(
            lambda: bool(copiers(cluster)) or taken(cluster, "copier-killed"),
            "somebody to copy",
            PATIENCE,
        )
        for each in copiers(cluster):
            with suppress(ProcessLookupError):
                os.kill(each, SIGKILL)
        await_more(notes[0])
        until(lambda: taken(cluster, "copier-killed"), "the snapshot", PATIENCE)
        await_more(notes[0])
    assert_whole(cluster, "copier-killed", path, acknowledged)
