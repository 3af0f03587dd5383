"""Volumes that no dataset is: listed for people, and adopted by them.

Decisions are `flocker.control.volumes`; here they meet HTTP.
"""

from collections.abc import Callable
from uuid import UUID

from pyrsistent import pmap
from twisted.internet.defer import Deferred, gatherResults

from flocker.control.asking import Asking, BackendUnanswered
from flocker.control.unclaimed_copies import unclaimed_copies
from flocker.control.volumes import Adoption, adopt, pick, unclaimed
from flocker.model.cluster import Volume
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import BackendName, NodeID, VolumeID
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.schema import load
from flocker.wire.public import (
    configured_dataset,
    unclaimed_copy,
    unclaimed_volume,
)

ADOPT = load("datasets", "adopt_volume")


class Volumes:
    """The endpoints about volumes."""

    def __init__(
        self, service: Service, now: Callable[[], float], asking: Asking
    ) -> None:
        self._operations = service.operations
        self._now = now
        self._asking = asking

    @endpoint("GET", "/v1/status/volumes", {200: "unclaimed_volumes"})
    async def list_unclaimed(self, call: Call) -> Answer:
        """List the volumes that no dataset is; ask a node of each backend for it.

        And the copies in pools, of which nodes have said that they have them.
        """
        asked: list[tuple[Volume, ...] | BackendUnanswered] = await gatherResults(
            [
                Deferred.fromCoroutine(self._listed(backend))
                for backend in self._asking.backends()
            ]
        )
        listed = [
            volume for each in asked if isinstance(each, tuple) for volume in each
        ]
        unanswered = [each for each in asked if isinstance(each, BackendUnanswered)]
        nodes = self._operations.observations.nodes.values()
        found = unclaimed(self._operations.configuration, listed)
        return answer(
            200,
            {
                "volumes": [
                    unclaimed_volume(each.volume, each.cause, nodes) for each in found
                ],
                "unanswered": [
                    {"backend": each.backend, "why": each.why} for each in unanswered
                ],
                "copies": [
                    unclaimed_copy(each.node, each.fact, each.cause)
                    for each in unclaimed_copies(
                        self._operations.configuration, self._operations.observations
                    )
                ],
            },
        )

    @endpoint(
        "POST",
        "/v1/configuration/datasets/<dataset_id>/adopt",
        {201: "configured_dataset", 404: "error", 409: "error"},
        body=ADOPT,
        conditional=True,
    )
    async def adopt(self, call: Call, dataset_id: str) -> Answer:
        """Make a volume that no dataset is the dataset that it says it is."""
        dataset = read_dataset_id(dataset_id)
        backend = BackendName(call.body.get("backend", DEFAULT_BACKEND))
        listed = await self._asking.volumes(backend)
        volume = pick(listed, backend, VolumeID(call.body["volume"]), dataset)
        wanted = Adoption(
            volume,
            NodeID(UUID(call.body["primary"])),
            pmap(call.body.get("metadata", {})),
            call.body.get("empty", False),
        )
        now = self._now()
        configuration = await call.change(lambda c: adopt(c, wanted, now))
        return answer(201, configured_dataset(configuration.datasets[dataset]))

    async def _listed(
        self, backend: BackendName
    ) -> tuple[Volume, ...] | BackendUnanswered:
        try:
            return await self._asking.volumes(backend)
        except BackendUnanswered as error:
            return error
