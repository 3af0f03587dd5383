"""What users say of nodes: labels, cordons, and that one is dead.

Decisions are `flocker.control.nodes`; here they meet HTTP.
"""

from collections.abc import Callable

from flocker.control import nodes
from flocker.control.operations import Decide
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.ids import NodeID
from flocker.model.nodes import Evidence, Node
from flocker.restapi.answers import Answer, answer
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.errors import NodeNotFound
from flocker.restapi.schema import load
from flocker.restapi.status import read_node_id
from flocker.wire.public import node_status

CHANGE = load("nodes", "change_node")
DEAD = load("nodes", "declare_dead")

NO_WORDS = "the machine was checked to be off"
"""What a mark says where its author said nothing."""


class NodeRegistry:
    """The endpoints that change what is known of nodes."""

    def __init__(self, service: Service, now: Callable[[], float]) -> None:
        self._observations = service.operations.observations
        self._now = now

    @endpoint(
        "POST",
        "/v1/configuration/nodes/<node_id>",
        {200: "node_status", 404: "error"},
        body=CHANGE,
    )
    async def change(self, call: Call, node_id: str) -> Answer:
        """Label a node; cordon it, so that nothing new comes to it, or uncordon it."""
        node = read_node_id(node_id)
        labels, cordoned = call.body.get("labels", {}), call.body.get("cordoned")

        def decide(configuration: Configuration) -> Change:
            return nodes.tell(configuration, node, labels, cordoned=cordoned)

        return await self._do(call, node, decide)

    @endpoint(
        "POST",
        "/v1/configuration/nodes/<node_id>/dead",
        {200: "node_status", 404: "error", 409: "error"},
        body=DEAD,
    )
    async def declare_dead(self, call: Call, node_id: str) -> Answer:
        """Mark the present life of a silent node as dead: others may take what it had.

        To be said only of a machine that is surely off, or cut off from its storage.
        Beside who says so, the mark has the name in the certificate of the caller.
        """
        node = read_node_id(node_id)
        evidence = Evidence(call.body.get("evidence", Evidence.OPERATOR.value))
        by, who = call.body.get("by", f"the {evidence.value}"), call.who()
        if who is not None:
            by = f"{by} ({who})"
        mark = (evidence, by, call.body.get("why", NO_WORDS))

        def decide(configuration: Configuration) -> Change:
            sighted, now = self._observations.sight, self._now()
            return nodes.declare_dead(configuration, sighted, node, mark, now)

        return await self._do(call, node, decide)

    @endpoint(
        "DELETE",
        "/v1/configuration/nodes/<node_id>/dead",
        {200: "node_status", 404: "error", 409: "error"},
    )
    async def declare_alive(self, call: Call, node_id: str) -> Answer:
        """Take the mark from a node, while nothing was taken from it."""
        node = read_node_id(node_id)

        def decide(configuration: Configuration) -> Change:
            taken = self._observations.taken_from
            return nodes.declare_alive(configuration, taken, node)

        return await self._do(call, node, decide)

    @endpoint(
        "DELETE",
        "/v1/configuration/nodes/<node_id>",
        {200: "node_status", 404: "error", 409: "error"},
    )
    async def forget(self, call: Call, node_id: str) -> Answer:
        """Forget a node of which nothing is wanted; give what was known of it."""
        node = read_node_id(node_id)
        before = self._observations.sight(node)
        known: list[Node | None] = []

        def decide(configuration: Configuration) -> Change:
            known[:] = [configuration.nodes.get(node)]
            return nodes.forget(configuration, self._observations.sight, node)

        _ = await call.change(decide)
        if before is None:
            raise NodeNotFound(str(node))
        return answer(200, node_status(before, known[0], self._now()))

    async def _do(self, call: Call, node: NodeID, decide: Decide) -> Answer:
        configuration = await call.change(decide)
        sight = self._observations.sight(node)
        if sight is None:
            raise NodeNotFound(str(node))
        return answer(
            200, node_status(sight, configuration.nodes.get(node), self._now())
        )
