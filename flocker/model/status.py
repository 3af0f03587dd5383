"""The status of a dataset: one pure function of what is wanted and all the facts.

Agents report facts, never a status; whoever wants to know what happens to a dataset,
and why it waits, asks here. Called by `flocker.restapi.status`.
"""

from collections.abc import Mapping, Set
from functools import lru_cache

from attrs import frozen

from flocker.model.cluster import (
    HOLDING,
    Cause,
    Condition,
    NodeSight,
    Observed,
    Phase,
    Want,
)
from flocker.model.datasets import Dataset
from flocker.model.holders import describe_all
from flocker.model.ids import NodeID
from flocker.model.leases import Lease, wanted_on
from flocker.model.nodes import NO_NODES, DeadMark, Node, find_instance
from flocker.model.pools import Copying, Move

NEXT_PHASE: Mapping[Condition, Phase] = {
    Condition.UNKNOWN: Phase.UNKNOWN,
    Condition.MISSING: Phase.CREATING,
    Condition.UNREGISTERED: Phase.CREATING,
    Condition.FOUND: Phase.CREATING,
    Condition.UNCLAIMED: Phase.FAILED,
    Condition.REGISTERED: Phase.WAITING,
    Condition.DESTROYED: Phase.FAILED,
    Condition.DETACHED: Phase.ATTACHING,
    Condition.ELSEWHERE: Phase.WAITING,
    Condition.ON_DEAD_NODE: Phase.DETACHING,
    Condition.APPEARING: Phase.ATTACHING,
    Condition.UNREADABLE: Phase.WAITING,
    Condition.BLANK: Phase.FORMATTING,
    Condition.EMPTIED: Phase.FAILED,
    Condition.FOREIGN: Phase.FAILED,
    Condition.ATTACHED: Phase.MOUNTING,
    Condition.MOUNTED: Phase.MOUNTED,
    Condition.STRANDED: Phase.FAILED,
}
"""What comes next on a node that should have the dataset mounted."""

LEAVING_PHASE: Mapping[Condition, Phase] = {
    condition: Phase.UNMOUNTING
    if condition in {Condition.MOUNTED, Condition.STRANDED}
    else Phase.DETACHING
    for condition in HOLDING
}
"""What comes next on a node that should let the dataset go."""

NOT_LOOKED_YET = Cause(
    "not-observed", "the agent has been told and has not reported yet"
)
NOT_IN_USE = Cause("not-in-use", "it is mounted where a node leases it, and none does")
BEING_DELETED = Cause("deleting", "it is deleted; its volume will be destroyed")

UNEXPLAINED: Mapping[Condition, Cause] = {
    Condition.UNKNOWN: Cause(
        "backend-unanswered", "the agent has not found out yet where it is"
    ),
    Condition.REGISTERED: Cause("not-listed", "the backend does not list its volume"),
    Condition.DESTROYED: Cause("volume-destroyed", "its volume was destroyed"),
    Condition.UNCLAIMED: Cause(
        "unclaimed-volume-exists", "a volume that nobody claims carries its id"
    ),
    Condition.ELSEWHERE: Cause(
        "attached-elsewhere", "its volume is attached to another machine"
    ),
    Condition.UNREADABLE: Cause("device-unreadable", "its device cannot be read"),
    Condition.EMPTIED: Cause("volume-blank", "its volume held data and is blank"),
    Condition.FOREIGN: Cause(
        "foreign-signature", "its volume carries something that is not ours"
    ),
    Condition.STRANDED: Cause("stranded", "what is mounted in its place is not it"),
}
"""What to say of a phase that does not explain itself when the agent has not yet."""

IN_THE_DARK = frozenset({Condition.UNKNOWN, Condition.ELSEWHERE})
"""Conditions that say less than the last words of a silent node that held it."""

_NOBODY: frozenset[NodeID] = frozenset()


@frozen
class Moving:
    """A dataset of a pool is on its way from `source`; how far, if it has been said."""

    source: NodeID
    move: Move
    copying: Copying | None = None


@frozen
class Status:
    """What is happening to a dataset.

    `since` is on control's steady clock (seconds); `node` is where it happens; `path`
    is set while it is mounted, `size` (bytes) when the volume's is known, and
    `filesystem` where that is not the one asked for, but the pool's.
    """

    phase: Phase
    since: float
    node: NodeID | None
    cause: Cause | None = None
    path: str | None = None
    size: int | None = None
    move: Moving | None = None
    filesystem: str | None = None


def status(
    dataset: Dataset,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
    lease: Lease | None = None,
    registry: Mapping[NodeID, Node] = NO_NODES,
    letting_go: Set[NodeID] = _NOBODY,
) -> Status:
    """Say what is happening to `dataset`, given every node's fact about it.

    Where it is mounted on one of those that are perhaps `letting_go` it may be
    unmounted this moment.
    """
    found = _by_facts(dataset, facts, nodes, lease, registry)
    if found.phase is Phase.MOUNTED and found.node in letting_go:
        return Status(Phase.WAITING, dataset.asked, found.node, NOT_LOOKED_YET)
    return found


