"""The datasets that are wanted, and those that are.

Decisions are `flocker.control.datasets`; here they meet HTTP.
"""

from collections.abc import Callable
from uuid import UUID

from pyrsistent import pmap

from flocker.control import datasets
from flocker.control.clones import clone
from flocker.control.datasets import DatasetNotFound, NewDataset, Wishes
from flocker.control.leases import require_unleased
from flocker.control.operations import Decide
from flocker.control.pool_wishes import Terms
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.datasets import (
    DEFAULT_BACKEND,
    Dataset,
    FilesystemKind,
    Mounting,
)
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Life,
    NodeID,
    NotAnIdentifier,
    parse_uuid,
)
from flocker.restapi.answers import Answer, answer
from flocker.restapi.conditions import TAG_HEADER, etag, known
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.errors import BadRequest
from flocker.restapi.listing import EncodedDatasets, EncodedFacts
from flocker.restapi.schema import load
from flocker.wire.public import configured_dataset

CREATE = load("datasets", "create_dataset")
UPDATE = load("datasets", "update_dataset")


def read_dataset_id(segment: str) -> DatasetID:
    """Read the id in a path, in any case. Raises `DatasetNotFound` if it is none."""
    try:
        return DatasetID(parse_uuid(segment))
    except NotAnIdentifier as error:
        raise DatasetNotFound(repr(segment[:80])) from error


class Datasets:
    """The endpoints about datasets."""

    def __init__(
        self,
        service: Service,
        now: Callable[[], float],
        new_id: Callable[[], UUID],
    ) -> None:
        self._service = service
        self._now = now
        self._new_id = new_id
        self._configured = EncodedDatasets()
        self._observed = EncodedFacts()
        service.operations.listen(self._configured)

    @endpoint(
        "GET",
        "/v1/configuration/datasets",
        {200: "configured_datasets", 304: "nothing"},
    )
    async def list_configured(self, call: Call) -> Answer:
        """List every dataset that was ever created, deleted ones too."""
        configuration = self._service.operations.configuration
        current = self._service.tag
        mark = etag(current)
        headers = (TAG_HEADER, current.encode("ascii")), (b"ETag", mark)
        if known(call.headers.getRawHeaders(b"If-None-Match", []), mark):
            return Answer(304, b"", headers)
        return Answer(200, self._configured.list(configuration), headers)

    @endpoint(
        "POST",
        "/v1/configuration/datasets",
        {201: "configured_dataset", 404: "error", 405: "error", 409: "error"},
        body=CREATE,
        conditional=True,
    )
    async def create(self, call: Call) -> Answer:
        """Create a dataset; it is durable, not yet mounted, when this is answered.

        With a ``source`` it begins as that snapshot of another dataset. In a pool it is
        made where that is, without copying, and goes to ``primary`` afterwards.
        """
        given = call.body.get("dataset_id")
        new = NewDataset(
            id=DatasetID(self._new_id() if given is None else UUID(given)),
            primary=NodeID(UUID(call.body["primary"])),
            maximum_size=call.body.get("maximum_size"),
            metadata=pmap(call.body.get("metadata", {})),
            backend=BackendName(call.body.get("backend", DEFAULT_BACKEND)),
            mount=Mounting(call.body.get("mount", "always")),
            filesystem=FilesystemKind(call.body.get("filesystem", "ext4")),
            life=Life(self._new_id()),
        )
        now, source = self._now(), call.body.get("source")

        def decide(configuration: Configuration) -> Change:
            if source is None:
                return datasets.create(configuration, new, now)
            of = DatasetID(UUID(source["dataset_id"]))
            return clone(configuration, new, of, source["snapshot"], now)

        return await self._change(call, 201, new.id, decide)

    @endpoint(
        "POST",
        "/v1/configuration/datasets/<dataset_id>",
        {200: "configured_dataset", 404: "error", 405: "error", 409: "error"},
        body=UPDATE,
        conditional=True,
    )
    async def update(self, call: Call, dataset_id: str) -> Answer:
        """Move a dataset, change its size, replace its metadata; as far as asked.

        Only one in a pool can be made smaller.
        One in a pool is copied while it is used, and moved when nobody leases it, or
        with ``force``; not at all where that would take longer than ``max_downtime``.
        """
        dataset = read_dataset_id(dataset_id)
        body = call.body
        wishes = Wishes(
            primary=NodeID(UUID(body["primary"])) if "primary" in body else None,
            maximum_size=body.get("maximum_size"),
            metadata=pmap(body["metadata"]) if "metadata" in body else None,
            terms=Terms(body.get("force", False), body.get("max_downtime")),
        )
        now = self._now()
        size = self._size(dataset)
        return await self._change(
            call, 200, dataset, lambda c: datasets.change(c, dataset, wishes, now, size)
        )

    @endpoint(
        "DELETE",
        "/v1/configuration/datasets/<dataset_id>",
        {200: "configured_dataset", 404: "error", 409: "error"},
        conditional=True,
        query=("purge", "if_unleased"),
    )
    async def delete(self, call: Call, dataset_id: str) -> Answer:
        """Delete a dataset with its data; again changes nothing.

        With ``if_unleased=true`` only while nobody leases it. With ``purge=true`` a
        destroyed one is forgotten.
        """
        dataset = read_dataset_id(dataset_id)
        if _is_true(call, "purge"):
            return await self._purge(call, dataset)
        unleased, now = _is_true(call, "if_unleased"), self._now()

        def decide(configuration: Configuration) -> Change:
            change = datasets.delete(configuration, dataset, now)
            if unleased and change:
                require_unleased(configuration, dataset)
            return change

        return await self._change(call, 200, dataset, decide)

    @endpoint("GET", "/v1/state/datasets", {200: "observed_datasets"})
    async def list_observed(self, call: Call) -> Answer:
        """List what live nodes have mounted, and what is known and not mounted."""
        operations = self._service.operations
        body = self._observed.list(
            operations.configuration, operations.observations, self._now()
        )
        return Answer(200, body)

    async def _change(
        self, call: Call, code: int, dataset: DatasetID, decide: Decide
    ) -> Answer:
        configuration = await call.change(decide)
        return answer(code, configured_dataset(configuration.datasets[dataset]))

    def _size(self, dataset: DatasetID) -> int | None:
        """Give the bytes of the volume as a node reports them."""
        facts = self._service.operations.observations.facts(dataset).values()
        return max((each.fact.size or 0 for each in facts), default=0) or None

    async def _purge(self, call: Call, dataset: DatasetID) -> Answer:
        before: list[Dataset] = []

        def decide(configuration: Configuration) -> Change:
            change = datasets.purge(configuration, dataset)
            before[:] = [configuration.datasets[dataset]]
            return change

        await call.change(decide)
        return answer(200, configured_dataset(before[0]))


def _is_true(call: Call, name: str) -> bool:
    """Read a query that is true or false, false if not given. Raises `BadRequest`."""
    given = call.query.get(name, "false")
    if given not in {"true", "false"}:
        raise BadRequest(f"{name} is true or false, not {given[:40]!r}")
    return given == "true"
