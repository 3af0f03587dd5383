"""What has happened, numbered: one ring of changes to the configuration and statuses.

Whoever watches reads from a number on; nothing is kept for a single watcher. It hears
from `operations` and `observations`; `flocker.restapi.events` reads it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from uuid import UUID

from attrs import frozen

from flocker.control.last_statuses import LastStatuses
from flocker.control.operations import Operations
from flocker.control.statuses import status_of
from flocker.model.changes import (
    Change,
    DatasetEdit,
    LeaseEdit,
    NodeEdit,
    SnapshotsEdit,
)
from flocker.model.cluster import NodeSight, Phase
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, UserSnapshotID
from flocker.model.leases import Lease
from flocker.model.nodes import Node
from flocker.model.pool_move_status import says_how_far
from flocker.model.snapshots import UserSnapshot, UserSnapshots
from flocker.model.status import Moving, Status
from flocker.wire.public import (
    Json,
    configured_dataset,
    configured_snapshot,
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
    SNAPSHOT = "snapshot"


@frozen
class Event:
    """One thing that happened; `write` makes the JSON of it that the REST API sends.

    Most events are never asked for.
    """

    number: int
    kind: Kind
    write: Callable[[], Json]

    @property
    def value(self) -> Json:
        """What the REST API sends."""
        return self.write()


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
        self._statuses = LastStatuses(operations.configuration, operations.observations)
        self._watchers: list[Callable[[], None]] = []
        operations.listen(self)
        operations.observations.watch(self)

    @property
    def phases(self) -> Mapping[Phase, int]:
        """How many datasets are in which phase."""
        return self._statuses.phases

    def complete(self) -> Iterator[None]:
        """Find out what the statuses were at the start, some at every step."""
        return self._statuses.complete()

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
                self._add(Kind.CONFIGURATION, partial(_wanted, edit.dataset, row))
            elif isinstance(edit, LeaseEdit):
                now = self._now()
                self._add(Kind.LEASE, partial(_leased, edit.dataset, edit.after, now))
            elif isinstance(edit, SnapshotsEdit):
                self._add_snapshots(edit)
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

    def _add_snapshots(self, edit: SnapshotsEdit) -> None:
        """Note each snapshot that is wanted otherwise, or no more, by an edit."""
        before, after = _by_id(edit.before), _by_id(edit.after)
        for key, snapshot in (before | after).items():
            if before.get(key) != after.get(key):
                left = after.get(key)
                write = partial(_snapshot, edit.dataset, snapshot, left)
                self._add(Kind.SNAPSHOT, write)

    def _compare_node(self, edit: NodeEdit) -> None:
        """Note what a user or upkeep changed of a node, and what follows from it."""
        sight = self._operations.observations.sight(edit.node)
        if sight is not None and _named(edit.before) != _named(edit.after):
            self._compare_of(sight)

    def _compare_of(self, sight: NodeSight) -> None:
        node = sight.identity.node
        operations = self._operations
        known = operations.configuration.nodes.get(node)
        self._add(Kind.NODE, partial(node_status, sight, known, self._now()))
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
                self._statuses.note(dataset_id, None)
                continue
            found = self._status(dataset)
            before = self._statuses.of(dataset_id)
            if before is None or _shown(found) != _shown(before):
                self._statuses.note(dataset_id, found)
                now = self._now()
                self._add(Kind.STATUS, partial(dataset_status, dataset, found, now))

    def _status(self, dataset: Dataset) -> Status:
        operations = self._operations
        return status_of(operations.configuration, operations.observations, dataset)

    def _add(self, kind: Kind, write: Callable[[], Json]) -> None:
        self._number += 1
        self._ring.append(Event(self._number, kind, write))

    def _wake(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()


def _named(node: Node | None) -> object:
    """Give what users say of a node, and of its death."""
    if node is None:
        return {}, False, None
    return dict(node.labels), node.cordoned, node.dead


def _wanted(name: DatasetID, row: Dataset | None) -> Json:
    return _about(name, None if row is None else configured_dataset(row))


def _leased(name: DatasetID, held: Lease | None, now: float) -> Json:
    return _about(name, None if held is None else lease(held, now))


def _by_id(row: UserSnapshots | None) -> dict[UserSnapshotID, UserSnapshot]:
    return {} if row is None else {each.id: each for each in row.wanted}


def _snapshot(
    name: DatasetID, snapshot: UserSnapshot, left: UserSnapshot | None
) -> Json:
    value = None if left is None else configured_snapshot(name, left)
    return {**_about(name, value), "snapshot": snapshot.name}


def _about(name: DatasetID, value: Json | None) -> Json:
    return {"dataset_id": str(name), "value": value}


def _shown(found: Status) -> tuple[object, ...]:
    """Leave out since when: a step tried again and again says the same each time.

    Of how far a copy is, leave out all but the round: otherwise a long move would push
    everything else out of the ring. Who follows it asks each second.
    """
    cause = None if says_how_far(found.cause) else found.cause
    return found.phase, found.node, cause, found.path, found.size, _of_move(found.move)


def _of_move(move: Moving | None) -> object:
    if move is None:
        return None
    return move.move, None if move.copying is None else move.copying.round
