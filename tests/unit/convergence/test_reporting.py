"""Control is told what it does not know, one report at a time."""

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock

from flocker.convergence.reporting import Reporting
from flocker.model.cluster import Condition
from flocker.testing.builders import a_fact, dataset_id
from flocker.wire.commands import BadPayload
from flocker.wire.protocol import AgedFact, Report

ONE, TWO = a_fact(1), a_fact(2)
ONE_DETACHED = a_fact(1, Condition.DETACHED)


@define(eq=False)
class RecordingLink:
    """Keeps reports until the test answers them."""

    reports: list[Report] = field(factory=list)
    waiting: list[Deferred[None]] = field(factory=list)
    aborted: list[str] = field(factory=list)

    async def report(self, report: Report) -> None:
        self.reports.append(report)
        self.waiting.append(Deferred())
        await self.waiting[-1]

    def abort(self, why: str) -> None:
        self.aborted.append(why)

    def answer(self) -> None:
        """Control has the report that is under way, of which there is one."""
        [waiting] = self.waiting
        self.waiting.clear()
        waiting.callback(None)

    def fail(self, error: Exception) -> None:
        [waiting] = self.waiting
        self.waiting.clear()
        waiting.errback(error)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def link() -> RecordingLink:
    return RecordingLink()


@pytest.fixture
def reporting(clock, link) -> Reporting:
    made = Reporting(clock)
    made.talk_to(link)
    return made


def now(reporting, *facts):
    """All that is so now."""
    gone: dict = {dataset_id(1): None, dataset_id(2): None}
    reporting.learn(gone | {fact.dataset: fact for fact in facts})


def full_report(changed=()):
    return Report(full=True, changed=changed)


def differences(changed, gone=()):
    return Report(full=False, changed=changed, gone=gone)


def aged(fact, age=0.0):
    return AgedFact(fact, age)


def sent(reporting):
    """Send; give the list that says whether it is done."""
    done = []
    reporting.send().addCallback(done.append)
    return done


def test_silent_before_the_first_look(reporting, link):
    """A process that has not looked says nothing, not even that there is nothing."""
    assert sent(reporting) == [None]
    assert link.reports == []


def test_first_report_is_full(reporting, link):
    """On a new link all is told."""
    now(reporting, ONE, TWO)
    sent(reporting)
    assert link.reports == [full_report((aged(ONE), aged(TWO)))]


def test_full_report_of_nothing(reporting, link):
    """That there is nothing is news on a new link."""
    now(reporting)
    sent(reporting)
    assert link.reports == [full_report()]


def test_then_differences(reporting, link):
    """Afterwards only what has changed or gone is told."""
    now(reporting, ONE, TWO)
    sent(reporting)
    link.answer()
    now(reporting, ONE_DETACHED)
    sent(reporting)
    assert link.reports[1:] == [differences((aged(ONE_DETACHED),), (dataset_id(2),))]


def test_nothing_new(reporting, link):
    """What control knows it is not told again."""
    now(reporting, ONE)
    sent(reporting)
    link.answer()
    now(reporting, evolve(ONE))
    assert sent(reporting) == [None]
    assert len(link.reports) == 1


def test_one_in_flight(reporting, link):
    """While a report is under way changes are merged into the next."""
    now(reporting, ONE)
    sent(reporting)
    for facts in ([TWO], [ONE, TWO], [ONE_DETACHED, TWO]):
        now(reporting, *facts)
        sent(reporting)
    assert len(link.reports) == 1
    link.answer()
    assert link.reports[1:] == [differences((aged(ONE_DETACHED), aged(TWO)))]


def test_sent_when_all_is_known(reporting, link):
    """Whoever sends is told when control knows all that was so then."""
    now(reporting, ONE)
    first = sent(reporting)
    now(reporting, TWO)
    second = sent(reporting)
    link.answer()
    assert (first, second) == ([], [])
    link.answer()
    assert (first, second) == ([None], [None])


def test_there_and_back(reporting, link):
    """What changed and changed back while a report was under way is no news."""
    now(reporting, ONE)
    sent(reporting)
    now(reporting, ONE_DETACHED)
    sent(reporting)
    now(reporting, ONE)
    link.answer()
    assert len(link.reports) == 1


def test_ages(reporting, link, clock):
    """A fact is as old as its being so, however often it was looked at."""
    now(reporting, ONE)
    clock.advance(5)
    now(reporting, ONE, TWO)
    clock.advance(2)
    now(reporting, ONE, TWO)
    sent(reporting)
    assert link.reports == [full_report((aged(ONE, 7.0), aged(TWO, 2.0)))]


def test_a_changed_fact_is_new(reporting, link, clock):
    """A fact that changed is as old as its change."""
    now(reporting, ONE)
    clock.advance(5)
    now(reporting, ONE_DETACHED)
    clock.advance(1)
    sent(reporting)
    assert link.reports == [full_report((aged(ONE_DETACHED, 1.0),))]


def test_without_a_link(clock):
    """Without a link nothing is sent and nobody waits."""
    reporting = Reporting(clock)
    now(reporting, ONE)
    assert sent(reporting) == [None]


def test_another_link(reporting, link):
    """A new link is told all, though the old one has not answered."""
    now(reporting, ONE)
    waiting = sent(reporting)
    other = RecordingLink()
    reporting.talk_to(other)
    now(reporting, ONE, TWO)
    sent(reporting)
    assert other.reports == [full_report((aged(ONE), aged(TWO)))]
    link.fail(ConnectionDone())
    assert waiting == [None]
    assert len(link.reports) == len(other.reports) == 1


@pytest.mark.parametrize("end", [ConnectionDone, ConnectionLost, ConnectionAborted])
def test_link_ends(reporting, link, end):
    """A report that ends with its link is no fault, and nobody waits for it."""
    now(reporting, ONE)
    waiting = sent(reporting)
    link.fail(end())
    assert waiting == [None]
    assert link.aborted == []


@pytest.mark.parametrize("error", [BadPayload("too strange"), ValueError("fault")])
def test_refused(reporting, link, error):
    """A report that control does not take ends the link: the next is told all."""
    now(reporting, ONE)
    waiting = sent(reporting)
    link.fail(error)
    assert waiting == [None]
    assert len(link.aborted) == 1
