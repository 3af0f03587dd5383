"""What must never be so of datasets in pools; nobody in the cluster is asked.

Every write that a user was told of has a name that no other has, and a copy is what
names are in it. Disks are looked at after each event that may have changed one, rows at
each commit; what a moment alone shows (a release, an unmount) when it is done. The
names of the rules are those of docs/contributing/ownership.rst.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, Epoch, Life, NodeID, SnapshotID
from flocker.model.pools import (
    FIRST_EPOCH,
    Owned,
    PoolOwnership,
    Record,
    Released,
    Stage,
    after,
)
from flocker.testing.fakes.memory_disk import MemoryCopy
from flocker.testing.simulation.invariants import is_wanted
from flocker.testing.simulation.pool_contents import ContentOracle
from flocker.testing.simulation.pool_machines import PoolMachine
from flocker.testing.simulation.pool_records import decoded, record_of
from flocker.testing.simulation.pool_rollbacks import RollbackOracle
from flocker.testing.simulation.pool_snapshots import SnapshotOracle
from flocker.testing.simulation.stores import Disk


@frozen
class Write:
    """What a user wrote, in which life of the dataset."""

    name: str
    life: Life | None


@define
class Oracle:
    """Knows all that was acknowledged, and compares it with disks and rows.

    `asides` counts the copies that were set aside. With `forgot` the store was brought
    back by somebody, without a word.
    """

    store: Disk
    machines: Sequence[PoolMachine] = ()
    violations: list[str] = field(factory=list)
    written: dict[DatasetID, set[str]] = field(factory=dict)
    asides: int = 0
    forgot: bool = False
    snapshots: SnapshotOracle = field(factory=SnapshotOracle)
    rollbacks: RollbackOracle = field(factory=RollbackOracle)
    contents: ContentOracle = field(factory=ContentOracle)
    _lives: dict[tuple[DatasetID, str], Life | None] = field(factory=dict)
    _owners: dict[tuple[DatasetID, Epoch], NodeID] = field(factory=dict)
    _records: dict[tuple[NodeID, DatasetID], bytes] = field(factory=dict)
    _checked: Configuration | None = None

    # What is told

    def wrote(self, dataset: DatasetID, name: str) -> None:
        """A user's write was acknowledged; what is deleted nobody asks for."""
        row = self.store.stored.datasets.get(dataset)
        self._lives[dataset, name] = None if row is None else row.life
        if is_wanted(self.store.stored, dataset):
            self.written.setdefault(dataset, set()).add(name)

    def lives_again(self, dataset: DatasetID) -> None:
        """What was written to a dataset that is made anew is its own: it is there."""
        for known, name in list(self._lives):
            if known == dataset:
                del self._lives[known, name]

    def knows(self, dataset: DatasetID, name: str) -> bool:
        """Whether it is something that a user wrote."""
        return (dataset, name) in self._lives

    def committed(self, before: Configuration, now: Configuration) -> None:
        """Look at each row that has changed."""
        for dataset in list(self.written):
            if not is_wanted(now, dataset):
                del self.written[dataset]
        self.violations.extend(self.snapshots.committed(before, now, self.written))
        self.violations.extend(self.rollbacks.committed(before, now))
        if now.pools is before.pools:
            return
        for dataset, row in now.pools.items():
            was = before.pools.get(dataset)
            if was is not row:
                self.violations.extend(_went_wrong(was, row, now.numbers_from))
                self._owns(dataset, row.epoch, row.owner)
                known = was is not None and not was.unsure
                if was is not None and known and was.owner != row.owner:
                    self.violations.extend(_taken_from(before, was))
        for dataset in before.pools.keys() - now.pools.keys():
            self.violations.append(f"W2: the row of {dataset} was forgotten")

    def rolled_back(
        self, dataset: DatasetID, node: NodeID, snapshot: SnapshotID
    ) -> None:
        """A copy has become what one of its snapshots holds: look, and believe it."""
        machine = self.machine(node)
        copy, row = machine.copies[dataset], self.store.stored.pools.get(dataset)
        written = frozenset(self.written.get(dataset, ()))
        wrong = self.rollbacks.repeated(machine, copy, snapshot, row, written)
        self.violations.extend(wrong)
        self.violations.extend(self.snapshots.repeated(copy, snapshot))
        if dataset in self.written:
            now = {name for name in newest(copy) if self.knows(dataset, name)}
            self.written[dataset] = now

    def check(self) -> list[str]:
        """Give what is wrong, if anything may be otherwise than it was."""
        stored = self.store.stored
        if stored is not self._checked or any(m.changed for m in self.machines):
            self._checked = stored
            for machine in self.machines:
                machine.changed = False
            self._look(stored)
        return self.violations

    # Disks

    def _look(self, stored: Configuration) -> None:
        known = stored.pools.keys() | self.written.keys()
        for machine in self.machines:
            known |= machine.copies.keys()
        for dataset in sorted(known, key=str):
            self.violations.extend(self._of(dataset, stored))
        for machine in self.machines:
            self.violations.extend(self._records_grow(machine))

    def _of(self, dataset: DatasetID, stored: Configuration) -> Iterator[str]:
        serving = self.serving(dataset)
        if len(serving) > 1:
            nodes = ", ".join(str(machine.node) for machine in serving)
            yield f"W1: {dataset} is mounted writable on {nodes}"
        row = stored.pools.get(dataset)
        for machine in self.machines:
            record = record_of(machine, dataset)
            if record is not None and record.owns:
                yield from self._owned(machine, dataset, record, row)
            elif machine in serving:
                yield f"I2: {dataset} is mounted on {machine.node}, which owns it not"
        if row is not None and row.deleted and _is_gone(dataset, stored):
            for machine in self.machines:
                if dataset in machine.copies:
                    yield f"D1: {machine.node} has {dataset}, which is destroyed"
        yield from self._data(dataset, serving, stored)
        yield from self.snapshots.look(dataset, stored)
        yield from self.rollbacks.look(dataset, row)

    def _data(
        self,
        dataset: DatasetID,
        serving: Sequence[PoolMachine],
        stored: Configuration,
    ) -> Iterator[str]:
        wanted = self.written.get(dataset, set())
        for machine in serving:
            yield from self._served(dataset, machine, wanted, stored)
        if wanted and not any(wanted <= names for names in self._all(dataset)):
            best = max(self._all(dataset), key=len, default=frozenset())
            yield f"W3: {dataset} has lost {sorted(wanted - best)}"

    def _owned(
        self,
        machine: PoolMachine,
        dataset: DatasetID,
        record: Record,
        row: PoolOwnership | None,
    ) -> Iterator[str]:
        self._owns(dataset, record.epoch, machine.node)
        if row is None and not self.forgot:
            yield f"I1: {machine.node} owns {dataset}, which has no row"
        elif row is None or row.unsure or (self.forgot and row.epoch < record.epoch):
            return  # the store has forgotten, and knows that it has, or will
        elif (row.owner, row.epoch) != (machine.node, record.epoch):
            yield (
                f"I1: {machine.node} owns {dataset} in epoch {record.epoch}, and the"
                f" store says {row.owner} in {row.epoch}"
            )

    def _served(
        self,
        dataset: DatasetID,
        machine: PoolMachine,
        wanted: set[str],
        stored: Configuration,
    ) -> Iterator[str]:
        names = set(machine.disk.files(dataset))
        if not wanted <= names:
            lost = sorted(wanted - names)
            yield f"W4: {dataset} is served by {machine.node} without {lost}"
        row = stored.datasets.get(dataset)
        if row is not None and not row.deleted:
            for name in names:
                if self._lives.get((dataset, name), row.life) != row.life:
                    yield f"D1: {name} of an earlier life of {dataset} is served"
                elif name not in wanted and self.knows(dataset, name):
                    yield f"B4: {dataset} is served with {name}, and was rolled back"

    def _owns(self, dataset: DatasetID, epoch: Epoch, node: NodeID) -> None:
        first = self._owners.setdefault((dataset, epoch), node)
        if first != node:
            self.violations.append(
                f"W2: epoch {epoch} of {dataset} is {first}'s and {node}'s"
            )

    def _all(self, dataset: DatasetID) -> Iterator[frozenset[str]]:
        """Give what names each copy has, also those that were set aside."""
        for machine in self.machines:
            copy = machine.copies.get(dataset)
            if copy is not None:
                yield newest(copy)
            for aside, copy in machine.disk.asides.values():
                if aside.dataset == dataset:
                    yield newest(copy)

    def _records_grow(self, machine: PoolMachine) -> Iterator[str]:
        """Floor, refused move and revision only grow; a record is never lost."""
        ledger = machine.disk.ledger
        for dataset in ledger.keys() | machine.copies.keys():
            copy = machine.copies.get(dataset)
            now = ledger[dataset] if copy is None else copy.record
            was = self._records.get((machine.node, dataset))
            if was is not now:
                self._records[machine.node, dataset] = now
                if was is not None:
                    yield from _fell(machine.node, decoded(was), decoded(now))
        for node, dataset in self._records:
            lost = dataset not in ledger and dataset not in machine.copies
            if node == machine.node and lost:
                yield f"the record of {dataset} on {node} is lost"

    # Moments

    def at(self, node: NodeID) -> "Moments":
        """Give the witness of one node's pool."""
        return Moments(self, node)

    def machine(self, node: NodeID) -> PoolMachine:
        """Find a machine."""
        return next(each for each in self.machines if each.node == node)

    def serving(self, dataset: DatasetID) -> list[PoolMachine]:
        """Give the machines that have it mounted, in any mount namespace."""
        return [
            machine
            for machine in self.machines
            if (copy := machine.copies.get(dataset)) is not None and copy.holders()
        ]


