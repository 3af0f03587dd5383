"""What control does of its own accord, asked for by the reports of agents.

Pure: a rule a section, over the datasets that something was heard of. `operations`
commits what comes out like any request, so upkeep never races with a user.
"""

from collections.abc import Callable, Iterable, Mapping

from attrs import evolve

from flocker.model.changes import Change, DatasetEdit, Edit, OwnershipEdit
from flocker.model.cluster import Condition, Observed, Want
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.ownership import Ownership

Facts = Mapping[NodeID, Observed]


def upkeep(
    configuration: Configuration,
    facts_of: Callable[[DatasetID], Facts],
    heard_of: Iterable[DatasetID],
) -> Change:
    """Give what follows from the facts about the datasets in `heard_of`."""
    edits: list[Edit] = []
    taken: set[tuple[BackendName, VolumeID]] = set()
    for dataset_id in sorted(set(heard_of), key=str):
        dataset = configuration.datasets.get(dataset_id)
        if dataset is None or dataset.destroyed:
            continue
        ownership = configuration.ownership.get(dataset_id)
        facts = facts_of(dataset_id)
        edit = (
            _register(dataset, ownership, facts)
            or _acquire(ownership, facts)
            or _destroyed(dataset, ownership, facts)
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
        and observed.fact.volume == ownership.volume
        for observed in facts.values()
    )
    if not mounted:
        return None
    return OwnershipEdit(ownership, evolve(ownership, acquired=True))


# Destroyed: the node that had to destroy it says that the backend knows it no more,
# and no node holds it or acts on it.


def _destroyed(
    dataset: Dataset, ownership: Ownership | None, facts: Facts
) -> DatasetEdit | None:
    observed = facts.get(dataset.primary)
    if not dataset.deleted or observed is None:
        return None
    if any(other.fact.engaged for other in facts.values()):
        return None
    gone = Condition.MISSING if ownership is None else Condition.DESTROYED
    fact = observed.fact
    if fact.want is not Want.DELETED or fact.condition is not gone:
        return None
    return DatasetEdit(dataset, evolve(dataset, destroyed=True))
