"""The status of a dataset in a pool: pure, from its row and what its nodes say.

The row says who owns it and where it goes; the facts, how far that is. Where nobody
serves it the status says so, and what would end that. Called by
`flocker.control.statuses`; volumes have `flocker.model.status`.
"""

from collections.abc import Mapping

from attrs import evolve, frozen

from flocker.model.cluster import Cause, Condition, Fact, NodeSight, Observed, Phase
from flocker.model.datasets import Dataset, Mounting
from flocker.model.holders import describe_all
from flocker.model.ids import NodeID
from flocker.model.leases import Lease
from flocker.model.nodes import Node
from flocker.model.pools import (
    Buried,
    Copying,
    Move,
    PoolOwnership,
    Released,
    Rollback,
    Stage,
)
from flocker.model.rollback_status import of_row, under_way
from flocker.model.sizes import humanize
from flocker.model.status import (
    NEXT_PHASE,
    NOT_IN_USE,
    NOT_LOOKED_YET,
    UNEXPLAINED,
    Moving,
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
ALL_AT_THE_END = "no-rounds"
"""The code of an agent's cause: a move copies all in the end, and waits for nothing."""
MOVE_GIVEN_UP = "move-given-up"
LATER = Cause("move-due", "its move is about to begin")


@frozen
class Known:
    """All that is known besides the dataset and its row."""

    facts: Mapping[NodeID, Observed]
    nodes: Mapping[NodeID, NodeSight]
    registry: Mapping[NodeID, Node]
    lease: Lease | None = None

    def connected(self, node: NodeID) -> bool:
        """Whether the node's agent is heard now."""
        sight = self.nodes.get(node)
        return sight is not None and sight.connected

    def name(self, node: NodeID) -> str:
        """Name a node with its address, if that is known."""
        return f"node {node}{self._in_brackets(node)}"

    def _in_brackets(self, node: NodeID) -> str:
        found = self.registry.get(node)
        return "" if found is None else f" ({found.host})"

    def fact(self, node: NodeID) -> Fact | None:
        """What a node says of it."""
        observed = self.facts.get(node)
        return None if observed is None else observed.fact


def pool_status(dataset: Dataset, row: PoolOwnership | None, known: Known) -> Status:
    """Say what is happening to a dataset that is not destroyed."""
    if dataset.deleted:
        return _ending(dataset, row, known)
    if row is None:
        return Status(Phase.WAITING, dataset.asked, dataset.primary, UNMADE)
    found = _where_it_is(dataset, row, known)
    return evolve(found, move=_moving(row, known))


def _moving(row: PoolOwnership, known: Known) -> Moving | None:
    if row.move is None:
        return None
    return Moving(row.owner, row.move, _copying_of(row.move, known.fact(row.owner)))


def _copying_of(move: Move, fact: Fact | None) -> Copying | None:
    if fact is None or fact.pool is None or fact.pool.copying is None:
        return None
    return fact.pool.copying if fact.pool.copying.move == move.number else None


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
            return _copying(dataset, row, known, observed)
        case Move(stage=Stage.FREEZING):
            return _freezing(row, row.move, known, observed)
        case Move(target=target):
            return _cancelling(row, target, known, observed)


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


# It is on its way.


def _copying(
    dataset: Dataset, row: PoolOwnership, known: Known, observed: Observed
) -> Status:
    """It is served where it is, while it is copied."""
    fact, move = observed.fact, row.move
    found = _at(row, observed, Phase.COPYING, None)
    found = evolve(found, since=dataset.asked)
    if move is None:
        return found
    trouble = _trouble(move.target, known) or fact.cause
    copying, lease = _copying_of(move, fact), known.lease
    blocked = lease is not None and lease.node != move.target and not move.force
    waits = copying is not None and copying.ready and blocked
    if trouble is not None and not (waits and trouble.code == ALL_AT_THE_END):
        return evolve(found, cause=trouble, phase=_or_failed(Phase.COPYING, trouble))
    if waits and lease is not None:
        return evolve(found, phase=Phase.WAITING, cause=_in_use(lease, moves=True))
    words = f"{known.name(row.owner)} has been told, and has not begun to copy it yet"
    if copying is not None:
        words = progress(copying)
    return evolve(found, cause=Cause("copying", words))


def says_how_far(cause: Cause | None) -> bool:
    """Whether it is the cause that says how far a copy is: other words each second."""
    return cause is not None and cause.code == "copying"


def progress(copying: Copying) -> str:
    """Say how far the copying is: how much, how fast, how long it takes yet."""
    if copying.ready:
        return "the new node has all of it but what is written now"
    if not copying.done and copying.total is None:
        return "it is about to be copied"
    done = f"{humanize(copying.done)} is copied"
    if copying.total:
        part = min(100, 100 * copying.done // copying.total)
        done = f"{part} % of {humanize(copying.total)} is copied"
    at = "" if not copying.rate else f", at {humanize(int(copying.rate))}/s"
    left = copying.remaining
    time = "" if left is None else f", about {left:.0f} s left"
    return f"{done}{at}{time} (round {copying.round})"


def _freezing(
    row: PoolOwnership, move: Move, known: Known, observed: Observed
) -> Status:
    """Nobody serves it: what is left is copied, and it is let go."""
    copy = observed.fact.pool
    let_go = copy is not None and copy.record.standing
    phase = Phase.FREEZING
    if isinstance(let_go, Released) and let_go.epoch == row.epoch:
        phase = Phase.HANDING_OVER
    trouble = observed.fact.cause or _trouble(move.target, known)
    cause = trouble or _last_step(row, move, known, let_go=phase is Phase.HANDING_OVER)
    found = _at(row, observed, phase, cause)
    return found if move.frozen_at is None else evolve(found, since=move.frozen_at)


def _last_step(row: PoolOwnership, move: Move, known: Known, *, let_go: bool) -> Cause:
    """Say what is waited for while nobody serves it and nothing is in the way."""
    owner, target = known.name(row.owner), known.name(move.target)
    if let_go:
        words = f"{owner} has let go of it, and {target} is about to be given it"
        return Cause("handing-over", words)
    copying = _copying_of(move, known.fact(row.owner))
    how = "it is let go of" if copying is None else progress(copying)
    return Cause("copying", f"what {owner} wrote last goes to {target}: {how}")


def _cancelling(
    row: PoolOwnership, target: NodeID, known: Known, observed: Observed
) -> Status:
    cause = Cause(
        "cancelling",
        f"its move to {known.name(target)} is cancelled, which"
        f" {known.name(row.owner)} has not confirmed yet",
    )
    return _at(row, observed, Phase.WAITING, observed.fact.cause or cause)


def _trouble(target: NodeID, known: Known) -> Cause | None:
    """Say what is in the way at the node where it goes."""
    name, host = known.name(target), known.registry.get(target)
    if not known.connected(target):
        called = target if host is None else host.host
        return Cause(
            "target-silent",
            f"{name}, where it goes, is not connected",
            f"bring node {called} or its agent back, or cancel the move",
        )
    fact = known.fact(target)
    if fact is None or fact.cause is None:
        return None
    return evolve(fact.cause, words=f"{name}, where it goes, says: {fact.cause.words}")


# It goes back.


def _rolling_back(
    row: PoolOwnership, rollback: Rollback, known: Known, observed: Observed
) -> Status:
    """Nobody serves it from the time when it is unmounted until it went back."""
    owner = known.name(row.owner)
    cause = under_way(row.dataset, rollback, owner, observed.fact.cause)
    return _at(row, observed, Phase.ROLLING_BACK, cause)


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
        return _at(row, observed, fact.doing or coming, fact.cause)
    if row.acquired and dataset.primary != row.owner:
        return _at(row, observed, Phase.WAITING, _hindrance(dataset, row, known))
    if mounted:
        cause = fact.cause or _given_up(row) or _copy_kept(row, known)
        return _at(row, observed, Phase.MOUNTED, cause or not_rolled_back)
    lease = known.lease
    used = lease is not None and lease.node == row.owner
    if dataset.mount is Mounting.ON_USE and not used and fact.cause is None:
        unused = NOT_IN_USE
        if not_rolled_back is not None:
            words = f"{NOT_IN_USE.words}; {not_rolled_back.words}"
            unused = evolve(not_rolled_back, code=NOT_IN_USE.code, words=words)
        return _at(row, observed, Phase.WAITING, unused)
    return _not_mounted(row, observed)


def _not_mounted(row: PoolOwnership, observed: Observed) -> Status:
    fact = observed.fact
    if fact.condition is Condition.MISSING and fact.doing is None:
        return _at(row, observed, Phase.FAILED, fact.cause or COPY_MISSING)
    if fact.condition is Condition.DETACHED:
        return _at(row, observed, fact.doing or Phase.MOUNTING, fact.cause)
    cause = fact.cause or (None if fact.doing else UNEXPLAINED.get(fact.condition))
    return _at(row, observed, fact.doing or NEXT_PHASE[fact.condition], cause)


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


def given_up(why: str) -> Cause:
    """Say that a move was given up, and why."""
    release = "move it again, when that is over"
    return Cause(MOVE_GIVEN_UP, f"its move was given up: {why}", release)


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
    cause = _in_use(known.lease, moves=False)
    if observed is None:
        return Status(Phase.WAITING, dataset.asked, row.owner, cause)
    return _at(row, observed, Phase.WAITING, cause)


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
        _or_failed(phase, fact.cause),
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


# Words and shapes.


def _at(
    row: PoolOwnership, observed: Observed, phase: Phase, cause: Cause | None
) -> Status:
    """Say what its owner says."""
    fact = observed.fact
    return Status(
        _or_failed(phase, cause),
        observed.since,
        row.owner,
        cause,
        fact.path,
        fact.size,
    )


def _or_failed(phase: Phase, cause: Cause | None) -> Phase:
    if phase is Phase.MOUNTED or cause is None or not cause.permanent:
        return phase
    return Phase.FAILED


def _in_use(lease: Lease, *, moves: bool) -> Cause:
    holders = describe_all(holder.name for holder in lease.holders) or "somebody"
    by_force = ", or move it with force" if moves else ""
    return Cause(
        "leased",
        f"{holders} has it leased on node {lease.node}",
        f"end its use on node {lease.node}, or the lease{by_force}",
    )
