"""What users may ask of rollbacks: pure functions from configuration to Change.

Called by `flocker.restapi.rollbacks` through `flocker.control.operations`. What is then
done, and the guards, are `flocker.control.pool_rollbacks`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Final

from flocker.control import pool_rollbacks, snapshots
from flocker.control.pool_copies import copy_on, row_wanted
from flocker.control.pool_rollbacks import RollbackRefused
from flocker.control.snapshots import SnapshotNotFound
from flocker.model.changes import Change, SnapshotsEdit
from flocker.model.cluster import Observed
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID, SnapshotID, UserSnapshotID
from flocker.model.pools import PoolOwnership
from flocker.model.snapshots import LONGEST_NAME, UserSnapshot, UserSnapshots

Facts = Mapping[NodeID, Observed]

_BEFORE: Final = "before-"
_STAMP: Final = "-%Y%m%dT%H%M%SZ"
_SPARE: Final = len("-250")
"""Letters for a number where two have one name."""


def roll_back(
    configuration: Configuration,
    facts: Facts,
    dataset: DatasetID,
    name: str,
    safety: UserSnapshotID,
    now: float,
) -> Change:
    """Let a dataset become again what its snapshot `name` was.

    In the same commit a snapshot of what it is before is wanted, as `safety`; `now` is
    seconds since the epoch. `facts` are what the nodes said of the dataset last.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`, `SnapshotNotFound`,
    `RollbackRefused`, `InUse`, `TooManySnapshots`.
    """
    row = row_wanted(configuration, dataset)
    identity = _snapshot(configuration, row, facts, name)
    kept = snapshots.create(
        configuration, dataset, _safety(configuration, dataset, name, now), safety, now
    )
    (wanted,) = (each for each in _wanted(kept) if each.id == safety)
    wish = pool_rollbacks.begin(configuration, dataset, name, identity, wanted.in_pool)
    return Change((*wish.edits, *kept.edits))


def cancel(configuration: Configuration, dataset: DatasetID) -> Change:
    """Let it stay what it is, unless it went back already.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`, `NoRollback`.
    """
    _ = row_wanted(configuration, dataset)
    return pool_rollbacks.cancel(configuration, dataset)


def _snapshot(
    configuration: Configuration, row: PoolOwnership, facts: Facts, name: str
) -> SnapshotID:
    """Give what is to be gone back to, if its owner has that."""
    known = configuration.snapshots.get(row.dataset)
    found = None if known is None else known.named(name)
    if found is None:
        raise SnapshotNotFound(row.dataset, name)
    if found.taken is None:
        raise RollbackRefused(row.dataset, f"its snapshot {name} is not taken yet")
    copy = copy_on(row.owner, facts)
    if copy is None or found.taken.identity not in copy.snapshots:
        why = f"node {row.owner}, which owns it, has not said that it has {name}"
        raise RollbackRefused(row.dataset, why)
    return found.taken.identity


def _safety(
    configuration: Configuration, dataset: DatasetID, name: str, now: float
) -> str:
    """Give a name that is free, as before-NAME-20261129T034100Z."""
    stamp = datetime.fromtimestamp(now, UTC).strftime(_STAMP)
    most = LONGEST_NAME - len(_BEFORE) - len(stamp) - _SPARE
    first = f"{_BEFORE}{name[:most]}{stamp}"
    known = configuration.snapshots.get(dataset, UserSnapshots(dataset))
    names = (first if each == 1 else f"{first}-{each}" for each in count(1))
    return next(each for each in names if known.named(each) is None)


def _wanted(change: Change) -> Iterator[UserSnapshot]:
    for edit in change.edits:
        if isinstance(edit, SnapshotsEdit) and edit.after is not None:
            yield from edit.after.wanted
