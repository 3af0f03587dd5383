"""One look at a pool: what it has of each dataset, and what is on record of it.

At the cost of one listing. Only what is not at rest is looked at by itself: whether it
was written to since its newest snapshot, and who uses it. Runs in a thread of the pool.
"""

from collections.abc import Mapping, Set

from attrs import field, frozen
from pyrsistent import pmap

from flocker.backends.pool_errors import NoSuchFilesystem
from flocker.backends.pool_interface import Copy, IFilesystemPool, PoolSnapshot
from flocker.backends.pool_resuming import IResumingPool
from flocker.dataset_agent.pool_states import Found, Idle, NoFilesystem, Served
from flocker.model.ids import DatasetID, SnapshotID
from flocker.model.pools import Record
from flocker.wire import pool_records
from flocker.wire.json_codec import Undecodable

ABSENT = NoFilesystem()


@frozen
class Seen:
    """What there is of one dataset.

    `unreadable` says why its record is not understood, if it is not: then nothing may
    be done about it.
    """

    record: Record
    found: Found = ABSENT
    copy: Copy | None = None
    asides: tuple[str, ...] = ()
    unreadable: str | None = None

    @property
    def snapshots(self) -> tuple[PoolSnapshot, ...]:
        """Give those of the copy, oldest first."""
        return () if self.copy is None else self.copy.snapshots

    @property
    def identities(self) -> frozenset[SnapshotID]:
        """Give what the copy contains."""
        return frozenset(each.identity for each in self.snapshots)


@frozen
class PoolSeen:
    """What a look saw; sizes in bytes. Of other datasets there is nothing."""

    datasets: Mapping[DatasetID, Seen] = field(factory=pmap)
    size: int = 0
    free: int = 0
    unfinished: frozenset[DatasetID] = frozenset()
    """Those of which a stream was cut, and the rest may come."""

    def of(self, dataset: DatasetID) -> Seen:
        """Give what there is of a dataset, if only that there is nothing."""
        return self.datasets.get(dataset) or Seen(Record(dataset))


def look(pool: IFilesystemPool, closely: Set[DatasetID]) -> PoolSeen:
    """Look at all that there is, and `closely` at some. Raises `PoolUnavailable`."""
    contents = pool.list()
    asides: dict[DatasetID, tuple[str, ...]] = {}
    for aside in contents.asides:
        asides[aside.dataset] = (*asides.get(aside.dataset, ()), aside.name)
    copies = dict(contents.copies)
    for dataset in closely & copies.keys():
        try:
            copies[dataset] = pool.look(dataset)
        except NoSuchFilesystem:  # gone meanwhile, and its record is elsewhere
            return look(pool, closely)
    found = {
        dataset: seen(dataset, record, None, asides.get(dataset, ()))
        for dataset, record in contents.ledger.items()
    }
    for dataset, copy in copies.items():
        found[dataset] = seen(dataset, copy.record, copy, asides.get(dataset, ()))
    for dataset in asides.keys() - found.keys():
        found[dataset] = Seen(Record(dataset), asides=asides[dataset])
    unfinished: frozenset[DatasetID] = frozenset()
    if IResumingPool.providedBy(pool):
        unfinished = pool.all_unfinished()
    return PoolSeen(found, contents.size, contents.free, unfinished)


def look_at(pool: IFilesystemPool, dataset: DatasetID) -> Seen:
    """Look closely at one dataset, but not for what was set aside of it.

    Costs no listing where there is a copy. Raises `PoolUnavailable`.
    """
    try:
        copy = pool.look(dataset)
    except NoSuchFilesystem:
        return look(pool, {dataset}).of(dataset)
    return seen(dataset, copy.record, copy)


def seen(
    dataset: DatasetID, record: bytes, copy: Copy | None, asides: tuple[str, ...] = ()
) -> Seen:
    """Put one dataset in the words of the ownership protocol."""
    found = find(copy)
    try:
        understood = pool_records.decode(record)
    except Undecodable as error:
        return Seen(Record(dataset), found, copy, asides, unreadable=str(error))
    if understood.dataset != dataset:
        why = f"it is the record of dataset {understood.dataset}"
        return Seen(Record(dataset), found, copy, asides, unreadable=why)
    return Seen(understood, found, copy, asides)


def find(copy: Copy | None) -> Found:
    """Say in what state a copy is; one that anybody uses is served."""
    if copy is None:
        return ABSENT
    head = copy.snapshots[-1].identity if copy.snapshots else None
    if copy.mounted_at or copy.users:
        return Served(head, copy.written)
    return Idle(head, copy.written, copy.writable)


def gist(seen: Seen) -> tuple[object, ...]:
    """Give what a listing says for certain, of all that there is."""
    head = getattr(seen.found, "head", None)
    writable = getattr(seen.found, "writable", True)
    at = () if seen.copy is None else seen.copy.mounted_at
    return seen.record, head, writable, at, seen.copy is None, seen.asides
