"""Rollbacks of datasets in pools to their snapshots.

Decisions are `flocker.control.rollbacks`; here they meet HTTP.
"""

from collections.abc import Callable
from urllib.parse import unquote

from flocker.control import rollbacks
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID
from flocker.model.pools import Rollback
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.wire.public import rollback


class Rollbacks:
    """The endpoints about rollbacks."""

    def __init__(self, service: Service, now: Callable[[], float]) -> None:
        self._observations = service.operations.observations
        self._now = now

    @endpoint(
        "POST",
        "/v1/configuration/snapshots/<dataset_id>/<snapshot>/rollback",
        {200: "rollback", 404: "error", 405: "error", 409: "error"},
        conditional=True,
    )
    async def roll_back(self, call: Call, dataset_id: str, snapshot: str) -> Answer:
        """Let a dataset become again what its snapshot was, once nobody uses it.

        What it is before is kept as another snapshot. It is durably wanted, not done
        yet, when this is answered.
        """
        dataset, name = read_dataset_id(dataset_id), unquote(snapshot)
        now = self._now()
        facts = self._observations.facts(dataset)
        configuration = await call.change(
            lambda found: rollbacks.roll_back(found, facts, dataset, name, now)
        )
        wish = configuration.pools[dataset].rollback
        return _answer(dataset, wish)

    @endpoint(
        "DELETE",
        "/v1/configuration/datasets/<dataset_id>/rollback",
        {200: "rollback", 404: "error", 405: "error", 409: "error"},
        conditional=True,
    )
    async def cancel(self, call: Call, dataset_id: str) -> Answer:
        """Let a dataset stay what it is, unless it was rolled back already.

        Which of the two, its node says: see `rolled_back` in its status. Of one that
        was given up, the status does not say why any more.
        """
        dataset = read_dataset_id(dataset_id)
        before: list[Rollback | None] = []

        def decide(configuration: Configuration) -> Change:
            change = rollbacks.cancel(configuration, dataset)
            row = configuration.pools[dataset]
            over = row.not_rolled_back
            before[:] = [row.rollback or (None if over is None else over.wish)]
            return change

        await call.change(decide)
        (wish,) = before
        return _answer(dataset, wish, cancelled=True)


def _answer(
    dataset: DatasetID, wish: Rollback | None, *, cancelled: bool = False
) -> Answer:
    if wish is None:
        raise AssertionError(f"no rollback of {dataset} after it was committed")
    body = {"dataset_id": str(dataset), **rollback(wish)}
    return answer(200, {**body, "cancelled": wish.cancelled or cancelled})
