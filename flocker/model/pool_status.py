"""The status of a dataset in a pool: pure, from its row and what its nodes say.

The row says who owns it and where it goes; the facts, how far that is. Where nobody
serves it the status says so, and what would end that. Called by
`flocker.control.statuses`; volumes have `flocker.model.status`.
"""

from attrs import evolve

from flocker.model.cluster import Cause, Condition, Observed, Phase
from flocker.model.datasets import Dataset, Mounting
from flocker.model.ids import NodeID
from flocker.model.pool_doubt_status import unsure
from flocker.model.pool_known import Known, at_owner, leased, or_failed
from flocker.model.pool_move_status import (
    given_up,
    moving,
    while_cancelling,
    while_copying,
    while_freezing,
)
from flocker.model.pools import Buried, Move, PoolOwnership, Rollback, Stage
from flocker.model.rollback_status import of_row, under_way
from flocker.model.status import (
    NEXT_PHASE,
    NOT_IN_USE,
    NOT_LOOKED_YET,
    UNEXPLAINED,
    Status,
)

DELETED = Cause("deleting", "it is deleted; its copies are destroyed on every node")
UNMADE = Cause("no-owner", "no node has been told yet to make it")
COPY_MISSING = Cause(
    "copy-missing",
    "the pool of the node that owns it has no copy of it",
    "see what became of the pool; if the dataset is lost, destroy it",
    permanent=True,
)
LATER = Cause("move-due", "its move is about to begin")


def pool_status(dataset: Dataset, row: PoolOwnership | None, known: Known) -> Status:
    """Say what is happening to a dataset that is not destroyed."""
    if dataset.deleted:
        return _ending(dataset, row, known)
    if row is None:
        return Status(Phase.WAITING, dataset.asked, dataset.primary, UNMADE)
    if row.unsure:
        return unsure(dataset, row, known)
    found = _where_it_is(dataset, row, known)
    return evolve(found, move=moving(row, known))


def _where_it_is(dataset: Dataset, row: PoolOwnership, known: Known) -> Status:
    observed = known.facts.get(row.owner)
    if not known.connected(row.owner):
        return _owner_away(dataset, row, known, observed)
    if observed is None or observed.fact.pool is None:
        return Status(Phase.WAITING, dataset.asked, row.owner, NOT_LOOKED_YET)
    match row.move:
        case None:
            return _not_moving(dataset, row, known, observed)
        case Move(stage=Stage.COPYING):
            return while_copying(dataset, row, known, observed)
        case Move(stage=Stage.FREEZING):
            return while_freezing(row, row.move, known, observed)
        case Move(target=target):
            return while_cancelling(row, target, known, observed)


# The owner is not there.


def _owner_away(
    dataset: Dataset, row: PoolOwnership, known: Known, observed: Observed | None
) -> Status:
    node, name = known.registry.get(row.owner), known.name(row.owner)
    host = row.owner if node is None else node.host
    if node is not None and node.dead is not None and node.is_dead:
        dead = Cause(
            "node-dead",
            f"{name}, which owns it, is marked dead by {node.dead.by}:"
            f" {node.dead.words}",
            f"start node {host} anew: what is written last is there alone",
        )
        return Status(Phase.WAITING, node.dead.at, row.owner, dead)
    cause = Cause(
        "node-silent",
        f"{name}, which owns it, is not connected",
        f"bring node {host} or its agent back",
    )
    sight = known.nodes.get(row.owner)
    since = dataset.asked if sight is None else sight.since
    if observed is None or observed.fact.condition is not Condition.MOUNTED:
        return Status(Phase.WAITING, since, row.owner, cause)
    fact = observed.fact
    return Status(Phase.UNKNOWN, since, row.owner, cause, fact.path, fact.size)


# It goes back.


def _rolling_back(
    row: PoolOwnership, rollback: Rollback, known: Known, observed: Observed
) -> Status:
    """Nobody serves it from the time when it is unmounted until it went back."""
    owner = known.name(row.owner)
    cause = under_way(row, rollback, owner, observed.fact.cause)
    return at_owner(row, observed, Phase.ROLLING_BACK, cause)


# It stays where it is.


def _not_moving(
    dataset: Dataset, row: PoolOwnership, known: Known, observed: Observed
) -> Status:
    if row.rollback is not None:
        return _rolling_back(row, row.rollback, known, observed)
    return _at_rest(dataset, row, known, observed)


def _at_rest(
    dataset: Dataset, row: PoolOwnership, known: Known, observed: Observed
) -> Status:
    fact, not_rolled_back = observed.fact, of_row(row.dataset, row.not_rolled_back)
    mounted = fact.condition is Condition.MOUNTED
    if not row.acquired and not mounted:
        coming = Phase.CREATING if row.create else Phase.HANDING_OVER
        return at_owner(row, observed, fact.doing or coming, fact.cause)
    if row.acquired and dataset.primary != row.owner:
        return at_owner(row, observed, Phase.WAITING, _hindrance(dataset, row, known))
    if mounted:
        cause = fact.cause or _given_up(row) or _copy_kept(row, known)
        return at_owner(row, observed, Phase.MOUNTED, cause or not_rolled_back)
    lease = known.lease
    used = lease is not None and lease.node == row.owner
    if dataset.mount is Mounting.ON_USE and not used and fact.cause is None:
        unused = NOT_IN_USE
        if not_rolled_back is not None:
            words = f"{NOT_IN_USE.words}; {not_rolled_back.words}"
            unused = evolve(not_rolled_back, code=NOT_IN_USE.code, words=words)
        return at_owner(row, observed, Phase.WAITING, unused)
    return _not_mounted(row, observed)


