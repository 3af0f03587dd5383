"""What the pool `btrfs` needs of a real kernel: mounts, power cuts, identities."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flocker.backends.btrfs import subvolumes
from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.loopback.loop_devices import LoopDevices
from flocker.backends.pool_errors import Diverged, Incomplete, PoolUnavailable
from flocker.testing.btrfs_pools import btrfs_filesystem
from flocker.testing.conformance.pool_bench import (
    RECORD,
    Node,
    announce,
    transfer,
)
from flocker.testing.loop_devices import scratch_directory
from tests.functional.pool_hosts import HostBench, HostConformance

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

SIZE = 256 * 1024 * 1024


class Bench(HostBench):
    """Two nodes, each with a Btrfs of its own."""

    def __init__(self, scratch: Path) -> None:
        self.directory = scratch
        self.disks = {number: btrfs_filesystem(scratch, SIZE) for number in (1, 2)}

    def pool(self, number):
        return make_btrfs(self.disks[number])

    def mount_root(self, number):
        return self.directory / f"served-{number}"

    def scratch(self, node):
        return self.directory

    def after_power_cut(self, node: Node) -> None:
        """Go on with what is on the node's disk at this moment."""
        path = self.disks[node.number]
        (device,) = devices_of(path)
        image = Path(LoopDevices().backing_name(device))
        copy = self.directory / f"after-{image.name}"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        subprocess.run(["umount", path], check=True)
        subprocess.run(["mount", LoopDevices().bind(copy), path], check=True)
        node.restart()


def devices_of(path):
    found = subprocess.run(
        ["findmnt", "-no", "SOURCE", path], check=True, capture_output=True, text=True
    )
    return [Path(line) for line in found.stdout.split()]


@pytest.fixture(scope="module")
def bench():
    with scratch_directory() as scratch:
        yield Bench(scratch)


@pytest.fixture
def one(bench):
    yield from clean(bench, 1)


@pytest.fixture
def two(bench):
    yield from clean(bench, 2)


def clean(bench, number):
    node = bench.node(number)
    yield node
    node.clean()
    shutil.rmtree(bench.disks[number] / ".flocker")


class TestHost(HostConformance):
    """What every pool needs of a host."""


# Identities


def test_received_stays_read_only(one, two):
    """A received subvolume is never made writable; what is served is another."""
    dataset = one.create()
    sent = one.save(dataset, "file", b"content")
    transfer(one, two, dataset, sent)
    two.pool.make_writable(dataset, sent.identity, None)
    folder = two.pool.layout.copy(dataset)
    received = subvolumes.info(folder.snapshot(sent.name).data)
    live = subvolumes.info(folder.live)
    assert (received.read_only, live.read_only) == (True, False)
    assert (live.parent, live.received) == (received.uuid, None)


def test_changed_by_force(one, two):
    """A snapshot that somebody changed by force is another, and no base any more."""
    dataset = one.create()
    first = one.save(dataset, "file", b"first")
    transfer(one, two, dataset, first)
    second = one.save(dataset, "file", b"second")
    for node in (one, two):
        data = node.pool.layout.copy(dataset).snapshot(first.name).data
        tamper(data)
        (changed, *_) = node.look(dataset).snapshots
        assert changed.identity != first.identity
    with pytest.raises(Diverged):
        two.pool.receive(dataset, announce(second, first.identity))


def tamper(data):
    force = ["btrfs", "property", "set", "-f", data, "ro"]
    subprocess.run([*force, "false"], check=True)
    (data / "file").write_bytes(b"changed by force")
    subprocess.run([*force, "true"], check=True)


def test_subvolumes_inside(one):
    """A dataset with subvolumes of its own has no snapshots: they would lack them."""
    dataset = one.create()
    with one.served(dataset):
        inside = one.path(dataset) / "inside"
        subprocess.run(["btrfs", "-q", "subvolume", "create", inside], check=True)
        with pytest.raises(Incomplete, match="inside"):
            one.snapshot(dataset)
    assert one.look(dataset).snapshots == ()
    one.pool.destroy(dataset, RECORD)


def test_other_filesystem(tmp_path):
    """A directory that is on no Btrfs is no pool."""
    with pytest.raises(PoolUnavailable, match="not on a Btrfs"):
        make_btrfs(tmp_path)


def test_limits_of_many(bench):
    """Limits are read in several answers of the kernel, as btrfs-progs reads them."""
    root = bench.disks[1]
    trees = [root / f"tree-{number}" for number in range(30)]
    for number, tree in enumerate(trees):
        subvolumes.create(tree)
        if number == 0:
            subvolumes.enable_quotas(root)
        subvolumes.limit(tree, 10_000_000 + number if number % 3 else None)
    subvolumes.await_counted(root)
    argv = ["btrfs", "qgroup", "show", "-re", "--raw", "--sync", root]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    expected = {}
    for line in shown.splitlines():
        group, used, _, most, *_ = [*line.split(), "", "", ""]
        if group.startswith("0/"):
            limit = None if most == "none" else int(most)
            expected[int(group[2:])] = subvolumes.Group(int(used), limit)
    assert subvolumes.groups(root) == expected
    numbers = [subvolumes.info(tree).number for tree in trees]
    assert [expected[number].most for number in numbers[:3]] == [
        None,
        10_000_001,
        10_000_002,
    ]
    assert len(subvolumes.nested(root)) >= len(trees)
    assert subvolumes.nested(trees[0]) == ()
    for tree in trees:
        subprocess.run(["btrfs", "-q", "subvolume", "delete", tree], check=True)
