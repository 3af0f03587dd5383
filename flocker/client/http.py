"""Asks the control service over HTTPS, with causes in words when that fails.

Several addresses may lead to control; they are tried in turn (`flocker.client.routes`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

from cryptography import x509
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from zope.interface import implementer

from flocker.ca.contexts import client_context
from flocker.ca.credentials import Credential
from flocker.client.interface import (
    ANY_TERMS,
    Adoption,
    Configured,
    Greeting,
    IEventStream,
    IFlockerClient,
    MoveTerms,
    NewDataset,
    NewLease,
    NotFlocker,
    RequestRefused,
    Source,
    Wishes,
)
from flocker.client.routes import (
    Address,
    Route,
    ask,
    exchange,
    route_to,
    somewhere,
    whole,
)
from flocker.client.streaming import stream_of
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, Era, NodeID
from flocker.runtime.reactor import IReactor
from flocker.wire.answers import (
    ConfiguredAnswer,
    DatasetAnswer,
    DatasetInFull,
    EraAnswer,
    LeaseAnswer,
    NodeAnswer,
    PlanAnswer,
    RefusalAnswer,
    RollbackAnswer,
    SnapshotAnswer,
    VersionAnswer,
    VolumesAnswer,
    read,
)
from flocker.wire.json_codec import Undecodable

_SNAPSHOTS = "/v1/configuration/snapshots"
_TAG = "x-configuration-tag"

_OK = 200
_NO_SUCCESS = 300
_NOT_MODIFIED = 304
_UNAVAILABLE = 503

T = TypeVar("T")


def connect(
    addresses: Sequence[Address],
    authority: x509.Certificate,
    own: Credential,
    reactor: IReactor,
) -> IFlockerClient:
    """Make a client; it dials when it is first asked something."""
    creator = client_context(authority, own)
    routes = [route_to(address, creator, own, reactor) for address in addresses]
    return HTTPFlockerClient(routes, reactor)


@implementer(IFlockerClient)
class HTTPFlockerClient:
    """A cluster at the other end of one or several routes."""

    def __init__(self, routes: Sequence[Route], clock: IReactorTime) -> None:
        self._routes = tuple(routes)
        self._clock = clock

    async def version(self) -> str:
        """Ask which version the control service is."""
        return (await self._get("/v1/version", VersionAnswer)).flocker

    async def greet(self) -> Greeting:
        """Ask who answers, and what time it is there."""
        route, (status, headers, answer) = await self._somewhere(
            lambda route: exchange(route, "GET", "/v1/version", None)
        )
        found = _understand(route.where, status, answer, VersionAnswer)
        return Greeting(route.where, found.flocker, _date(headers))

    async def health(self) -> Mapping[str, str]:
        """Ask how the service's parts are: ``ok``, or what is wrong."""
        route, (status, _, answer) = await self._somewhere(
            lambda route: exchange(route, "GET", "/v1/health", None)
        )
        # A sick service says so with 503, and may refuse with 503, too.
        if status == _UNAVAILABLE and b'"description"' not in answer:
            status = _OK
        return _understand(route.where, status, answer, dict[str, str])

    async def node_of_era(self, era: Era) -> NodeID:
        """Ask which node is in its life `era`, its kernel's boot id."""
        return (await self._get(f"/v1/state/nodes/by_era/{era}", EraAnswer)).uuid

    async def nodes(self) -> tuple[NodeAnswer, ...]:
        """Ask for all nodes that have been seen."""
        return await self._get("/v1/status/nodes", tuple[NodeAnswer, ...])

    async def datasets(self) -> tuple[DatasetAnswer, ...]:
        """Ask for the status of all datasets, deleted ones too."""
        return await self._get("/v1/status/datasets", tuple[DatasetAnswer, ...])

    async def dataset(self, dataset: DatasetID) -> DatasetInFull:
        """Ask for all that is known of one dataset."""
        return await self._get(f"/v1/status/datasets/{dataset}", DatasetInFull)

    async def configured(self, known: Configured | None = None) -> Configured:
        """Ask what is wanted; where that is still `known`, the answer is that."""
        unless = None if known is None else known.tag
        path = "/v1/configuration/datasets"
        route, (status, headers, answer) = await self._somewhere(
            lambda route: exchange(route, "GET", path, None, unless=unless)
        )
        if known is not None and status == _NOT_MODIFIED:
            return known
        found = _understand(route.where, status, answer, tuple[ConfiguredAnswer, ...])
        return Configured(_tag(route.where, headers), found)

    async def create(self, new: NewDataset, tag: str | None = None) -> ConfiguredAnswer:
        """Want a dataset; it is durably wanted, not there yet, when this returns."""
        body: dict[str, object] = {
            "dataset_id": str(new.id),
            "primary": str(new.primary),
            "metadata": dict(new.metadata),
        }
        body |= _given(
            maximum_size=new.maximum_size,
            backend=new.backend,
            mount=new.mount,
            filesystem=new.filesystem,
            source=_source(new.source),
        )
        return await self._change("POST", "/v1/configuration/datasets", body, tag)

    async def tag(self) -> str:
        """Ask for the configuration's tag: it changes with every dataset's change."""
        path = "/v1/configuration/datasets"
        route, (status, headers, _) = await self._somewhere(
            lambda route: exchange(route, "HEAD", path, None)
        )
        if status != _OK:
            raise NotFlocker(route.where, f"status {status} to a question for the tag")
        return _tag(route.where, headers)

    async def update(
        self, dataset: DatasetID, wishes: Wishes, tag: str | None = None
    ) -> ConfiguredAnswer:
        """Want a dataset of another size, or give it other metadata, all of it."""
        path = f"/v1/configuration/datasets/{dataset}"
        metadata = None if wishes.metadata is None else dict(wishes.metadata)
        body = _given(maximum_size=wishes.maximum_size, metadata=metadata)
        return await self._change("POST", path, body, tag)

    async def move(
        self, dataset: DatasetID, to: NodeID, terms: MoveTerms = ANY_TERMS
    ) -> ConfiguredAnswer:
        """Want a dataset on another node."""
        path = f"/v1/configuration/datasets/{dataset}"
        more = _given(force=terms.force or None, max_downtime=terms.max_downtime)
        return await self._change("POST", path, {"primary": str(to), **more})

    async def cancel_move(self, dataset: DatasetID) -> ConfiguredAnswer:
        """Want a dataset of a pool where it is."""
        path = f"/v1/configuration/datasets/{dataset}/move"
        return await self._change("DELETE", path, None)

    async def plan(self, dataset: DatasetID, to: NodeID) -> PlanAnswer:
        """Ask what moving a dataset of a pool would take."""
        path = f"/v1/status/datasets/{dataset}/plan?to={to}"
        return await self._get(path, PlanAnswer)

    async def drop_copy(self, dataset: DatasetID, node: NodeID) -> ConfiguredAnswer:
        """Want a copy destroyed that a node has kept of a dataset of a pool."""
        path = f"/v1/configuration/datasets/{dataset}/copies/{node}"
        return await self._change("DELETE", path, None)

    async def destroy(
        self, dataset: DatasetID, *, if_unleased: bool = False
    ) -> ConfiguredAnswer:
        """Want a dataset and its data destroyed."""
        path = f"/v1/configuration/datasets/{dataset}"
        if if_unleased:
            path += "?if_unleased=true"
        return await self._change("DELETE", path, None)

    async def purge(self, dataset: DatasetID) -> ConfiguredAnswer:
        """Forget a destroyed dataset; its id and name are free again."""
        path = f"/v1/configuration/datasets/{dataset}?purge=true"
        return await self._change("DELETE", path, None)

    async def snapshots(self, dataset: DatasetID | None) -> tuple[SnapshotAnswer, ...]:
        """Ask for the status of snapshots."""
        path = "/v1/status/snapshots"
        if dataset is not None:
            path += f"?{urlencode({'dataset_id': dataset})}"
        return await self._get(path, tuple[SnapshotAnswer, ...])

    async def take_snapshot(self, dataset: DatasetID, name: str) -> SnapshotAnswer:
        """Want a snapshot of a dataset in a pool."""
        body = {"dataset_id": str(dataset), "name": name}
        return await self._ask("POST", _SNAPSHOTS, body, SnapshotAnswer)

    async def delete_snapshot(self, dataset: DatasetID, name: str) -> SnapshotAnswer:
        """Want a snapshot destroyed."""
        path = f"{_SNAPSHOTS}/{dataset}/{quote(name, safe='')}"
        return await self._ask("DELETE", path, None, SnapshotAnswer)

    async def roll_back(self, dataset: DatasetID, name: str) -> RollbackAnswer:
        """Want a dataset to become again what its snapshot was."""
        path = f"{_SNAPSHOTS}/{dataset}/{quote(name, safe='')}/rollback"
        return await self._ask("POST", path, None, RollbackAnswer)

    async def cancel_rollback(self, dataset: DatasetID) -> RollbackAnswer:
        """Want a dataset to stay what it is."""
        path = f"/v1/configuration/datasets/{dataset}/rollback"
        return await self._ask("DELETE", path, None, RollbackAnswer)

    async def leases(self) -> tuple[LeaseAnswer, ...]:
        """Ask for all leases."""
        return await self._get("/v1/configuration/leases", tuple[LeaseAnswer, ...])

    async def acquire(self, new: NewLease) -> LeaseAnswer:
        """Keep a dataset on a node; again, with the same holder, renews it."""
        body = {
            "dataset_id": str(new.dataset),
            "node_uuid": str(new.node),
            "expires": new.seconds,
            **_given(holder=new.holder, era=None if new.era is None else str(new.era)),
        }
        return await self._ask("POST", "/v1/configuration/leases", body, LeaseAnswer)

    async def release(self, dataset: DatasetID, holder: str | None) -> LeaseAnswer:
        """End one holder's part in a lease, or all of it (None)."""
        path = f"/v1/configuration/leases/{dataset}"
        if holder is not None:
            path += f"?{urlencode({'holder': holder})}"
        return await self._ask("DELETE", path, None, LeaseAnswer)

    async def tell_node(
        self,
        node: NodeID,
        labels: Mapping[str, str | None],
        *,
        cordoned: bool | None = None,
    ) -> NodeAnswer:
        """Set labels of a node, cordon it or not any more."""
        body = _given(labels=dict(labels) or None, cordoned=cordoned)
        return await self._ask("POST", _of_node(node), body, NodeAnswer)

    async def declare_dead(self, node: NodeID, by: str, why: str | None) -> NodeAnswer:
        """Say that a node is dead."""
        body = {"i_have_checked": True, "by": by, **_given(why=why)}
        return await self._ask("POST", f"{_of_node(node)}/dead", body, NodeAnswer)

    async def declare_alive(self, node: NodeID) -> NodeAnswer:
        """Take that back."""
        return await self._ask("DELETE", f"{_of_node(node)}/dead", None, NodeAnswer)

    async def forget_node(self, node: NodeID) -> NodeAnswer:
        """Forget a node."""
        return await self._ask("DELETE", _of_node(node), None, NodeAnswer)

    async def volumes(self) -> VolumesAnswer:
        """Ask backends for their volumes that no dataset is."""
        return await self._get("/v1/status/volumes", VolumesAnswer)

    async def adopt(self, adoption: Adoption) -> ConfiguredAnswer:
        """Make such a volume a dataset."""
        body: dict[str, object] = {
            "primary": str(adoption.primary),
            "volume": adoption.volume,
            "metadata": dict(adoption.metadata),
            **_given(backend=adoption.backend, empty=adoption.empty or None),
        }
        path = f"/v1/configuration/datasets/{adoption.dataset}/adopt"
        return await self._change("POST", path, body)

    async def events(self, after: str | None) -> IEventStream:
        """Begin to read events, after an id or from now on."""
        given = {} if after is None else {"last-event-id": [after]}
        headers = Headers({"accept": ["text/event-stream"], **given})

        async def begin(route: Route) -> IEventStream:
            response = await ask(route, "GET", "/v1/events", headers)
            if response.code == _OK:
                return stream_of(response, route.where, self._clock)
            answer = await whole(response)
            raise _refused(route.where, response.code, answer)

        _, stream = await self._somewhere(begin)
        return stream

    async def _get(self, path: str, kind: type[T]) -> T:
        return await self._ask("GET", path, None, kind)

    async def _change(
        self, method: str, path: str, body: object | None, tag: str | None = None
    ) -> ConfiguredAnswer:
        return await self._ask(method, path, body, ConfiguredAnswer, tag)

    async def _ask(
        self,
        method: str,
        path: str,
        body: object | None,
        kind: type[T],
        tag: str | None = None,
    ) -> T:
        changes = method != "GET"
        route, (status, _, answer) = await self._somewhere(
            lambda route: exchange(route, method, path, body, tag),
            changes=changes,
        )
        return _understand(route.where, status, answer, kind)

    async def _somewhere(
        self, ask: Callable[[Route], Awaitable[T]], *, changes: bool = False
    ) -> tuple[Route, T]:
        return await somewhere(self._routes, self._clock, ask, changes=changes)


