"""What every pool must do; run it on yours.

    class TestMyPool(PoolConformance, ServingConformance, StreamConformance):
        def pool(self, number: int) -> IFilesystemPool:
            return MyPool(...)  # the pool of node 1, 2 or 3

        def mount_root(self, number: int) -> Path:
            return ...

See `PoolBench` for what else there is to say. The other suites are in the modules
`pool_serving` and `pool_streams` beside this one.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from zope.interface.verify import verifyObject

from flocker.backends.pool_errors import (
    BadName,
    Busy,
    FilesystemExists,
    HasClones,
    Held,
    NoSuchFilesystem,
    NoSuchSnapshot,
    SnapshotExists,
)
from flocker.backends.pool_interface import (
    LONGEST_RECORD,
    Announced,
    IFilesystemPool,
    PoolSnapshot,
)
from flocker.model.ids import DatasetID
from flocker.model.sizes import MEBIBYTE
from flocker.testing.conformance.pool_bench import (
    NO_SNAPSHOT,
    OTHER,
    RECORD,
    Node,
    PoolBench,
    a_node_id,
)


class PoolConformance(PoolBench):
    """What a pool keeps: copies, records, snapshots and clones; one promise a test."""

    # Create, list and look

    def test_interface(self, one: Node) -> None:
        """The pool provides the interface, method by method."""
        assert verifyObject(IFilesystemPool, one.pool)

    def test_empty(self, one: Node) -> None:
        """A new pool has nothing but room."""
        contents = one.pool.list()
        assert (dict(contents.copies), contents.asides) == ({}, ())
        assert dict(contents.ledger) == {}
        assert 0 < contents.free <= contents.size

    def test_created(self, one: Node) -> None:
        """A new copy is there with its record, writable, at no snapshot."""
        dataset = one.create()
        copy = one.look(dataset)
        assert (copy.dataset, copy.record, copy.snapshots) == (dataset, RECORD, ())
        assert (copy.writable, copy.head, copy.quota) == (True, None, None)
        assert copy.mounted_at == ()

    def test_listed(self, one: Node) -> None:
        """The listing shows what looking at each shows, after a restart too."""
        datasets = [one.create(), one.create(quota=64 * MEBIBYTE)]
        one.snapshot(datasets[0])
        one.restart()
        listed = dict(one.pool.list().copies)
        assert listed == {dataset: one.look(dataset) for dataset in datasets}

    def test_created_twice(self, one: Node) -> None:
        """A copy that is there is not replaced."""
        dataset = one.create()
        one.write(dataset, "file", b"content")
        with pytest.raises(FilesystemExists):
            one.pool.create(dataset, OTHER, None)
        assert one.look(dataset).record == RECORD
        assert one.read(dataset, "file") == b"content"

    @pytest.mark.parametrize(
        "method",
        [
            "look", "destroy", "set_aside", "snapshot", "repeat", "destroy_snapshot",
            "hold", "release", "set_quota", "make_writable", "make_read_only", "mount",
            "unmount", "estimate", "send", "receive", "clone",
        ],
    )  # fmt: skip
    def test_unknown_dataset(self, one: Node, method: str) -> None:
        """What needs a copy says that there is none."""
        pool, dataset = one.pool, DatasetID(uuid4())
        path = one.path(dataset)
        follows = Announced("name", NO_SNAPSHOT, NO_SNAPSHOT)
        calls: dict[str, Callable[[], object]] = {
            "look": lambda: pool.look(dataset),
            "destroy": lambda: pool.destroy(dataset, RECORD),
            "set_aside": lambda: pool.set_aside(dataset, a_node_id(), 1, RECORD),
            "snapshot": lambda: pool.snapshot(dataset, "name"),
            "repeat": lambda: pool.repeat(dataset, NO_SNAPSHOT, "name"),
            "destroy_snapshot": lambda: pool.destroy_snapshot(dataset, NO_SNAPSHOT),
            "hold": lambda: pool.hold(dataset, NO_SNAPSHOT, "tag"),
            "release": lambda: pool.release(dataset, NO_SNAPSHOT, "tag"),
            "set_quota": lambda: pool.set_quota(dataset, MEBIBYTE),
            "make_writable": lambda: pool.make_writable(dataset, NO_SNAPSHOT, None),
            "make_read_only": lambda: pool.make_read_only(dataset),
            "mount": lambda: pool.mount(dataset, path),
            "unmount": lambda: pool.unmount(dataset, path),
            "estimate": lambda: pool.estimate(dataset, None, None, 1.0),
            "send": lambda: pool.send(dataset, NO_SNAPSHOT, None),
            "receive": lambda: pool.receive(dataset, follows),
            "clone": lambda: pool.clone(
                DatasetID(uuid4()), dataset, NO_SNAPSHOT, RECORD
            ),
        }
        with pytest.raises(NoSuchFilesystem) as caught:
            calls[method]()
        assert caught.value.dataset == dataset
        assert dict(pool.list().copies) == {}
        assert dict(pool.list().ledger) == {}

    def test_many_at_once(self, one: Node) -> None:
        """Several threads work side by side, and nothing is mixed up."""

        def work(number: int) -> tuple[DatasetID, PoolSnapshot]:
            dataset = one.create()
            one.pool.write_record(dataset, b"record %d" % number)
            return dataset, one.snapshot(dataset)

        with ThreadPoolExecutor(4) as threads:
            done = list(threads.map(work, range(8)))
        copies = one.pool.list().copies
        for number, (dataset, snapshot) in enumerate(done):
            assert copies[dataset].record == b"record %d" % number
            assert copies[dataset].snapshots == (snapshot,)

    # Records and the ledger

    def test_record(self, one: Node) -> None:
        """A record is replaced whole, and is there after a restart."""
        dataset, other = one.create(), one.create()
        one.pool.write_record(dataset, OTHER)
        one.restart()
        assert one.look(dataset).record == OTHER
        assert one.look(other).record == RECORD

    def test_longest_record(self, one: Node) -> None:
        """A record may be long and hold every printable letter."""
        dataset = one.create()
        record = bytes(range(ord(" "), ord("~") + 1)) * 11
        record = record[:LONGEST_RECORD]
        assert len(record) == LONGEST_RECORD
        one.pool.write_record(dataset, record)
        one.restart()
        assert one.look(dataset).record == record

    @pytest.mark.parametrize("record", [b"", b"two\nlines", b"x" * 1001, b"\xc3\xa4"])
    def test_bad_record(self, one: Node, record: bytes) -> None:
        """What cannot be kept is refused, and the record stays."""
        dataset = one.create()
        with pytest.raises(BadName):
            one.pool.write_record(dataset, record)
        assert one.look(dataset).record == RECORD

    def test_record_without_copy(self, one: Node) -> None:
        """Where there is no copy the record is in the ledger, until one appears."""
        dataset = DatasetID(uuid4())
        one.pool.write_record(dataset, RECORD)
        one.pool.write_record(dataset, OTHER)
        one.restart()
        assert dict(one.pool.list().ledger) == {dataset: OTHER}
        one.pool.create(dataset, RECORD, None)
        assert dict(one.pool.list().ledger) == {}
        assert one.look(dataset).record == RECORD

    def test_record_outlives_the_copy(self, one: Node) -> None:
        """A copy goes, and the record it went with stays."""
        dataset = one.create()
        one.pool.destroy(dataset, OTHER)
        one.restart()
        contents = one.pool.list()
        assert (dict(contents.copies), dict(contents.ledger)) == ({}, {dataset: OTHER})

    def test_forgotten(self, one: Node) -> None:
        """A dataset can be taken out of the ledger, but not while there is a copy."""
        dataset = one.create()
        with pytest.raises(FilesystemExists):
            one.pool.forget(dataset)
        one.pool.destroy(dataset, OTHER)
        for _ in range(2):
            one.pool.forget(dataset)
            assert dict(one.pool.list().ledger) == {}

    # Destroy

    def test_destroyed(self, one: Node) -> None:
        """A destroyed copy is gone with its snapshots; others are untouched."""
        kept, gone = one.create(), one.create()
        one.save(gone, "file", b"content")
        before = one.look(kept)
        one.pool.destroy(gone, RECORD)
        assert dict(one.pool.list().copies) == {kept: before}
        with pytest.raises(NoSuchFilesystem):
            one.pool.destroy(gone, RECORD)
        one.pool.create(gone, RECORD, None)
        assert one.read(gone, "file") is None

    @pytest.mark.parametrize("method", ["destroy", "set_aside", "make_read_only"])
    def test_mounted_stays(self, one: Node, method: str) -> None:
        """A copy that is mounted is not taken away; the error says who has it."""
        dataset = one.create()
        one.save(dataset, "file", b"content")
        calls: dict[str, Callable[[], object]] = {
            "destroy": lambda: one.pool.destroy(dataset, OTHER),
            "set_aside": lambda: one.pool.set_aside(dataset, a_node_id(), 1, OTHER),
            "make_read_only": lambda: one.pool.make_read_only(dataset),
        }
        with one.served(dataset):
            with pytest.raises(Busy) as caught:
                calls[method]()
            assert str(one.path(dataset)) in str(caught.value)
            assert self.read(one, dataset, "file") == b"content"
            self.write(one, dataset, "file", b"more")
        assert one.look(dataset).record == RECORD
        assert dict(one.pool.list().ledger) == {}

    # Snapshots

    def test_snapshots(self, one: Node) -> None:
        """Snapshots are listed oldest first, each with an identity of its own."""
        dataset = one.create()
        taken = [one.save(dataset, "file", b"%d" % number) for number in range(3)]
        taken.append(one.snapshot(dataset, "z"))
        taken.append(one.snapshot(dataset, "a"))
        one.restart()
        assert list(one.look(dataset).snapshots) == taken
        assert len({snapshot.identity for snapshot in taken}) == 5

    def test_snapshot_of_one_name(self, one: Node) -> None:
        """A name is given once; another dataset's snapshot may have it too."""
        dataset, other = one.create(), one.create()
        first = one.snapshot(dataset, "name")
        assert one.snapshot(other, "name").identity != first.identity
        with pytest.raises(SnapshotExists):
            one.pool.snapshot(dataset, "name")
        assert one.look(dataset).snapshots == (first,)

    @pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a@b", "x" * 64])
    def test_bad_name(self, one: Node, name: str) -> None:
        """What is no name is refused."""
        dataset = one.create()
        with pytest.raises(BadName):
            one.pool.snapshot(dataset, name)

    def test_head(self, one: Node) -> None:
        """A copy stands at its newest snapshot until it is written to."""
        dataset = one.create()
        one.save(dataset, "file", b"first")
        newest = one.save(dataset, "file", b"second")
        assert one.look(dataset).head == newest.identity
        one.write(dataset, "file", b"third")
        assert one.look(dataset).head is None

    def test_snapshot_while_mounted(self, one: Node) -> None:
        """A snapshot of a mounted copy has all that was written before."""
        dataset = one.create()
        with one.served(dataset):
            self.write(one, dataset, "file", b"before")
            taken = one.snapshot(dataset)
            self.write(one, dataset, "file", b"after")
        one.pool.clone(clone := DatasetID(uuid4()), dataset, taken.identity, RECORD)
        assert one.read(clone, "file") == b"before"
        one.pool.destroy(clone, RECORD)

    def test_destroyed_snapshot(self, one: Node) -> None:
        """A destroyed snapshot is gone; the others and the data are untouched."""
        dataset = one.create()
        first, second = (one.save(dataset, "file", b"%d" % n) for n in range(2))
        one.pool.destroy_snapshot(dataset, first.identity)
        assert one.look(dataset).snapshots == (second,)
        assert one.read(dataset, "file") == b"1"
        with pytest.raises(NoSuchSnapshot) as caught:
            one.pool.destroy_snapshot(dataset, first.identity)
        assert caught.value.snapshot == first.identity

    def test_held(self, one: Node) -> None:
        """A held snapshot stays, after a restart too; the error says for whom."""
        dataset = one.create()
        identity = one.snapshot(dataset).identity
        for tag in ("backup", "move-7", "backup"):
            one.pool.hold(dataset, identity, tag)
        one.restart()
        assert one.look(dataset).snapshots[0].holds == {"backup", "move-7"}
        one.pool.release(dataset, identity, "backup")
        one.pool.release(dataset, identity, "never held")
        with pytest.raises(Held):
            one.pool.destroy(dataset, OTHER)
        with pytest.raises(Held) as caught:
            one.pool.destroy_snapshot(dataset, identity)
        assert caught.value.tags == ("move-7",)
        assert one.look(dataset).record == RECORD
        one.pool.release(dataset, identity, "move-7")
        one.pool.destroy_snapshot(dataset, identity)

    # Clones

    def test_clone(self, one: Node) -> None:
        """A clone starts as the snapshot was, and neither sees the other's changes."""
        origin, clone = one.create(), DatasetID(uuid4())
        snapshot = one.save(origin, "file", b"snapshot")
        one.write(origin, "file", b"origin")
        one.pool.clone(clone, origin, snapshot.identity, OTHER)
        assert one.look(clone).record == OTHER
        assert one.read(clone, "file") == b"snapshot"
        one.write(clone, "file", b"clone")
        assert one.read(origin, "file") == b"origin"
        one.pool.destroy(clone, RECORD)

    def test_clone_of_nothing(self, one: Node) -> None:
        """A clone needs its snapshot, and replaces nothing."""
        origin, there = one.create(), one.create()
        snapshot = one.snapshot(origin)
        with pytest.raises(NoSuchSnapshot):
            one.pool.clone(DatasetID(uuid4()), origin, NO_SNAPSHOT, RECORD)
        with pytest.raises(FilesystemExists):
            one.pool.clone(there, origin, snapshot.identity, OTHER)
        assert one.look(there).record == RECORD

    def test_origin_of_clones(self, one: Node) -> None:
        """No clone loses its data: its origin stays, naming it, or is not needed."""
        origin, clone = one.create(), DatasetID(uuid4())
        identity = one.save(origin, "file", b"shared").identity
        one.pool.clone(clone, origin, identity, RECORD)
        if one.pool.clones_depend:
            with pytest.raises(HasClones):
                one.pool.destroy_snapshot(origin, identity)
            with pytest.raises(HasClones) as caught:
                one.pool.destroy(origin, OTHER)
            assert caught.value.clones == (clone,)
            assert one.look(origin).record == RECORD
        else:
            one.pool.destroy(origin, RECORD)
        assert one.read(clone, "file") == b"shared"
        one.pool.destroy(clone, RECORD)
