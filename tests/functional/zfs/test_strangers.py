"""What a ZFS pool has that Flocker did not make, or did not end; many at once."""

import os
import subprocess
from threading import Thread

import pytest

from flocker.backends.pool_errors import (
    BadName,
    Diverged,
    HasClones,
    Held,
    Incomplete,
    PoolUnavailable,
    QuotaTooSmall,
    StreamBroken,
)
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.configuring import open_zfs
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.process import ProcessFailed
from flocker.testing.conformance.pool_bench import (
    OTHER,
    RECORD,
    a_node_id,
    announce,
    deliver,
    transfer,
)
from tests.functional.zfs.zfs_bench import MEBIBYTE, pool_name

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")


def staged(node):
    """What is left half made or half destroyed."""
    names = node.pool.names
    rows = node.pool.zfs.read(names.staging)
    return [row.name for row in rows if row.name != names.staging]


def spare(bench, name="mine"):
    """Give the name of a filesystem that is none of Flocker's."""
    del bench
    return f"{pool_name(1)}/{name}"


# Clones that others make


def test_clone_of_an_operator(one, bench):
    """A dataset does not go, and is not torn, while somebody has a clone of it."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    mine = spare(bench)
    bench.run(one, "zfs", "clone", f"{bench.name(one, dataset)}@{snapshot.name}", mine)
    for go in (
        lambda: one.pool.destroy(dataset, OTHER),
        lambda: one.pool.destroy_snapshot(dataset, snapshot.identity),
    ):
        with pytest.raises(HasClones, match=mine):
            go()
    assert one.look(dataset).head == snapshot.identity
    assert one.look(dataset).record == RECORD
    bench.run(one, "zfs", "destroy", mine)
    one.pool.destroy(dataset, OTHER)
    assert staged(one) == []


def test_many_clones(one):
    """However many clones there are they are what an error names."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    clones = []
    for _ in range(6):
        clones.append(one.create())
        one.pool.destroy(clones[-1], RECORD)
        one.pool.clone(clones[-1], dataset, snapshot.identity, RECORD)
    with pytest.raises(HasClones) as caught:
        one.pool.destroy_snapshot(dataset, snapshot.identity)
    assert set(caught.value.clones) == set(clones)


def test_staged_clones_go_first(one, bench):
    """What agents were killed over goes at the next start, clones first."""
    names = one.pool.names
    origin = f"{names.staging}/a"
    bench.run(one, "zfs", "create", origin)
    bench.run(one, "zfs", "snapshot", f"{origin}@s")
    for number in range(6):
        bench.run(one, "zfs", "clone", f"{origin}@s", f"{names.staging}/b{number}")
    one.restart()
    assert staged(one) == []


def test_what_others_need_keeps_no_pool_closed(one, bench):
    """What cannot be destroyed stays, in nobody's way; all else is served."""
    dataset = one.create()
    one.write(dataset, "file", b"content")
    left, mine = f"{one.pool.names.staging}/left", spare(bench)
    bench.run(one, "zfs", "create", left)
    bench.run(one, "zfs", "snapshot", f"{left}@s")
    bench.run(one, "zfs", "clone", f"{left}@s", mine)
    one.restart()
    assert one.read(dataset, "file") == b"content"
    bench.run(one, "zfs", "destroy", mine)
    bench.run(one, "zfs", "hold", "theirs", f"{left}@s")
    one.restart()
    assert one.read(dataset, "file") == b"content"
    bench.run(one, "zfs", "release", "theirs", f"{left}@s")
    one.restart()
    assert staged(one) == []


# Holds


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


def test_held_by_others(one, bench):
    """What an operator holds stays, and with it what it is of, until it is released."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    name = f"{bench.name(one, dataset)}@{snapshot.name}"
    bench.run(one, "zfs", "hold", "theirs", name)
    one.pool.hold(dataset, snapshot.identity, "move-7")
    one.pool.release(dataset, snapshot.identity, "move-7")
    for go in (
        lambda: one.pool.destroy(dataset, OTHER),
        lambda: one.pool.destroy_snapshot(dataset, snapshot.identity),
    ):
        with pytest.raises(Held, match="somebody else"):
            go()
    assert one.look(dataset).record == RECORD
    bench.run(one, "zfs", "release", "theirs", name)
    one.pool.destroy(dataset, OTHER)
    assert staged(one) == []


def test_aside_held_by_others(one, bench):
    """The same for a copy that was set aside."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    aside = one.pool.set_aside(dataset, a_node_id(), 1, RECORD)
    name = f"{one.pool.names.aside(aside.name)}@{snapshot.name}"
    bench.run(one, "zfs", "hold", "theirs", name)
    with pytest.raises(Held, match="somebody else"):
        one.pool.destroy_aside(aside.name)
    bench.run(one, "zfs", "release", "theirs", name)
    one.pool.destroy_aside(aside.name)
    assert one.pool.list().asides == ()


