"""Leases: what keeps a dataset where it is used.

Decisions are `flocker.control.leases`; here they meet HTTP.
"""

from collections.abc import Callable
from uuid import UUID

from flocker.control import leases
from flocker.control.asking import Reachable
from flocker.control.leases import LeaseHeld, LeaseNotFound
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.model.leases import USER, Holder, Lease
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.schema import load
from flocker.wire.public import lease

ACQUIRE = load("leases", "acquire_lease")


class Leases:
    """The endpoints about leases."""

    def __init__(
        self, service: Service, now: Callable[[], float], agents: Reachable
    ) -> None:
        self._service = service
        self._now = now
        self._agents = agents

    @endpoint("GET", "/v1/configuration/leases", {200: "leases"})
    async def list_leases(self, call: Call) -> Answer:
        """List every lease, with the seconds that are left of it."""
        now = self._now()
        found = self._service.operations.configuration.leases
        return answer(200, [lease(each, now) for each in found.values()])

    @endpoint(
        "POST",
        "/v1/configuration/leases",
        {200: "lease", 201: "lease", 409: "error"},
        body=ACQUIRE,
    )
    async def acquire(self, call: Call) -> Answer:
        """Acquire a lease, join its holders, or replace one's own time in it.

        Who is refused because of a silent node has the backend asked about that one.
        """
        dataset = DatasetID(UUID(call.body["dataset_id"]))
        node = NodeID(UUID(call.body["node_uuid"]))
        seconds = call.body["expires"]
        now = self._now()
        era = call.body.get("era")
        holder = Holder(
            call.body.get("holder", USER),
            None if seconds is None else now + seconds,
            None if era is None else Era(UUID(era)),
        )
        known: list[Lease] = []

        def decide(configuration: Configuration) -> Change:
            known[:] = [
                each for each in [configuration.leases.get(dataset)] if each is not None
            ]
            return leases.acquire(configuration, dataset, node, holder)

        try:
            configuration = await call.change(decide)
        except LeaseHeld:
            self._agents.look(node, dataset)
            raise
        code = 200 if known else 201
        return answer(code, lease(configuration.leases[dataset], now))

    @endpoint(
        "DELETE",
        "/v1/configuration/leases/<dataset_id>",
        {200: "lease", 404: "error"},
        query=("holder",),
    )
    async def release(self, call: Call, dataset_id: str) -> Answer:
        """End a lease, or one holder's part in it; give what was ended."""
        dataset = read_dataset_id(dataset_id)
        holder = call.query.get("holder")
        ended: list[Lease] = []

        def decide(configuration: Configuration) -> Change:
            found = configuration.leases.get(dataset)
            if found is None:
                raise LeaseNotFound(dataset)
            ended[:] = [found]
            return leases.release(configuration, dataset, holder)

        configuration = await call.change(decide)
        left = configuration.leases.get(dataset, ended[0])
        return answer(200, lease(left, self._now()))
