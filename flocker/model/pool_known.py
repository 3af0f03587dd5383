"""What statuses of datasets in pools are said from, and the shapes that they share.

Pure; called by `flocker.model.pool_status` and `pool_move_status`, and by what says the
statuses of snapshots.
"""

from collections.abc import Mapping

from attrs import frozen

from flocker.model.cluster import Cause, Fact, NodeSight, Observed, Phase
from flocker.model.holders import describe_all
from flocker.model.ids import NodeID
from flocker.model.leases import Lease
from flocker.model.nodes import Node
from flocker.model.pools import PoolOwnership
from flocker.model.status import Status


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


def at_owner(
    row: PoolOwnership, observed: Observed, phase: Phase, cause: Cause | None
) -> Status:
    """Say what its owner says."""
    fact = observed.fact
    return Status(
        or_failed(phase, cause),
        observed.since,
        row.owner,
        cause,
        fact.path,
        fact.size,
    )


def or_failed(phase: Phase, cause: Cause | None) -> Phase:
    """Give the phase, or `FAILED`: what is in its way stays, and it is not mounted."""
    if phase is Phase.MOUNTED or cause is None or not cause.permanent:
        return phase
    return Phase.FAILED


def leased(lease: Lease, *, moves: bool) -> Cause:
    """Say who uses it, and what would end that; where it `moves`, force would."""
    holders = describe_all(holder.name for holder in lease.holders) or "somebody"
    by_force = ", or move it with force" if moves else ""
    return Cause(
        "leased",
        f"{holders} has it leased on node {lease.node}",
        f"end its use on node {lease.node}, or the lease{by_force}",
    )
