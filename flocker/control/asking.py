"""Asks agents what their backends list: now, because somebody wants to know.

One agent answers for a backend; whose turn it is does not matter, for all see the same.
What is in a pool its node is asked for.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from attrs import frozen

from flocker.control.agents import ConnectionGone
from flocker.control.operations import Operations
from flocker.model.cluster import Volume
from flocker.model.errors import FlockerError
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import BackendName, DatasetID, NodeID


class Lister(Protocol):
    """An agent, as far as it is asked here."""

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Ask for all volumes of a backend.

        Raises `ConnectionGone`, and `FlockerError` with the agent's reason.
        """

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Ask how much a move would send; None if its pool cannot say.

        Raises the same.
        """


class Reachable(Protocol):
    """The agents, as far as users' requests reach them."""

    def connection_of(self, node: NodeID) -> Lister | None:
        """Give the live connection of a node's dataset agent, if there is one."""

    def look(self, node: NodeID, dataset: DatasetID) -> None:
        """Let a node say where a volume is, if a silent node leases it."""


TRIES = 3
"""Agents that are asked one after the other, until one answers."""


@frozen
class NotCounted(FlockerError):
    """Nobody can say how much a move would send."""

    why: str

    def words(self) -> str:
        """Give the cause."""
        return self.why


@frozen
class BackendUnanswered(FlockerError):
    """No agent can say what a backend lists."""

    backend: BackendName
    why: str

    def words(self) -> str:
        """Name the backend and the cause."""
        return f"the volumes of backend {self.backend} cannot be listed: {self.why}"


class Nobody:
    """Reach no agent (`Reachable`)."""

    def connection_of(self, node: NodeID) -> None:
        """There is none."""

    def look(self, node: NodeID, dataset: DatasetID) -> None:
        """Nobody looks."""


class Asking:
    """What backends list, as connected agents tell."""

    def __init__(
        self,
        operations: Operations,
        agents: Reachable,
    ) -> None:
        self._operations = operations
        self._agents = agents

    def backends(self) -> Iterable[BackendName]:
        """Name all backends that nodes have or datasets want."""
        nodes = self._operations.observations.nodes.values()
        datasets = self._operations.configuration.datasets.values()
        names = {each.name for sight in nodes for each in sight.identity.backends}
        return sorted(names.union(dataset.backend for dataset in datasets))

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Give all volumes of a backend. Raises `BackendUnanswered`."""
        why = "no node that has it is connected"
        for connection in islice(self._connections(backend), TRIES):
            try:
                return await connection.volumes(backend)
            except ConnectionGone:
                why = "the connection to its node was lost"
            except FlockerError as error:
                why = str(error)
        raise BackendUnanswered(backend, why)

    async def forecast(self, node: NodeID, question: FirstRound) -> Forecast:
        """Ask a node how much it would send. Raises `NotCounted`."""
        connection = self._agents.connection_of(node)
        if connection is None:
            raise NotCounted(f"node {node} is not connected")
        try:
            heard = await connection.forecast(question)
        except ConnectionGone as error:
            raise NotCounted(f"the connection to node {node} was lost") from error
        except FlockerError as error:
            raise NotCounted(f"node {node} says: {error}") from error
        if heard is None:
            raise NotCounted("its pool cannot say, or not within a second")
        return heard

    def _connections(self, backend: BackendName) -> Iterable[Lister]:
        for node, sight in sorted(self._operations.observations.nodes.items()):
            if any(each.name == backend for each in sight.identity.backends):
                connection = self._agents.connection_of(node)
                if connection is not None:
                    yield connection
