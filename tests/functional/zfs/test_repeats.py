"""Files of a ZFS pool copied back: exactly, or not at all; see `zfs.repeating`."""

import errno
import os
import signal
import stat
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from flocker.backends.pool_errors import (
    Busy,
    CannotRepeat,
    Held,
    PoolFull,
    PoolUnavailable,
)
from flocker.backends.zfs import api, copying
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.copying import make_equal
from flocker.backends.zfs.names import REPEATING
from flocker.runtime.process import ProcessFailed
from flocker.sandbox.waiting import until
from flocker.testing.conformance.pool_bench import RECORD
from tests.functional.zfs.zfs_bench import MEBIBYTE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

PATIENCE = 60.0
ACL = struct.pack("<IHHIHHIHHIHHIHHI", 2, *(
    part
    for entry in ((1, 6, -1), (2, 4, 7), (4, 4, -1), (16, 6, -1), (32, 4, -1))
    for part in (entry[0], entry[1], entry[2] % 2**32)
))  # fmt: skip
"""User 7 may read."""


def attributes(path):
    """Extended attributes, and ACLs, which are such."""
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []
    return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]


def manifest(root):
    """All that there is to know of a tree, but for inodes and what ZFS gives itself."""
    links, found = {}, {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        name = str(path.relative_to(root))
        what = [status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns]
        if stat.S_ISREG(status.st_mode):
            what.append(path.read_bytes())
        elif path.is_symlink():
            what.append(path.readlink())
        else:
            what.append(status.st_rdev)
        if not path.is_dir():
            what.append(links.setdefault(status.st_ino, name))
        what += attributes(path)
        found[name] = what
    return found


def grow(root):
    """Make a tree with one of each."""
    for name in ("gone", "same", "becomes a file", "-odd \n name\udcff"):
        (root / name).mkdir()
        (root / name / "file").write_bytes(os.urandom(1000))
    (root / "changed").write_bytes(os.urandom(3 * MEBIBYTE))
    (root / "as long").write_bytes(b"first")
    os.utime(root / "as long", (1, 1))
    (root / "becomes a directory").write_bytes(b"file")
    (root / "owned").write_bytes(b"")
    os.chown(root / "owned", 12345, 54321)
    (root / "owned").chmod(0o4751)
    (root / "link").symlink_to("../nowhere")
    for name, kind in (("pipe", stat.S_IFIFO), ("null", stat.S_IFCHR)):
        os.mknod(root / name, kind | 0o600, os.makedev(1, 3))
    with (root / "holes").open("wb") as file:
        file.truncate(64 * MEBIBYTE)
    for name in ("a", "b", "c", "alone"):
        (root / name).write_bytes(name.encode())
    os.link(root / "a", root / "with a")
    os.link(root / "b", root / "same" / "with b")
    os.link(root / "null", root / "another null")
    for each in (root / "same", root):
        os.utime(each, ns=(1, 1_600_000_000_123_456_789))


def spoil(root):
    """Change all of it."""
    (root / "gone" / "file").unlink()
    (root / "gone").rmdir()
    (root / "becomes a file" / "file").unlink()
    (root / "becomes a file").rmdir()
    (root / "becomes a file").write_bytes(b"file")
    with (root / "changed").open("r+b") as file:
        file.seek(MEBIBYTE)
        file.write(b"changed")
        file.truncate(2 * MEBIBYTE)
    (root / "as long").write_bytes(b"other")
    os.utime(root / "as long", (1, 1))
    (root / "becomes a directory").unlink()
    (root / "becomes a directory" / "deep").mkdir(parents=True)
    (root / "becomes a directory" / "deep" / "file").write_bytes(b"file")
    os.chown(root / "owned", 0, 0)
    for name in ("link", "pipe", "another null", "holes", "with a", "b", "c"):
        (root / name).unlink()
    (root / "link").symlink_to("elsewhere")
    (root / "with a").write_bytes(b"a")
    os.link(root / "alone", root / "b")
    os.link(root / "alone", root / "c")
    os.link(root / "alone", root / "more")
    (root / "same" / "with b").write_bytes(b"longer than b")
    root.chmod(0o700)


def saved(node, change=None):
    """Change a new dataset, or write to it, between two snapshots."""
    dataset = node.create()
    with node.served(dataset):
        (grow if change is None else change)(node.path(dataset))
        first = node.snapshot(dataset, "first")
        before = manifest(node.path(dataset)) if change is None else {}
        (spoil if change is None else change)(node.path(dataset))
        second = node.snapshot(dataset, "second")
    node.pool.make_read_only(dataset)
    return dataset, first, second, before


def small(root):
    (root / "file").write_bytes(os.urandom(1000))


def check_as_before(node, dataset, first, second):
    """Nothing of it is there, and what was last is what it is."""
    copy = node.look(dataset)
    assert (copy.snapshots, copy.head) == ((first, second), second.identity)
    assert (copy.writable, copy.mounted_at) == (False, ())
    names, zfs = node.pool.names, node.pool.zfs
    assert [row.name for row in zfs.read(names.staging)] == [names.staging]
    (live, *_) = zfs.read(names.copy(dataset), depth=0)
    assert (live.repeating, "/run/" in live.mountpoint) == (None, False)
    assert "readonly\ton" in zfs.ask(
        "get", "-Ho", "property,value", "readonly", live.name
    )
    assert node.pool.mounts.users(live.name) == ()


def test_exactly(one):
    """Whatever there is is as it was, and holes take no room."""
    dataset, first, _, before = saved(one)
    again = one.pool.repeat(dataset, first.identity, "again")
    one.pool.make_writable(dataset, again.identity, None)
    with one.served(dataset):
        assert manifest(one.path(dataset)) == before
        assert (one.path(dataset) / "holes").stat().st_blocks < 2048
    assert not one.look(dataset).written


def test_attributes(tmp_path):
    """Attributes and ACLs are copied where there are any: zfs-fuse has none."""
    source, target = tmp_path / "source", tmp_path / "target"
    for root in (source, target):
        root.mkdir()
        grow(root)
    for name, of in (("a", b"1"), ("same", b"2"), (".", b"3")):
        os.setxattr(source / name, "trusted.flocker", of)
        os.setxattr(target / name, "trusted.other", of)
    os.setxattr(source / "owned", "system.posix_acl_access", ACL)
    os.setxattr(target / "alone", "system.posix_acl_access", ACL)
    before = manifest(source)
    spoil(target)
    make_equal(Zfs("none"), source, target)
    assert manifest(target) == manifest(source) == before


def copying_in(directory):
    """Find the processes of rsync that name a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            argv = (process / "cmdline").read_bytes()
            if argv.startswith(b"rsync") and bytes(directory) in argv:
                found.append(process.name)
    return found


def test_agent_killed(tmp_path):
    """Who copied for an agent that was killed writes no more after that."""
    source, target = tmp_path / "source", tmp_path / "target"
    for root in (source, target):
        root.mkdir()
        with (root / "big").open("wb") as file:
            file.truncate(256 * 1024 * MEBIBYTE)  # minutes of reading
    agent = os.fork()
    if agent == 0:
        make_equal(Zfs("none"), source, target)
        os._exit(0)
    until(lambda: len(copying_in(tmp_path)) > 0, "rsync", PATIENCE)
    os.kill(agent, signal.SIGKILL)
    os.waitpid(agent, 0)
    until(lambda: copying_in(tmp_path) == [], "the end of rsync", PATIENCE)


def test_pool_full(one):
    """What does not fit leaves all as it was, and the pool of use."""
    dataset, first, second, _ = saved(
        one, lambda root: (root / "big").write_bytes(os.urandom(90 * MEBIBYTE))
    )
    with pytest.raises(PoolFull, match="No space"):
        one.pool.repeat(dataset, first.identity, "again")
    check_as_before(one, dataset, first, second)
    one.restart()
    check_as_before(one, dataset, first, second)
    assert one.pool.reserve.held > 0
    one.pool.write_record(dataset, RECORD)


def test_no_rsync(one, monkeypatch):
    """The program that is missing is named, and nothing was begun."""
    dataset, first, second, _ = saved(one, small)
    with monkeypatch.context() as without:
        without.setattr(copying, "PROGRAM", "rsync-of-nowhere")
        with pytest.raises(CannotRepeat, match="cannot start rsync-of-nowhere"):
            one.pool.repeat(dataset, first.identity, "again")
    check_as_before(one, dataset, first, second)


def test_rsync_fails(one, monkeypatch):
    """What it says is said, and all is as before."""
    dataset, first, second, _ = saved(one, small)

    def fails(zfs, source, target):
        make_equal(zfs, source, target)
        raise ProcessFailed(("rsync",), 23, "some files were not transferred")

    with monkeypatch.context() as failing:
        failing.setattr(api, "make_equal", fails)
        with pytest.raises(CannotRepeat, match="some files"):
            one.pool.repeat(dataset, first.identity, "again")
    check_as_before(one, dataset, first, second)
    one.pool.repeat(dataset, first.identity, "again")


def test_meanwhile(one, monkeypatch):
    """It is shown as before, and left alone; the others go on."""
    dataset, first, second, _ = saved(one, small)
    seen = []

    def watched(zfs, source, target):
        make_equal(zfs, source, target)
        assert target.parent.stat().st_mode & 0o777 == 0o700
        seen.append(one.pool.list().copies[dataset])
        seen.append(one.look(dataset))
        for call in (
            lambda: one.pool.make_writable(dataset, second.identity, None),
            lambda: one.pool.destroy(dataset, RECORD),
            lambda: one.pool.repeat(dataset, second.identity, "another"),
        ):
            with pytest.raises(Busy, match="on its way back"):
                call()
        with pytest.raises(Held, match="its way back"):
            one.pool.destroy_snapshot(dataset, second.identity)
        other = one.create()
        one.save(other, "file", b"content")

    monkeypatch.setattr(api, "make_equal", watched)
    again = one.pool.repeat(dataset, first.identity, "again")
    for copy in seen:
        assert (copy.snapshots, copy.head) == ((first, second), second.identity)
        assert (copy.writable, copy.mounted_at, copy.quota) == (False, (), None)
    assert len(seen) == 2
    assert one.head(dataset) == again.identity


def test_daemon_killed(one, bench, monkeypatch):
    """What nobody could undo is undone when ZFS is back, by whoever comes first."""
    dataset, first, second, _ = saved(one, small)

    def killed(zfs, source, target):
        make_equal(zfs, source, target)
        bench.machines[1].kill()
        make_equal(zfs, source, target)

    with monkeypatch.context() as killing:
        killing.setattr(api, "make_equal", killed)
        with pytest.raises(PoolUnavailable):
            one.pool.repeat(dataset, first.identity, "again")
    bench.machines[1].start()
    copy = one.pool.list().copies[dataset]
    assert (copy.head, copy.writable) == (second.identity, False)
    assert one.pool.zfs.ask(
        "get", "-Ho", "value", REPEATING, one.pool.names.copy(dataset)
    )
    one.pool.make_writable(dataset, second.identity, None)
    one.pool.make_read_only(dataset)
    one.restart()
    check_as_before(one, dataset, first, second)
    one.pool.repeat(dataset, first.identity, "again")