@frozen
class Moments:
    """Looks at what is done to the pool of one node when it is done."""

    oracle: Oracle
    node: NodeID

    def unmounting(self, dataset: DatasetID) -> None:
        """S6: what is leased stays mounted, except where its node is marked dead."""
        stored = self.oracle.store.stored
        lease, node = stored.leases.get(dataset), stored.nodes.get(self.node)
        row = stored.pools.get(dataset)
        dead = node is not None and node.dead is not None
        if lease is None or lease.node != self.node or dead or (row and row.unsure):
            return
        if row is not None and not row.deleted:
            self._wrong(f"S6: {dataset} was unmounted on {self.node}, which leases it")

    def recording(self, dataset: DatasetID, record: bytes) -> None:
        """S7: what is let go of is on the target's disk."""
        machine, standing = self.oracle.machine(self.node), decoded(record).standing
        if not isinstance(standing, Released):
            return
        row = self.oracle.store.stored.pools.get(dataset)
        if row is None or row.deleted or row.epoch != standing.epoch:
            return
        target = self.oracle.machine(standing.target)
        copy, own = target.copies.get(dataset), machine.copies.get(dataset)
        if copy is None or copy.seen().head != standing.snapshot:
            self._wrong(
                f"S7: {self.node} let go of {dataset} at {standing.snapshot}, which"
                f" {standing.target} has not"
            )
        elif own is not None and not newest(own) <= newest(copy):
            self._wrong(f"S7: {self.node} let go of more than {standing.target} has")

    def setting_aside(self, dataset: DatasetID) -> None:
        """W3: what the owner before the present one kept can be continued.

        Nothing diverges without failover. But other snapshots are not kept for long, or
        do not travel, and what stands there may have to be sent anew.
        """
        self.oracle.asides += 1
        machine = self.oracle.machine(self.node)
        record = record_of(machine, dataset)
        row = self.oracle.store.stored.pools.get(dataset)
        if record is None or row is None:
            return
        names = newest(machine.copies[dataset])
        if any(not self.oracle.knows(dataset, name) for name in names):
            return  # somebody wrote into it by hand
        if isinstance(record.standing, Released) and row.epoch == after(record.epoch):
            self._wrong(f"W3: {self.node} set {dataset} aside, and nothing diverged")

    def creating(self, dataset: DatasetID) -> None:
        """D2: no empty copy is made while there is data."""
        if self.oracle.written.get(dataset):
            self._wrong(f"D2: {self.node} makes {dataset} anew, which holds data")

    def cloned(
        self, dataset: DatasetID, origin: DatasetID, snapshot: SnapshotID
    ) -> None:
        """U4: a clone is its snapshot; what it begins with is the user's from then."""
        del origin
        self.creating(dataset)
        copy = self.oracle.machine(self.node).copies[dataset]
        self.oracle.violations.extend(self.oracle.snapshots.cloned(copy, snapshot))
        for name in copy.files or ():
            self.oracle.wrote(dataset, name)

    def took(self, dataset: DatasetID) -> None:
        """A snapshot was taken."""
        self.oracle.contents.took(self.oracle.machine(self.node).copies[dataset])

    def came(self, dataset: DatasetID) -> None:
        """T1: what came is what was sent."""
        copy = self.oracle.machine(self.node).copies[dataset]
        self.oracle.violations.extend(self.oracle.contents.came(self.node, copy))

    def repeated(self, dataset: DatasetID, snapshot: SnapshotID) -> None:
        """B2 to B5; from here on what counts is what the snapshot held."""
        self.took(dataset)
        self.oracle.rolled_back(dataset, self.node, snapshot)

    def _wrong(self, words: str) -> None:
        self.oracle.violations.append(words)


