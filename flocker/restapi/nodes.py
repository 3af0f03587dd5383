"""The nodes whose agents are heard."""

from collections.abc import Callable

from flocker.restapi.answers import Answer, answer
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.listing import is_silent
from flocker.wire.public import state_node


class Nodes:
    """The endpoint about nodes as Flocker 1.15 had it; `status` says more."""

    def __init__(self, service: Service, now: Callable[[], float]) -> None:
        self._observations = service.operations.observations
        self._now = now

    @endpoint("GET", "/v1/state/nodes")
    async def list_nodes(self, call: Call) -> Answer:
        """List the nodes that were heard in the last 120 seconds."""
        now = self._now()
        sights = self._observations.nodes.values()
        return answer(200, [state_node(s) for s in sights if not is_silent(s, now)])