def test_hold_was_killed(one, bench):
    """A hold of which only ZFS knows holds nothing."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    name = f"{bench.name(one, dataset)}@{snapshot.name}"
    bench.run(one, "zfs", "hold", "flocker", name)
    one.pool.hold(dataset, snapshot.identity, "move-7")
    one.pool.release(dataset, snapshot.identity, "move-7")
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


# Properties


def test_limit_of_a_receiver(one, two, bench):
    """A limit that a killed agent left on a received copy keeps nothing out."""
    dataset = one.create()
    first = one.save(dataset, "file", b"first")
    transfer(one, two, dataset, first)
    bench.run(two, "zfs", "set", "refquota=1M", bench.name(two, dataset))
    second = one.save(dataset, "file", os.urandom(4 * MEBIBYTE))
    transfer(one, two, dataset, second, first)
    assert two.look(dataset).head == second.identity


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


def test_a_record_from_above_is_none(one, bench):
    """What a copy inherits is not its record, and holds nothing."""
    dataset = one.create()
    snapshot = one.save(dataset, "file", b"content")
    bench.run(one, "zfs", "set", "flocker:record=theirs", one.pool.names.top)
    bench.run(one, "zfs", "set", "flocker:holds=theirs", one.pool.names.top)
    bare = f"{one.pool.names.copies}/{a_node_id()}"
    bench.run(one, "zfs", "create", bare)
    contents = one.pool.list()
    assert {each.record for each in contents.copies.values()} == {RECORD}
    assert contents.copies[dataset].snapshots == (snapshot,)
    one.pool.destroy_snapshot(dataset, snapshot.identity)


def test_values_of_several_lines(one, bench):
    """Properties that others set, whatever is in them, hide nothing."""
    dataset = one.create()
    strange = "their:note=a\nb\tc\td\te"
    bench.run(one, "zfs", "set", strange, pool_name(1))
    bench.run(one, "zfs", "set", strange, one.pool.names.ledger)
    one.pool.destroy(dataset, OTHER)
    assert dict(one.pool.list().ledger) == {dataset: OTHER}
    bench.run(one, "zfs", "inherit", "their:note", pool_name(1))


def test_smaller_than_what_it_holds(one, two, bench):
    """A copy that holds more than its limit is served, and grows no further."""
    dataset = one.create(quota=32 * MEBIBYTE)
    sent = one.save(dataset, "file", os.urandom(8 * MEBIBYTE))
    transfer(one, two, dataset, sent)
    two.pool.make_writable(dataset, sent.identity, 4 * MEBIBYTE)
    quota = two.look(dataset).quota
    assert quota is not None
    assert 8 * MEBIBYTE <= quota <= 9 * MEBIBYTE
    with two.served(dataset):
        assert (two.path(dataset) / "file").stat().st_size == 8 * MEBIBYTE
        with pytest.raises(OSError, match="quota"):
            bench.write(two, dataset, "more", os.urandom(MEBIBYTE))
    with pytest.raises(QuotaTooSmall):
        two.pool.set_quota(dataset, 4 * MEBIBYTE)
    two.pool.set_quota(dataset, 16 * MEBIBYTE)
    two.write(dataset, "more", b"content")


# What others do to copies


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


def test_filesystems_inside(one, bench):
    """A dataset with filesystems of its own has no snapshots: they would lack them."""
    dataset = one.create()
    bench.run(one, "zfs", "create", f"{bench.name(one, dataset)}/inside")
    with pytest.raises(Incomplete, match="inside"):
        one.snapshot(dataset)
    assert one.look(dataset).snapshots == ()


def test_in_the_place_of_a_copy(one, bench):
    """What somebody made where a copy is to be stays, and nothing is left of trying."""
    dataset = one.create()
    one.pool.destroy(dataset, OTHER)
    bench.run(one, "zfs", "create", bench.name(one, dataset))
    for _ in range(3):
        with pytest.raises(PoolUnavailable, match="exists"):
            one.pool.create(dataset, RECORD, None)
    assert staged(one) == []
    assert one.pool.list().ledger[dataset] == OTHER


def test_a_part_is_destroyed(one, bench):
    """Without the place of copies nothing is said of any."""
    one.create()
    bench.run(one, "zfs", "destroy", "-r", one.pool.names.copies)
    with pytest.raises(PoolUnavailable, match=r"has no .*/copies"):
        one.pool.list()


def test_another_top(one, bench):
    """What Flocker did not make, or another one made, is left alone."""
    name = spare(bench, "own")
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


def test_another_top_in_use(one, bench):
    """A filesystem of somebody's that is mounted is not taken over, nor unmounted."""
    name, place = spare(bench, "own"), bench.mount_root(1) / "theirs"
    bench.run(one, "zfs", "create", "-o", "mountpoint=none", name)
    bench.run(one, "zfs", "create", "-o", f"mountpoint={place}", f"{name}/flocker")
    (place / "file").write_text("precious")
    with pytest.raises(PoolUnavailable, match="not made by Flocker"):
        open_zfs(bench.machines[1].zfs(name))
    assert (place / "file").read_text() == "precious"
    bench.run(one, "umount", str(place))
    bench.machines[1].zfs(name).change("destroy", "-r", name)


