"""What a pool that is killed leaves behind; run it on yours, as `pools` says.

Each change is made in a process that is killed before its first effect, then before its
second, and so on, until one lives to the end. Every time the next agent finds the pool
as before or as after, and can do the rest.
"""

import os
import subprocess
import traceback
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flocker.backends.pool_interface import Copy, IFilesystemPool
from flocker.model.ids import DatasetID
from flocker.testing.conformance.pool_bench import (
    OTHER,
    RECORD,
    Node,
    PoolBench,
    a_node_id,
    announce,
    deliver,
    stream_of,
)

MOST_EFFECTS = 60
"""More than any change has."""
_KILLED, _FAILED = 9, 1


class Found(Enum):
    """How far a change came."""

    BEFORE = "before"
    AFTER = "after"


class Change:
    """A change of a new dataset, made ready when this is made."""

    def __init__(self, one: Node, two: Node) -> None:
        self.one, self.two = one, two
        self.dataset = DatasetID(uuid4())
        self.prepare()

    def prepare(self) -> None:
        """Make ready what is to be changed."""

    def make(self, pool: IFilesystemPool) -> None:
        """Make the change."""
        raise NotImplementedError

    def look(self) -> Found:
        """Look whether it was made; anything between is an `AssertionError`."""
        raise NotImplementedError

    def copy(self) -> Copy | None:
        """Give the copy as the pool lists it."""
        copy: Copy | None = self.one.pool.list().copies.get(self.dataset)
        return copy

    def existing(self) -> Copy:
        """Give the copy, which is there."""
        copy = self.copy()
        assert copy is not None
        return copy

    def in_ledger(self) -> bytes | None:
        """Give the record in the ledger."""
        record: bytes | None = self.one.pool.list().ledger.get(self.dataset)
        return record

    def a_copy(self) -> None:
        """Make a copy with two snapshots, at the newer of which it stands."""
        self.one.pool.create(self.dataset, RECORD, None)
        self.first = self.one.save(self.dataset, "file", b"first")
        self.second = self.one.save(self.dataset, "file", b"second")


class Create(Change):
    """A copy takes the place of a record in the ledger."""

    def prepare(self) -> None:
        self.one.pool.write_record(self.dataset, OTHER)

    def make(self, pool: IFilesystemPool) -> None:
        pool.create(self.dataset, RECORD, None)

    def look(self) -> Found:
        copy = self.copy()
        if copy is None:
            assert self.in_ledger() == OTHER
            return Found.BEFORE
        assert (copy.record, copy.writable, copy.snapshots) == (RECORD, True, ())
        assert self.in_ledger() is None
        return Found.AFTER


class Clone(Change):
    """A copy begins as the snapshot of another."""

    def prepare(self) -> None:
        self.a_copy()
        self.origin, self.dataset = self.dataset, DatasetID(uuid4())

    def make(self, pool: IFilesystemPool) -> None:
        pool.clone(self.dataset, self.origin, self.first.identity, OTHER)

    def look(self) -> Found:
        if self.copy() is None:
            assert self.in_ledger() is None
            return Found.BEFORE
        assert self.existing().record == OTHER
        assert self.one.read(self.dataset, "file") == b"first"
        return Found.AFTER


class Destroy(Change):
    """A copy goes, and its record goes to the ledger."""

    def prepare(self) -> None:
        self.a_copy()

    def make(self, pool: IFilesystemPool) -> None:
        pool.destroy(self.dataset, OTHER)

    def look(self) -> Found:
        copy = self.copy()
        if copy is None:
            assert self.in_ledger() == OTHER
            return Found.AFTER
        assert (copy.record, copy.head) == (RECORD, self.second.identity)
        assert copy.snapshots == (self.first, self.second)
        assert self.in_ledger() is None
        return Found.BEFORE


