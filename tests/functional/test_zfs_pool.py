"""What the pool `zfs` needs of a real ZFS: mounts, crashes, power cuts, others."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from flocker.backends.pool_errors import (
    BadName,
    Busy,
    Diverged,
    Held,
    Incomplete,
    PoolFull,
    PoolUnavailable,
    StreamBroken,
)
from flocker.backends.zfs.api import open_zfs
from flocker.backends.zfs.mounting import ROOTS
from flocker.runtime.process import ProcessFailed
from flocker.testing.conformance.pool_bench import (
    OTHER,
    PART,
    RECORD,
    PoolBench,
    announce,
    deliver,
    stream_of,
    transfer,
)
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.zfs_pools import zfs_machine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

MEBIBYTE = 1024 * 1024
SIZE = 256 * MEBIBYTE
PROGRAMS = Path(__file__).parents[2] / "build" / "zfs-fuse" / "sbin"
"""Where admin/test unpacks them."""


def pool_name(number):
    return f"flocker-test-{os.getpid()}-{number}"


class Bench(PoolBench):
    """Two machines, each with a ZFS pool."""

    def __init__(self, machines):
        self.machines = machines
        self.disks = {}
        for number, machine in machines.items():
            self.disks[number] = machine.file(SIZE)
            machine.create(pool_name(number), str(self.disks[number]))

    def pool(self, number):
        return open_zfs(self.machines[number].zfs(pool_name(number)))

    def mount_root(self, number):
        return self.machines[number].served

    def run(self, node, *argv):
        return self.machines[node.number].run(*argv)

    def name(self, node, dataset):
        return node.pool.names.copy(dataset)

    def after_power_cut(self, node):
        """Go on with what is on the node's disk at this moment."""
        machine, disk = self.machines[node.number], self.disks[node.number]
        kept = disk.with_suffix(".kept")
        subprocess.run(["cp", "--sparse=always", disk, kept], check=True)
        machine.kill()
        kept.replace(disk)
        machine.start()
        node.restart()


@pytest.fixture(scope="module")
def bench():
    with (
        scratch_directory() as scratch,
        zfs_machine(scratch, PROGRAMS) as first,
        zfs_machine(scratch, PROGRAMS) as second,
    ):
        yield Bench({1: first, 2: second})


@pytest.fixture
def one(bench):
    yield from clean(bench, 1)


@pytest.fixture
def two(bench):
    yield from clean(bench, 2)


def clean(bench, number):
    yield bench.node(number)
    bench.machines[number].empty(pool_name(number))


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
        assert one.look(dataset).mounted_at == (path,)
        with pytest.raises(Busy):
            one.pool.destroy(dataset, RECORD)
    one.pool.unmount(dataset, path)


