"""What control does about the datasets of pools of its own accord; pure.

The guards are `pool_moves` and `pool_upkeep`; here is when they are asked for. Called
by `upkeep`, dataset by dataset. One thing at a time: each commit makes it look again.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import evolve, frozen

from flocker.control.admission import BackendDiffers, NodeLacksBackend, NodeRefuses
from flocker.control.pool_doubts import Words, doubt, forgotten, is_behind, settle
from flocker.control.pool_moves import (
    InUse,
    MoveRefused,
    bury,
    cancel,
    freeze,
    start,
)
from flocker.control.pool_rollbacks import give_up, hindrance
from flocker.control.pool_rows import belongs_in_pool, row_of
from flocker.control.pool_snapshots import drop, owns
from flocker.control.pool_snapshots import keep as keep_snapshots
from flocker.control.pool_upkeep import is_gone, keep
from flocker.control.pool_wishes import direct
from flocker.model.changes import Change, DatasetEdit, PoolEdit, SnapshotsEdit
from flocker.model.cluster import Condition, NodeSight, Observed
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset, Mounting
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.model.pools import Copying, Move, PoolFact, PoolOwnership, Stage

NOTHING = Change()

PATIENCE = 30.0
"""Seconds for which a move that is frozen may get nowhere, if nothing else was said."""
SLOWLY = 120.0
"""Seconds for which it may, while its nodes say only that something takes long."""
SLOW = frozenset({"step-slow", "backend-slow"})
"""The codes of causes that say only that."""

HINDERED = (MoveRefused, NodeRefuses, NodeLacksBackend, BackendDiffers)
"""Why a move that is wished cannot begin; the status says it."""


class Heard(Protocol):
    """What the agents have said; `flocker.control.observations` keeps it."""

    def facts(self, dataset: DatasetID) -> Mapping[NodeID, Observed]:
        """What each node says of a dataset, or said before it fell silent."""

    def sight(self, node: NodeID) -> NodeSight | None:
        """What is seen of a node."""


@frozen
class Situation:
    """All that is known of one dataset of a pool that is wanted."""

    configuration: Configuration
    dataset: Dataset
    row: PoolOwnership
    facts: Mapping[NodeID, PoolFact]
    heard: Heard
    now: float
    started: float

    def connected(self, node: NodeID) -> bool:
        """Whether the node's agent is heard now."""
        sight = self.heard.sight(node)
        return sight is not None and sight.connected

    @property
    def copying(self) -> Copying | None:
        """How far the owner is with the move that stands; None: not begun."""
        fact, move = self.facts.get(self.row.owner), self.row.move
        if fact is None or fact.copying is None or move is None:
            return None
        return fact.copying if fact.copying.move == move.number else None


Rule = Callable[[Situation], Change]


def tend(
    configuration: Configuration,
    dataset: Dataset,
    heard: Heard,
    now: float,
    started: float,
) -> Change | None:
    """Give what is to be done about a dataset; None if it is not in a pool.

    It is not destroyed, nor forgotten. `now`, and when control `started`, are on its
    clock (seconds).
    """
    row = row_of(configuration, dataset)
    if row is None and not belongs_in_pool(configuration, dataset):
        return None
    facts = pool_facts(heard, dataset.id)
    said = words(heard, dataset.id)
    unsure = None if row is None else _be_sure(dataset, row, said, now)
    if unsure is not None and (unsure or not dataset.deleted):
        return unsure
    if dataset.deleted:
        return _end(configuration, dataset, row, facts, now)
    if row is None:
        here = words(heard, dataset.id, dataset.backend)
        return _begin(configuration, dataset, here, now)
    situation = Situation(configuration, dataset, row, facts, heard, now, started)
    found = (rule(situation) for rule in RULES)
    return next((change for change in found if change), NOTHING)


def pool_facts(heard: Heard, dataset: DatasetID) -> Mapping[NodeID, PoolFact]:
    """Give what nodes said of their copies."""
    return {
        node: observed.fact.pool
        for node, observed in heard.facts(dataset).items()
        if observed.fact.pool is not None
    }


def words(
    heard: Heard, dataset: DatasetID, backend: BackendName | None = None
) -> Words:
    """Give what nodes said of copies (in that pool) that is not about to change."""
    return {
        node: fact.pool
        for node, observed in heard.facts(dataset).items()
        if (fact := observed.fact).pool is not None
        and fact.doing is None
        and backend in {None, fact.backend}
    }


# Be sure: of a row from a backup nothing is decided before nodes have said what came
# after it. A dataset that moved meanwhile stays where it is: that was asked for later.


