"""The status of a dataset: one pure function of what is wanted and all the facts.

Agents report facts, never a status; whoever wants to know what happens to a dataset,
and why it waits, asks here. Called by `flocker.restapi.status`.
"""

from collections.abc import Mapping

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
from flocker.model.ids import NodeID
from flocker.model.leases import Lease, wanted_on

NEXT_PHASE: Mapping[Condition, Phase] = {
    Condition.UNKNOWN: Phase.UNKNOWN,
    Condition.MISSING: Phase.CREATING,
    Condition.UNREGISTERED: Phase.CREATING,
    Condition.REGISTERED: Phase.WAITING,
    Condition.DESTROYED: Phase.FAILED,
    Condition.DETACHED: Phase.ATTACHING,
    Condition.ELSEWHERE: Phase.WAITING,
    Condition.ON_DEAD_NODE: Phase.DETACHING,
    Condition.APPEARING: Phase.ATTACHING,
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


@frozen
class Status:
    """What is happening to a dataset.

    `since` is on control's steady clock (seconds); `node` is where it happens; `path`
    is set while it is mounted, `size` (bytes) when the volume's is known.
    """

    phase: Phase
    since: float
    node: NodeID | None
    cause: Cause | None = None
    path: str | None = None
    size: int | None = None


def status(
    dataset: Dataset,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
    lease: Lease | None = None,
) -> Status:
    """Say what is happening to `dataset`, given every node's fact about it."""
    if dataset.destroyed:
        since = dataset.destroyed_at or dataset.asked
        return Status(Phase.DESTROYED, since, dataset.primary)
    target = wanted_on(dataset, lease)
    kept = None if lease is None else facts.get(lease.node)
    if lease is not None and kept is not None and _keeps(lease, kept, dataset, target):
        return _leased(lease, kept)
    if target is None:
        return _on_use(dataset, facts)
    holder = _other_holder(target, facts, nodes)
    if holder is not None:
        return _leaving(holder, facts[holder], nodes)
    return _arriving(dataset, target, facts.get(target), nodes.get(target))


def _arriving(
    dataset: Dataset,
    target: NodeID,
    observed: Observed | None,
    sight: NodeSight | None,
) -> Status:
    """Say how far the node is that is to make something of it."""
    if sight is None:
        return Status(Phase.WAITING, dataset.asked, target, _never_seen(target))
    if not sight.connected:
        return _silent(sight, observed)
    if observed is None or not _answers(observed, dataset):
        return Status(Phase.WAITING, dataset.asked, target, NOT_LOOKED_YET)
    return _converging(dataset, target, observed)


def _answers(observed: Observed, dataset: Dataset) -> bool:
    wanted = Want.DELETED if dataset.deleted else Want.MOUNTED
    return observed.fact.want is wanted


def _keeps(
    lease: Lease, kept: Observed, dataset: Dataset, target: NodeID | None
) -> bool:
    """Say whether a lease keeps the dataset from what is wanted of it."""
    mounted = kept.fact.condition is Condition.MOUNTED
    return mounted and (dataset.deleted or lease.node != target)


def _leased(lease: Lease, kept: Observed) -> Status:
    holders = ", ".join(holder.name for holder in lease.holders)
    cause = Cause(
        "leased",
        f"node {lease.node} keeps it mounted, because {holders} has it leased there",
        f"end its use on node {lease.node}, or the lease",
    )
    fact = kept.fact
    return Status(Phase.WAITING, kept.since, lease.node, cause, fact.path, fact.size)


def _on_use(dataset: Dataset, facts: Mapping[NodeID, Observed]) -> Status:
    for node, observed in facts.items():
        fact = observed.fact
        if fact.condition is Condition.MOUNTED:
            return Status(
                Phase.MOUNTED, observed.since, node, None, fact.path, fact.size
            )
    return Status(Phase.WAITING, dataset.asked, None, NOT_IN_USE)


def _other_holder(
    target: NodeID,
    facts: Mapping[NodeID, Observed],
    nodes: Mapping[NodeID, NodeSight],
) -> NodeID | None:
    """Find the node that must let go first; those that can answer come first."""
    holders = [
        node
        for node, observed in facts.items()
        if node != target and observed.fact.engaged and node in nodes
    ]
    return min(holders, key=lambda n: (not nodes[n].connected, n.hex), default=None)


def _leaving(
    node: NodeID, observed: Observed, nodes: Mapping[NodeID, NodeSight]
) -> Status:
    fact = observed.fact
    phase = fact.doing or LEAVING_PHASE[fact.condition]
    sight = nodes[node]
    if not sight.connected:
        host = sight.identity.host
        cause = Cause(
            "holder-silent",
            f"node {node} ({host}) has it attached and is not connected",
            f"bring node {host} or its agent back",
        )
        return Status(Phase.WAITING, sight.since, node, cause, size=fact.size)
    return Status(
        _failed_or(phase, fact.cause),
        observed.since,
        node,
        fact.cause,
        fact.path,
        fact.size,
    )


def _silent(sight: NodeSight, observed: Observed | None) -> Status:
    node, host = sight.identity.node, sight.identity.host
    words = f"node {node} ({host}), where it should be, is not connected"
    back = f"bring node {host} or its agent back"
    if observed is None or not observed.fact.holds:
        cause = Cause("node-silent", words, f"{back}, or move the dataset")
        return Status(Phase.WAITING, sight.since, node, cause)
    cause = Cause("node-silent", words, back)
    fact = observed.fact
    return Status(Phase.UNKNOWN, sight.since, node, cause, fact.path, fact.size)


def _converging(dataset: Dataset, target: NodeID, observed: Observed) -> Status:
    fact = observed.fact
    cause = fact.cause
    if dataset.deleted:
        phase = fact.doing or LEAVING_PHASE.get(fact.condition, Phase.DESTROYING)
        cause = cause or BEING_DELETED
    else:
        phase = fact.doing or NEXT_PHASE[fact.condition]
    return Status(
        _failed_or(phase, fact.cause),
        observed.since,
        target,
        cause,
        fact.path,
        fact.size,
    )


def _failed_or(phase: Phase, cause: Cause | None) -> Phase:
    return Phase.FAILED if cause is not None and cause.permanent else phase


def _never_seen(node: NodeID) -> Cause:
    return Cause(
        "node-unknown",
        f"no agent of node {node} has connected since the control service started",
        "start the agent of that node, or move the dataset to a node of the cluster",
    )