class SetAside(Destroy):
    """A copy goes aside, and its record goes to the ledger."""

    def make(self, pool: IFilesystemPool) -> None:
        pool.set_aside(self.dataset, a_node_id(), 1, OTHER)

    def look(self) -> Found:
        found = super().look()
        asides = self.one.pool.list().asides
        mine = [each for each in asides if each.dataset == self.dataset]
        if found is Found.BEFORE:
            assert mine == []
        else:
            assert [each.snapshots for each in mine] == [(self.first, self.second)]
        return found


class Snapshot(Change):
    """A snapshot is taken."""

    def prepare(self) -> None:
        self.a_copy()
        self.one.write(self.dataset, "file", b"third")

    def make(self, pool: IFilesystemPool) -> None:
        pool.snapshot(self.dataset, "third")

    def look(self) -> Found:
        copy = self.existing()
        assert copy.snapshots[:2] == (self.first, self.second)
        assert self.one.read(self.dataset, "file") == b"third"
        return Found.AFTER if len(copy.snapshots) == 3 else Found.BEFORE


class Repeat(Change):
    """A snapshot is added that holds what an older one does."""

    def prepare(self) -> None:
        self.a_copy()
        self.one.pool.make_read_only(self.dataset)

    def make(self, pool: IFilesystemPool) -> None:
        pool.repeat(self.dataset, self.first.identity, "again")

    def look(self) -> Found:
        copy = self.existing()
        assert (copy.snapshots[:2], copy.writable) == ((self.first, self.second), False)
        if len(copy.snapshots) == 2:
            assert self.one.read_replica(self.dataset, "file") == b"second"
            return Found.BEFORE
        assert copy.snapshots[2].name == "again"
        assert self.one.read_replica(self.dataset, "file") == b"first"
        return Found.AFTER


class DestroySnapshot(Change):
    """A snapshot goes."""

    def prepare(self) -> None:
        self.a_copy()

    def make(self, pool: IFilesystemPool) -> None:
        pool.destroy_snapshot(self.dataset, self.first.identity)

    def look(self) -> Found:
        snapshots = self.existing().snapshots
        if snapshots == (self.second,):
            return Found.AFTER
        assert snapshots == (self.first, self.second)
        return Found.BEFORE


class MakeReadOnly(Change):
    """A copy can be written to no longer."""

    def prepare(self) -> None:
        self.a_copy()

    def make(self, pool: IFilesystemPool) -> None:
        pool.make_read_only(self.dataset)

    def look(self) -> Found:
        copy = self.existing()
        assert copy.head == self.second.identity
        return Found.BEFORE if copy.writable else Found.AFTER


class MakeWritable(MakeReadOnly):
    """A copy can be written to again."""

    def prepare(self) -> None:
        super().prepare()
        self.one.pool.make_read_only(self.dataset)

    def make(self, pool: IFilesystemPool) -> None:
        pool.make_writable(self.dataset, self.second.identity, None)

    def look(self) -> Found:
        read_only = super().look() is Found.AFTER
        return Found.BEFORE if read_only else Found.AFTER


class WriteRecord(Change):
    """A record is replaced."""

    def prepare(self) -> None:
        self.a_copy()

    def make(self, pool: IFilesystemPool) -> None:
        pool.write_record(self.dataset, OTHER)

    def look(self) -> Found:
        copy = self.existing()
        assert copy.record in {RECORD, OTHER}
        return Found.AFTER if copy.record == OTHER else Found.BEFORE


class ReceiveWhole(Change):
    """A copy arrives."""

    def prepare(self) -> None:
        self.two.pool.create(self.dataset, RECORD, None)
        self.snapshot = self.two.save(self.dataset, "file", b"content")
        self.stream = stream_of(self.two, self.dataset, self.snapshot, None)

    def make(self, pool: IFilesystemPool) -> None:
        node = Node(self.one.bench, self.one.number, pool)
        deliver(node, self.dataset, announce(self.snapshot, None), self.stream)

    def look(self) -> Found:
        copy = self.copy()
        if copy is None:
            return Found.BEFORE
        assert (copy.record, copy.head) == (RECORD, self.snapshot.identity)
        return Found.AFTER


