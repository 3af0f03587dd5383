"""What must never be so of rollbacks; nobody is asked.

A rollback is done in one moment, when a pool repeats what the snapshot held: from then
on that is what users were told, and what was written before it must be kept. The names
of the rules are those of docs/contributing/simulation.rst.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field

from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, RollbackNumber, SnapshotID
from flocker.model.pools import PoolOwnership, Rollback
from flocker.testing.fakes.memory_disk import MemoryCopy, MemorySnapshot
from flocker.testing.simulation.invariants import is_wanted
from flocker.testing.simulation.pool_machines import PoolMachine
from flocker.testing.simulation.pool_records import copy_owned

Names = frozenset[str]


@define
class RollbackOracle:
    """Knows which rollbacks were done, and what is kept besides users' snapshots."""

    machines: Sequence[PoolMachine] = ()
    done: set[tuple[DatasetID, RollbackNumber]] = field(factory=set)
    _kept: dict[DatasetID, dict[SnapshotID, str]] = field(factory=dict)
    _listed: set[SnapshotID] = field(factory=set)

    # At each commit

    def committed(self, before: Configuration, now: Configuration) -> Iterator[str]:
        """Look at what was wanted, and is no more; and that nobody uses what is."""
        self._keep_track(now)
        for dataset, row in now.pools.items():
            was = before.pools.get(dataset)
            if was is not None and was is not row:
                yield from self._changed(was, row)
            if row.rollback is None:
                continue
            if dataset in now.leases:
                yield f"S6: {dataset} is leased, and is to be rolled back"
            if row.move is not None:
                yield f"L2: {dataset} is to be moved, and to be rolled back: {row}"

    def _keep_track(self, now: Configuration) -> None:
        """What is on record as a user's snapshot is looked after as those are (U3)."""
        for row in now.snapshots.values():
            listed = {each.taken.identity for each in row.wanted if each.taken}
            self._listed |= listed
            for identity in listed & self._kept.get(row.dataset, {}).keys():
                del self._kept[row.dataset][identity]
        for dataset in list(self._kept):
            if not is_wanted(now, dataset):
                del self._kept[dataset]

    def unlisted(self) -> list[str]:
        """Name what was kept and that no user sees."""
        return [
            f"{name} of {dataset} is not listed"
            for dataset, kept in self._kept.items()
            for name in kept.values()
        ]

    def _changed(self, was: PoolOwnership, row: PoolOwnership) -> Iterator[str]:
        wish, still = was.rollback, row.rollback
        if row.deleted or was.deleted:
            return
        if wish is None:
            if row.rolled_back != was.rolled_back:
                yield f"B1: {row.dataset} is said to be rolled back: {was} became {row}"
        elif still is None or still.number != wish.number:
            yield from self._over(row, wish)
        elif wish.cancelled and not still.cancelled:
            yield f"B3: a rollback of {row.dataset} is cancelled no more: {row}"

    def _over(self, row: PoolOwnership, wish: Rollback) -> Iterator[str]:
        """It was done and is said to be, or was cancelled and left all as it was."""
        told = row.rolled_back == wish.number
        if told != ((row.dataset, wish.number) in self.done):
            what = "done" if told else "not done"
            yield f"B1: rollback {wish.number} of {row.dataset} is said to be {what}"
        if not told and not wish.cancelled:
            yield f"B1: rollback {wish.number} of {row.dataset} was wanted, and dropped"

    # The moment

    def repeated(
        self,
        machine: PoolMachine,
        copy: MemoryCopy,
        snapshot: SnapshotID,
        row: PoolOwnership | None,
        written: Names,
    ) -> Iterator[str]:
        """A pool has gone back: once, for who wants it, with all kept that there was.

        `written` is what had been acknowledged.
        """
        if row is None or row.deleted:
            return  # nobody asks for it any more
        wish, made = row.rollback, copy.snapshots[-1]
        if wish is None or not made.name.endswith(f"-{wish.number}"):
            yield f"B3: {row.dataset} was rolled back when that was over: {made}"
            return
        if (row.dataset, wish.number) in self.done:
            yield f"B2: {row.dataset} was rolled back twice: {made}"
        self.done.add((row.dataset, wish.number))
        owned = copy_owned(self.machines, row)
        if copy is not owned:
            yield f"B3: {machine.node} rolled {row.dataset} back, and owns it not"
        if copy.holders():
            yield f"B3: {row.dataset} was rolled back under {copy.holders()}"
        if snapshot != wish.snapshot:
            yield f"B4: {row.dataset} became {snapshot}, and is to become {wish}"
        yield from self._keeps(row.dataset, copy, wish, written)

    def _keeps(
        self, dataset: DatasetID, copy: MemoryCopy, wish: Rollback, written: Names
    ) -> Iterator[str]:
        """What there was is a snapshot; and so is what was written after that one."""
        unsaved = [each for each in copy.snapshots if _is_unsaved(each, wish)]
        kept = self._kept.setdefault(dataset, {})
        for each in unsaved:
            if each.identity not in self._listed:
                kept[each.identity] = each.name
        names = [each.name for each in copy.snapshots]
        if wish.safety not in names:
            yield f"B5: {dataset} was rolled back, and nothing was kept"
            return
        last = [copy.snapshots[names.index(wish.safety)], *unsaved][-1]
        if not written <= last.files.keys():
            lost = sorted(written - last.files.keys())
            yield f"B5: {dataset} was rolled back, and {lost} was not kept"

    # After each change of a disk

    def look(self, dataset: DatasetID, row: PoolOwnership | None) -> Iterator[str]:
        """What was kept stays where the dataset is."""
        kept = self._kept.get(dataset)
        if not kept or row is None or row.deleted:
            return
        copy = copy_owned(self.machines, row)
        if copy is None:
            return
        there = {snapshot.identity for snapshot in copy.snapshots}
        for lost in kept.keys() - there:
            yield f"B5: {row.owner} owns {dataset} without {kept[lost]}"


def _is_unsaved(snapshot: MemorySnapshot, wish: Rollback) -> bool:
    """Whether it has what was written between the safety snapshot and the rollback."""
    return snapshot.name.startswith(f"unsaved-{wish.number}-")
