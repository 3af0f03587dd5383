"""What the pool `zfs` needs of a real ZFS: mounts, crashes, power cuts, others."""

import os
from pathlib import Path
from threading import Thread

import pytest

from flocker.backends.pool_errors import (
    PoolFull,
    PoolUnavailable,
    StreamBroken,
)
from flocker.backends.zfs.configuring import open_zfs
from flocker.backends.zfs.mounting import ROOTS
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.process import ProcessFailed
from flocker.testing.conformance.pool_bench import (
    OTHER,
    PART,
    RECORD,
    announce,
    deliver,
    stream_of,
    transfer,
)
from tests.functional.pool_hosts import HostConformance, running
from tests.functional.zfs.zfs_bench import MEBIBYTE, SIZE, pool_name

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


class TestHost(HostConformance):
    """What every pool needs of a host."""


# Mounts


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
    other = one.create()
    one.pool.mount(other, one.path(other))
    assert one.pool.find_dead() == frozenset()
    bench.machines[1].kill()
    assert one.pool.find_dead() == {dataset, other}
    bench.machines[1].start()
    one.pool.mount(other, one.path(other))
    assert one.pool.find_dead() == {dataset}
    one.pool.unmount(dataset, path)
    one.pool.destroy(dataset, RECORD)
    one.pool.unmount(other, one.path(other))


def test_dead_and_still_open(one, bench):
    """What somebody has open of a dead mount is named, and not unmounted lazily."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    with running("sh", "-c", 'exec 3>"$1/held"; echo; read _', "sh", path) as holder:
        bench.machines[1].kill()
        bench.machines[1].start()
        with pytest.raises(BadMountPoint, match=f"process {holder}"):
            one.pool.mount(dataset, path)
        assert one.pool.find_dead() == {dataset}
    one.pool.mount(dataset, path)
    assert one.look(dataset).mounted_at == (path,)
    one.pool.unmount(dataset, path)


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


def test_full_and_compared(one):
    """On a full pool it is still found out whether a dataset was written to."""
    dataset, filler = one.create(), one.create()
    one.save(dataset, "file", b"content")
    newest = one.snapshot(dataset)
    with one.served(filler), pytest.raises(OSError, match="No space"):
        one.bench.write(one, filler, "filler", os.urandom(SIZE))
    one.pool.write_record(dataset, OTHER)
    assert one.look(dataset).head == newest.identity


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


# Power cuts


def test_unmounted_is_on_disk(bench, one):
    """What was written is on disk when it is unmounted, whoever forgot to sync it."""
    dataset = one.create()
    with one.served(dataset):
        (one.path(dataset) / "file").write_bytes(b"content")
    bench.after_power_cut(one)
    assert one.read(dataset, "file") == b"content"


def test_two_properties_at_once(one, bench):
    """Old versions set two neither both nor none: a record is one property for that."""
    dataset = one.create()
    name = bench.name(one, dataset)
    refused = False
    try:
        bench.run(one, "zfs", "set", "test:a=1", "test:b=2", name)
    except ProcessFailed:
        refused = True
    bench.after_power_cut(one)
    told = bench.run(one, "zfs", "get", "-Ho", "value", "test:a,test:b", name)
    assert told.split() == (["1", "-"] if refused else ["1", "2"])


def test_record_is_one_step(one, bench):
    """Whenever ZFS dies, a record is one that was written, no older than answered."""
    dataset = one.create()
    for life in range(5):
        answered = [b"none of this life"]
        records = [f'{{"life": {life}, "number": {n}}}'.encode() for n in range(200)]

        def write(records=records, answered=answered):
            try:
                for record in records:
                    one.pool.write_record(dataset, record)
                    answered.append(record)
            except PoolUnavailable:
                pass

        before = one.look(dataset).record
        writer = Thread(target=write)
        writer.start()
        while len(answered) < 3 + 2 * life:
            assert writer.is_alive()
        bench.machines[1].kill()
        writer.join()
        bench.machines[1].start()
        one.restart()
        kept = one.look(dataset).record
        possible = [before, *records]
        last = answered[-1] if len(answered) > 1 else before
        assert kept in possible[possible.index(last) : possible.index(last) + 2]


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