def _by_facts(
    dataset: Dataset,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
    lease: Lease | None,
    registry: Mapping[NodeID, Node],
) -> Status:
    """Believe what every node has said last."""
    facts = _of_the_living(facts, nodes, registry)
    if dataset.destroyed:
        since = dataset.destroyed_at or dataset.asked
        return Status(Phase.DESTROYED, since, dataset.primary)
    target = wanted_on(dataset, lease)
    kept = None if lease is None else facts.get(lease.node)
    if lease and kept and _keeps(lease, kept, dataset, target, nodes):
        return _leased(lease, kept, dataset)
    if target is None:
        return _on_use(dataset, facts, nodes)
    return _held_elsewhere(dataset, target, facts, nodes) or _at_target(
        dataset, target, facts, nodes, registry
    )


def _held_elsewhere(
    dataset: Dataset,
    target: NodeID,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
) -> Status | None:
    """Say who else has it, or acts on it."""
    holders = _other_holders(target, facts, nodes)
    for holder in holders:
        if nodes[holder].connected:
            return _leaving(holder, facts[holder])
    silent = [holder for holder in holders if facts[holder].fact.holds]
    if silent and not _knows_better(dataset, target, facts, nodes):
        return _holder_silent(nodes[silent[0]], facts[silent[0]])
    return None


def _at_target(
    dataset: Dataset,
    target: NodeID,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
    registry: Mapping[NodeID, Node],
) -> Status:
    """Say how far the node is that is to make something of it."""
    sight, observed = nodes.get(target), facts.get(target)
    if sight is None or not sight.connected:
        return _absent(dataset, target, sight, observed, registry.get(target))
    if observed is None or not _answers(observed, dataset):
        return Status(Phase.WAITING, dataset.asked, target, NOT_LOOKED_YET)
    elsewhere = _silent_elsewhere(observed, nodes, registry)
    if elsewhere is not None:
        return _holder_silent(elsewhere, observed)
    return _converging(dataset, target, observed)


def _of_the_living(
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
    registry: Mapping[NodeID, Node],
) -> Mapping[NodeID, Observed]:
    """Leave out what dead nodes said last; one that is back, standing down, counts."""
    return {
        node: observed
        for node, observed in facts.items()
        if node not in registry
        or not registry[node].is_dead
        or (node in nodes and nodes[node].connected)
    }


def _silent_elsewhere(
    observed: Observed,
    nodes: Mapping[NodeID, NodeSight],
    registry: Mapping[NodeID, Node],
) -> NodeSight | None:
    """Give the silent node that has the volume, as another one sees it."""
    fact = observed.fact
    if fact.condition is not Condition.ELSEWHERE or fact.doing is not None:
        return None
    if fact.backend is None or fact.instance is None:
        return None
    node = find_instance(registry, fact.backend, fact.instance)
    sight = None if node is None else nodes.get(node.id)
    return None if sight is None or sight.connected else sight


def _keeps(
    lease: Lease,
    kept: Observed,
    dataset: Dataset,
    target: NodeID | None,
    nodes: Mapping[NodeID, NodeSight],
) -> bool:
    """Say whether a lease keeps the dataset from what is wanted of it.

    A silent node may have lost it meanwhile: then other rules know more.
    """
    sight = nodes.get(lease.node)
    fact = kept.fact
    # What is in its place and cannot be looked at just now is kept as well.
    stranded = fact.condition is Condition.STRANDED and fact.want is Want.MOUNTED
    mounted = fact.condition is Condition.MOUNTED or stranded
    heard = sight is not None and sight.connected
    return mounted and heard and (dataset.deleted or lease.node != target)


def _leased(lease: Lease, kept: Observed, dataset: Dataset) -> Status:
    """Say that it waits, since something else was asked for."""
    holders = describe_all(holder.name for holder in lease.holders)
    cause = Cause(
        "leased",
        f"node {lease.node} keeps it mounted, because {holders} has it leased there",
        f"end its use on node {lease.node}, or the lease",
    )
    fact = kept.fact
    since = max(kept.since, dataset.asked)
    return Status(Phase.WAITING, since, lease.node, cause, fact.path, fact.size)


def _on_use(
    dataset: Dataset,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
) -> Status:
    """Say where it stayed after its last use."""
    mounted = {
        node: observed
        for node, observed in sorted(facts.items())
        if observed.fact.condition is Condition.MOUNTED and node in nodes
    }
    for node, observed in mounted.items():
        if nodes[node].connected:
            path, size = observed.fact.path, observed.fact.size
            return Status(Phase.MOUNTED, observed.since, node, None, path, size)
    for node, observed in mounted.items():
        return _silent(dataset, nodes[node], observed)
    return Status(Phase.WAITING, dataset.asked, None, NOT_IN_USE)


