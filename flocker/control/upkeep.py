"""What control does of its own accord, asked for by the reports of agents.

Pure: a rule a section, over the datasets that something was heard of. `operations`
commits what comes out like any request, so upkeep never races with a user.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from attrs import evolve

from flocker.model.changes import Change, DatasetEdit, Edit, OwnershipEdit
from flocker.model.cluster import Condition, Observed, Want
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.ownership import Ownership

Facts = Mapping[NodeID, Observed]


class Heard(Protocol):
    """What the agents have said; `flocker.control.observations` keeps it."""

    def facts(self, dataset: DatasetID) -> Facts:
        """What each node says of `dataset`, or said before it fell silent."""

    def held_by(self, dataset: DatasetID) -> Collection[NodeID]:
        """The connected nodes that have it, or act on it."""


def upkeep(
    configuration: Configuration, heard: Heard, of: Iterable[DatasetID]
) -> Change:
    """Give what follows from what was heard of some datasets."""
    edits: list[Edit] = []
    taken: set[tuple[BackendName, VolumeID]] = set()
    for dataset_id in sorted(set(of)):
        dataset = configuration.datasets.get(dataset_id)
        if dataset is None or dataset.destroyed:
            continue
        ownership = configuration.ownership.get(dataset_id)
        facts = heard.facts(dataset_id)
        edit = (
            _register(dataset, ownership, facts)
            or _acquire(ownership, facts)
            or _destroyed(dataset, ownership, facts, heard.held_by(dataset_id))
        )
        if edit is None:
            continue
        if isinstance(edit, OwnershipEdit) and edit.before is None and edit.after:
            place = (edit.after.backend, edit.after.volume)
            if place in taken or place in configuration.volumes:
                continue
            taken.add(place)
        edits.append(edit)
    return Change(tuple(edits))


# Register: the first volume seen for a dataset is the dataset, from then on. The node
# that should have it is believed before others, so a late answer elsewhere loses.


def _register(
    dataset: Dataset, ownership: Ownership | None, facts: Facts
) -> OwnershipEdit | None:
    if ownership is not None:
        return None
    by_primary_first = sorted(facts, key=lambda n: (n != dataset.primary, str(n)))
    for node in by_primary_first:
        fact = facts[node].fact
        if fact.condition is Condition.UNREGISTERED and fact.volume and fact.backend:
            return OwnershipEdit(None, Ownership(dataset.id, fact.backend, fact.volume))
    return None


# Acquire: once it was mounted it holds data, and is never formatted again.


def _acquire(ownership: Ownership | None, facts: Facts) -> OwnershipEdit | None:
    if ownership is None or ownership.acquired:
        return None
    mounted = any(
        observed.fact.condition is Condition.MOUNTED
        and observed.fact.backend == ownership.backend
        and observed.fact.volume == ownership.volume
        for observed in facts.values()
    )
    if not mounted:
        return None
    return OwnershipEdit(ownership, evolve(ownership, acquired=True))


# Destroyed: the node that had to destroy it says that the backend knows it no more,
# and no node holds it, or is in the middle of making it. What a silent node held last
# is no objection: its backend has said otherwise since.


def _destroyed(
    dataset: Dataset,
    ownership: Ownership | None,
    facts: Facts,
    held_by: Collection[NodeID],
) -> DatasetEdit | None:
    observed = facts.get(dataset.primary)
    if not dataset.deleted or observed is None or held_by:
        return None
    gone = Condition.MISSING if ownership is None else Condition.DESTROYED
    fact = observed.fact
    if fact.want is not Want.DELETED or fact.condition is not gone or fact.doing:
        return None
    return DatasetEdit(dataset, evolve(dataset, destroyed=True))
