"""Asks agents what their backends list: now, because somebody wants to know.

One agent answers for a backend; whose turn it is does not matter, for all see the same.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol

from attrs import frozen

from flocker.control.agents import ConnectionGone
from flocker.control.operations import Operations
from flocker.model.cluster import Volume
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, NodeID


class Lister(Protocol):
    """An agent, as far as it is asked here."""

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """Ask for all volumes of a backend.

        Raises `ConnectionGone`, and `FlockerError` with the agent's reason.
        """


ConnectionOf = Callable[[NodeID], Lister | None]
"""Gives the live connection of a node's dataset agent, if there is one."""

TRIES = 3
"""Agents that are asked one after the other, until one answers."""


@frozen
class BackendUnanswered(FlockerError):
    """No agent can say what a backend lists."""

    backend: BackendName
    why: str

    def words(self) -> str:
        """Name the backend and the cause."""
        return f"the volumes of backend {self.backend} cannot be listed: {self.why}"


def nobody(_: NodeID) -> None:
    """Reach no agent (`ConnectionOf`)."""


class Asking:
    """What backends list, as connected agents tell."""

    def __init__(
        self,
        operations: Operations,
        connection_of: ConnectionOf,
    ) -> None:
        self._operations = operations
        self._connection_of = connection_of

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

    def _connections(self, backend: BackendName) -> Iterable[Lister]:
        for node, sight in sorted(self._operations.observations.nodes.items()):
            if any(each.name == backend for each in sight.identity.backends):
                connection = self._connection_of(node)
                if connection is not None:
                    yield connection
