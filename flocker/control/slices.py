"""What one agent needs to know, and whom a change touches; pure, kept by index.

A dataset agent is told of the datasets that should be on its node and of those that
it holds; of a dataset in a pool, every node that may ever have had a copy.
`flocker.control.agents` sends what is computed here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set

from attrs import evolve

from flocker.control.pool_rows import row_of
from flocker.model.changes import (
    Change,
    DatasetEdit,
    NodeEdit,
    OfDataset,
    OwnershipEdit,
)
from flocker.model.cluster import Assignment, Fact, Peer
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, InstanceID, NodeID
from flocker.model.leases import Lease, wanted_on
from flocker.model.nodes import Node, find_instance
from flocker.model.pools import Buried, PoolOwnership

Holders = Callable[[DatasetID], tuple[NodeID, ...]]

_NONE: frozenset[DatasetID] = frozenset()


class Placement:
    """Which datasets are wanted on which node; follows the configuration by edits."""

    def __init__(self, configuration: Configuration) -> None:
        self._on: dict[NodeID, set[DatasetID]] = {}
        self._where: dict[DatasetID, tuple[NodeID, ...]] = {}
        for dataset in configuration.datasets.itervalues():
            self._put(dataset.id, _placed(dataset, configuration))

    def on(self, node: NodeID) -> Set[DatasetID]:
        """The datasets of which `node` is to make something."""
        return self._on.get(node, _NONE)

    def follow(self, change: Change, configuration: Configuration) -> None:
        """Take a committed change in, and the configuration it led to."""
        for edit in change.edits:
            if not isinstance(edit, OwnershipEdit | NodeEdit):
                self._place(edit.dataset, configuration)

    def _place(self, dataset: DatasetID, configuration: Configuration) -> None:
        for before in self._where.pop(dataset, ()):
            self._on[before].discard(dataset)
        self._put(dataset, placed_on(configuration, dataset))

    def _put(self, dataset: DatasetID, nodes: tuple[NodeID, ...]) -> None:
        if nodes:
            self._where[dataset] = nodes
        for node in nodes:
            self._on.setdefault(node, set()).add(dataset)


def placed_on(
    configuration: Configuration, dataset_id: DatasetID
) -> tuple[NodeID, ...]:
    """Give the nodes that are to make something of a dataset.

    Of a volume that is one, if any. Of a dataset in a pool it is every node that may
    have a copy: its record says what it may make of the row.
    """
    dataset = configuration.datasets.get(dataset_id)
    return () if dataset is None else _placed(dataset, configuration)


def _placed(dataset: Dataset, configuration: Configuration) -> tuple[NodeID, ...]:
    if dataset.destroyed:
        return ()
    row = row_of(configuration, dataset)
    if row is not None:
        return row.holders if _is_told(row) else ()
    node = wanted_on(dataset, configuration.leases.get(dataset.id))
    return () if node is None else (node,)


def wanted_where(configuration: Configuration, dataset_id: DatasetID) -> NodeID | None:
    """Give the one node that is to have the volume of a dataset, if any is.

    Of datasets in pools it is None: nobody waits for others to let go of one.
    """
    if is_in_pool(configuration, dataset_id):
        return None
    return next(iter(placed_on(configuration, dataset_id)), None)


def is_in_pool(configuration: Configuration, dataset_id: DatasetID) -> bool:
    """Whether the dataset is in a pool, as far as there is a row that says so.

    Or was, until there is another of the same id that is none.
    """
    row = configuration.pools.get(dataset_id)
    if row is None or not row.deleted:
        return row is not None
    dataset = configuration.datasets.get(dataset_id)
    return dataset is None or row_of(configuration, dataset) is not None


def touched_by(
    change: Change, configuration: Configuration, holders: Holders
) -> Iterable[tuple[NodeID, DatasetID]]:
    """Name whom a change of datasets concerns: who should have it, had to, holds it.

    Or leases it. `configuration` is the one the change led to.
    """
    for edit in change.edits:
        if isinstance(edit, NodeEdit):
            yield from _moving_with(edit, configuration)
            continue
        nodes = {*holders(edit.dataset), *_named_by(edit)}
        nodes.update(placed_on(configuration, edit.dataset))
        row = configuration.pools.get(edit.dataset)
        if row is not None:
            nodes.update(row.holders)
        lease = configuration.leases.get(edit.dataset)
        if lease is not None and isinstance(edit, DatasetEdit):
            nodes.add(lease.node)
        for node in nodes:
            yield node, edit.dataset


def _named_by(edit: OfDataset) -> Iterator[NodeID]:
    """Give the nodes that an edit itself names."""
    for row in (edit.before, edit.after):
        match row:
            case Dataset():
                yield row.primary
            case Lease():
                yield row.node
            case PoolOwnership():
                yield from row.holders
            case _:
                pass


def _moving_with(
    edit: NodeEdit, configuration: Configuration
) -> Iterable[tuple[NodeID, DatasetID]]:
    """Name who exchanges data with a node that is to be reached otherwise now."""
    if edit.after is None or _reached(edit.before) == _reached(edit.after):
        return
    for row in configuration.pools.itervalues():
        for one, other in _exchanging(row):
            if other == edit.node:
                yield one, row.dataset


def _reached(node: Node | None) -> object:
    return None if node is None else (node.host, node.backends)


def assignment(
    configuration: Configuration,
    node: NodeID,
    dataset_id: DatasetID,
    holders: Iterable[NodeID],
    dead: tuple[InstanceID, ...] = (),
    said: Fact | None = None,
) -> Assignment | None:
    """Give what `node` must know of a dataset; None when that is nothing.

    `holders` are the nodes that have it attached or may still act on it; `dead` the
    machines that it may be taken from; `said` is what the node says of it.
    """
    dataset = configuration.datasets.get(dataset_id)
    held_by = tuple(holders)
    if dataset is None or dataset.destroyed:
        grave = _grave(configuration, node, dataset_id, said)
        if grave is not None:
            return grave
    elif (row := row_of(configuration, dataset)) is not None:
        return _of_pool(configuration, node, dataset, row)
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
        snapshots=configuration.snapshots.get(dataset_id),
    )


def _of_pool(
    configuration: Configuration, node: NodeID, dataset: Dataset, row: PoolOwnership
) -> Assignment | None:
    """Give what a node must know of a dataset that is in a pool."""
    if node not in row.holders or not _is_told(row):
        return None
    others = (other for one, other in _exchanging(row) if one == node)
    found = (_peer(configuration, other, row) for other in others)
    return Assignment(
        id=dataset.id,
        dataset=dataset,
        lease=_told(configuration.leases.get(dataset.id)),
        pool=row.told,
        peers=tuple(peer for peer in found if peer is not None),
        snapshots=configuration.snapshots.get(dataset.id),
    )


def _is_told(row: PoolOwnership) -> bool:
    """Whether nodes are told a row.

    Of one that is unsure they are not: who serves it goes on, and all say what they
    have. Only who is to make it is asked to; its record says whether that is over.
    """
    return row.create or not row.unsure


def _exchanging(row: PoolOwnership) -> Iterable[tuple[NodeID, NodeID]]:
    """Give who sends to whom, or is sent something by whom."""
    if row.move is not None:
        yield row.owner, row.move.target
        yield row.move.target, row.owner


def _peer(
    configuration: Configuration, node: NodeID, row: PoolOwnership
) -> Peer | None:
    """Say where a node takes streams for its pool, if it has said so."""
    found = configuration.nodes.get(node)
    report = None if found is None else found.backend(row.backend)
    if found is None or report is None or report.port is None:
        return None
    return Peer(node, found.host, report.port)


def _grave(
    configuration: Configuration,
    node: NodeID,
    dataset_id: DatasetID,
    said: Fact | None,
) -> Assignment | None:
    """Tell a node that comes late, with a copy, that its dataset is no more."""
    row = configuration.pools.get(dataset_id)
    if row is None or not row.deleted or node not in row.holders:
        return None
    if said is None or said.pool is None:
        return None
    copy = said.pool
    if isinstance(copy.record.standing, Buried) and not copy.exists:
        return None
    return Assignment(id=dataset_id, dataset=None, pool=row.told)


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
