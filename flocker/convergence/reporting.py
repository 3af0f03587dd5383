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
from flocker.runtime.crash_points import crash_point
from flocker.wire.connection import ENDED
from flocker.wire.protocol import AgedFact, Report

BEFORE_REPORT = crash_point("before report")
AFTER_REPORT = crash_point("after report")


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
        self._news: dict[DatasetID, None] = {}
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

    def learn(self, facts: Mapping[DatasetID, Fact | None]) -> None:
        """Take in what is so now; of a dataset with None there is nothing to say."""
        now = self._clock.seconds()
        self._looked = True
        for dataset, fact in facts.items():
            before = self._known.get(dataset)
            if fact is None:
                self._known.pop(dataset, None)
            elif before is None or before.fact != fact:
                self._known[dataset] = _Known(fact, now)
            self._news[dataset] = None

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
            self._told.update((aged.fact.dataset, aged.fact) for aged in report.changed)
            for dataset in report.gone:
                del self._told[dataset]
            BEFORE_REPORT()
            await link.report(report)
            AFTER_REPORT()

    def _next(self) -> Report:
        """Take the news; all that is known, where nothing was told yet."""
        now = self._clock.seconds()
        news, self._news = self._known if self._full else self._news, {}
        known = [self._known[dataset] for dataset in news if dataset in self._known]
        changed = tuple(
            AgedFact(each.fact, max(0.0, now - each.since))
            for each in known
            if self._told.get(each.fact.dataset) != each.fact
        )
        gone = tuple(d for d in news if d not in self._known and d in self._told)
        return Report(self._full, changed, gone)

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
