"""Rollbacks of pool datasets: what may be asked, and when one is over; pure.

More guards of the ownership protocol, C17 to C19. What a user names is found by
`flocker.control.rollbacks`; what the owner does stands in
`flocker.dataset_agent.pool_rollbacks`.

Note [Given up]: a rollback that its node cannot do ends, and the dataset is served as
it was: nobody wants it away until there is room, nor to go back at some later hour.
What passes by itself is waited for, and so is who uses the dataset: it is served.
"""

from typing import Final

from attrs import evolve, frozen

from flocker.control.pool_moves import InUse, alive, edited, engagement, renewed
from flocker.model.changes import Change
from flocker.model.cluster import Cause, Condition, Fact
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID, RollbackNumber, SnapshotID
from flocker.model.pools import (
    NO_ROLLBACK,
    NotRolledBack,
    Owned,
    PoolFact,
    PoolOwnership,
    Rollback,
)

MISSING: Final = "snapshot-missing"
PASSES: Final = frozenset({"busy", "step-slow", "backend-slow", "backend-failed"})
"""Codes of causes for which a rollback is not given up: they pass, or somebody acts."""


@frozen
class RollbackRefused(FlockerError):
    """The dataset cannot be rolled back now; `why` says what is in the way."""

    dataset: DatasetID
    why: str

    def words(self) -> str:
        """Name the dataset and the obstacle."""
        return f"dataset {self.dataset} cannot be rolled back: {self.why}"


@frozen
class NoRollback(FlockerError):
    """There is no rollback of the dataset that could be cancelled."""

    dataset: DatasetID

    def words(self) -> str:
        """Name the dataset."""
        return f"dataset {self.dataset} is not being rolled back"


def begin(
    configuration: Configuration,
    dataset: DatasetID,
    name: str,
    snapshot: SnapshotID,
    safety: str,
    settled: RollbackNumber = NO_ROLLBACK,
) -> Change:
    """C17: let the owner make it what `snapshot`, of that name, was.

    What it is now is kept as the snapshot called `safety` in the pool. That nobody
    leases it is checked in the same commit, from which on nobody is given a lease.
    `settled` is what the owner has on record, for `next_number`. Raises
    `NotInPool`, `RollbackRefused`, `InUse`.
    """
    row = alive(configuration, dataset)
    why = _obstacle(row)
    if why is not None:
        raise RollbackRefused(dataset, why)
    lease = configuration.leases.get(dataset)
    if lease is not None:
        raise InUse(lease)
    number = next_number(row, settled)
    wish = Rollback(number, name, snapshot, safety)
    wanted = evolve(row, rollback=wish, rollbacks=number, not_rolled_back=None)
    return edited(row, wanted)


def next_number(row: PoolOwnership, settled: RollbackNumber) -> RollbackNumber:
    """Give the number of the next rollback.

    A store that was restored may know of less than its owner has on record as over.
    """
    return RollbackNumber(max(row.rollbacks, settled) + 1)


def _obstacle(row: PoolOwnership) -> str | None:
    if row.move is not None:
        return f"it is on its way to node {row.move.target}; cancel that, or wait"
    return engagement(row)


def cancel(configuration: Configuration, dataset: DatasetID) -> Change:
    """C18: it stays as it is, unless it went back already.

    The wish stands until the owner has said which. That one was given up is known then,
    and needs no more to be said. Raises `NotInPool`, `NoRollback`.
    """
    row = alive(configuration, dataset)
    if row.rollback is None and row.not_rolled_back is not None:
        return edited(row, evolve(row, not_rolled_back=None))
    if row.rollback is None:
        raise NoRollback(dataset)
    if row.rollback.cancelled:
        return Change()
    return edited(row, evolve(row, rollback=evolve(row.rollback, cancelled=True)))


def give_up(row: PoolOwnership, wish: Rollback, why: Cause) -> Change:
    """C18, by control itself: see Note [Given up]."""
    told = NotRolledBack(wish, why.words, why.release)
    over = evolve(wish, cancelled=True)
    return edited(row, evolve(row, rollback=over, not_rolled_back=told))


def hindrance(row: PoolOwnership, fact: Fact, revision: int) -> Cause | None:
    """Say why the owner cannot do the rollback that is wanted, if it says so.

    It is believed if it knew the users' snapshots of `revision`, which came with the
    wish: what was in the way of something before is no reason.
    """
    wish, copy, cause = row.rollback, fact.pool, fact.cause
    if wish is None or wish.cancelled or copy is None or cause is None:
        return None
    if copy.heard < revision or copy.record.settled >= wish.number:
        return None
    if cause.code == MISSING:
        return cause
    away = fact.condition is Condition.DETACHED
    return cause if away and cause.code not in PASSES else None


def settled(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """C19: the owner has put on record that the rollback is over, done or not."""
    wish, record = row.rollback, fact.record
    if wish is None or row.owner != node or record.settled < wish.number:
        return None
    if not isinstance(record.standing, Owned) or record.standing.epoch != row.epoch:
        return None
    over = evolve(row, rollback=None)
    if record.rolled_back == wish.number:
        over = evolve(over, rolled_back=wish.number, not_rolled_back=None)
    return renewed(row, over)