def test_imported_below_another_root(one, bench):
    """Where ZFS mounts elsewhere than it is told, nothing is said to be served."""
    dataset = one.create()
    one.write(dataset, "file", b"content")
    disks = str(bench.disks[1].parent)
    bench.run(one, "zpool", "export", pool_name(1))
    there = str(bench.mount_root(1) / "other-root")
    bench.run(one, "zpool", "import", "-R", there, "-d", disks, pool_name(1))
    try:
        with pytest.raises(BadMountPoint, match="-R"):
            one.pool.mount(dataset, one.path(dataset))
        assert one.look(dataset).mounted_at == ()
        assert not bench.may_write(one, dataset)
    finally:
        bench.run(one, "zpool", "export", pool_name(1))
        bench.run(one, "zpool", "import", "-d", disks, pool_name(1))
    assert one.read(dataset, "file") == b"content"


# Killed, and at once


def test_killed_between_mount_and_its_root(one, bench):
    """A snapshot does not unmount what is served with its root still to be opened."""
    dataset = one.create()
    path = one.path(dataset)
    one.pool.mount(dataset, path)
    path.chmod(0o755)
    bench.run(one, "zfs", "set", "flocker:fresh=yes", bench.name(one, dataset))
    one.restart()
    with (path / "file").open("wb", buffering=0) as open_file:
        open_file.write(b"before")
        one.snapshot(dataset)
        open_file.write(b"after")
    assert one.look(dataset).mounted_at == (path,)
    assert path.stat().st_mode & 0o777 == 0o777
    one.pool.unmount(dataset, path)


def test_aside_is_read_only(one, bench):
    """Where an agent was killed right after it set a copy aside, too."""
    dataset = one.create()
    one.save(dataset, "file", b"content")
    aside = one.pool.set_aside(dataset, a_node_id(), 1, RECORD)
    name = one.pool.names.aside(aside.name)
    bench.run(one, "zfs", "set", "readonly=off", name)
    one.restart()
    assert bench.run(one, "zfs", "get", "-Ho", "value", "readonly", name) == "on\n"


def test_list_is_of_one_moment(one, monkeypatch):
    """A dataset that is destroyed meanwhile is a copy or a record; it is never gone."""
    dataset = one.create()
    going = Thread(target=lambda: one.pool.destroy(dataset, OTHER))
    ask = Zfs.properties

    def after_a_while(*arguments):
        going.start()
        going.join(1)
        return ask(*arguments)

    monkeypatch.setattr(Zfs, "properties", after_a_while)
    contents = one.pool.list()
    going.join()
    known = {**contents.ledger, **{d: c.record for d, c in contents.copies.items()}}
    assert known[dataset] in {RECORD, OTHER}
