"""What the registry of nodes learns from who comes and goes, and from the backends.

Pure; a part of `flocker.control.upkeep`.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import evolve

from flocker.model.changes import NodeEdit
from flocker.model.cluster import NodeSight, Observed
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID
from flocker.model.nodes import DeadMark, Evidence, Node, find_instance

RECENT = 60.0
"""Seconds by which `last_seen` may be behind before it alone is worth a commit."""


class Heard(Protocol):
    """What the agents have said of datasets, and who is there."""

    def facts(self, dataset: DatasetID) -> Mapping[NodeID, Observed]:
        """What each node says of a dataset."""

    def sight(self, node: NodeID) -> NodeSight | None:
        """What is seen of a node."""


def keep_nodes(
    configuration: Configuration,
    heard: Heard,
    datasets: Iterable[DatasetID],
    nodes: Iterable[NodeID],
    now: float,
) -> Iterable[NodeEdit]:
    """Give what follows of nodes that came or went, and of facts about datasets."""
    seen = {
        node: after
        for node in sorted(set(nodes), key=str)
        if (sight := heard.sight(node)) is not None
        and (after := _registered(configuration.nodes.get(node), sight)) is not None
    }
    for dataset in datasets:
        for reporter, observed in sorted(heard.facts(dataset).items()):
            marked = _off(configuration, heard, reporter, observed, now)
            if marked is not None and marked.id not in seen:
                seen[marked.id] = marked
    for node, after in seen.items():
        yield NodeEdit(configuration.nodes.get(node), after)


# Register: a node is known from its first Hello; its new life is no dead one.


def _registered(before: Node | None, sight: NodeSight) -> Node | None:
    """Give the node as it is to be remembered; None if that is how it is."""
    identity = sight.identity
    if before is None:
        return Node(
            id=identity.node,
            host=identity.host,
            era=identity.era,
            version=identity.version,
            backends=identity.backends,
            first_seen=sight.joined,
            last_seen=sight.last_seen,
        )
    after = evolve(
        before,
        host=identity.host,
        era=identity.era,
        version=identity.version,
        backends=identity.backends,
        dead=_still_dead(before.dead, sight),
    )
    if after == before and sight.last_seen < before.last_seen + RECENT:
        return None
    return evolve(after, last_seen=max(before.last_seen, sight.last_seen))


def _still_dead(mark: DeadMark | None, sight: NodeSight) -> DeadMark | None:
    """Give the mark, unless the node lives anew or has let go of everything."""
    if mark is None or mark.era != sight.identity.era:
        return None
    return None if sight.connected and sight.stood_down else mark


# Dead: a backend says that the machine is off, and the node is silent. Its word must
# be younger than the node's last coming: a machine may have booted since.


def _off(
    configuration: Configuration,
    heard: Heard,
    reporter: NodeID,
    observed: Observed,
    now: float,
) -> Node | None:
    fact = observed.fact
    if not fact.off or fact.instance is None or fact.backend is None:
        return None
    node = find_instance(configuration.nodes, fact.backend, fact.instance)
    sight = None if node is None else heard.sight(node.id)
    if node is None or sight is None or sight.connected or node.is_dead:
        return None
    if observed.since <= sight.joined:
        return None
    mark = DeadMark(
        era=node.era,
        evidence=Evidence.BACKEND,
        by=f"node {reporter}",
        words=f"backend {fact.backend} says that {fact.instance} does not run",
        at=now,
    )
    return evolve(node, dead=mark)
