"""Moves and copies of datasets in pools, beyond wanting one elsewhere.

Decisions are `flocker.control.datasets` and `pool_copies`; here they meet HTTP.
"""

from collections.abc import Callable

from flocker.control import datasets
from flocker.control.asking import Asking, NotCounted
from flocker.control.operations import Decide
from flocker.control.pool_copies import Plan, downtime, drop, plan
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import DatasetID, NodeID, NotAnIdentifier, parse_uuid
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.errors import BadRequest
from flocker.restapi.status import read_node_id
from flocker.wire.public import Json, configured_dataset


def planned(plan: Plan, counted: Forecast | NotCounted) -> Json:
    """Write a plan."""
    forecast = counted if isinstance(counted, Forecast) else None
    expected = downtime(plan, forecast)
    return {
        "source": str(plan.source),
        "target": str(plan.target),
        "continues": plan.continues,
        "to_send": None if forecast is None else forecast.size,
        "bound": forecast is not None and forecast.at_most,
        "each_round": forecast is not None and forecast.sends_all,
        "not_counted": None if isinstance(counted, Forecast) else str(counted),
        "at_most": plan.at_most,
        "downtime": None if expected is None else expected.seconds,
        "downtime_from": None if expected is None else expected.basis.value,
        "blockers": list(plan.blockers),
    }


class Moves:
    """The endpoints about moves and copies."""

    def __init__(
        self, service: Service, now: Callable[[], float], asking: Asking
    ) -> None:
        self._operations = service.operations
        self._observations = service.operations.observations
        self._now = now
        self._asking = asking

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
        counted = await self._count(found, dataset)
        return answer(200, planned(found, counted))

    async def _count(self, found: Plan, dataset: DatasetID) -> Forecast | NotCounted:
        """Ask the node that has it how much it would send."""
        if found.source == found.target:
            return Forecast(0)
        question = FirstRound(found.pool, dataset, found.base)
        try:
            return await self._asking.forecast(found.source, question)
        except NotCounted as error:
            return error

    async def _change(self, call: Call, dataset: DatasetID, decide: Decide) -> Answer:
        configuration = await call.change(decide)
        return answer(200, configured_dataset(configuration.datasets[dataset]))
