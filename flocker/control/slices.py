"""What one agent needs to know, and whom a change touches; pure, kept by index.

A dataset agent is told of the datasets that should be on its node and of those that
it holds. `flocker.control.agents` sends what is computed here.
"""

from collections.abc import Callable, Iterable, Mapping, Set

from attrs import evolve

from flocker.model.changes import (
    Change,
    DatasetEdit,
    LeaseEdit,
    NodeEdit,
    OwnershipEdit,
)
from flocker.model.cluster import Assignment, Fact
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, InstanceID, NodeID
from flocker.model.leases import Lease, wanted_on
from flocker.model.nodes import Node, find_instance

Holders = Callable[[DatasetID], tuple[NodeID, ...]]

_NONE: frozenset[DatasetID] = frozenset()


class Placement:
    """Which datasets are wanted on which node; follows the configuration by edits."""

    def __init__(self, configuration: Configuration) -> None:
        self._on: dict[NodeID, set[DatasetID]] = {}
        self._where: dict[DatasetID, NodeID] = {}
        for dataset in configuration.datasets.itervalues():
            self._put(dataset.id, _wanted(dataset, configuration))

    def on(self, node: NodeID) -> Set[DatasetID]:
        """The datasets of which `node` is to make something."""
        return self._on.get(node, _NONE)

    def follow(self, change: Change, configuration: Configuration) -> None:
        """Take a committed change in, and the configuration it led to."""
        for edit in change.edits:
            if not isinstance(edit, OwnershipEdit | NodeEdit):
                self._place(edit.dataset, configuration)

    def _place(self, dataset: DatasetID, configuration: Configuration) -> None:
        before = self._where.pop(dataset, None)
        if before is not None:
            self._on[before].discard(dataset)
        self._put(dataset, wanted_where(configuration, dataset))

    def _put(self, dataset: DatasetID, node: NodeID | None) -> None:
        if node is not None:
            self._where[dataset] = node
            self._on.setdefault(node, set()).add(dataset)


def wanted_where(configuration: Configuration, dataset_id: DatasetID) -> NodeID | None:
    """Give the node that is to make something of a dataset, if any is."""
    dataset = configuration.datasets.get(dataset_id)
    return None if dataset is None else _wanted(dataset, configuration)


def _wanted(dataset: Dataset, configuration: Configuration) -> NodeID | None:
    if dataset.destroyed:
        return None
    return wanted_on(dataset, configuration.leases.get(dataset.id))


def touched_by(
    change: Change, configuration: Configuration, holders: Holders
) -> Iterable[tuple[NodeID, DatasetID]]:
    """Name whom a change of datasets concerns: who should have it, had to, holds it.

    Or leases it. `configuration` is the one the change led to.
    """
    for edit in change.edits:
        if isinstance(edit, NodeEdit):
            continue
        nodes = set(holders(edit.dataset))
        if isinstance(edit, DatasetEdit):
            rows = (edit.before, edit.after)
            nodes.update(row.primary for row in rows if row is not None)
            lease = configuration.leases.get(edit.dataset)
            if lease is not None:
                nodes.add(lease.node)
        if isinstance(edit, LeaseEdit):
            leases = (edit.before, edit.after)
            nodes.update(lease.node for lease in leases if lease is not None)
        wanted = wanted_where(configuration, edit.dataset)
        if wanted is not None:
            nodes.add(wanted)
        for node in nodes:
            yield node, edit.dataset


def assignment(
    configuration: Configuration,
    node: NodeID,
    dataset_id: DatasetID,
    holders: Iterable[NodeID],
    dead: tuple[InstanceID, ...] = (),
) -> Assignment | None:
    """Give what `node` must know of a dataset; None when that is nothing.

    `holders` are the nodes that have it attached or may still act on it; `dead` the
    machines that it may be taken from.
    """
    dataset = configuration.datasets.get(dataset_id)
    held_by = tuple(holders)
    if dataset is None:
        return None
    if wanted_where(configuration, dataset_id) != node and node not in held_by:
        return None
    return Assignment(
        id=dataset_id,
        dataset=dataset,
        ownership=configuration.ownership.get(dataset_id),
        held_by=tuple(holder for holder in held_by if holder != node),
        lease=_told(configuration.leases.get(dataset_id)),
        dead=dead,
    )


def _told(lease: Lease | None) -> Lease | None:
    """Give what an agent must know of a lease: who holds it, not in which life."""
    if lease is None or all(holder.era is None for holder in lease.holders):
        return lease
    holders = tuple(evolve(holder, era=None) for holder in lease.holders)
    return evolve(lease, holders=holders)


def dead_holder(
    nodes: Mapping[NodeID, Node], reporter: NodeID, fact: Fact | None
) -> tuple[InstanceID, ...]:
    """Give the machine that a volume may be taken from, as `fact` has it attached.

    That is one whose node is marked dead; or one that the backend says is off and that
    no node of the cluster has ever been. What is not marked is waited for.
    """
    if fact is None or fact.instance is None or fact.backend is None:
        return ()
    node = find_instance(nodes, fact.backend, fact.instance)
    if node is None:
        return (fact.instance,) if fact.off else ()
    return (fact.instance,) if node.is_dead and node.id != reporter else ()
