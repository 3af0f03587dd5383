"""A change is a value: what the store commits, agents are sent, and the log records.

Laws: ``apply(invert(change), apply(change, c))`` has the content of ``c``; a change
applies only to a configuration in which each edit finds what it expects.
"""

from functools import reduce
from typing import Generic, TypeVar
from uuid import UUID

from attrs import evolve, frozen
from pyrsistent import PMap, pset

from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.model.leases import Lease
from flocker.model.nodes import Node
from flocker.model.ownership import Ownership
from flocker.model.pools import PoolOwnership
from flocker.model.snapshots import UserSnapshots

R = TypeVar("R", Dataset, Ownership, PoolOwnership, UserSnapshots, Lease, Node)
K = TypeVar("K", bound=UUID)


@frozen
class EditConflict(FlockerError):
    """An edit was decided on another configuration than the one it met."""

    id: UUID
    kind: str

    def words(self) -> str:
        """Name the object."""
        return f"the {self.kind} record of {self.id} has changed meanwhile"


@frozen
class _Edit(Generic[R]):
    before: R | None
    after: R | None

    def _row(self) -> R:
        row = self.after if self.after is not None else self.before
        if row is None:
            raise ValueError("an edit from nothing to nothing")
        return row


@frozen
class DatasetEdit(_Edit[Dataset]):
    """What is wanted of a dataset goes from `before` to `after`; None is absence."""

    @property
    def dataset(self) -> DatasetID:
        """The dataset it is about."""
        return self._row().id


@frozen
class OwnershipEdit(_Edit[Ownership]):
    """The ownership record goes from `before` to `after`; None is absence."""

    @property
    def dataset(self) -> DatasetID:
        """The dataset it is about."""
        return self._row().dataset


@frozen
class LeaseEdit(_Edit[Lease]):
    """The lease of a dataset goes from `before` to `after`; None is absence."""

    @property
    def dataset(self) -> DatasetID:
        """The dataset it is about."""
        return self._row().dataset


@frozen
class PoolEdit(_Edit[PoolOwnership]):
    """Who owns a pool dataset goes from `before` to `after`; None is absence."""

    @property
    def dataset(self) -> DatasetID:
        """The dataset it is about."""
        return self._row().dataset


@frozen
class SnapshotsEdit(_Edit[UserSnapshots]):
    """The snapshots wanted of a dataset go from `before` to `after`; None: of none."""

    @property
    def dataset(self) -> DatasetID:
        """The dataset it is about."""
        return self._row().dataset


@frozen
class NodeEdit(_Edit[Node]):
    """What is known of a node goes from `before` to `after`; None is absence."""

    @property
    def node(self) -> NodeID:
        """The node it is about."""
        return self._row().id

    @property
    def reborn(self) -> bool:
        """Whether the node is in another life by it."""
        before, after = self.before, self.after
        return before is not None and after is not None and before.era != after.era

    @property
    def welcomes(self) -> bool:
        """Whether other datasets may come to the node by it, or in another way."""
        before, after = self.before, self.after
        if before is None or after is None:
            return after is not None
        return (before.backends, before.cordoned, before.is_dead) != (
            after.backends,
            after.cordoned,
            after.is_dead,
        )

    @property
    def marks(self) -> bool:
        """Whether the node is marked dead by it, or is so no more."""
        before = self.before is not None and self.before.is_dead
        return before != (self.after is not None and self.after.is_dead)


OfDataset = DatasetEdit | OwnershipEdit | PoolEdit | SnapshotsEdit | LeaseEdit
"""The edits that are about a dataset."""

Edit = OfDataset | NodeEdit


@frozen
class Change:
    """Edits that happen all or not at all."""

    edits: tuple[Edit, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.edits)

    @property
    def of_datasets(self) -> bool:
        """Whether a dataset changes, not only records about one."""
        return any(isinstance(edit, DatasetEdit) for edit in self.edits)

    @property
    def datasets(self) -> tuple[DatasetID, ...]:
        """The datasets that it is about, in the order of their edits."""
        found = (e.dataset for e in self.edits if not isinstance(e, NodeEdit))
        return tuple(dict.fromkeys(found))

    @property
    def nodes(self) -> tuple[NodeEdit, ...]:
        """The edits of nodes."""
        return tuple(edit for edit in self.edits if isinstance(edit, NodeEdit))


def invert(change: Change) -> Change:
    """Give the change that takes `change` back."""
    return Change(tuple(_invert(edit) for edit in reversed(change.edits)))


