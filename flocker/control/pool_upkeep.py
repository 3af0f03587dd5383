"""What control does about pool datasets when it hears of their copies; pure.

The guards C4 to C7 and C13 of the ownership protocol. A rule gives the row as it is to
be, or None; whichever comes first, no dataset is lost or forked.
"""

from collections.abc import Callable, Mapping

from attrs import evolve

from flocker.control.pool_moves import given, renewed
from flocker.control.pool_rollbacks import settled
from flocker.model.ids import NodeID
from flocker.model.pools import (
    Buried,
    Owned,
    PoolFact,
    PoolOwnership,
    Prune,
    Released,
    Stage,
)

Rule = Callable[[PoolOwnership, NodeID, PoolFact], PoolOwnership | None]


def released(row: PoolOwnership, node: NodeID, fact: PoolFact) -> Released | None:
    """Give what the owner of the present epoch has let go of, if it has."""
    standing = fact.record.standing
    if row.owner != node or not isinstance(standing, Released):
        return None
    return standing if standing.epoch == row.epoch else None


def finishes(row: PoolOwnership, let_go: Released) -> bool:
    """Whether the move for which the owner let go still stands."""
    move = row.move
    if move is None or move.stage is not Stage.FREEZING:
        return False
    return move.target == let_go.target


def hand_over(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """C5: what was released for a move that stands is the target's, in a new epoch."""
    let_go = released(row, node, fact)
    if let_go is None or not finishes(row, let_go):
        return None
    return given(row, let_go.target, let_go, None)


def re_grant(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """C6: what was released for a move that is no more goes back, in a new epoch."""
    let_go = released(row, node, fact)
    if let_go is None or finishes(row, let_go):
        return None
    over = row.move is None or row.move.stage is Stage.CANCELLING
    return given(row, node, let_go, None if over else row.move)


def acquired(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """C7: the owner has it, and goes on from there."""
    standing = fact.record.standing
    if row.acquired or row.owner != node or not isinstance(standing, Owned):
        return None
    if standing.epoch != row.epoch:
        return None
    taken = evolve(row, acquired=True, create=False, base=standing.base)
    return renewed(row, taken)


def cancelled(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """C4: the owner will not act on the move any more, so it is over."""
    move, standing = row.move, fact.record.standing
    if row.owner != node or move is None or move.stage is not Stage.CANCELLING:
        return None
    if not isinstance(standing, Owned) or standing.epoch != row.epoch:
        return None
    if fact.record.refused < move.number:
        return None
    return renewed(row, evolve(row, move=None))


def pruned(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """C13: the copy is gone, or is another one."""
    wish = row.prune_on(node)
    if wish is None:
        return None
    if (
        fact.exists
        and fact.head == wish
        and not isinstance(fact.record.standing, Owned)
    ):
        return None
    left = tuple(each for each in row.prunes if each != Prune(node, wish))
    return renewed(row, evolve(row, prunes=left))


def noticed(row: PoolOwnership, node: NodeID, fact: PoolFact) -> PoolOwnership | None:
    """Who has a copy that control did not know of is to be told, as others are."""
    if not fact.exists or node in row.holders:
        return None
    return renewed(row, evolve(row, holders=(*row.holders, node)))


RULES: tuple[Rule, ...] = (
    hand_over,
    re_grant,
    acquired,
    cancelled,
    settled,
    pruned,
    noticed,
)
"""In the order in which control takes them; nothing is done about deleted datasets."""


def keep(row: PoolOwnership, facts: Mapping[NodeID, PoolFact]) -> PoolOwnership | None:
    """Give the row as it follows from what the nodes say; None if it stays."""
    now = row
    while (then := _kept(now, facts)) is not None:
        now = then
    return None if now is row else now


def is_gone(row: PoolOwnership, facts: Mapping[NodeID, PoolFact]) -> bool:
    """Whether every node that may have had a copy has none of a deleted dataset."""
    return row.deleted and all(
        node in facts and _is_buried(row, facts[node]) for node in row.holders
    )


def _kept(row: PoolOwnership, facts: Mapping[NodeID, PoolFact]) -> PoolOwnership | None:
    if row.deleted:
        return None
    for node in sorted(facts):
        for rule in RULES:
            then = rule(row, node, facts[node])
            if then is not None:
                return then
    return None


def _is_buried(row: PoolOwnership, fact: PoolFact) -> bool:
    """Whether a node has buried this life of the dataset, not only an earlier one.

    It may be about to make this one: its word of the earlier life is no answer.
    """
    buried = isinstance(fact.record.standing, Buried) and not fact.exists
    return buried and fact.record.floor > row.top