def _not_mounted(row: PoolOwnership, observed: Observed) -> Status:
    fact = observed.fact
    if fact.condition is Condition.MISSING and fact.doing is None:
        return at_owner(row, observed, Phase.FAILED, fact.cause or COPY_MISSING)
    if fact.condition is Condition.DETACHED:
        return at_owner(row, observed, fact.doing or Phase.MOUNTING, fact.cause)
    cause = fact.cause or (None if fact.doing else UNEXPLAINED.get(fact.condition))
    return at_owner(row, observed, fact.doing or NEXT_PHASE[fact.condition], cause)


def _hindrance(dataset: Dataset, row: PoolOwnership, known: Known) -> Cause:
    """Say why it is not on its way to where it is wanted."""
    target = known.registry.get(dataset.primary)
    name = known.name(dataset.primary)
    release = "move the dataset to another node, or cancel the move"
    if target is None:
        return Cause("node-unknown", f"no agent of {name} has ever connected", release)
    if target.is_dead or target.cordoned:
        how = "marked dead" if target.is_dead else "cordoned"
        return Cause("cannot-move", f"{name}, where it is wanted, is {how}", release)
    if row.prune_on(dataset.primary) is not None:
        words = f"an old copy of it is being destroyed on {name}, where it is wanted"
        kept = _copy_kept(row, known)
        return Cause("cannot-move", f"{words}; {kept.words}" if kept else words)
    here = known.registry.get(row.owner)
    there, has = target.backend(row.backend), here and here.backend(row.backend)
    if there is None or (has and (has.driver, has.kind) != (there.driver, there.kind)):
        words = f"{name}, where it is wanted, has no such pool as backend {row.backend}"
        return Cause("cannot-move", words, release)
    return LATER


def _copy_kept(row: PoolOwnership, known: Known) -> Cause | None:
    """Say why an old copy that is to be destroyed is there still."""
    for prune in row.prunes:
        fact = known.fact(prune.node)
        if fact is not None and fact.cause is not None:
            why = f"{known.name(prune.node)} keeps its old copy: {fact.cause.words}"
            return Cause("copy-kept", why, fact.cause.release)
    return None


def _given_up(row: PoolOwnership) -> Cause | None:
    return None if row.given_up is None else given_up(row.given_up)


# It is deleted.


def _ending(dataset: Dataset, row: PoolOwnership | None, known: Known) -> Status:
    if row is None:
        return Status(Phase.DESTROYING, dataset.asked, dataset.primary, DELETED)
    if not row.deleted:
        return _used_or_next(dataset, row, known)
    left = [node for node in sorted(row.holders) if _may_have_it(node, known)]
    for node in left:
        observed = known.facts.get(node)
        if known.connected(node):
            return _destroying(dataset, node, observed)
    if not left:
        return Status(Phase.DESTROYING, dataset.asked, dataset.primary, DELETED)
    sight = known.nodes.get(left[0])
    since = dataset.asked if sight is None else sight.since
    return Status(Phase.WAITING, since, left[0], _copy_away(left[0], known))


def _used_or_next(dataset: Dataset, row: PoolOwnership, known: Known) -> Status:
    observed = known.facts.get(row.owner)
    if known.lease is None:
        return Status(Phase.DESTROYING, dataset.asked, row.owner, DELETED)
    cause = leased(known.lease, moves=False)
    if observed is None:
        return Status(Phase.WAITING, dataset.asked, row.owner, cause)
    return at_owner(row, observed, Phase.WAITING, cause)


def _may_have_it(node: NodeID, known: Known) -> bool:
    """Whether a node that is not forgotten may have a copy."""
    fact = known.fact(node)
    if node not in known.registry:
        return False
    if fact is None or fact.pool is None:
        return True
    return fact.pool.exists or not isinstance(fact.pool.record.standing, Buried)


def _destroying(dataset: Dataset, node: NodeID, observed: Observed | None) -> Status:
    if observed is None:
        return Status(Phase.DESTROYING, dataset.asked, node, DELETED)
    fact = observed.fact
    phase = fact.doing or Phase.DESTROYING
    return Status(
        or_failed(phase, fact.cause),
        observed.since,
        node,
        fact.cause or DELETED,
        fact.path,
        fact.size,
    )


def _copy_away(node: NodeID, known: Known) -> Cause:
    found, name = known.registry.get(node), known.name(node)
    how = "is marked dead" if found is not None and found.is_dead else "is away"
    return Cause(
        "holder-silent",
        f"{name}, which may have a copy of it, {how}",
        "bring that node or its agent back; or, if it will never return:"
        f" flockerctl node forget {node}",
    )
