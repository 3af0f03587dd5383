"""What users may say of nodes: pure functions from configuration to Change.

A node comes into the registry by its agent's first Hello (`node_upkeep`). To cordon it
keeps new datasets away (`admission`); to mark it dead lets others take what it had.
"""

from collections.abc import Callable, Iterator, Mapping

from attrs import evolve, frozen
from pyrsistent import pmap

from flocker.control.pool_rows import is_buried
from flocker.model.changes import Change, NodeEdit
from flocker.model.cluster import NodeSight
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.model.leases import wanted_on
from flocker.model.nodes import DeadMark, Evidence, Node

Sighted = Callable[[NodeID], NodeSight | None]
"""Gives what is seen of a node; `Observations.sight`."""


@frozen
class NodeUnknown(FlockerError):
    """No node of this id has ever connected."""

    node: NodeID

    def words(self) -> str:
        """Name the node."""
        return f"there is no node {self.node}; no agent of it has ever connected"


@frozen
class NodeAlive(FlockerError):
    """A node that is connected cannot be dead."""

    node: NodeID
    host: str

    def words(self) -> str:
        """Name the node."""
        return (
            f"node {self.node} ({self.host}) is connected, so it is not dead; stop it"
            " first, or cordon it and move its datasets"
        )


@frozen
class NodeBereft(FlockerError):
    """Something was taken from a node since it was marked dead."""

    node: NodeID
    taken: tuple[DatasetID, ...]

    def words(self) -> str:
        """Name the node, what was taken, and what happens when it is back."""
        first = ", ".join(str(dataset) for dataset in self.taken[:3])
        return (
            f"another node has what node {self.node} had: {first}; so it must let go of"
            " its mounts first, which it does by itself when it is back, or reboot"
        )


@frozen
class NodeInUse(FlockerError):
    """A node cannot be forgotten while anything is wanted of it."""

    node: NodeID
    why: str

    def words(self) -> str:
        """Name the node and what is wanted."""
        return f"node {self.node} cannot be forgotten: {self.why}"


def tell(
    configuration: Configuration,
    node: NodeID,
    labels: Mapping[str, str | None],
    *,
    cordoned: bool | None = None,
) -> Change:
    """Set some labels, dropping those that are None; cordon it, or not any more.

    Raises `NodeUnknown`.
    """
    found = _found(configuration, node)
    kept = {**found.labels, **labels}
    wanted = evolve(
        found,
        labels=pmap({key: value for key, value in kept.items() if value is not None}),
        cordoned=found.cordoned if cordoned is None else cordoned,
    )
    return _become(found, wanted)


def declare_dead(
    configuration: Configuration,
    sighted: Sighted,
    node: NodeID,
    mark: tuple[Evidence, str, str],
    now: float,
) -> Change:
    """Mark the life that a silent node was last known in as dead.

    `mark` is the evidence, who gives it and in which words. Raises `NodeUnknown`,
    `NodeAlive`. One that is marked already stays as it is marked.
    """
    found = _found(configuration, node)
    sight = sighted(node)
    if sight is not None and sight.connected:
        raise NodeAlive(node, found.host)
    if found.is_dead:
        return Change()
    evidence, by, words = mark
    return _become(
        found, evolve(found, dead=DeadMark(found.era, evidence, by, words, now))
    )


def declare_alive(
    configuration: Configuration,
    taken: Callable[[NodeID], tuple[DatasetID, ...]],
    node: NodeID,
) -> Change:
    """Take the mark from a node. Raises `NodeUnknown`, `NodeBereft`.

    Its mounts of what others have now are void; only standing down ends them.
    """
    found = _found(configuration, node)
    bereft = taken(node) if found.is_dead else ()
    if bereft:
        raise NodeBereft(node, bereft)
    return _become(found, evolve(found, dead=None))


def forget(configuration: Configuration, sighted: Sighted, node: NodeID) -> Change:
    """Drop a node that will not come back. Raises `NodeUnknown`, `NodeInUse`."""
    found = _found(configuration, node)
    sight = sighted(node)
    if sight is not None and sight.connected:
        raise NodeInUse(node, f"it ({found.host}) is connected")
    why = next(_uses(configuration, node), None)
    if why is not None:
        raise NodeInUse(node, why)
    return Change((NodeEdit(found, None),))


def _uses(configuration: Configuration, node: NodeID) -> Iterator[str]:
    """Say what is wanted of a node; of copies in its pool, those that are needed.

    A deleted dataset waits for no node that is forgotten.
    """
    for row in configuration.pools.values():
        if not row.deleted and (row.owner == node or row.moves_to(node)):
            yield f"dataset {row.dataset} is in its pool"
    for dataset in configuration.datasets.values():
        lease = configuration.leases.get(dataset.id)
        if dataset.destroyed or is_buried(configuration, dataset):
            continue
        if wanted_on(dataset, lease) == node:
            yield f"dataset {dataset.id} is wanted on it"
    for lease in configuration.leases.values():
        if lease.node == node:
            yield f"dataset {lease.dataset} is leased to it"


def _found(configuration: Configuration, node: NodeID) -> Node:
    found = configuration.nodes.get(node)
    if found is None:
        raise NodeUnknown(node)
    return found


def _become(before: Node, after: Node) -> Change:
    return Change() if before == after else Change((NodeEdit(before, after),))
