"""The nodes whose agents are heard."""

from collections.abc import Callable

from flocker.model.ids import Era, NotAnIdentifier, parse_uuid
from flocker.restapi.answers import Answer, answer
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.errors import EraNotFound
from flocker.restapi.listing import is_silent
from flocker.wire.public import state_node


class Nodes:
    """The endpoint about nodes as Flocker 1.15 had it; `status` says more."""

    def __init__(self, service: Service, now: Callable[[], float]) -> None:
        self._observations = service.operations.observations
        self._now = now

    @endpoint("GET", "/v1/state/nodes", {200: "nodes"})
    async def list_nodes(self, call: Call) -> Answer:
        """List the nodes that were heard in the last 120 seconds."""
        now = self._now()
        sights = self._observations.nodes.values()
        return answer(200, [state_node(s) for s in sights if not is_silent(s, now)])

    @endpoint("GET", "/v1/state/nodes/by_era/<era>", {200: "node_of_era", 404: "error"})
    async def show_era(self, call: Call, era: str) -> Answer:
        """Tell which node is in its life `era`, its kernel's boot id."""
        try:
            wanted = Era(parse_uuid(era))
        except NotAnIdentifier as error:
            raise EraNotFound(repr(era[:80])) from error
        for node, sight in self._observations.nodes.items():
            if sight.identity.era == wanted:
                return answer(200, {"uuid": str(node)})
        raise EraNotFound(str(wanted))
