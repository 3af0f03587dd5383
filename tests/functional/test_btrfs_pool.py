"""What the pool `btrfs` needs of a real kernel: mounts, power cuts, identities."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker.backends.btrfs import subvolumes
from flocker.backends.btrfs.api import make_btrfs
from flocker.backends.loopback.loop_devices import LoopDevices
from flocker.backends.pool_errors import Busy, Diverged, Incomplete, PoolUnavailable
from flocker.testing.btrfs_pools import btrfs_filesystem
from flocker.testing.conformance.pool_bench import (
    OTHER,
    RECORD,
    Node,
    PoolBench,
    announce,
    stream_of,
    transfer,
)
from flocker.testing.loop_devices import scratch_directory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

SIZE = 256 * 1024 * 1024


class Bench(PoolBench):
    """Two nodes, each with a Btrfs of its own."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.disks = {number: btrfs_filesystem(scratch, SIZE) for number in (1, 2)}

    def pool(self, number):
        return make_btrfs(self.disks[number])

    def mount_root(self, number):
        return self.scratch / f"served-{number}"

    def after_power_cut(self, node: Node) -> None:
        """Go on with what is on the node's disk at this moment."""
        path = self.disks[node.number]
        (device,) = devices_of(path)
        image = Path(LoopDevices().backing_name(device))
        copy = self.scratch / f"after-{image.name}"
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


@contextmanager
def running(*argv):
    """Run a program that says a line when it is ready and ends with its input."""
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


# Mounts


def test_mount_of_another_namespace(one):
    """A mount that another mount namespace keeps is found before ours is gone."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    script = "mount --make-rprivate /; echo; read _"
    with running("unshare", "--mount", "sh", "-c", script) as holder:
        with pytest.raises(Busy) as caught:
            one.pool.unmount(dataset, path)
        assert [who.pid for who in caught.value.who] == [holder]
        assert "in its mount namespace" in str(caught.value)
        assert one.look(dataset).mounted_at == (path,)
        with pytest.raises(Busy):
            one.pool.destroy(dataset, RECORD)
    one.pool.unmount(dataset, path)


def test_mount_that_another_namespace_alone_has(one):
    """A dataset that is mounted only where we do not look is not destroyed."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    script = "mount --make-rprivate /; echo; read _"
    with running("unshare", "--mount", "sh", "-c", script) as holder:
        subprocess.run(["umount", path], check=True)
        for take in (
            lambda: one.pool.destroy(dataset, RECORD),
            lambda: one.pool.make_read_only(dataset),
        ):
            with pytest.raises(Busy) as caught:
                take()
            assert [who.pid for who in caught.value.who] == [holder]


def test_bind_mount_of_a_part(one, bench):
    """A folder of a dataset bound elsewhere keeps it, as a container's volume does."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    (path / "folder").mkdir()
    bound = bench.scratch / "bound"
    bound.mkdir()
    subprocess.run(["mount", "--bind", path / "folder", bound], check=True)
    with pytest.raises(Busy, match=str(bound)):
        one.pool.unmount(dataset, path)
    assert one.look(dataset).mounted_at == (path,)
    subprocess.run(["umount", bound], check=True)
    one.pool.unmount(dataset, path)


def test_open_file(one):
    """A process with an open file is named; the dataset stays mounted and works."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    with running("sh", "-c", 'exec 3>"$1/held"; echo; read _', "sh", path) as holder:
        with pytest.raises(Busy) as caught:
            one.pool.unmount(dataset, path)
        assert holder in {who.pid for who in caught.value.who}
        one.bench.write(one, dataset, "file", b"still there")
    one.pool.unmount(dataset, path)
    assert one.read(dataset, "file") == b"still there"


def test_neighbours_do_not_count(one):
    """What is mounted of another dataset on the same disk keeps nothing."""
    dataset, neighbour = one.create(), one.create()
    with one.served(neighbour):
        one.write(dataset, "file", b"content")
        one.pool.destroy(dataset, RECORD)


# Power cuts


def test_received_is_on_disk(bench, one, two):
    """What `finish` answered is there after a power cut at that moment, record too."""
    dataset = one.create()
    content = os.urandom(8 * 1024 * 1024)
    first = one.save(dataset, "file", content)
    transfer(one, two, dataset, first)
    bench.after_power_cut(two)
    assert two.read_replica(dataset, "file") == content
    content = os.urandom(8 * 1024 * 1024)
    second = one.save(dataset, "file", content)
    stream = stream_of(one, dataset, second, first.identity)
    entering = two.pool.receive(dataset, announce(second, first.identity))
    entering.write(stream)
    entering.finish(OTHER)
    bench.after_power_cut(two)
    assert two.look(dataset).snapshots == (first, second)
    assert two.look(dataset).record == OTHER
    assert two.read_replica(dataset, "file") == content


def test_records_are_on_disk(bench, one):
    """A record, a copy and a snapshot are there after a power cut, once answered."""
    dataset, gone = one.create(), one.create()
    one.pool.write_record(dataset, OTHER)
    bench.after_power_cut(one)
    assert one.look(dataset).record == OTHER
    one.pool.destroy(gone, OTHER)
    bench.after_power_cut(one)
    assert set(one.pool.list().copies) == {dataset}
    assert dict(one.pool.list().ledger) == {gone: OTHER}
    with one.served(dataset):
        one.bench.write(one, dataset, "file", b"content")
        snapshot = one.snapshot(dataset)
    bench.after_power_cut(one)
    assert one.look(dataset).snapshots == (snapshot,)
    assert one.read(dataset, "file") == b"content"


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