def between(before: Configuration, after: Configuration) -> Change:
    """Give the change that makes of `before` what `after` has.

    For a configuration that somebody else wrote. Costs O(all that is configured).
    """
    records = [
        OwnershipEdit(before.ownership.get(key), after.ownership.get(key))
        for key in _differing(before.ownership, after.ownership)
    ]
    datasets = [
        DatasetEdit(before.datasets.get(key), after.datasets.get(key))
        for key in _differing(before.datasets, after.datasets)
    ]
    leases = [
        LeaseEdit(before.leases.get(key), after.leases.get(key))
        for key in _differing(before.leases, after.leases)
    ]
    pools = [
        PoolEdit(before.pools.get(key), after.pools.get(key))
        for key in _differing(before.pools, after.pools)
    ]
    snapshots = [
        SnapshotsEdit(before.snapshots.get(key), after.snapshots.get(key))
        for key in _differing(before.snapshots, after.snapshots)
    ]
    nodes = [
        NodeEdit(before.nodes.get(key), after.nodes.get(key))
        for key in _differing(before.nodes, after.nodes)
    ]
    # Volumes are let go before they are taken: two records may exchange theirs.
    gone = [OwnershipEdit(edit.before, None) for edit in records if edit.before]
    come = [OwnershipEdit(None, edit.after) for edit in records if edit.after]
    return Change((*datasets, *gone, *come, *pools, *snapshots, *leases, *nodes))


def _differing(before: PMap[K, R], after: PMap[K, R]) -> list[K]:
    keys = {*before.keys(), *after.keys()}
    return sorted(key for key in keys if before.get(key) != after.get(key))


def apply(change: Change, configuration: Configuration) -> Configuration:
    """Give the configuration one revision later.

    Raises `EditConflict`. Costs O(edits), whatever else is configured.
    """
    revision = configuration.revision + 1
    applied = reduce(_apply_edit, change.edits, configuration)
    return evolve(
        applied,
        revision=revision,
        datasets_revision=revision if change.of_datasets else applied.datasets_revision,
    )


def _invert(edit: Edit) -> Edit:
    match edit:
        case DatasetEdit(before, after):
            return DatasetEdit(after, before)
        case OwnershipEdit(before, after):
            return OwnershipEdit(after, before)
        case PoolEdit(before, after):
            return PoolEdit(after, before)
        case SnapshotsEdit(before, after):
            return SnapshotsEdit(after, before)
        case LeaseEdit(before, after):
            return LeaseEdit(after, before)
        case NodeEdit(before, after):
            return NodeEdit(after, before)


def _apply_edit(configuration: Configuration, edit: Edit) -> Configuration:
    match edit:
        case DatasetEdit(before, after):
            datasets = _put(configuration.datasets, edit.dataset, before, after)
            return _with_clones(evolve(configuration, datasets=datasets), edit)
        case OwnershipEdit():
            return _apply_ownership(configuration, edit)
        case PoolEdit(before, after):
            pools = _put(configuration.pools, edit.dataset, before, after)
            return _with_clones(evolve(configuration, pools=pools), edit)
        case SnapshotsEdit(before, after):
            snapshots = _put(configuration.snapshots, edit.dataset, before, after)
            return evolve(configuration, snapshots=snapshots)
        case LeaseEdit(before, after):
            leases = _put(configuration.leases, edit.dataset, before, after)
            return evolve(configuration, leases=leases)
        case NodeEdit(before, after):
            nodes = _put(configuration.nodes, edit.node, before, after)
            return evolve(configuration, nodes=nodes)


def _apply_ownership(
    configuration: Configuration, edit: OwnershipEdit
) -> Configuration:
    before, after = edit.before, edit.after
    ownership = _put(configuration.ownership, edit.dataset, before, after)
    volumes = configuration.volumes
    if before is not None:
        volumes = volumes.discard((before.backend, before.volume))
    if after is not None:
        if (after.backend, after.volume) in volumes:
            raise EditConflict(edit.dataset, "ownership")
        volumes = volumes.set((after.backend, after.volume), edit.dataset)
    return evolve(configuration, ownership=ownership, volumes=volumes)


def _with_clones(
    configuration: Configuration, edit: DatasetEdit | PoolEdit
) -> Configuration:
    """Keep `clones` in step with what an edit did to the origin of a dataset."""
    before = None if edit.before is None else edit.before.origin
    after = None if edit.after is None else edit.after.origin
    if before == after:
        return configuration
    clones = configuration.clones
    if before is not None and before.dataset not in configuration.sources(edit.dataset):
        left = clones.get(before.dataset, pset()).discard(edit.dataset)
        clones = clones.discard(before.dataset)
        clones = clones.set(before.dataset, left) if left else clones
    if after is not None:
        more = clones.get(after.dataset, pset()).add(edit.dataset)
        clones = clones.set(after.dataset, more)
    return evolve(configuration, clones=clones)


def _put(table: PMap[K, R], key: K, before: R | None, after: R | None) -> PMap[K, R]:
    found = table.get(key)
    if found != before:
        kind = type(before or after or found).__name__.lower()
        raise EditConflict(key, kind)
    return table.discard(key) if after is None else table.set(key, after)
