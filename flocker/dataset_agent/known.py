"""What the keeper of a backend was told and tells: the same for volumes and pools.

What there is, and what is done about it, each keeper knows: `keeping`, `pool_keeping`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Protocol

from flocker.model.cluster import Assignment, Cause, Fact
from flocker.model.ids import DatasetID

IDLE = 60.0
"""Seconds, spread by 20 %, after which a node at rest looks again."""

Said = Callable[[Set[DatasetID]], None]
"""Is told after a look, and when a backend is slow: whose facts have changed."""


class Neighbour(Protocol):
    """The keeper of another backend of this node."""

    @property
    def assigned(self) -> Set[DatasetID]:
        """What is told of there."""

    def has(self, dataset: DatasetID) -> bool:
        """Say whether it knows more of a dataset than that it may be somewhere."""

    def doing(self, dataset: DatasetID) -> bool:
        """Say whether it is at work on a dataset."""


class Known(ABC):
    """The slice of one backend, and the facts of what is known about it.

    What is *unsettled* is looked at closely. Once all of it was looked for it is
    surveyed; while it is `hidden` nothing of it can be seen.
    """

    def __init__(self) -> None:
        self.facts: dict[DatasetID, Fact] = {}
        self.others: Sequence[Neighbour] = ()
        self.looked = False
        self.standing_down = False
        self._slice: dict[DatasetID, Assignment] = {}
        self._unsettled: set[DatasetID] = set()
        self._hidden: Cause | None = None
        self._failures = 0
        self._surveyed = False

    @property
    def assigned(self) -> Set[DatasetID]:
        """What is told of here."""
        return self._slice.keys()

    @property
    def engaged(self) -> bool:
        """Say whether anything is held or under way here, or was not looked for."""
        return not self._surveyed or any(fact.engaged for fact in self.facts.values())

    def state(self) -> Set[DatasetID]:
        """Bring the facts of what is unsettled up to date; give whose have changed."""
        return self._state(self._unsettled)

    def _take(self, dataset: DatasetID, assignment: Assignment | None) -> None:
        """Take in what is wanted of a dataset; None: control speaks of it no more."""
        if assignment is None:
            _ = self._slice.pop(dataset, None)
        else:
            self._slice[dataset] = assignment
        self._unsettled.add(dataset)

    def _state(self, datasets: Iterable[DatasetID]) -> set[DatasetID]:
        """Bring facts up to date; give those that have changed."""
        changed = set()
        for dataset in datasets:
            now, before = self._fact(dataset), self.facts.get(dataset)
            if now == before:
                continue
            changed.add(dataset)
            if now is None:
                del self.facts[dataset]
            else:
                self.facts[dataset] = now
        return changed

    @abstractmethod
    def _fact(self, dataset: DatasetID) -> Fact | None:
        """Say what is known of a dataset, if there is something to say."""
