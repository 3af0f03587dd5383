"""GET /v1/health: whether control can do its work, for probes and for people.

A node that is silent is said and makes no 503: to start control anew would not bring
it back. One that is marked dead is nothing to see to.
"""

from flocker.control.operations import Operations
from flocker.control.persistence.interface import StoreUnavailable, StoreUnreadable
from flocker.restapi.answers import Answer, answer
from flocker.restapi.endpoint import Call, endpoint
from flocker.restapi.errors import TRY_AGAIN
from flocker.runtime.descriptors import count

OK = "ok"

MOST_NAMED = 5
"""Nodes that are named in one sentence."""


class Health:
    """The endpoint about health."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    @endpoint("GET", "/v1/health", {200: "health", 503: "health"})
    async def show_health(self, call: Call) -> Answer:
        """Say of store, agents, upkeep and files whether all is well, or what is not.

        The store is written to, so a probe costs what a change costs.
        """
        store, upkeep = await self._store(), self._upkeep()
        files = count()
        found = {
            "store": store,
            "agents": self._agents(),
            "upkeep": upkeep,
            "files": files.words() if files.scarce else OK,
        }
        if store == upkeep == OK:
            return answer(200, found)
        return answer(503, found, TRY_AGAIN)

    async def _store(self) -> str:
        try:
            await self._operations.check_store()
        except (StoreUnavailable, StoreUnreadable) as error:
            return str(error)
        return OK

    def _upkeep(self) -> str:
        trouble = self._operations.upkeep_trouble
        return OK if trouble is None else str(trouble)

    def _agents(self) -> str:
        sights = self._operations.observations.nodes.values()
        known = self._operations.configuration.nodes
        if not sights:
            return "no agent has ever connected"
        silent = sorted(
            f"{sight.identity.node} ({sight.identity.host})"
            for sight in sights
            if not sight.connected
            and not (
                sight.identity.node in known and known[sight.identity.node].is_dead
            )
        )
        if not silent:
            return OK
        more = f" and {len(silent) - MOST_NAMED} more" if silent[MOST_NAMED:] else ""
        return f"not connected: {', '.join(silent[:MOST_NAMED])}{more}"