def test_bind_mount_of_a_part(one, bench):
    """A folder of a dataset bound elsewhere keeps it, as a container's volume does."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    (path / "folder").mkdir()
    bound = bench.machines[1].directory / "bound"
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
    """What is mounted of another dataset on the same pool keeps nothing."""
    dataset, neighbour = one.create(), one.create()
    with one.served(neighbour):
        one.write(dataset, "file", b"content")
        one.pool.destroy(dataset, RECORD)


def test_nothing_is_mounted_by_itself(one, bench):
    """Not even ``zfs mount -a``, which hosts run at boot, mounts a dataset."""
    dataset = one.create()
    one.write(dataset, "file", b"content")
    bench.run(one, "zfs", "mount", "-a")
    assert one.look(dataset).mounted_at == ()
    assert not bench.may_write(one, dataset)


def test_root_is_open(one, two):
    """Everybody may write to a new dataset, also where it was sent before."""
    here, there = one.create(), one.create()
    with one.served(here):
        assert one.path(here).stat().st_mode & 0o777 == 0o777
        one.path(here).chmod(0o755)
    with one.served(here):
        assert one.path(here).stat().st_mode & 0o777 == 0o755
    sent = one.snapshot(there)
    transfer(one, two, there, sent)
    two.pool.make_writable(there, sent.identity, None)
    with two.served(there):
        assert two.path(there).stat().st_mode & 0o777 == 0o777


def test_root_left_mounted(one, bench):
    """Where an agent was killed over that, the next one unmounts it."""
    dataset = one.create()
    name, path = bench.name(one, dataset), ROOTS / "left"
    bench.run(one, "zfs", "set", f"mountpoint={path}", name)
    bench.run(one, "zfs", "mount", name)
    one.restart()
    assert one.look(dataset).users == ()
    one.write(dataset, "file", b"content")
    one.pool.destroy(dataset, RECORD)


# The daemon


def go_on(entering, stream):
    entering.write(stream)
    entering.finish(OTHER)


def drain(leaving):
    while leaving.read(PART):
        pass


def create_many(node):
    for _ in range(1000):
        node.create()


def test_daemon_killed(one, bench):
    """Without ZFS nothing is said of datasets; after that all is there, unmounted."""
    dataset, other = one.create(), one.create()
    snapshot = one.save(dataset, "file", b"before")
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    bench.write(one, dataset, "more", b"acknowledged")
    bench.machines[1].kill()
    for ask in (
        one.pool.list,
        lambda: one.pool.look(dataset),
        lambda: one.pool.create(dataset, RECORD, None),
        lambda: one.pool.destroy(other, RECORD),
        lambda: one.pool.write_record(dataset, OTHER),
        lambda: one.pool.snapshot(dataset, "name"),
        lambda: bench.pool(1),
    ):
        with pytest.raises(PoolUnavailable, match="zfs-fuse does not run"):
            ask()
    assert not bench.may_write(one, dataset)
    bench.machines[1].start()
    one.restart()
    copy = one.pool.list().copies[dataset]
    assert (copy.mounted_at, copy.record) == ((), RECORD)
    assert copy.snapshots == (snapshot,)
    one.pool.mount(dataset, path)
    assert one.look(dataset).mounted_at == (path,)
    assert bench.read(one, dataset, "more") == b"acknowledged"
    one.pool.unmount(dataset, path)
    assert not bench.may_write(one, dataset)


def test_dead_mount_is_unmounted(one, bench):
    """A mount that answers nobody can be unmounted like any other."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    bench.machines[1].kill()
    bench.machines[1].start()
    one.pool.unmount(dataset, path)
    one.pool.destroy(dataset, RECORD)