def _absent(
    dataset: Dataset,
    target: NodeID,
    sight: NodeSight | None,
    observed: Observed | None,
    known: Node | None,
) -> Status:
    """Say why the node that is to make something of it does not."""
    if known is not None and known.dead is not None and known.is_dead:
        return _dead(dataset, known, known.dead)
    if sight is None:
        cause = _never_seen(target, deleted=dataset.deleted)
        return Status(Phase.WAITING, dataset.asked, target, cause)
    return _silent(dataset, sight, observed)


def _answers(observed: Observed, dataset: Dataset) -> bool:
    """Say whether a node speaks of what is wanted now.

    What it has mounted and keeps for nobody it has mounted for who uses it next, too.
    """
    fact = observed.fact
    if dataset.deleted:
        return fact.want is Want.DELETED
    at_hand = fact.condition is Condition.MOUNTED and fact.doing is None
    return fact.want is Want.MOUNTED or (fact.want is Want.KEPT and at_hand)


def _other_holders(
    target: NodeID,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
) -> list[NodeID]:
    """Find the nodes that have it or are at work on it, always in the same order."""
    return sorted(
        node
        for node, observed in facts.items()
        if node != target and observed.fact.engaged and node in nodes
    )


def _knows_better(
    dataset: Dataset,
    target: NodeID,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
) -> bool:
    """Say whether the node that should have it sees it free, or has it.

    A silent node is not waited for where its backend gives the volume away; its last
    words stay, until it returns.
    """
    sight, observed = nodes.get(target), facts.get(target)
    return (
        sight is not None
        and sight.connected
        and observed is not None
        and _answers(observed, dataset)
        and observed.fact.condition not in IN_THE_DARK
    )


def _leaving(node: NodeID, observed: Observed) -> Status:
    fact = observed.fact
    phase = fact.doing or LEAVING_PHASE[fact.condition]
    # What troubled it while it was still to have the dataset is no trouble now.
    cause = fact.cause if fact.want is Want.AWAY else NOT_LOOKED_YET
    return Status(
        _failed_or(phase, cause), observed.since, node, cause, fact.path, fact.size
    )


def _holder_silent(sight: NodeSight, observed: Observed) -> Status:
    node, host = sight.identity.node, sight.identity.host
    cause = Cause(
        "holder-silent",
        f"node {node} ({host}) has it attached and is not connected",
        f"bring node {host} or its agent back{_or_dead(node)}",
    )
    return Status(Phase.WAITING, sight.since, node, cause, size=observed.fact.size)


def _dead(dataset: Dataset, node: Node, mark: DeadMark) -> Status:
    cause = Cause(
        "node-dead",
        f"node {node.id} ({node.host}), where it should be, is marked dead by"
        f" {mark.by}: {mark.words}",
        f"start node {node.host} anew{_or_move(deleted=dataset.deleted)}",
    )
    return Status(Phase.WAITING, mark.at, node.id, cause)


def _or_dead(node: NodeID) -> str:
    """Name the way out where a node that has something is away for good."""
    return (
        "; or make sure that the machine is off, and say so with"
        f" flockerctl node dead {node} --i-have-checked"
    )


def _silent(dataset: Dataset, sight: NodeSight, observed: Observed | None) -> Status:
    node, host = sight.identity.node, sight.identity.host
    words = f"node {node} ({host}), where it should be, is not connected"
    back = f"bring node {host} or its agent back"
    if observed is None or not observed.fact.holds:
        cause = Cause("node-silent", words, back + _or_move(deleted=dataset.deleted))
        return Status(Phase.WAITING, sight.since, node, cause)
    cause = Cause("node-silent", words, back + _or_dead(node))
    fact = observed.fact
    return Status(Phase.UNKNOWN, sight.since, node, cause, fact.path, fact.size)


def _converging(dataset: Dataset, target: NodeID, observed: Observed) -> Status:
    fact = observed.fact
    cause: Cause | None
    if dataset.deleted:
        phase = fact.doing or LEAVING_PHASE.get(fact.condition, Phase.DESTROYING)
        cause = fact.cause or BEING_DELETED
    else:
        phase = fact.doing or NEXT_PHASE[fact.condition]
        cause = fact.cause or (None if fact.doing else UNEXPLAINED.get(fact.condition))
    return Status(
        _failed_or(phase, fact.cause),
        observed.since,
        target,
        cause,
        fact.path,
        fact.size,
    )


def _failed_or(phase: Phase, cause: Cause | None) -> Phase:
    if phase is Phase.MOUNTED:
        return phase
    return Phase.FAILED if cause is not None and cause.permanent else phase


@lru_cache(maxsize=10_000)
def _never_seen(node: NodeID, *, deleted: bool) -> Cause:
    """Say that there is no such node, in one value for all that should be there."""
    return Cause(
        "node-unknown",
        f"no agent of node {node} has ever connected",
        f"start the agent of that node{_or_move(deleted=deleted)}",
    )


def _or_move(*, deleted: bool) -> str:
    """A dataset that is deleted stays where its volume is to be destroyed."""
    return "" if deleted else ", or move the dataset"
