"""What has happened, numbered: one ring of changes to the configuration and statuses.

Whoever watches reads from a number on; nothing is kept for a single watcher. It hears
from `operations` and `observations`; `flocker.restapi.events` reads it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from uuid import UUID

from attrs import evolve, frozen

from flocker.control.operations import Operations
from flocker.model.changes import Change, DatasetEdit, LeaseEdit, NodeEdit
from flocker.model.cluster import NodeSight, Phase
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID
from flocker.model.nodes import Node
from flocker.model.status import Status, status
from flocker.wire.public import (
    Json,
    configured_dataset,
    dataset_status,
    lease,
    node_status,
)

LENGTH = 10_000
"""Events that are kept, unless configured otherwise."""


class Kind(Enum):
    """What an event is about."""

    CONFIGURATION = "configuration"
    LEASE = "lease"
    STATUS = "status"
    NODE = "node"


@frozen
class Event:
    """One thing that happened; `value` is JSON as the REST API writes it."""

    number: int
    kind: Kind
    value: Json


class Events:
    """The ring; `boot` and a number name an event for good."""

    def __init__(
        self,
        operations: Operations,
        boot: UUID,
        now: Callable[[], float],
        length: int = LENGTH,
    ) -> None:
        self.boot = boot
        self._operations = operations
        self._now = now
        self._ring: deque[Event] = deque(maxlen=length)
        self._number = 0
        self._statuses: dict[DatasetID, Status] = {}
        self.phases: Counter[Phase] = Counter()
        """How many datasets are in which phase."""
        self._watchers: list[Callable[[], None]] = []
        for dataset in operations.configuration.datasets.values():
            self._note(dataset.id, self._status(dataset))
        operations.listen(self)
        operations.observations.watch(self)

    @property
    def last(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._number

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept."""
        return self._number - len(self._ring) + 1

    def after(self, number: int, most: int) -> Sequence[Event]:
        """Give at most `most` events that follow on `number`, oldest first.

        What is not kept any more is left out: compare with `first` before.
        """
        start = max(0, number - self.first + 1)
        stop = min(len(self._ring), start + most)
        return [self._ring[index] for index in range(start, stop)]

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call `watcher` after new events; gives the function that ends it."""
        self._watchers.append(watcher)

        def end() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return end

    def changed(self, change: Change, configuration: Configuration) -> None:
        """Note a committed change (`operations.Listener`)."""
        for edit in change.edits:
            if isinstance(edit, DatasetEdit):
                row = edit.after
                wanted = None if row is None else configured_dataset(row)
                self._add(Kind.CONFIGURATION, _about(edit.dataset, wanted))
            elif isinstance(edit, LeaseEdit):
                leased = None if edit.after is None else lease(edit.after, self._now())
                self._add(Kind.LEASE, _about(edit.dataset, leased))
            elif isinstance(edit, NodeEdit):
                self._compare_node(edit)
        self._compare(change.datasets)
        self._wake()

    def observed(self, datasets: Iterable[DatasetID]) -> None:
        """Note what a node said (`observations.Watcher`)."""
        self._compare(datasets)
        self._wake()

    def sighted(self, sight: NodeSight) -> None:
        """Note that a node came or went (`observations.Watcher`)."""
        self._compare_of(sight)
        self._wake()

    def _compare_node(self, edit: NodeEdit) -> None:
        """Note what a user or upkeep changed of a node, and what follows from it."""
        sight = self._operations.observations.sight(edit.node)
        if sight is not None and _named(edit.before) != _named(edit.after):
            self._compare_of(sight)

    def _compare_of(self, sight: NodeSight) -> None:
        node = sight.identity.node
        operations = self._operations
        known = operations.configuration.nodes.get(node)
        self._add(Kind.NODE, node_status(sight, known, self._now()))
        self._compare(
            operations.placement.on(node)
            | set(operations.observations.reported_by(node))
            | {fact.dataset for _, fact in operations.observations.elsewhere()}
        )

    def _compare(self, datasets: Iterable[DatasetID]) -> None:
        """Add an event for each dataset whose status is another than before."""
        operations = self._operations
        for dataset_id in datasets:
            dataset = operations.configuration.datasets.get(dataset_id)
            if dataset is None:
                self._note(dataset_id, None)
                continue
            found = self._status(dataset)
            if _shown(found) != self._statuses.get(dataset_id):
                self._note(dataset_id, found)
                plain = dataset_status(dataset, found, self._now())
                self._add(Kind.STATUS, plain)

    def _status(self, dataset: Dataset) -> Status:
        observations = self._operations.observations
        return status(
            dataset,
            observations.facts(dataset.id),
            observations.nodes,
            self._operations.configuration.leases.get(dataset.id),
            self._operations.configuration.nodes,
        )

    def _note(self, dataset: DatasetID, found: Status | None) -> None:
        """Keep what a status is, to know another one."""
        before = self._statuses.pop(dataset, None)
        if before is not None:
            self.phases[before.phase] -= 1
        if found is not None:
            self._statuses[dataset] = _shown(found)
            self.phases[found.phase] += 1

    def _add(self, kind: Kind, value: Json) -> None:
        self._number += 1
        self._ring.append(Event(self._number, kind, value))

    def _wake(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()


def _named(node: Node | None) -> object:
    """Give what users say of a node, and of its death."""
    if node is None:
        return {}, False, None
    return dict(node.labels), node.cordoned, node.dead


def _about(dataset: DatasetID, value: Json | None) -> Json:
    return {"dataset_id": str(dataset), "value": value}


def _shown(found: Status) -> Status:
    """Leave out since when: a step tried again and again says the same each time."""
    return evolve(found, since=0.0)
