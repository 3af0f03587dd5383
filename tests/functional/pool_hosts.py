"""What a pool needs of a host: mounts and users that it finds, disks that lose power.

For modules with the fixtures `bench`, and `one` and `two`, nodes of it:
``class TestHost(HostConformance)`` is all.
"""

import os
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from flocker.backends.pool_errors import Busy
from flocker.testing.conformance.pool_bench import (
    OTHER,
    RECORD,
    PoolBench,
    announce,
    stream_of,
    transfer,
)
from flocker.testing.side_by_side import LET_GO, while_none_runs


class HostBench(PoolBench):
    """What this suite asks of whoever runs it, besides."""

    def scratch(self, node) -> Path:
        """Give a directory of the node."""
        raise NotImplementedError

    def after_power_cut(self, node):
        """Go on with what is on the node's disk at this moment."""
        raise NotImplementedError


@contextmanager
def running(*argv):
    """Run a program that says a line when it is ready and ends with its input."""
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process.pid
        process.stdin.close()


@contextmanager
def another_namespace(path):
    """A process whose mount namespace has, of what tests mount, only what is there."""
    script = f"{LET_GO}\necho; read _"
    with ExitStack() as kept:
        with while_none_runs():
            argv = ("unshare", "--mount", "sh", "-c", script, "sh", path)
            holder = kept.enter_context(running(*argv))
        yield holder


class HostConformance:
    """Who uses a dataset is found, and what was answered is on disk."""

    # Mounts

    def test_mount_of_another_namespace(self, one):
        """A mount that another mount namespace keeps is found before ours is gone."""
        dataset = one.create()
        path = one.path(dataset)
        one.pool.mount(dataset, path)
        with another_namespace(path) as holder:
            with pytest.raises(Busy) as caught:
                one.pool.unmount(dataset, path)
            assert [who.pid for who in caught.value.who] == [holder]
            assert "in its mount namespace" in str(caught.value)
            assert one.look(dataset).mounted_at == (path,)
            with pytest.raises(Busy):
                one.pool.destroy(dataset, RECORD)
        one.pool.unmount(dataset, path)

    def test_mount_that_another_namespace_alone_has(self, one):
        """A dataset that is mounted only where we do not look is not destroyed."""
        dataset = one.create()
        path = one.path(dataset)
        one.pool.mount(dataset, path)
        with another_namespace(path) as holder:
            subprocess.run(["umount", path], check=True)
            for take in (
                lambda: one.pool.destroy(dataset, RECORD),
                lambda: one.pool.make_read_only(dataset),
            ):
                with pytest.raises(Busy) as caught:
                    take()
                assert [who.pid for who in caught.value.who] == [holder]

    def test_bind_mount_of_a_part(self, one, bench):
        """A folder of a dataset bound elsewhere keeps it, as a container does."""
        dataset = one.create()
        path = one.path(dataset)
        one.pool.mount(dataset, path)
        (path / "folder").mkdir()
        bound = bench.scratch(one) / "bound"
        bound.mkdir()
        subprocess.run(["mount", "--bind", path / "folder", bound], check=True)
        with pytest.raises(Busy, match=str(bound)):
            one.pool.unmount(dataset, path)
        assert one.look(dataset).mounted_at == (path,)
        subprocess.run(["umount", bound], check=True)
        one.pool.unmount(dataset, path)

    def test_open_file(self, one):
        """A process with an open file is named; the dataset stays mounted and works."""
        dataset = one.create()
        path = one.path(dataset)
        one.pool.mount(dataset, path)
        with running(
            "sh", "-c", 'exec 3>"$1/held"; echo; read _', "sh", path
        ) as holder:
            with pytest.raises(Busy) as caught:
                one.pool.unmount(dataset, path)
            assert holder in {who.pid for who in caught.value.who}
            one.bench.write(one, dataset, "file", b"still there")
        one.pool.unmount(dataset, path)
        assert one.read(dataset, "file") == b"still there"

    def test_neighbours_do_not_count(self, one):
        """What is mounted of another dataset on the same disk keeps nothing."""
        dataset, neighbour = one.create(), one.create()
        with one.served(neighbour):
            one.write(dataset, "file", b"content")
            one.pool.destroy(dataset, RECORD)

    # Power cuts

    def test_received_is_on_disk(self, bench, one, two):
        """What `finish` answered is there after a power cut, record too."""
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

    def test_records_are_on_disk(self, bench, one):
        """What was answered of records and snapshots outlives a power cut."""
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
