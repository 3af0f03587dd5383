"""What a store that was restored from a backup may believe of pools; pure.

It has forgotten what came after the backup: moves, epochs, the numbers of both. Nodes
have not: their records are durable. So each row of it is *unsure* until nodes have said
enough to be certain, and until then nothing is decided and nobody is told of it: who
serves the dataset goes on. Called by `pool_tending` and by ``flocker-control restore``.

Note [Who owns it, says so]: a later epoch is given out only when the owner of the one
before has let go on record. So a node that owns an epoch on record is the owner, and
there is no later one, whoever else is away. And who let go for a node that still
follows that very epoch may have it again: nobody can have acquired a later one.

Note [Numbers behind all others]: what is numbered from now on is numbered behind the
time of the restore, in seconds since the epoch. Nothing was counted that fast, so no
node, record or agent can know such a number from before.
"""

from collections.abc import Mapping

from attrs import evolve

from flocker.control.pool_moves import given, renewed
from flocker.model.changes import Change, Edit, PoolEdit
from flocker.model.configuration import Configuration
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Epoch,
    MoveNumber,
    NodeID,
    RollbackNumber,
)
from flocker.model.pools import (
    NO_EPOCH,
    Owned,
    PoolFact,
    PoolOwnership,
    Record,
    Released,
    Replica,
    after,
)

Words = Mapping[NodeID, PoolFact]
"""What nodes said of their copies, in the middle of nothing."""


def doubt_all(configuration: Configuration, numbers_from: int) -> Change:
    """Give the change by which a restored configuration believes no row any more.

    What was being deleted goes on to be, as far as the backup knew of it.
    """
    edits: list[Edit] = []
    for row in configuration.pools.values():
        dataset = configuration.datasets.get(row.dataset)
        if not row.deleted and dataset is not None and not dataset.deleted:
            edits.append(PoolEdit(row, doubt(row, numbers_from)))
    return Change(tuple(edits))


def doubt(row: PoolOwnership, numbers_from: int) -> PoolOwnership:
    """Believe a row no more. See Note [Numbers behind all others]."""
    return evolve(
        row,
        unsure=True,
        top=Epoch(max(row.top, numbers_from)),
        moves=MoveNumber(max(row.moves, numbers_from)),
        rollbacks=RollbackNumber(max(row.rollbacks, numbers_from)),
        revision=max(row.revision, numbers_from) + 1,
    )


def is_behind(row: PoolOwnership, words: Words) -> bool:
    """Whether a node has on record what the store never gave out, as far as it knows.

    Then it was brought back by other means than ``flocker-control restore``.
    """
    return any(_knows_more(word.record, row) for word in words.values())


def _knows_more(record: Record, row: PoolOwnership) -> bool:
    epochs = record.epoch > row.top or record.floor > after(row.top)
    return epochs or record.refused > row.moves


def settle(row: PoolOwnership, words: Words) -> PoolOwnership | None:
    """Give an unsure row as it is for certain; None while that is open."""
    return _adopted(row, words) or _as_it_was(row, words) or _given_back(row, words)


def forgotten(
    dataset: DatasetID,
    backend: BackendName,
    before: PoolOwnership | None,
    words: Words,
    numbers_from: int,
) -> PoolOwnership | None:
    """Find that a dataset that is to be made is there: its row was forgotten.

    `before` is the row of a life that is over, if there was one: copies of that are
    none of the dataset.
    """
    owners = [node for node, word in words.items() if word.exists and word.record.owns]
    if not owners:
        return None
    over = NO_EPOCH if before is None else before.top
    unknown = PoolOwnership(dataset, backend, owners[0], over, over, create=False)
    revision = unknown.revision if before is None else before.revision
    row = doubt(evolve(unknown, revision=revision), numbers_from)
    return _adopted(row, words)


def _as_it_was(row: PoolOwnership, words: Words) -> PoolOwnership | None:
    """C21: its owner has acquired no later epoch, so that nobody has.

    And C20, where that still has the epoch of the row.
    """
    said = words.get(row.owner)
    if said is None:
        return None
    record = said.record
    if record.owns and record.epoch == row.epoch:
        move = row.move
        refused = move is not None and record.refused >= move.number
        return _sure(evolve(row, move=None) if refused else row, row, words)
    behind = record.epoch < row.epoch and record.floor <= row.epoch
    return _sure(row, row, words) if behind and not row.acquired else None


def _adopted(row: PoolOwnership, words: Words) -> PoolOwnership | None:
    """C20: a node owns a later epoch; see Note [Who owns it, says so]."""
    later = [
        (standing.epoch, node, standing.base)
        for node, word in words.items()
        if isinstance(standing := word.record.standing, Owned)
        and word.record.owns
        and standing.epoch > row.epoch
    ]
    if not later:
        return None
    epoch, node, base = max(later, key=lambda found: found[:2])
    owned = evolve(
        row,
        owner=node,
        epoch=epoch,
        top=max(row.top, epoch),
        base=base,
        acquired=True,
        create=False,
        move=None,
        prunes=(),
        rollback=None,
        candidate=None,
    )
    return _sure(owned, row, words)


def _given_back(row: PoolOwnership, words: Words) -> PoolOwnership | None:
    """C22: who let go for a node that did not acquire it has it again."""
    for node, word in sorted(words.items()):
        let_go = word.record.standing
        if not isinstance(let_go, Released) or let_go.epoch < row.epoch:
            continue
        target = words.get(let_go.target)
        if target is None or target.record.standing != Replica(let_go.epoch):
            continue
        unknown = evolve(row, top=max(row.top, after(let_go.epoch)))
        again = evolve(given(unknown, node, let_go, None), prunes=(), rollback=None)
        return _sure(again, row, words)
    return None


def _sure(certain: PoolOwnership, row: PoolOwnership, words: Words) -> PoolOwnership:
    """Believe it from here on; who owns it, or has a copy, is to be told."""
    have = {node for node, word in words.items() if word.exists}
    more = sorted({*have, certain.owner}.difference(row.holders))
    holders = (*row.holders, *more)
    return renewed(row, evolve(certain, unsure=False, holders=holders))
