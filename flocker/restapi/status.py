"""What is happening, and why something waits: every dataset, every node.

The status itself is `flocker.model.status`.
"""

from collections.abc import Callable
from uuid import UUID

from flocker.control.datasets import DatasetNotFound
from flocker.control.pool_rows import row_of
from flocker.control.statuses import status_of
from flocker.model.datasets import Dataset
from flocker.model.ids import NodeID, NotAnIdentifier, parse_uuid
from flocker.model.status import Status
from flocker.restapi.answers import Answer, answer
from flocker.restapi.conditions import etag, known
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.errors import NodeNotFound
from flocker.restapi.listing import EncodedStatuses
from flocker.wire.public import dataset_status_in_full, node_status


def read_node_id(segment: str) -> NodeID:
    """Read the id in a path, in any case. Raises `NodeNotFound` if it is none."""
    try:
        return NodeID(parse_uuid(segment))
    except NotAnIdentifier as error:
        raise NodeNotFound(repr(segment[:80])) from error


class Statuses:
    """The endpoints about what is happening; `boot` is this process of control."""

    def __init__(self, service: Service, now: Callable[[], float], boot: UUID) -> None:
        self._operations = service.operations
        self._observations = service.operations.observations
        self._now = now
        self._boot = boot
        self._encoded = EncodedStatuses(service.operations, self._status)

    @endpoint("GET", "/v1/status/datasets", {200: "dataset_statuses", 304: "nothing"})
    async def list_datasets(self, call: Call) -> Answer:
        """List the status of every dataset, destroyed ones too.

        Since when each is so does not change by itself, and for how many seconds does:
        the ``ETag``, a weak one, is of all the rest.
        """
        mark = etag(f"{self._boot}.{self._encoded.version()}")
        headers = ((b"ETag", b"W/" + mark),)
        if known(call.headers.getRawHeaders(b"If-None-Match", []), mark):
            return Answer(304, b"", headers)
        return Answer(200, self._encoded.list(self._now()), headers)

    @endpoint(
        "GET",
        "/v1/status/datasets/<dataset_id>",
        {200: "dataset_in_full", 404: "error"},
    )
    async def show_dataset(self, call: Call, dataset_id: str) -> Answer:
        """Give the status of one dataset, with what every node says of it."""
        found = read_dataset_id(dataset_id)
        configuration = self._operations.configuration
        dataset = configuration.datasets.get(found)
        if dataset is None:
            raise DatasetNotFound(str(found))
        body = dataset_status_in_full(
            dataset,
            self._status(dataset),
            configuration.ownership.get(found) or row_of(configuration, dataset),
            self._observations.facts(found),
            configuration.leases.get(found),
            self._now(),
        )
        return answer(200, body)

    @endpoint("GET", "/v1/status/nodes", {200: "node_statuses"})
    async def list_nodes(self, call: Call) -> Answer:
        """List every node that has ever connected, silent ones too."""
        now = self._now()
        sights = self._observations.nodes.values()
        known = self._operations.configuration.nodes
        return answer(
            200, [node_status(s, known.get(s.identity.node), now) for s in sights]
        )

    @endpoint("GET", "/v1/status/nodes/<node_id>", {200: "node_status", 404: "error"})
    async def show_node(self, call: Call, node_id: str) -> Answer:
        """Give the status of one node."""
        found = read_node_id(node_id)
        sight = self._observations.nodes.get(found)
        if sight is None:
            raise NodeNotFound(str(found))
        known = self._operations.configuration.nodes.get(found)
        return answer(200, node_status(sight, known, self._now()))

    def _status(self, dataset: Dataset) -> Status:
        wanted = self._operations.configuration
        return status_of(wanted, self._observations, dataset)
