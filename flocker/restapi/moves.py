"""Moves and copies of datasets in pools, beyond wanting one elsewhere.

Decisions are `flocker.control.datasets` and `pool_copies`; here they meet HTTP.
"""

from collections.abc import Callable

from flocker.control import datasets
from flocker.control.operations import Decide
from flocker.control.pool_copies import drop, plan
from flocker.model.ids import DatasetID, NodeID, NotAnIdentifier, parse_uuid
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.errors import BadRequest
from flocker.restapi.status import read_node_id
from flocker.wire.public import configured_dataset


class Moves:
    """The endpoints about moves and copies."""

    def __init__(self, service: Service, now: Callable[[], float]) -> None:
        self._operations = service.operations
        self._observations = service.operations.observations
        self._now = now

    @endpoint(
        "DELETE",
        "/v1/configuration/datasets/<dataset_id>/move",
        {200: "configured_dataset", 404: "error", 405: "error", 409: "error"},
        conditional=True,
    )
    async def cancel(self, call: Call, dataset_id: str) -> Answer:
        """Want a dataset of a pool where it is, until it was handed over."""
        dataset = read_dataset_id(dataset_id)
        now = self._now()
        return await self._change(
            call, dataset, lambda found: datasets.cancel_move(found, dataset, now)
        )

    @endpoint(
        "DELETE",
        "/v1/configuration/datasets/<dataset_id>/copies/<node_id>",
        {200: "configured_dataset", 404: "error", 405: "error", 409: "error"},
        conditional=True,
    )
    async def drop(self, call: Call, dataset_id: str, node_id: str) -> Answer:
        """Destroy the copy that a node has kept, if the dataset contains all of it."""
        dataset, node = read_dataset_id(dataset_id), read_node_id(node_id)

        return await self._change(
            call,
            dataset,
            lambda found: drop(found, self._observations.facts(dataset), dataset, node),
        )

    @endpoint(
        "GET",
        "/v1/status/datasets/<dataset_id>/plan",
        {200: "plan", 404: "error", 405: "error", 409: "error"},
        query=("to",),
    )
    async def plan(self, call: Call, dataset_id: str) -> Answer:
        """Say what moving a dataset of a pool to a node would take; change nothing."""
        dataset = read_dataset_id(dataset_id)
        try:
            target = NodeID(parse_uuid(call.query.get("to", "")))
        except NotAnIdentifier as error:
            raise BadRequest(f"to is the node to move to: {error}") from error
        found = plan(
            self._operations.configuration,
            self._observations.facts(dataset),
            self._observations.nodes,
            dataset,
            target,
        )
        body = {
            "source": str(found.source),
            "target": str(found.target),
            "continues": found.continues,
            "at_most": found.at_most,
            "downtime": found.downtime,
            "blockers": list(found.blockers),
        }
        return answer(200, body)

    async def _change(self, call: Call, dataset: DatasetID, decide: Decide) -> Answer:
        configuration = await call.change(decide)
        return answer(200, configured_dataset(configuration.datasets[dataset]))
