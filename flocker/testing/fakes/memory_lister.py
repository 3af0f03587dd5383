"""Agents that list volumes, and do nothing else; in place of connections to them."""

from attrs import define, field

from flocker.model.cluster import Volume
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, DatasetID, NodeID


@define(eq=False)
class MemoryLister:
    """One agent (`flocker.control.asking.Lister`)."""

    listed: tuple[Volume, ...]
    foretold: Forecast | None = None
    """What it says whenever it is asked how much a move would send."""
    asked: list[FirstRound] = field(factory=list)

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """List what it has of this backend."""
        return tuple(each for each in self.listed if each.backend == backend)

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Say what it says whenever it is asked."""
        self.asked.append(question)
        return self.foretold


@define(eq=False)
class MemoryListers:
    """The agents of a cluster that are there, by node."""

    listers: dict[NodeID, MemoryLister] = field(factory=dict)
    looked: list[tuple[NodeID, DatasetID]] = field(factory=list)
    """Who was asked to look where the volume of a dataset is."""

    def connection_of(self, node: NodeID) -> MemoryLister | None:
        """Give a node's agent (`flocker.control.asking.Reachable`)."""
        return self.listers.get(node)

    def look(self, node: NodeID, dataset: DatasetID) -> None:
        """Note that somebody should look (`flocker.control.asking.Reachable`)."""
        self.looked.append((node, dataset))

    def foretells(self, node: NodeID, forecast: Forecast | None) -> MemoryLister:
        """From now on, this is what moves would send that the node is asked for."""
        self.listers[node] = MemoryLister((), forecast)
        return self.listers[node]

    def lists(self, node: NodeID, *volumes: Volume) -> None:
        """From now on, this is all that the node's backends list."""
        self.listers[node] = MemoryLister(volumes)