def _of_node(node: NodeID) -> str:
    return f"/v1/configuration/nodes/{node}"


def _source(found: Source | None) -> dict[str, str] | None:
    if found is None:
        return None
    return {"dataset_id": str(found.dataset), "snapshot": found.snapshot}


def _given(**wishes: object) -> dict[str, object]:
    return {key: wish for key, wish in wishes.items() if wish is not None}


def _understand(where: str, status: int, answer: bytes, kind: type[T]) -> T:
    try:
        if status < _NO_SUCCESS:
            return read(kind, answer)
    except Undecodable as error:
        raise NotFlocker(where, f"status {status}, {error}") from error
    raise _refused(where, status, answer)


def _refused(where: str, status: int, answer: bytes) -> FlockerError:
    try:
        said = read(RefusalAnswer, answer)
    except Undecodable as error:
        return NotFlocker(where, f"status {status}, {error}")
    return RequestRefused(status, said.description, said.errors, said.incident)


def _tag(where: str, headers: Headers) -> str:
    tags = headers.getRawHeaders(_TAG, [])
    if len(tags) != 1:
        raise NotFlocker(where, f"it has {len(tags)} configuration tags")
    return tags[0]


def _date(headers: Headers) -> datetime | None:
    """Read a Date header, RFC 9110 §6.6.1."""
    try:
        (text,) = headers.getRawHeaders("date", [])
        return parsedate_to_datetime(text)
    except ValueError:
        return None
