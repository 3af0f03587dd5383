"""What one agent needs to know, and whom a change touches; pure, kept by index.

A dataset agent is told of the datasets that should be on its node and of those that
it holds. `flocker.control.agents` sends what is computed here.
"""

from collections.abc import Callable, Iterable, Set

from flocker.model.changes import Change, DatasetEdit
from flocker.model.cluster import Assignment
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID

Holders = Callable[[DatasetID], tuple[NodeID, ...]]

_NONE: frozenset[DatasetID] = frozenset()


class Placement:
    """Which datasets are wanted on which node; follows the configuration by edits."""

    def __init__(self, configuration: Configuration) -> None:
        self._on: dict[NodeID, set[DatasetID]] = {}
        for dataset in configuration.datasets.values():
            if not dataset.destroyed:
                self._on.setdefault(dataset.primary, set()).add(dataset.id)

    def on(self, node: NodeID) -> Set[DatasetID]:
        """The datasets of which `node` is to make something."""
        return self._on.get(node, _NONE)

    def follow(self, change: Change) -> None:
        """Take a committed change in."""
        for edit in change.edits:
            if not isinstance(edit, DatasetEdit):
                continue
            if edit.before is not None:
                self._on.get(edit.before.primary, set()).discard(edit.dataset)
            if edit.after is not None and not edit.after.destroyed:
                self._on.setdefault(edit.after.primary, set()).add(edit.dataset)


def touched_by(
    change: Change, configuration: Configuration, holders: Holders
) -> Iterable[tuple[NodeID, DatasetID]]:
    """Name whom a change concerns: nodes that should have it, had to, or hold it.

    `configuration` is the one the change led to.
    """
    for edit in change.edits:
        nodes = set(holders(edit.dataset))
        if isinstance(edit, DatasetEdit):
            nodes.update(
                row.primary for row in (edit.before, edit.after) if row is not None
            )
        elif edit.dataset in configuration.datasets:
            nodes.add(configuration.datasets[edit.dataset].primary)
        for node in nodes:
            yield node, edit.dataset


def assignment(
    configuration: Configuration,
    node: NodeID,
    dataset_id: DatasetID,
    holders: Iterable[NodeID],
) -> Assignment | None:
    """Give what `node` must know of a dataset; None when that is nothing.

    `holders` are the nodes that have it attached or may still act on it.
    """
    dataset = configuration.datasets.get(dataset_id)
    held_by = tuple(holders)
    if dataset is None:
        return None
    wanted_here = dataset.primary == node and not dataset.destroyed
    if not wanted_here and node not in held_by:
        return None
    return Assignment(
        id=dataset_id,
        dataset=dataset,
        ownership=configuration.ownership.get(dataset_id),
        held_by=tuple(holder for holder in held_by if holder != node),
    )