def _is_gone(dataset: DatasetID, stored: Configuration) -> bool:
    """Whether every node has said that it has no copy of the last life."""
    row = stored.datasets.get(dataset)
    return row is None or row.destroyed


def newest(copy: MemoryCopy) -> frozenset[str]:
    """Give the names of what is in a copy, as it is now."""
    if copy.files is not None:
        return frozenset(copy.files)
    return frozenset(copy.snapshots[-1].files) if copy.snapshots else frozenset()


def _fell(node: NodeID, was: Record, now: Record) -> Iterator[str]:
    for what in ("floor", "refused", "revision", "settled", "rolled_back"):
        if getattr(now, what) < getattr(was, what):
            yield f"{what} of {was.dataset} on {node} went back: {was} became {now}"
    done = isinstance(was.standing, Released) and isinstance(now.standing, Owned)
    if done and now.epoch <= was.epoch:
        yield f"{node} took back that it let go of {was.dataset}: {now}"


def _went_wrong(
    was: PoolOwnership | None, row: PoolOwnership, numbers_from: int
) -> Iterator[str]:
    if was is None:
        first = after(Epoch(numbers_from)) if numbers_from else FIRST_EPOCH
        if row.create and row.epoch != first:
            yield f"W2: {row.dataset} begins in epoch {row.epoch}"
        return
    for what in ("epoch", "top", "moves", "revision"):
        if getattr(row, what) < getattr(was, what):
            yield f"W2: {what} of {row.dataset} went back: {was} became {row}"
    if was.deleted and not row.deleted and row.epoch == was.epoch:
        yield f"D1: {row.dataset} is deleted no more, in epoch {row.epoch}"
    if not was.unsure:
        yield from _given(was, row)


def _given(was: PoolOwnership, row: PoolOwnership) -> Iterator[str]:
    given = (row.epoch, row.owner) != (was.epoch, was.owner)
    if given and row.epoch <= was.top:
        yield f"W2: epoch {row.epoch} of {row.dataset} is given out twice"
    if was.acquired and not row.acquired and not given:
        yield f"W2: epoch {row.epoch} of {row.dataset} begins twice"
    if row.owner != was.owner and not was.deleted:
        yield from _handed_over(was, row)


def _handed_over(was: PoolOwnership, row: PoolOwnership) -> Iterator[str]:
    move = was.move
    if move is None or move.target != row.owner or move.stage is not Stage.FREEZING:
        yield f"L2: {row.dataset} goes to {row.owner}, and no move says so: {was}"


def _taken_from(before: Configuration, was: PoolOwnership) -> Iterator[str]:
    lease = before.leases.get(was.dataset)
    if lease is not None and lease.node == was.owner and not was.deleted:
        yield f"S6: {was.dataset} was handed over, and {was.owner} leases it"
