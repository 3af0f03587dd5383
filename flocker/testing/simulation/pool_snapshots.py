"""What must never be so of users' snapshots and of clones; nobody is asked.

A snapshot is the set of names of what users had written, as a disk showed it first. The
names of the rules are those of docs/contributing/simulation.rst.
"""

from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field

from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, SnapshotID, UserSnapshotID
from flocker.model.pools import PoolOwnership
from flocker.model.snapshots import (
    UserSnapshot,
    UserSnapshots,
    kept_as,
    unsaved_in,
)
from flocker.testing.fakes.memory_disk import MemoryCopy
from flocker.testing.simulation.invariants import is_wanted
from flocker.testing.simulation.pool_machines import PoolMachine
from flocker.testing.simulation.pool_records import copy_owned

Names = frozenset[str]


@define
class SnapshotOracle:
    """Knows what each snapshot that a user wanted holds, wherever it is."""

    machines: Sequence[PoolMachine] = ()
    _due: dict[UserSnapshotID, Names] = field(factory=dict)
    _held: dict[SnapshotID, Names] = field(factory=dict)
    _identities: dict[UserSnapshotID, SnapshotID] = field(factory=dict)
    _gone: dict[DatasetID, set[str]] = field(factory=dict)

    # At each commit

    def committed(
        self,
        before: Configuration,
        now: Configuration,
        written: Mapping[DatasetID, set[str]],
    ) -> Iterator[str]:
        """Look at each row of snapshots that has changed."""
        if now.snapshots is before.snapshots:
            return
        for dataset in before.snapshots.keys() - now.snapshots.keys():
            if is_wanted(now, dataset):
                yield f"U3: the snapshots of {dataset} were forgotten"
        for dataset, row in now.snapshots.items():
            was = before.snapshots.get(dataset)
            if was is not row:
                names = frozenset(written.get(dataset, ()))
                names &= self._sure(before.pools.get(dataset), names)
                yield from self._changed(was, row, names)

    def _sure(self, row: PoolOwnership | None, written: Names) -> Names:
        """Give what is there whether or not a rollback that is wanted is done yet."""
        wish = None if row is None else row.rollback
        return written if wish is None else self._held.get(wish.snapshot, written)

    def _changed(
        self, was: UserSnapshots | None, row: UserSnapshots, written: Names
    ) -> Iterator[str]:
        known = {} if was is None else {each.id: each for each in was.wanted}
        for each in row.wanted:
            if each.id not in known:
                kept = kept_as(row.dataset, each.id)
                found = kept is not None and kept.part > 0  # nobody asked for it
                self._due[each.id] = frozenset() if found else written
            yield from self._became(known.get(each.id), each)
        for gone in known.keys() - {each.id for each in row.wanted}:
            yield from self._forgotten(row.dataset, known[gone])

    def _became(self, was: UserSnapshot | None, now: UserSnapshot) -> Iterator[str]:
        before = None if was is None else was.taken
        if before is not None and now.taken != before:
            yield f"U2: snapshot {now.name} was {before}, and is {now.taken}"
        if now.taken is None or before is not None:
            return
        held = self._held.get(now.taken.identity)
        if held is None:
            yield f"U1: snapshot {now.name} is said to be taken, and no disk had it"
        elif not self._due[now.id] <= held:
            lacks = sorted(self._due[now.id] - held)
            yield f"U1: snapshot {now.name} was asked for after {lacks}, and lacks it"

    def _forgotten(self, dataset: DatasetID, gone: UserSnapshot) -> Iterator[str]:
        if gone.deleted is None:
            yield f"U3: snapshot {gone.name} of {dataset} was forgotten"
        self._gone.setdefault(dataset, set()).add(gone.in_pool)
        yield from self._surplus(dataset)

    def _surplus(self, dataset: DatasetID) -> Iterator[str]:
        """What nobody knows of any more is nowhere, then and ever after."""
        gone = self._gone.get(dataset, set())
        for machine in self.machines:
            copy = machine.copies.get(dataset)
            there = () if copy is None else copy.snapshots
            for snapshot in there:
                if snapshot.name in gone:
                    yield f"U5: {machine.node} has {snapshot.name} that nobody knows of"

    # After each change of a disk

    def look(self, dataset: DatasetID, stored: Configuration) -> Iterator[str]:
        """Look at the snapshots of one dataset on all disks."""
        row = stored.snapshots.get(dataset)
        if row is None:
            return
        names = {each.in_pool: each for each in row.wanted}
        for copy in self._copies(dataset):
            yield from self._seen(copy, names)
        yield from self._owned(row, stored.pools.get(dataset))
        yield from self._surplus(dataset)

    def _seen(
        self, copy: MemoryCopy, names: Mapping[str, UserSnapshot]
    ) -> Iterator[str]:
        for snapshot in copy.snapshots:
            wanted = names.get(snapshot.name)
            if wanted is None:
                if unsaved_in(copy.dataset, snapshot.name) is not None:
                    files = frozenset(snapshot.files)
                    _ = self._held.setdefault(snapshot.identity, files)
                continue
            first = self._identities.setdefault(wanted.id, snapshot.identity)
            if first != snapshot.identity:
                yield f"U2: snapshot {wanted.name} was taken twice"
            held = self._held.get(snapshot.identity)
            if held is None:
                self._held[snapshot.identity] = frozenset(snapshot.files)
            elif held != snapshot.files.keys():
                yield f"U1: snapshot {wanted.name} has changed"

    def _owned(self, row: UserSnapshots, owned: PoolOwnership | None) -> Iterator[str]:
        """Whoever owns the dataset has all that was taken of it."""
        if owned is None or owned.deleted:
            return
        copy = copy_owned(self.machines, owned)
        if copy is None:
            return
        there = {snapshot.identity for snapshot in copy.snapshots}
        for each in row.wanted:
            lost = each.taken is not None and each.taken.identity not in there
            if lost and each.deleted is None:
                yield f"U3: {owned.owner} owns {row.dataset} without {each.name}"

    def _copies(self, dataset: DatasetID) -> Iterator[MemoryCopy]:
        for machine in self.machines:
            copy = machine.copies.get(dataset)
            if copy is not None:
                yield copy
            for aside, copy in machine.disk.asides.values():
                if aside.dataset == dataset:
                    yield copy

    # Clones

    def cloned(self, copy: MemoryCopy, snapshot: SnapshotID) -> Iterator[str]:
        """A clone begins as exactly what its snapshot holds."""
        held, names = self._held.get(snapshot), frozenset(copy.files or ())
        if held is None:
            yield f"U4: {copy.dataset} is a clone of what nobody was told was taken"
        elif names != held:
            other = sorted(names ^ held)
            yield f"U4: {copy.dataset} differs from its snapshot: {other}"

    # Rollbacks

    def repeated(self, copy: MemoryCopy, snapshot: SnapshotID) -> Iterator[str]:
        """B4: a dataset that is rolled back is exactly what the snapshot held."""
        held, names = self._held.get(snapshot), copy.snapshots[-1].files.keys()
        if held is None:
            yield f"B4: {copy.dataset} became what nobody was told was taken"
        elif names != held:
            other = sorted(names ^ held)
            yield f"B4: {copy.dataset} differs from its snapshot: {other}"