def _be_sure(
    dataset: Dataset, row: PoolOwnership, said: Words, now: float
) -> Change | None:
    """Give what makes a row sure; None where it is."""
    if not row.unsure:
        if row.deleted or dataset.deleted or not is_behind(row, said):
            return None
        return Change((PoolEdit(row, doubt(row, int(now))),))
    certain = settle(row, said)
    if certain is None:
        return NOTHING
    found = PoolEdit(row, certain)
    if certain.owner in {row.owner, dataset.primary} or dataset.deleted:
        return Change((found,))
    stays = evolve(dataset, primary=certain.owner)
    return Change((found, DatasetEdit(dataset, stays)))


# Begin: it is made where it is wanted, unless it is there already, forgotten by a store
# that was restored.


def _begin(
    configuration: Configuration, dataset: Dataset, said: Words, now: float
) -> Change:
    before = configuration.pools.get(dataset.id)
    numbers_from = configuration.numbers_from or int(now)
    there = forgotten(dataset.id, dataset.backend, before, said, numbers_from)
    if there is not None:
        return Change((PoolEdit(before, there),))
    return start(configuration, dataset.id, dataset.primary, dataset.backend)


# End: a deleted dataset is buried once nobody uses it, and destroyed when no node that
# may have had a copy has one. Who was forgotten will not come back, as a user has said.


def _end(
    configuration: Configuration,
    dataset: Dataset,
    row: PoolOwnership | None,
    facts: Mapping[NodeID, PoolFact],
    now: float,
) -> Change:
    destroyed = evolve(dataset, destroyed=True, destroyed_at=now)
    over = Change((DatasetEdit(dataset, destroyed),))
    if row is None:
        return over  # nobody was told to make it
    if not row.deleted:
        if dataset.id in configuration.leases:
            return NOTHING
        buried = bury(configuration, dataset.id)
        return Change((*buried.edits, *drop(configuration, dataset.id).edits))
    left = tuple(node for node in row.holders if node in configuration.nodes)
    return over if is_gone(evolve(row, holders=left), facts) else NOTHING


# Keep: what follows from what nodes say of their copies.


def _keep(situation: Situation) -> Change:
    kept = keep(situation.row, situation.facts)
    return NOTHING if kept is None else Change((PoolEdit(situation.row, kept),))


# Remember: what users' snapshots have become.


def _remember(situation: Situation) -> Change:
    configuration, row = situation.configuration, situation.row
    before = configuration.snapshots.get(row.dataset)
    after = keep_snapshots(configuration, row, situation.heard.facts(row.dataset))
    return NOTHING if after is None else Change((SnapshotsEdit(before, after),))


# Follow: a dataset that is mounted on use goes to whoever uses it, and stays there.


def _follow(situation: Situation) -> Change:
    dataset = situation.dataset
    lease = situation.configuration.leases.get(dataset.id)
    if lease is None or dataset.mount is not Mounting.ON_USE:
        return NOTHING
    if lease.node == dataset.primary:
        return NOTHING
    return Change((DatasetEdit(dataset, evolve(dataset, primary=lease.node)),))


# Give up: the dataset stays rather than wait for a dead node, or be away for too long.
# Who serves nobody for a move that gets nowhere serves it again.


def _give_up(situation: Situation) -> Change:
    why = _hopeless(situation)
    if why is None:
        return NOTHING
    row, dataset = situation.row, situation.dataset
    stays = cancel(situation.configuration, row.dataset, why)
    if dataset.primary == row.owner:
        return stays
    wanted = evolve(dataset, primary=row.owner)
    return Change((*stays.edits, DatasetEdit(dataset, wanted)))


def _hopeless(situation: Situation) -> str | None:
    """Say why the move should not go on, if it should not."""
    move = situation.row.move
    if move is None or move.stage is Stage.CANCELLING:
        return None
    target = situation.configuration.nodes.get(move.target)
    if target is not None and target.is_dead:
        return f"{_named(situation, target.id)}, where it was to go, is marked dead"
    if move.stage is Stage.FREEZING:
        return _frozen_too_long(situation, move)
    return _too_long(situation, situation.copying, move.max_downtime)


def _too_long(
    situation: Situation, copying: Copying | None, most: float | None
) -> str | None:
    """Say that nobody would serve it for longer than allowed, or how long is open."""
    if copying is None or not copying.ready or most is None:
        return None
    takes = copying.downtime
    if takes is not None and takes <= most:
        return None
    if takes is None:
        return (
            f"nobody can say how long its last step would take, and {most:g} s were"
            f" allowed{_says(situation, situation.row.owner)}"
        )
    return (
        f"its last step would take about {takes:.1f} s, and {most:g} s were allowed"
        " (as much is written to it as is copied meanwhile)"
    )