def test_daemon_of_receiver_killed(one, two, bench):
    """What came of a stream is gone with it, and it can be sent again."""
    dataset = one.create()
    first = one.save(dataset, "file", b"first")
    transfer(one, two, dataset, first)
    second = one.save(dataset, "file", os.urandom(8 * MEBIBYTE))
    stream = stream_of(one, dataset, second, first.identity)
    entering = two.pool.receive(dataset, announce(second, first.identity))
    entering.write(stream[: len(stream) // 2])
    bench.machines[2].kill()
    with pytest.raises((StreamBroken, PoolUnavailable)):
        go_on(entering, stream[len(stream) // 2 :])
    entering.abort()
    bench.machines[2].start()
    two.restart()
    copy = two.look(dataset)
    assert (copy.snapshots, copy.record) == ((first,), RECORD)
    deliver(two, dataset, announce(second, first.identity), stream)
    assert two.look(dataset).head == second.identity


def test_daemon_of_sender_killed(one, bench):
    """A stream that breaks off is not taken for a whole one."""
    dataset = one.create()
    sent = one.save(dataset, "file", os.urandom(8 * MEBIBYTE))
    leaving = one.pool.send(dataset, sent.identity, None)
    assert leaving.read(PART)
    bench.machines[1].kill()
    with pytest.raises(StreamBroken):
        drain(leaving)
    bench.machines[1].start()
    assert one.look(dataset).head == sent.identity


# The pool


def test_exported(one, bench):
    """A pool that is not imported is no pool without datasets."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    bench.run(one, "zpool", "export", pool_name(1))
    asks = (
        one.pool.list,
        lambda: one.pool.look(dataset),
        lambda: one.pool.create(dataset, RECORD, None),
        lambda: one.pool.write_record(dataset, OTHER),
        lambda: one.pool.send(dataset, snapshot.identity, None),
        lambda: one.pool.destroy(dataset, OTHER),
        lambda: bench.pool(1),
    )
    try:
        for ask in asks:
            with pytest.raises(PoolUnavailable, match="no imported pool of this name"):
                ask()
    finally:
        bench.run(one, "zpool", "import", "-d", bench.disks[1].parent, pool_name(1))
    assert one.look(dataset).snapshots == (snapshot,)
    assert one.read(dataset, "file") == b"content"


def test_degraded(bench):
    """A pool that lacks a disk of a mirror serves on; one without any says so."""
    machine = bench.machines[1]
    name = f"{pool_name(1)}-mirror"
    disks = [str(machine.file(128 * MEBIBYTE)) for _ in range(2)]
    machine.create(name, "mirror", *disks)
    pool = open_zfs(machine.zfs(name))
    machine.run("zpool", "offline", name, disks[0])
    assert "DEGRADED" in machine.run("zpool", "list", "-H", "-o", "health", name)
    contents = pool.list()
    assert dict(contents.copies) == {}
    machine.run("zpool", "export", name)
    for disk in disks:
        Path(disk).unlink()
    with pytest.raises(ProcessFailed):
        machine.run("zpool", "import", "-d", machine.directory, name)
    with pytest.raises(PoolUnavailable, match="no imported pool"):
        pool.list()


def test_full(one):
    """On a full pool records are written and copies destroyed, and nothing is lost."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    with one.served(dataset), pytest.raises(OSError, match="No space"):
        one.bench.write(one, dataset, "filler", os.urandom(SIZE))
    with pytest.raises(PoolFull):
        create_many(one)
    one.pool.write_record(dataset, OTHER)
    assert one.look(dataset).record == OTHER
    assert one.look(dataset).snapshots[0] == snapshot
    one.pool.destroy(dataset, RECORD)
    assert one.pool.list().ledger[dataset] == RECORD


def test_another_top(one, bench):
    """What Flocker did not make, or another one made, is left alone."""
    name = f"{pool_name(1)}/own"
    bench.run(one, "zfs", "create", "-o", "mountpoint=none", name)
    bench.run(one, "zfs", "create", f"{name}/flocker")
    bench.run(one, "zfs", "create", f"{name}/flocker/precious")
    with pytest.raises(PoolUnavailable, match="not made by Flocker"):
        open_zfs(bench.machines[1].zfs(name))
    bench.run(one, "zfs", "destroy", f"{name}/flocker/precious")
    open_zfs(bench.machines[1].zfs(name))
    bench.run(one, "zfs", "set", "flocker:format=2", f"{name}/flocker")
    with pytest.raises(PoolUnavailable, match="format '2'"):
        open_zfs(bench.machines[1].zfs(name))
    bench.run(one, "zfs", "destroy", "-r", name)


# Power cuts


def test_received_is_on_disk(bench, one, two):
    """What `finish` answered is there after a power cut at that moment, record too."""
    dataset = one.create()
    content = os.urandom(8 * MEBIBYTE)
    first = one.save(dataset, "file", content)
    transfer(one, two, dataset, first)
    bench.after_power_cut(two)
    assert two.read_replica(dataset, "file") == content
    content = os.urandom(8 * MEBIBYTE)
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
    one.write(dataset, "file", b"content")
    snapshot = one.snapshot(dataset)
    bench.after_power_cut(one)
    assert one.look(dataset).snapshots == (snapshot,)
    assert one.read(dataset, "file") == b"content"


def test_unmounted_is_on_disk(bench, one):
    """What was written is on disk when it is unmounted, whoever forgot to sync it."""
    dataset = one.create()
    with one.served(dataset):
        (one.path(dataset) / "file").write_bytes(b"content")
    bench.after_power_cut(one)
    assert one.read(dataset, "file") == b"content"


# Written or not


def test_written_after_equal_snapshots(one):
    """Where two snapshots are one the properties do not tell, and it is found out."""
    dataset = one.create()
    one.save(dataset, "file", b"content")
    newest = one.snapshot(dataset)
    assert one.look(dataset).head == newest.identity
    assert len(one.look(dataset).snapshots) == 2
    one.write(dataset, "file", b"changed")
    assert one.look(dataset).head is None
    newest = one.snapshot(dataset)
    assert one.look(dataset).head == newest.identity


def test_written_clone(one):
    """The same for a clone whose first snapshot is what it was made of."""
    dataset, clone = one.create(), one.create()
    one.pool.destroy(clone, RECORD)
    origin = one.save(dataset, "file", b"content")
    one.pool.clone(clone, dataset, origin.identity, RECORD)
    newest = one.snapshot(clone)
    assert one.look(clone).head == newest.identity
    one.write(clone, "file", b"changed")
    assert one.look(clone).head is None
    one.pool.destroy(clone, RECORD)


def test_comparing_was_killed(one, bench):
    """A snapshot that is only made to compare is nobody's, and goes at the start."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    name = bench.name(one, dataset)
    bench.run(one, "zfs", "snapshot", f"{name}@_flocker.left")
    assert one.look(dataset).snapshots == (snapshot,)
    one.restart()
    assert "_flocker.left" not in bench.run(one, "zfs", "list", "-Hrt", "all", name)


def test_read_is_not_written(one):
    """A dataset that was only read is still its newest snapshot."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    assert one.read(dataset, "file") == b"content"
    assert one.look(dataset).head == snapshot.identity


# What others do


def test_held_by_zfs_too(one, bench):
    """A snapshot that is held is refused to who destroys it by hand."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    one.pool.hold(dataset, snapshot.identity, "move-7")
    by_hand = ("zfs", "destroy", f"{bench.name(one, dataset)}@{snapshot.name}")
    with pytest.raises(ProcessFailed, match="busy"):
        bench.run(one, *by_hand)
    with pytest.raises(Held):
        one.pool.destroy_snapshot(dataset, snapshot.identity)
    one.pool.release(dataset, snapshot.identity, "move-7")
    bench.run(one, *by_hand)


def test_hold_was_killed(one, bench):
    """A hold of which only ZFS knows holds nothing."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    name = f"{bench.name(one, dataset)}@{snapshot.name}"
    bench.run(one, "zfs", "hold", "flocker", name)
    one.pool.destroy(dataset, RECORD)
    assert dict(one.pool.list().copies) == {}


def test_too_many_holds(one):
    """More tags than ZFS keeps in a property are refused, and the others stay."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    tags = [f"{number:03}" + "x" * 57 for number in range(17)]
    for tag in tags[:-1]:
        one.pool.hold(dataset, snapshot.identity, tag)
    with pytest.raises(BadName):
        one.pool.hold(dataset, snapshot.identity, tags[-1])
    assert one.look(dataset).snapshots[0].holds == set(tags[:-1])
    for tag in tags:
        one.pool.release(dataset, snapshot.identity, tag)


def test_limit_of_a_receiver(one, two, bench):
    """A limit that a killed agent left on a received copy keeps nothing out."""
    dataset = one.create()
    first = one.save(dataset, "file", b"first")
    transfer(one, two, dataset, first)
    bench.run(two, "zfs", "set", "refquota=1M", bench.name(two, dataset))
    second = one.save(dataset, "file", os.urandom(4 * MEBIBYTE))
    transfer(one, two, dataset, second, first)
    assert two.look(dataset).head == second.identity


def test_snapshot_of_a_receiver(one, two, bench):
    """A snapshot that somebody took of a received copy is what it stands at."""
    dataset = one.create()
    first = one.save(dataset, "file", b"first")
    transfer(one, two, dataset, first)
    second = one.save(dataset, "file", b"second")
    bench.run(two, "zfs", "snapshot", f"{bench.name(two, dataset)}@daily")
    with pytest.raises(Diverged):
        transfer(one, two, dataset, second, first)
    bench.run(two, "zfs", "destroy", f"{bench.name(two, dataset)}@daily")
    transfer(one, two, dataset, second, first)


def test_record_does_not_travel(one, two, bench):
    """A stream that would bring properties, and so a record, is refused."""
    dataset = one.create()
    sent = one.save(dataset, "file", b"content")
    argv = [*bench.machines[1].within, "zfs", "send", "-p"]
    name = f"{bench.name(one, dataset)}@{sent.name}"
    stream = subprocess.run([*argv, name], check=True, capture_output=True).stdout
    with pytest.raises(StreamBroken):
        deliver(two, dataset, announce(sent, None), stream)
    assert dict(two.pool.list().copies) == {}


def test_filesystems_inside(one, bench):
    """A dataset with filesystems of its own has no snapshots: they would lack them."""
    dataset = one.create()
    bench.run(one, "zfs", "create", f"{bench.name(one, dataset)}/inside")
    with pytest.raises(Incomplete, match="inside"):
        one.snapshot(dataset)
    assert one.look(dataset).snapshots == ()
