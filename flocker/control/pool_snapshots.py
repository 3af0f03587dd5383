"""What becomes of users' snapshots when control hears of the copies; pure.

What the owner has taken is put on record, so that it is never taken twice; what was
deleted is forgotten when no copy has it any more. What the owner had to keep besides,
for a rollback, is on record when control hears of it. Called by
`flocker.control.pool_tending`.

Note [All in one state]: a copy without the snapshot may be brought it by one that is
rid of it a moment later. So what each node said counts only if it said so knowing of
the dataset's row as it is now, in which nothing moves: while that stands no stream is
taken anywhere. And it counts only on the connection on which it was said.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import evolve

from flocker.control.volume_snapshots import SourceNeeded, check_no_volume_awaits
from flocker.model.changes import Change, SnapshotsEdit
from flocker.model.cluster import Observed
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID, SnapshotID, UserSnapshotID
from flocker.model.pools import Owned, PoolFact, PoolOwnership
from flocker.model.snapshots import (
    FoundSnapshot,
    Taken,
    UserSnapshot,
    UserSnapshots,
    kept_as,
)

Facts = Mapping[NodeID, Observed]

HOLD_ORIGINS: Final = frozenset({"zfs"})
"""Drivers of pools in which a snapshot cannot go while there are clones of it."""


def keep(
    configuration: Configuration, row: PoolOwnership, facts: Facts
) -> UserSnapshots | None:
    """Give the row of a dataset's snapshots as it is to be; None if it stays."""
    before = configuration.snapshots.get(row.dataset)
    if before is None:
        return None
    owner = facts.get(row.owner)
    holders = tuple(node for node in row.holders if node in configuration.nodes)
    wanted = (
        *(
            _over(_taken(each, row, owner), before, row, owner)
            for each in before.wanted
            if not _is_gone(each, row, holders, facts)
        ),
        *_kept_besides(before, row, owner),
    )
    # After a restored backup the row goes on behind what the owner has on record:
    # it would take nothing that an older row wants.
    heeded = _heeded(row, owner)
    if wanted == before.wanted and heeded <= before.revision:
        return None
    revision = max(before.revision + 1, heeded)
    return evolve(before, wanted=wanted, revision=revision)


def _heeded(row: PoolOwnership, owner: Observed | None) -> int:
    """Give up to which revision of the row the owner takes nothing that is deleted."""
    copy = None if owner is None else owner.fact.pool
    if copy is None or not owns(row, copy):
        return 0
    return copy.record.heeded


def _taken(
    snapshot: UserSnapshot, row: PoolOwnership, owner: Observed | None
) -> UserSnapshot:
    """Put on record what the owner of the present epoch says that it has."""
    if snapshot.taken is not None or owner is None or not owns(row, owner.fact.pool):
        return snapshot
    found = found_in(owner.fact.pool, snapshot.id)
    if found is None:
        return snapshot
    return evolve(snapshot, taken=Taken(found.identity, owner.since))


def _over(
    snapshot: UserSnapshot,
    known: UserSnapshots,
    row: PoolOwnership,
    owner: Observed | None,
) -> UserSnapshot:
    """Want no more what a rollback would have kept that is over, and had nothing to."""
    if snapshot.taken is not None or snapshot.deleted is not None:
        return snapshot
    kept = kept_as(row.dataset, snapshot.id)
    if kept is None or (row.rollback and row.rollback.number == kept.rollback):
        return snapshot
    if _has_heard(known, row, owner) is None:
        return snapshot
    return evolve(snapshot, deleted=known.revision + 1)


def _kept_besides(
    known: UserSnapshots, row: PoolOwnership, owner: Observed | None
) -> Iterator[UserSnapshot]:
    """Give what the owner had to keep that nobody knew of.

    Who has not heard of the row as it is may still have what is deleted and forgotten.
    """
    copy = _has_heard(known, row, owner)
    if copy is None or owner is None:
        return
    ids = {each.id for each in known.wanted}
    for found in copy.users:
        kept = None if found.id in ids else kept_as(row.dataset, found.id)
        if kept is not None and kept.part:
            taken = Taken(found.identity, owner.since)
            yield UserSnapshot(found.id, kept.unsaved, owner.since, taken)


def _has_heard(
    known: UserSnapshots, row: PoolOwnership, owner: Observed | None
) -> PoolFact | None:
    """Give the copy of the owner, if that knew the row as it is when it looked."""
    copy = None if owner is None else owner.fact.pool
    if copy is None or not owns(row, copy) or copy.heard < known.revision:
        return None
    return copy


def owns(row: PoolOwnership, copy: PoolFact | None) -> bool:
    """Whether a node says that the copy it has is the dataset, as the store has it."""
    if copy is None or not isinstance(copy.record.standing, Owned):
        return False
    return copy.exists and copy.record.standing.epoch == row.epoch


def found_in(copy: PoolFact | None, snapshot: UserSnapshotID) -> FoundSnapshot | None:
    """Give a snapshot as a node's copy has it."""
    found = () if copy is None else copy.users
    return next((each for each in found if each.id == snapshot), None)


def _is_gone(
    snapshot: UserSnapshot,
    row: PoolOwnership,
    holders: tuple[NodeID, ...],
    facts: Facts,
) -> bool:
    """Whether no node has a deleted one, nor will: see Note [All in one state]."""
    if snapshot.deleted is None:
        return False
    for node in holders:
        observed = facts.get(node)
        copy = None if observed is None else observed.fact.pool
        owner = node == row.owner
        if copy is None or not copy.is_rid_of(snapshot, row, owner=owner):
            return False
    return True


def drop(configuration: Configuration, dataset: DatasetID) -> Change:
    """Forget what was wanted of a dataset that is deleted: it goes with the copies."""
    before = configuration.snapshots.get(dataset)
    return Change() if before is None else Change((SnapshotsEdit(before, None),))


# Clones: what one is made of stays until it is made; and where a pool's snapshots are
# what clones consist of, as long as there are clones beside it.


def check_not_needed(
    configuration: Configuration,
    dataset: DatasetID,
    snapshot: SnapshotID | None = None,
) -> None:
    """Raises `SourceNeeded` where a dataset, or a snapshot of it, may not go.

    Costs O(what was made of it), deleted or not.
    """
    check_no_volume_awaits(configuration, dataset, snapshot)
    source = configuration.pools.get(dataset)
    if source is None:
        return
    clones = tuple(
        row.dataset
        for clone in configuration.clones.get(dataset, ())
        if (row := configuration.pools.get(clone))
        and row.origin
        and row.origin.is_of(dataset, snapshot)
        and not row.deleted
        and (row.create or _is_held(configuration, source, row))
    )
    if clones:
        raise SourceNeeded(dataset, tuple(sorted(clones, key=str)))


def _is_held(
    configuration: Configuration, source: PoolOwnership, clone: PoolOwnership
) -> bool:
    """Whether a clone shares what its source holds, on a node that has both.

    Of what else is left of it the node itself tells, when it destroys the snapshot.
    """
    if clone.owner not in source.holders:
        return False
    node = configuration.nodes.get(clone.owner)
    report = None if node is None else node.backend(clone.backend)
    return report is not None and report.driver in HOLD_ORIGINS
