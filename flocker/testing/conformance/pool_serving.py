"""What pools must do about what they serve; run it on yours, as `pools` says."""

import pytest

from flocker.backends.pool_errors import (
    Diverged,
    NoSuchAside,
    NotMounted,
    NotWritable,
    QuotaTooSmall,
    Unsaved,
)
from flocker.model.sizes import MEBIBYTE
from flocker.testing.conformance.pool_bench import (
    NO_SNAPSHOT,
    OTHER,
    RECORD,
    Node,
    PoolBench,
    a_node_id,
)


class ServingConformance(PoolBench):
    """Limits, read-only and writable, set aside, mounts; one promise a test."""

    limits = True
    """False for a pool that keeps limits in mind but lets them be exceeded."""

    # Quotas

    def test_quota(self, one: Node) -> None:
        """A copy grows up to its limit, which can be changed while it is in use."""
        dataset = one.create(quota=8 * MEBIBYTE)
        assert one.look(dataset).quota == 8 * MEBIBYTE
        with one.served(dataset):
            self.write(one, dataset, "first", bytes(4 * MEBIBYTE))
            if self.limits:
                with pytest.raises(OSError, match="quota"):
                    self.write(one, dataset, "second", b"\1" * 6 * MEBIBYTE)
            one.pool.set_quota(dataset, 32 * MEBIBYTE)
            self.write(one, dataset, "second", b"\1" * 6 * MEBIBYTE)
            with pytest.raises(QuotaTooSmall) as caught:
                one.pool.set_quota(dataset, 8 * MEBIBYTE)
            assert (caught.value.asked, caught.value.dataset) == (8 * MEBIBYTE, dataset)
            assert caught.value.used >= 10 * MEBIBYTE
            one.pool.set_quota(dataset, 16 * MEBIBYTE)
            if self.limits:
                with pytest.raises(OSError, match="quota"):
                    self.write(one, dataset, "third", b"\2" * 8 * MEBIBYTE)
        one.restart()
        assert one.look(dataset).quota == 16 * MEBIBYTE
        one.pool.set_quota(dataset, None)
        assert one.look(dataset).quota is None
        one.write(dataset, "third", b"\2" * 8 * MEBIBYTE)

    # Read-only and writable

    def test_read_only(self, one: Node) -> None:
        """A read-only copy is not mounted; it comes back as its head, with a limit."""
        dataset = one.create(quota=8 * MEBIBYTE)
        head = one.save(dataset, "file", b"content").identity
        for _ in range(2):
            one.pool.make_read_only(dataset)
            copy = one.look(dataset)
            assert (copy.writable, copy.head, copy.quota) == (False, head, None)
        with pytest.raises(NotWritable):
            one.pool.mount(dataset, one.path(dataset))
        with pytest.raises(NotWritable):
            one.pool.snapshot(dataset, "name")
        with pytest.raises(NotWritable):
            one.pool.set_quota(dataset, MEBIBYTE)
        for _ in range(2):
            one.pool.make_writable(dataset, head, 16 * MEBIBYTE)
            copy = one.look(dataset)
            assert (copy.writable, copy.head, copy.quota) == (True, head, 16 * MEBIBYTE)
        assert one.read(dataset, "file") == b"content"

    def test_fuller_than_its_limit(self, one: Node) -> None:
        """A copy that holds more than its limit is limited to what it holds."""
        dataset = one.create()
        head = one.save(dataset, "file", b"\1" * 4 * MEBIBYTE).identity
        one.pool.make_read_only(dataset)
        one.pool.make_writable(dataset, head, 2 * MEBIBYTE)
        copy = one.look(dataset)
        assert copy.writable
        assert copy.quota is not None
        assert 4 * MEBIBYTE <= copy.quota < 5 * MEBIBYTE
        assert one.read(dataset, "file") == b"\1" * 4 * MEBIBYTE

    def test_unsaved(self, one: Node) -> None:
        """What no snapshot has is not thrown away."""
        dataset = one.create()
        with pytest.raises(Unsaved):
            one.pool.make_read_only(dataset)
        one.save(dataset, "file", b"saved")
        one.write(dataset, "file", b"unsaved")
        with pytest.raises(Unsaved):
            one.pool.make_read_only(dataset)
        assert one.read(dataset, "file") == b"unsaved"

    def test_another_head(self, one: Node) -> None:
        """A copy is not made writable as what it is not."""
        dataset = one.create()
        older = one.save(dataset, "file", b"older").identity
        head = one.save(dataset, "file", b"newer").identity
        one.pool.make_read_only(dataset)
        for wanted in (older, NO_SNAPSHOT):
            with pytest.raises(Diverged) as caught:
                one.pool.make_writable(dataset, wanted, None)
            assert (caught.value.head, caught.value.wanted) == (head, wanted)
        assert not one.look(dataset).writable

    # Set aside

    def test_set_aside(self, one: Node) -> None:
        """A copy set aside is listed with all it has, and is in nobody's way."""
        dataset, node = one.create(), a_node_id()
        snapshot = one.save(dataset, "file", b"diverged")
        aside = one.pool.set_aside(dataset, node, 7, OTHER)
        assert (aside.dataset, aside.node, aside.epoch) == (dataset, node, 7)
        assert aside.snapshots == (snapshot,)
        one.restart()
        contents = one.pool.list()
        assert (dict(contents.copies), contents.asides) == ({}, (aside,))
        assert dict(contents.ledger) == {dataset: OTHER}
        one.pool.create(dataset, RECORD, None)
        assert one.read(dataset, "file") is None

    def test_set_aside_again(self, one: Node) -> None:
        """A second copy of the same dataset, node and epoch overwrites nothing."""
        dataset, node = one.create(), a_node_id()
        first = one.pool.set_aside(dataset, node, 7, RECORD)
        one.pool.create(dataset, RECORD, None)
        second = one.pool.set_aside(dataset, node, 7, RECORD)
        assert set(one.pool.list().asides) == {first, second}
        assert first.name != second.name

    def test_destroy_aside(self, one: Node) -> None:
        """A copy set aside can be destroyed, by its name only."""
        dataset = one.create()
        aside = one.pool.set_aside(dataset, a_node_id(), 1, RECORD)
        for name in ("nobody", "..", str(dataset), ""):
            with pytest.raises(NoSuchAside):
                one.pool.destroy_aside(name)
        one.pool.destroy_aside(aside.name)
        assert one.pool.list().asides == ()
        with pytest.raises(NoSuchAside):
            one.pool.destroy_aside(aside.name)

    # Mounts

    def test_mounted(self, one: Node) -> None:
        """What is mounted is seen at its path, also by an agent that restarted."""
        dataset = one.create()
        path = one.path(dataset)
        for _ in range(2):
            one.pool.mount(dataset, path)
            assert one.look(dataset).mounted_at == (path,)
        self.write(one, dataset, "file", b"content")
        one.restart()
        assert one.pool.list().copies[dataset].mounted_at == (path,)
        assert str(path) in " ".join(who.words() for who in one.look(dataset).users)
        one.pool.unmount(dataset, path)
        assert (one.look(dataset).mounted_at, one.look(dataset).users) == ((), ())
        assert one.read(dataset, "file") == b"content"

    def test_bare(self, one: Node) -> None:
        """Where nothing is mounted any more nobody can write."""
        dataset = one.create()
        with one.served(dataset):
            assert self.may_write(one, dataset)
        assert not self.may_write(one, dataset)

    def test_not_mounted(self, one: Node) -> None:
        """Only what is mounted at a path is unmounted from it."""
        dataset, other = one.create(), one.create()
        with pytest.raises(NotMounted):
            one.pool.unmount(dataset, one.path(dataset))
        with one.served(other), pytest.raises(NotMounted):
            one.pool.unmount(dataset, one.path(other))
