"""AMP on the agent's side: says Hello, takes updates, sends reports."""

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from flocker.model.cluster import AgentIdentity, Volume
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import (
    BackendName,
    DatasetID,
    NotAnIdentifier,
    SnapshotID,
    parse_uuid,
)
from flocker.runtime import logging
from flocker.wire.commands import (
    BadPayload,
    ForecastMove,
    Hello,
    ListVolumes,
    ReportFacts,
    Update,
    VolumesListed,
)
from flocker.wire.connection import Connection
from flocker.wire.json_codec import Undecodable, decode, encode_briefly
from flocker.wire.protocol import PROTOCOL, Listing, Report, Slice


class Hearer(Protocol):
    """Whoever does something about what control says."""

    async def updated(self, boot: str, number: int, what: Slice) -> bool:
        """Take update `number`; False when it does not follow on what is known."""

    async def volumes(self, backend: BackendName) -> tuple[Volume, ...]:
        """List all volumes of a backend. Raises `ListingFailed`."""

    async def forecast(self, question: FirstRound) -> Forecast | None:
        """Say how much a move would send, if known. Raises `ForecastFailed`."""

    def lost(self, why: str) -> None:
        """The connection is gone."""


class Link(Connection):
    """A connection to control."""

    def __init__(self, hearer: Hearer, clock: IReactorTime) -> None:
        super().__init__(clock)
        self._hearer = hearer

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell that it is over."""
        super().connectionLost(reason)
        self._hearer.lost(reason.getErrorMessage())

    async def hello(self, identity: AgentIdentity, boot: str, number: int) -> None:
        """Say who this is, and up to which update it knows its slice.

        Raises `ProtocolMismatch`, `AgentRefused`, `BadPayload`.
        """
        _ = await self.callRemote(
            Hello,
            protocol=PROTOCOL,
            identity=encode_briefly(identity),
            boot=boot,
            number=number,
        )

    async def report(self, report: Report) -> None:
        """Send facts; they are control's when this returns."""
        _ = await self.send_parts(
            ReportFacts, encode_briefly(report), task=logging.current_task_id()
        )

    def local_host(self) -> str:
        """Give this node's address on the connection."""
        if self.transport is None:
            return ""
        return str(getattr(self.transport.getHost(), "host", ""))

    @Update.responder
    def _update(
        self, boot: str, number: int, part: int, parts: int, payload: bytes, task: str
    ) -> dict[str, object] | Deferred[dict[str, object]]:
        whole = self.take_part(part, parts, payload)
        if whole is None:
            return {"applied": True}
        try:
            what = decode(Slice, whole)
        except Undecodable as error:
            raise BadPayload(str(error)) from error
        return Deferred.fromCoroutine(self._apply(boot, number, what, task))

    @ListVolumes.responder
    def _list(self, request: int, backend: str) -> Deferred[dict[str, object]]:
        return Deferred.fromCoroutine(self._send_list(request, BackendName(backend)))

    async def _send_list(self, request: int, backend: BackendName) -> dict[str, object]:
        listing = Listing(await self._hearer.volumes(backend))
        _ = await self.send_parts(
            VolumesListed, encode_briefly(listing), request=request
        )
        return {}

    @ForecastMove.responder
    def _forecast(
        self, pool: str, dataset: str, base: str | None
    ) -> Deferred[dict[str, object]]:
        try:
            known = DatasetID(parse_uuid(dataset))
        except NotAnIdentifier as error:
            raise BadPayload(str(error)) from error
        snapshot = None if base is None else SnapshotID(base)
        question = FirstRound(BackendName(pool), known, snapshot)
        return Deferred.fromCoroutine(self._say_forecast(question))

    async def _say_forecast(self, question: FirstRound) -> dict[str, object]:
        found = await self._hearer.forecast(question)
        if found is None:
            return {}
        return {
            "size": found.size,
            "at_most": found.at_most,
            "sends_all": found.sends_all,
        }

    async def _apply(
        self, boot: str, number: int, what: Slice, task: str
    ) -> dict[str, object]:
        with logging.continued(
            task,
            "flocker:agent:told",
            number=number,
            full=what.full,
            changed=[str(each.id) for each in what.changed],
            gone=[str(each) for each in what.gone],
        ):
            return {"applied": await self._hearer.updated(boot, number, what)}
