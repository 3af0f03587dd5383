"""What users may ask of rollbacks: pure functions from configuration to Change.

Called by `flocker.restapi.rollbacks` through `flocker.control.operations`. What is then
done, and the guards, are `flocker.control.pool_rollbacks`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Final

from flocker.control import pool_rollbacks, snapshots
from flocker.control.pool_copies import copy_on, row_wanted
from flocker.control.pool_rollbacks import RollbackRefused
from flocker.control.snapshots import SnapshotNotFound
from flocker.model.changes import Change
from flocker.model.cluster import Observed
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID, SnapshotID
from flocker.model.pools import PoolFact, PoolOwnership
from flocker.model.snapshots import (
    LONGEST_NAME,
    Kept,
    UserSnapshots,
    kept_as,
    name_in_pool,
)

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
    now: float,
) -> Change:
    """Let a dataset become again what its snapshot `name` was.

    In the same commit a snapshot of what it is before is wanted; `now` is
    seconds since the epoch. `facts` are what the nodes said of the dataset last.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`, `SnapshotNotFound`,
    `RollbackRefused`, `InUse`, `TooManySnapshots`.
    """
    row = row_wanted(configuration, dataset)
    copy, identity = _snapshot(configuration, row, facts, name)
    settled = copy.record.settled
    safety = Kept(pool_rollbacks.next_number(row, settled)).id_in(dataset)
    called = _safety(configuration, dataset, name, now)
    kept = snapshots.create(configuration, dataset, called, safety, now)
    wish = pool_rollbacks.begin(
        configuration, dataset, name, identity, name_in_pool(called, safety), settled
    )
    _check_taken(configuration, dataset)
    return Change((*wish.edits, *kept.edits))


def cancel(configuration: Configuration, dataset: DatasetID) -> Change:
    """Let it stay what it is, unless it went back already.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`, `NoRollback`.
    """
    _ = row_wanted(configuration, dataset)
    return pool_rollbacks.cancel(configuration, dataset)


def _snapshot(
    configuration: Configuration, row: PoolOwnership, facts: Facts, name: str
) -> tuple[PoolFact, SnapshotID]:
    """Give what is to be gone back to, and the copy of the owner, which has that."""
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
    return copy, found.taken.identity


def _check_taken(configuration: Configuration, dataset: DatasetID) -> None:
    """Refuse while a snapshot is still to be taken: it would hold what comes after."""
    known = configuration.snapshots.get(dataset, UserSnapshots(dataset))
    for each in known.wanted:
        due = each.taken is None and each.deleted is None
        if due and kept_as(dataset, each.id) is None:
            why = f"its snapshot {each.name} is not taken yet; wait for it or delete it"
            raise RollbackRefused(dataset, why)


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
