"""What the status of each dataset was when it was last looked at.

Used by `flocker.control.events`, which compares.

Note [Looked at late]: when control starts no agent has said anything, so that all
statuses follow from what is stored. That is kept, and the first status of a dataset is
made of it when somebody wants to compare: a start does not wait for all of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from attrs import frozen

from flocker.control.observations import Observations
from flocker.model.cluster import NodeSight, Phase
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, NodeID
from flocker.model.status import Status, status

AT_ONCE = 200
"""First statuses that are made in a row: some milliseconds."""


@frozen
class _Beginning:
    """What is stored when control starts, before any agent has spoken."""

    configuration: Configuration
    nodes: Mapping[NodeID, NodeSight]

    def status(self, name: DatasetID) -> Status | None:
        """Give the first status of a dataset; None for one that was not there."""
        dataset = self.configuration.datasets.get(name)
        if dataset is None:
            return None
        lease = self.configuration.leases.get(name)
        registry = self.configuration.nodes
        return status(dataset, {}, self.nodes, lease, registry)


class LastStatuses:
    """The last status of each dataset; in the beginning no facts may be known."""

    def __init__(
        self, configuration: Configuration, observations: Observations
    ) -> None:
        self._known: dict[DatasetID, Status | None] = {}
        self._phases: Counter[Phase] = Counter()
        self._beginning: _Beginning | None = _Beginning(
            configuration, dict(observations.nodes)
        )

    def of(self, name: DatasetID) -> Status | None:
        """Give what was noted last of a dataset."""
        if name in self._known or self._beginning is None:
            return self._known.get(name)
        return self._beginning.status(name)

    def note(self, name: DatasetID, found: Status | None) -> None:
        """Keep what the status of a dataset is; None where there is none any more."""
        before = self._known.pop(name, None)
        if before is not None:
            self._phases[before.phase] -= 1
        if found is not None:
            self._phases[found.phase] += 1
        if found is not None or self._beginning is not None:
            self._known[name] = found

    def complete(self) -> Iterator[None]:
        """Make the first statuses that nobody has wanted yet, some at every step."""
        beginning = self._beginning
        if beginning is None:
            return
        for turn, name in enumerate(beginning.configuration.datasets.iterkeys(), 1):
            if name not in self._known:
                self.note(name, beginning.status(name))
            if turn % AT_ONCE == 0:
                yield
                if self._beginning is None:  # somebody wanted all of them meanwhile
                    return
        self._beginning = None
        self._known = {name: found for name, found in self._known.items() if found}

    @property
    def phases(self) -> Mapping[Phase, int]:
        """Give how many datasets are in which phase; completes what is not known."""
        for _ in self.complete():
            pass
        return self._phases
