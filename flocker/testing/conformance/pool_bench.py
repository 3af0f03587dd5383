"""How the suites of `pools` and `pool_streams` work with a pool."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import define, field

from flocker.backends.pool_interface import (
    Announced,
    Copy,
    IFilesystemPool,
    PoolSnapshot,
)
from flocker.model.ids import DatasetID, NodeID, SnapshotID

RECORD = b'{"a record": "that the pool does not understand"}'
OTHER = b'{"another": "record"}'
NO_SNAPSHOT = SnapshotID("00000000-0000-4000-8000-000000000000")
"""One that never was."""
PART = 64 * 1024
"""Bytes of a stream that are passed on at a time."""


@define(eq=False)
class Node:
    """The pool of one node, and the place where the node serves datasets."""

    bench: "PoolBench"
    number: int
    pool: IFilesystemPool
    made: set[DatasetID] = field(factory=set)

    def restart(self) -> None:
        """Begin another life of the node's agent."""
        self.pool = self.bench.pool(self.number)

    def create(self, quota: int | None = None) -> DatasetID:
        """Make an empty copy of a new dataset."""
        dataset = DatasetID(uuid4())
        self.made.add(dataset)
        self.pool.create(dataset, RECORD, quota)
        return dataset

    def path(self, dataset: DatasetID) -> Path:
        """Give the place where a dataset is served."""
        return self.bench.mount_root(self.number) / str(dataset)

    @contextmanager
    def served(self, dataset: DatasetID) -> Iterator[None]:
        """Have it mounted."""
        self.pool.mount(dataset, self.path(dataset))
        yield
        self.pool.unmount(dataset, self.path(dataset))

    def write(self, dataset: DatasetID, name: str, content: bytes) -> None:
        """Mount it, write a file durably, unmount it."""
        with self.served(dataset):
            self.bench.write(self, dataset, name, content)

    def read(self, dataset: DatasetID, name: str) -> bytes | None:
        """Mount it, read a file, unmount it; None if there is no such file."""
        with self.served(dataset):
            return self.bench.read(self, dataset, name)

    def read_replica(self, dataset: DatasetID, name: str) -> bytes | None:
        """Read a file of a copy that is not writable, and leave it so."""
        head = self.head(dataset)
        clone = DatasetID(uuid4())
        self.made.add(clone)
        self.pool.clone(clone, dataset, head, RECORD)
        content = self.read(clone, name)
        self.pool.destroy(clone, RECORD)
        return content

    def look(self, dataset: DatasetID) -> Copy:
        """Look at a copy."""
        copy: Copy = self.pool.look(dataset)
        return copy

    def head(self, dataset: DatasetID) -> SnapshotID:
        """Give the snapshot that a copy is."""
        head = self.look(dataset).head
        assert head is not None
        return head

    def snapshot(self, dataset: DatasetID, name: str = "") -> PoolSnapshot:
        """Take a snapshot."""
        taken: PoolSnapshot = self.pool.snapshot(dataset, name or f"s-{uuid4()}")
        return taken

    def save(self, dataset: DatasetID, name: str, content: bytes) -> PoolSnapshot:
        """Write a file and take a snapshot."""
        self.write(dataset, name, content)
        return self.snapshot(dataset)

    def clean(self) -> None:
        """Unmount and destroy all that is on the pool."""
        contents = self.pool.list()
        for dataset, copy in contents.copies.items():
            for path in copy.mounted_at:
                self.pool.unmount(dataset, path)
        clones_first = sorted(
            contents.copies, key=lambda dataset: len(contents.copies[dataset].snapshots)
        )
        for dataset in clones_first:
            for snapshot in contents.copies[dataset].snapshots:
                for tag in snapshot.holds:
                    self.pool.release(dataset, snapshot.identity, tag)
            self.pool.destroy(dataset, RECORD)
        for aside in contents.asides:
            self.pool.destroy_aside(aside.name)


class PoolBench:
    """What a suite asks of whoever runs it, and two nodes to run it on."""

    def pool(self, number: int) -> IFilesystemPool:
        """Give the pool of a node; again, another object, as after a restart.

        At the first call of a test the pool is empty.
        """
        raise NotImplementedError

    def mount_root(self, number: int) -> Path:
        """Give the directory below which a node serves its datasets."""
        raise NotImplementedError

    def write(self, node: Node, dataset: DatasetID, name: str, content: bytes) -> None:
        """Write a file of a dataset that is mounted, durably. Raises `OSError`."""
        del self
        left = memoryview(content)
        with (node.path(dataset) / name).open("wb", buffering=0) as file:
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())

    def read(self, node: Node, dataset: DatasetID, name: str) -> bytes | None:
        """Read a file of a dataset that is mounted; None if there is none."""
        del self
        path = node.path(dataset) / name
        return path.read_bytes() if path.exists() else None

    def may_write(self, node: Node, dataset: DatasetID) -> bool:
        """Try to write a file where the dataset is served, mounted or not."""
        try:
            self.write(node, dataset, "written where nothing is mounted", b"lost")
        except OSError:
            return False
        return True

    def node(self, number: int) -> Node:
        """Give a node."""
        return Node(self, number, self.pool(number))

    @pytest.fixture
    def one(self) -> Iterator[Node]:
        """Give a node with its pool."""
        node = self.node(1)
        yield node
        node.clean()

    @pytest.fixture
    def two(self) -> Iterator[Node]:
        """Give another node with its pool."""
        node = self.node(2)
        yield node
        node.clean()

    @pytest.fixture
    def three(self) -> Iterator[Node]:
        """Give a third node with its pool."""
        node = self.node(3)
        yield node
        node.clean()


def a_node_id() -> NodeID:
    """Give the id of some node."""
    return NodeID(uuid4())


def stream_of(
    node: Node, dataset: DatasetID, snapshot: PoolSnapshot, base: SnapshotID | None
) -> bytes:
    """Give a whole stream."""
    parts = []
    leaving = node.pool.send(dataset, snapshot.identity, base)
    while part := leaving.read(PART):
        parts.append(part)
    leaving.close()
    return b"".join(parts)


def announce(snapshot: PoolSnapshot, base: SnapshotID | None) -> Announced:
    """Announce the stream of a snapshot."""
    return Announced(snapshot.name, snapshot.identity, base)


def deliver(
    node: Node, dataset: DatasetID, announced: Announced, stream: bytes
) -> SnapshotID:
    """Let a node receive a stream."""
    node.made.add(dataset)
    entering = node.pool.receive(dataset, announced)
    try:
        for start in range(0, len(stream), PART):
            entering.write(stream[start : start + PART])
        arrived: SnapshotID = entering.finish(RECORD)
    finally:
        entering.abort()
    return arrived


def transfer(
    source: Node,
    target: Node,
    dataset: DatasetID,
    snapshot: PoolSnapshot,
    base: PoolSnapshot | None = None,
) -> SnapshotID:
    """Bring a snapshot from one node to another."""
    before = None if base is None else base.identity
    stream = stream_of(source, dataset, snapshot, before)
    return deliver(target, dataset, announce(snapshot, before), stream)
