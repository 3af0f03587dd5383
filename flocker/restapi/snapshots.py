"""Snapshots of datasets: those that are wanted, and what happens to them.

Decisions are `flocker.control.snapshots`; here they meet HTTP.
"""

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote
from uuid import UUID

from flocker.control import snapshots
from flocker.control.datasets import DatasetNotFound
from flocker.control.snapshots import SnapshotNotFound
from flocker.control.statuses import snapshot_status_of
from flocker.model.changes import Change
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID, UserSnapshotID
from flocker.model.snapshots import UserSnapshot, UserSnapshots
from flocker.restapi.answers import Answer, answer
from flocker.restapi.datasets import read_dataset_id
from flocker.restapi.endpoint import Call, Service, endpoint
from flocker.restapi.schema import load
from flocker.wire.public import Json, configured_snapshot, snapshot_status

CREATE = load("snapshots", "create_snapshot")


class Snapshots:
    """The endpoints about snapshots."""

    def __init__(
        self, service: Service, now: Callable[[], float], new_id: Callable[[], UUID]
    ) -> None:
        self._operations = service.operations
        self._now = now
        self._new_id = new_id

    @endpoint(
        "GET",
        "/v1/configuration/snapshots",
        {200: "configured_snapshots", 404: "error"},
        query=("dataset_id",),
    )
    async def list_configured(self, call: Call) -> Answer:
        """List the snapshots that are wanted: all, or those of one dataset.

        One that is deleted is listed until no node has it any more.
        """
        return answer(
            200,
            [configured_snapshot(row.dataset, each) for row, each in self._all(call)],
        )

    @endpoint(
        "POST",
        "/v1/configuration/snapshots",
        {201: "configured_snapshot", 404: "error", 405: "error", 409: "error"},
        body=CREATE,
    )
    async def create(self, call: Call) -> Answer:
        """Want a snapshot of a dataset, as it is when it is taken.

        That is at once, where its node is there, and after a hand-over that is under
        way. A volume has snapshots where its node says that it takes them. It is
        durably wanted, not taken yet, when this is answered.
        """
        dataset = DatasetID(UUID(call.body["dataset_id"]))
        snapshot, now = UserSnapshotID(self._new_id()), self._now()
        name = call.body["name"]
        configuration = await call.change(
            lambda found: snapshots.create(found, dataset, name, snapshot, now)
        )
        row = configuration.snapshots[dataset]
        made = next(each for each in row.wanted if each.id == snapshot)
        return answer(201, configured_snapshot(dataset, made))

    @endpoint(
        "DELETE",
        "/v1/configuration/snapshots/<dataset_id>/<snapshot>",
        {200: "configured_snapshot", 404: "error", 409: "error"},
    )
    async def delete(self, call: Call, dataset_id: str, snapshot: str) -> Answer:
        """Delete a snapshot on every node; its name is free at once.

        Refused while clones are made of it, or rest on it.
        """
        dataset, name = read_dataset_id(dataset_id), unquote(snapshot)
        before: list[UserSnapshot] = []

        def decide(configuration: Configuration) -> Change:
            change = snapshots.delete(configuration, dataset, name)
            found = configuration.snapshots[dataset].named(name)
            before[:] = [] if found is None else [found]
            return change

        await call.change(decide)
        (found,) = before
        return answer(200, {**configured_snapshot(dataset, found), "deleted": True})

    @endpoint(
        "GET",
        "/v1/status/snapshots",
        {200: "snapshot_statuses", 404: "error"},
        query=("dataset_id",),
    )
    async def list_statuses(self, call: Call) -> Answer:
        """List what happens to snapshots: to all, or to those of one dataset."""
        return answer(200, [self._status(row, each) for row, each in self._all(call)])

    @endpoint(
        "GET",
        "/v1/status/snapshots/<dataset_id>/<snapshot>",
        {200: "snapshot_status", 404: "error"},
    )
    async def show_status(self, call: Call, dataset_id: str, snapshot: str) -> Answer:
        """Give what happens to one snapshot that is not deleted."""
        dataset, name = read_dataset_id(dataset_id), unquote(snapshot)
        (row,) = self._rows(dataset)
        found = row.named(name)
        if found is None:
            raise SnapshotNotFound(dataset, name)
        return answer(200, self._status(row, found))

    def _all(self, call: Call) -> Iterator[tuple[UserSnapshots, UserSnapshot]]:
        given = call.query.get("dataset_id")
        for row in self._rows(None if given is None else read_dataset_id(given)):
            for each in row.wanted:
                yield row, each

    def _rows(self, dataset: DatasetID | None) -> Iterable[UserSnapshots]:
        configuration = self._operations.configuration
        if dataset is None:
            return configuration.snapshots.values()
        if dataset not in configuration.datasets:
            raise DatasetNotFound(str(dataset))
        return [configuration.snapshots.get(dataset, UserSnapshots(dataset))]

    def _status(self, row: UserSnapshots, snapshot: UserSnapshot) -> Json:
        operations = self._operations
        found = snapshot_status_of(
            operations.configuration, operations.observations, row, snapshot
        )
        return snapshot_status(row.dataset, snapshot, found)
