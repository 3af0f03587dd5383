"""What stands in a ZFS pool, as values; pure. Called by `api`."""

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from attrs import frozen

from flocker.backends.asides import AsideName, parse_aside
from flocker.backends.pool_interface import Aside, Copy, PoolSnapshot
from flocker.backends.zfs.names import Names, dataset_of_entry
from flocker.backends.zfs.translate import Filesystem, seen, was_written
from flocker.model.ids import DatasetID, SnapshotID


@frozen
class Found:
    """A filesystem with its snapshots, oldest first."""

    live: Filesystem
    snapshots: tuple[Filesystem, ...]
    inside: tuple[str, ...] = ()
    """Other filesystems right below it."""

    @property
    def written(self) -> bool | None:
        """See Note [Written] in `translate`."""
        return was_written(self.live, self.snapshots)

    def snapshot(self, identity: SnapshotID) -> Filesystem | None:
        """Find one of its snapshots."""
        for each in self.snapshots:
            if each.guid == identity:
                return each
        return None

    def named(self, name: str) -> Filesystem | None:
        """Find one of its snapshots by its name."""
        for each in self.snapshots:
            if each.last == name:
                return each
        return None


def group(rows: Iterable[Filesystem]) -> tuple[Found, ...]:
    """Put snapshots to their filesystems."""
    live: dict[str, Filesystem] = {}
    snapshots: dict[str, list[Filesystem]] = {}
    for row in rows:
        if row.is_snapshot:
            snapshots.setdefault(row.owner, []).append(row)
        else:
            live[row.name] = row
    inside: dict[str, list[str]] = {}
    for name in live:
        inside.setdefault(name.rpartition("/")[0], []).append(name)
    return tuple(
        Found(row, seen(snapshots.get(name, ())), tuple(inside.get(name, ())))
        for name, row in live.items()
    )


def describe(snapshot: Filesystem) -> PoolSnapshot:
    """Give a snapshot as pools do."""
    return PoolSnapshot(snapshot.last, SnapshotID(snapshot.guid), snapshot.tags)


def describe_all(snapshots: Iterable[Filesystem]) -> tuple[PoolSnapshot, ...]:
    """Give snapshots as pools do."""
    return tuple(describe(each) for each in snapshots)


def as_copy(
    dataset: DatasetID, found: Found, record: bytes, places: tuple[Path, ...]
) -> Copy:
    """Give a copy. Where nobody knows whether it was written to, it may have been."""
    writable = not found.live.read_only
    return Copy(
        dataset,
        record,
        describe_all(found.snapshots),
        writable=writable,
        written=found.written is not False,
        quota=found.live.quota if writable else None,
        mounted_at=places,
    )


def copies_of(
    names: Names, found: Iterable[Found], places: Mapping[str, tuple[Path, ...]]
) -> Mapping[DatasetID, Copy]:
    """Give all copies; what has no record is none."""
    copies = {}
    for each in found:
        dataset, record = names.dataset_of(each.live.name), each.live.record
        if dataset is not None and record is not None:
            where = places.get(each.live.name, ())
            copies[dataset] = as_copy(dataset, each, record, where)
    return copies


def as_aside(name: AsideName, found: Found) -> Aside:
    """Give a copy that was set aside."""
    snapshots = describe_all(found.snapshots)
    return Aside(name.text, name.dataset, name.node, name.epoch, snapshots)


def asides_of(names: Names, found: Iterable[Found]) -> tuple[Aside, ...]:
    """Give all copies that were set aside."""
    asides = []
    for each in found:
        text = names.aside_of(each.live.name)
        name = None if text is None else parse_aside(text)
        if name is not None:
            asides.append(as_aside(name, each))
    return tuple(asides)


def clones_of(
    names: Names, snapshots: Container[str], origins: Mapping[str, str]
) -> tuple[tuple[DatasetID, ...], tuple[str, ...]]:
    """Name the datasets whose copies, or copies set aside, are clones of snapshots.

    And clones that others made, or that are being destroyed.
    """
    datasets, others = [], []
    for name, origin in origins.items():
        if origin not in snapshots:
            continue
        dataset = names.dataset_of(name)
        aside = parse_aside(names.aside_of(name) or "")
        if dataset is not None:
            datasets.append(dataset)
        elif aside is not None:
            datasets.append(aside.dataset)
        else:
            others.append(name)
    return tuple(datasets), tuple(others)


def ledger_of(
    properties: Mapping[str, str], copies: Iterable[DatasetID]
) -> Mapping[DatasetID, bytes]:
    """Give the records of datasets that have no copy."""
    here = set(copies)
    found = {}
    for name, text in properties.items():
        dataset = dataset_of_entry(name)
        if dataset is not None and dataset not in here:
            found[dataset] = text.encode()
    return found
