"""Moves of datasets in pools, beyond wanting one: what `flockerctl move` can do.

Decisions are `flocker.control.datasets`; here they meet HTTP.
"""

from collections.abc import Callable

from flocker.control import datasets
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, endpoint
from flocker.wire.public import configured_dataset


class Moves:
    """The endpoints about moves."""

    def __init__(self, now: Callable[[], float]) -> None:
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
        configuration = await call.change(
            lambda found: datasets.cancel_move(found, dataset, now)
        )
        return answer(200, configured_dataset(configuration.datasets[dataset]))
