"""Tells control what changed, one report in flight, everything anew on a new link."""

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from flocker.model.cluster import Fact
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.runtime import logging
from flocker.wire.connection import ENDED
from flocker.wire.protocol import AgedFact, Report


class ReportLink(Protocol):
    """What takes reports."""

    async def report(self, report: Report) -> None:
        """Send facts; they are control's when this returns."""

    def abort(self, why: str) -> None:
        """End the connection."""


@frozen
class _Known:
    fact: Fact
    since: float


class Reporting:
    """Knows what is so, and what control has been told of it.

    A process that has not looked yet says nothing: control still knows what the one
    before it saw.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._known: dict[DatasetID, _Known] = {}
        self._told: dict[DatasetID, Fact] = {}
        self._link: ReportLink | None = None
        self._full = True
        self._looked = False
        self._sent: Deferred[None] = succeed(None)

    def talk_to(self, link: ReportLink | None) -> None:
        """Report over another link from now on, or over none."""
        self._link = link
        self._full = True
        self._told = {}
        self._sent = succeed(None)

    def now_known(self, facts: Mapping[DatasetID, Fact]) -> None:
        """Take in all that is so now."""
        now = self._clock.seconds()
        known = self._known
        self._looked = True
        self._known = {
            dataset: known[dataset]
            if dataset in known and known[dataset].fact == fact
            else _Known(fact, now)
            for dataset, fact in facts.items()
        }

    def send(self) -> Deferred[None]:
        """Report what control does not know; fires when it knows all of now."""
        if self._looked and self._link is not None and self._sent.called:
            self._sent = Deferred.fromCoroutine(self._send(self._link))
            _ = self._sent.addErrback(self._failed, self._link)
        waiting: Deferred[None] = Deferred()
        _ = self._sent.addBoth(_pass_on, waiting)
        return waiting

    async def _send(self, link: ReportLink) -> None:
        while self._link is link:
            report = self._next()
            if not (report.full or report.changed or report.gone):
                return
            self._full = False
            self._told = {dataset: known.fact for dataset, known in self._known.items()}
            await link.report(report)

    def _next(self) -> Report:
        now = self._clock.seconds()
        changed = tuple(
            AgedFact(known.fact, max(0.0, now - known.since))
            for dataset, known in self._known.items()
            if self._full or self._told.get(dataset) != known.fact
        )
        gone = tuple(d for d in self._told if d not in self._known)
        return Report(self._full, changed, () if self._full else gone)

    def _failed(self, failure: Failure, link: ReportLink) -> None:
        """A link that ends takes its report along; the next one is told everything."""
        if failure.check(*ENDED):
            return
        if failure.check(FlockerError):
            link.abort(f"control did not take a report: {failure.getErrorMessage()}")
            return
        logging.failure("flocker:report:fault", failure)
        link.abort("a report could not be sent")


def _pass_on(result: None, waiting: Deferred[None]) -> None:
    waiting.callback(None)