class ReceiveIncrement(ReceiveWhole):
    """What follows a copy arrives; its record may be there before it."""

    def prepare(self) -> None:
        super().prepare()
        self.make(self.one.pool)
        self.one.pool.write_record(self.dataset, OTHER)
        self.base = self.snapshot
        self.snapshot = self.two.save(self.dataset, "file", b"more")
        before = self.base.identity
        self.stream = stream_of(self.two, self.dataset, self.snapshot, before)
        self.announced = announce(self.snapshot, before)

    def make(self, pool: IFilesystemPool) -> None:
        announced = getattr(self, "announced", announce(self.snapshot, None))
        node = Node(self.one.bench, self.one.number, pool)
        deliver(node, self.dataset, announced, self.stream)

    def look(self) -> Found:
        copy = self.existing()
        if copy.snapshots == (self.base,):
            assert copy.record in {RECORD, OTHER}
            return Found.BEFORE
        assert copy.snapshots == (self.base, self.snapshot)
        assert copy.record == RECORD
        return Found.AFTER


CHANGES = [
    Create,
    Clone,
    Destroy,
    SetAside,
    Snapshot,
    DestroySnapshot,
    MakeReadOnly,
    MakeWritable,
    WriteRecord,
    ReceiveWhole,
    ReceiveIncrement,
]


class CrashConformance(PoolBench):
    """Killed at any point a pool is as before or as after."""

    @pytest.mark.parametrize("kind", CHANGES, ids=lambda kind: kind.__name__)
    def test_killed_anywhere(self, one: Node, two: Node, kind: type[Change]) -> None:
        """Whenever the agent dies a change is made or not, and the next finishes it."""
        self.check_killed_anywhere(one, two, kind)

    def check_killed_anywhere(self, one: Node, two: Node, kind: type[Change]) -> None:
        """Kill it everywhere in one kind of change."""
        for effects in range(MOST_EFFECTS):
            change = kind(one, two)
            killed = self.killed_after(effects, one.number, change.make)
            one.restart()
            self.check_tidy(one)
            found = change.look()
            if not killed:
                assert found is Found.AFTER
                return
            if found is Found.BEFORE:
                change.make(one.pool)
                assert change.look() is Found.AFTER
        pytest.fail(f"more than {MOST_EFFECTS} effects")

    def check_tidy(self, node: Node) -> None:
        """Look whether what was half made is gone, where that can be seen."""

    def changes(self, argv: Sequence[str]) -> bool:
        """Whether a program may have an effect.

        To die before one that only looks is to die after the last that did not.
        """
        del self, argv
        return True

    def killed_after(
        self, effects: int, number: int, make: Callable[[IFilesystemPool], None]
    ) -> bool:
        """Open the pool and make a change, in a process that is killed after so many
        effects; say whether it was.
        """
        child = os.fork()
        if child == 0:
            _die_after(effects, lambda: make(self.pool(number)), self.changes)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in {0, _KILLED}
        return code == _KILLED


def _die_after(
    effects: int,
    make: Callable[[], None],
    changes: Callable[[Sequence[str]], bool],
) -> None:
    """End this process: after so many effects, or when all is done."""
    left = effects

    def counted(
        effect: Callable[..., Any], counts: Callable[..., bool] = lambda *_: True
    ) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> object:
            nonlocal left
            if counts(*args):
                if left == 0:
                    os._exit(_KILLED)
                left -= 1
            return effect(*args, **kwargs)

        return call

    for name in ("rename", "replace", "unlink", "symlink_to"):
        setattr(Path, name, counted(getattr(Path, name)))
    started = subprocess.Popen.__init__
    subprocess.Popen.__init__ = counted(  # type: ignore[method-assign]
        started, lambda _process, argv: changes(argv)
    )
    try:
        make()
    except BaseException:  # noqa: BLE001  (the parent is told, whatever it is)
        traceback.print_exc()
        os._exit(_FAILED)
    os._exit(0)