def _frozen_too_long(situation: Situation, move: Move) -> str | None:
    """Say that it cannot be handed over in the time that it has."""
    over = due(situation.row, situation.started)
    if over is None or situation.now < over:
        return None
    if not situation.connected(situation.row.owner):
        return None  # who would have to serve it again
    if move.max_downtime is not None:
        why = f"it could not be handed over within {move.max_downtime:g} s"
        return why + _because(situation, move, even_served=True)
    trouble = _because(situation, move)
    return f"it cannot be handed over{trouble}" if trouble else None


def _because(situation: Situation, move: Move, *, even_served: bool = False) -> str:
    """Say what is in the way of the last step, if anything is known to be.

    What is still mounted, because it is in use, is served meanwhile: that is in the way
    of who has a limit only.
    """
    if not situation.connected(move.target):
        return f": {_named(situation, move.target)}, where it was to go, is away"
    for node in (move.target, situation.row.owner):
        passes = not even_served and _passes(situation, move, node)
        if not passes and (said := _says(situation, node)):
            return said
    return ""


def _passes(situation: Situation, move: Move, node: NodeID) -> bool:
    """Whether what a node says is in nobody's way: it serves, or is slow for now."""
    observed = situation.heard.facts(situation.row.dataset).get(node)
    if observed is None or observed.fact.cause is None:
        return True
    if observed.fact.condition is Condition.MOUNTED:
        return True
    since = max(move.frozen_at or situation.now, situation.started)
    return observed.fact.cause.code in SLOW and situation.now < since + SLOWLY


def _says(situation: Situation, node: NodeID) -> str:
    """Give the cause that a node names."""
    observed = situation.heard.facts(situation.row.dataset).get(node)
    if observed is None or observed.fact.cause is None:
        return ""
    return f": {_named(situation, node)} says: {observed.fact.cause.words}"


def _named(situation: Situation, node: NodeID) -> str:
    known = situation.configuration.nodes.get(node)
    return f"node {node}" if known is None else f"node {node} ({known.host})"


def due(row: PoolOwnership | None, started: float) -> float | None:
    """Give when a move that is frozen is to be looked at again (control's clock).

    Who is not connected is in the way, but not before nodes had time to connect to a
    control service that has just `started`.
    """
    move = None if row is None or row.deleted else row.move
    if move is None or move.frozen_at is None or move.stage is not Stage.FREEZING:
        return None
    if move.max_downtime is not None:
        return move.frozen_at + move.max_downtime
    return max(move.frozen_at, started) + PATIENCE


# Go back no more: what its node cannot do is given up, and it is served as it was.


def _stay_as_it_is(situation: Situation) -> Change:
    row, wish = situation.row, situation.row.rollback
    said = situation.heard.facts(row.dataset).get(row.owner)
    if wish is None or said is None or not situation.connected(row.owner):
        return NOTHING
    if not owns(row, said.fact.pool):
        return NOTHING
    wanted = situation.configuration.snapshots.get(row.dataset)
    revision = 0 if wanted is None else wanted.revision
    why = hindrance(row, said.fact, revision)
    return NOTHING if why is None else give_up(row, wish, why)


# Direct: it is on its way to where it is wanted, and nowhere else.


def _direct(situation: Situation) -> Change:
    row, wanted = situation.row, situation.dataset.primary
    bound_for = row.owner if row.move is None else row.move.target
    leaving = row.move is not None and row.move.stage is Stage.CANCELLING
    if not row.acquired or leaving or bound_for == wanted:
        return NOTHING
    try:
        return Change(direct(situation.configuration, situation.dataset, wanted))
    except HINDERED:
        return NOTHING


# Freeze: the target follows closely, both nodes are there, and nobody uses it.


def _freeze(situation: Situation) -> Change:
    move, copying = situation.row.move, situation.copying
    if move is None or copying is None or not copying.ready:
        return NOTHING
    both = situation.connected(situation.row.owner) and situation.connected(move.target)
    if not both:
        return NOTHING
    try:
        return freeze(situation.configuration, situation.row.dataset, situation.now)
    except InUse:
        return NOTHING


RULES: tuple[Rule, ...] = (
    _keep,
    _remember,
    _stay_as_it_is,
    _follow,
    _give_up,
    _direct,
    _freeze,
)
"""In the order in which they are tried."""
