"""One agent by itself: what it takes, does and says."""

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred, ensureDeferred

from flocker.dataset_agent.agent import DatasetAgent
from flocker.model.cluster import Condition, Phase, Want
from flocker.model.datasets import FilesystemKind
from flocker.model.ids import BackendName, InstanceID
from flocker.testing.builders import (
    a_dataset,
    an_assignment,
    an_ownership,
    dataset_id,
)
from flocker.testing.rigs import FakeRig
from flocker.wire.protocol import Report, Slice

ONE, TWO = dataset_id(1), dataset_id(2)


@define(eq=False)
class RecordingLink:
    """Control's ear; it answers at once unless the test holds the answer back."""

    reports: list[Report] = field(factory=list)
    held: Deferred[None] | None = None

    async def report(self, report: Report) -> None:
        self.reports.append(report)
        if self.held is not None:
            await self.held

    def abort(self, why: str) -> None:
        raise AssertionError(why)


@define(eq=False)
class Bench:
    """An agent on fakes."""

    fakes: FakeRig = field(factory=FakeRig)
    link: RecordingLink = field(factory=RecordingLink)
    number: int = 0
    agent: DatasetAgent = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.agent = DatasetAgent(self.fakes.rig, self.fakes.clock, lambda: 0.5)

    def connect(self) -> None:
        self.agent.talking(self.link)

    def take(self, *assignments, full=False, gone=(), number=None):
        """Tell the agent; give the list its answer will be in."""
        self.number = self.number + 1 if number is None else number
        told = Slice(full, tuple(assignments), tuple(gone))
        answers = []
        work = self.agent.take("boot", self.number, told)
        ensureDeferred(work).addCallback(answers.append)
        return answers

    def fact(self, dataset):
        """The last that control was told of a dataset."""
        said = None
        for report in self.link.reports:
            if report.full or dataset in report.gone:
                said = None
            for aged in report.changed:
                if aged.fact.dataset == dataset:
                    said = aged.fact
        return said


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.connect()
    return made


@pytest.fixture
def slow() -> Bench:
    """An agent each of whose calls takes ten seconds."""
    made = Bench(FakeRig(steps_take=10.0))
    made.connect()
    return made


def unrecorded(number=1):
    """An assignment of a dataset that has no volume on record."""
    return evolve(an_assignment(number), ownership=None)


def recorded(bench, number=1, **ownership):
    """An assignment of a dataset with a volume that exists."""
    volume = bench.fakes.volume(dataset_id(number))
    return evolve(
        an_assignment(number), ownership=an_ownership(number, volume, **ownership)
    )


def test_does_nothing_before_it_is_told(bench):
    """An agent that has not heard control does not even look."""
    bench.fakes.clock.advance(1000)
    assert bench.fakes.faults.calls == {}
    assert bench.link.reports == []


def test_first_update(bench):
    """The first update makes one look, and one full report."""
    assert bench.take(full=True) == [True]
    assert bench.fakes.faults.calls["list_volumes"] == 1
    assert bench.link.reports == [Report(full=True)]


def test_update_that_does_not_follow(bench):
    """Edits that do not follow on what is known are refused, and change nothing."""
    bench.take(full=True)
    assert bench.take(an_assignment(1), number=3) == [False]
    assert bench.fact(ONE) is None
    assert bench.agent.slice_number == ("boot", 1)


def test_mounts_what_it_is_told(bench):
    """A blank volume on record is attached, formatted and mounted."""
    bench.take(recorded(bench), full=True)
    fact = bench.fact(ONE)
    assert (fact.condition, fact.want) == (Condition.MOUNTED, Want.MOUNTED)
    assert set(bench.fakes.kernel.mounted) == {bench.fakes.rig.place(ONE)}


def test_creates_once(bench):
    """A volume is created, told of, and left until it is on record."""
    bench.take(unrecorded(), full=True)
    bench.fakes.clock.advance(100)
    fact = bench.fact(ONE)
    assert bench.fakes.faults.calls["create_volume"] == 1
    assert fact.condition is Condition.UNREGISTERED
    assert fact.cause.code == "registering"


def test_leaves_strangers_alone(bench):
    """A volume that is mounted here and not spoken of stays, and is reported."""
    bench.fakes.mounted(ONE)
    bench.take(full=True)
    fact = bench.fact(ONE)
    assert (fact.want, fact.condition) == (Want.LEFT_ALONE, Condition.MOUNTED)
    assert fact.cause.code == "unclaimed"
    assert set(bench.fakes.kernel.mounted) == {bench.fakes.rig.place(ONE)}


def test_what_is_gone_is_not_reported(bench):
    """What control takes away, and is not here, is not spoken of any more."""
    bench.take(unrecorded(), full=True)
    bench.take(gone=[ONE])
    assert bench.fact(ONE) is None


def test_confirms_after_its_report(bench):
    """An update is confirmed when control has heard what is being done just now."""
    bench.take(recorded(bench), full=True)
    bench.link.held = Deferred()
    away = evolve(an_assignment(1), dataset=a_dataset(1, on=2))
    answers = bench.take(away)
    assert answers == []
    assert bench.fact(ONE).want is Want.AWAY
    bench.link.held.callback(None)
    assert answers == [True]


def test_cut_off_while_confirming(bench):
    """An agent that was cut off before it could confirm does not go on."""
    bench.take(recorded(bench), full=True)
    bench.link.held = Deferred()
    bench.take(evolve(an_assignment(1), dataset=a_dataset(1, on=2)))
    bench.agent.cut_off()
    before = dict(bench.fakes.faults.calls)
    bench.link.held.callback(None)
    bench.fakes.clock.advance(1000)
    assert bench.fakes.faults.calls == before
    assert bench.fakes.clock.getDelayedCalls() == []


def test_cut_off_in_a_round(slow):
    """A look that ends after the agent was cut off leads to nothing."""
    slow.take(recorded(slow), full=True)
    slow.agent.cut_off()
    slow.fakes.clock.pump([1.0] * 100)
    assert "attach_volume" not in slow.fakes.faults.calls
    assert slow.fakes.clock.getDelayedCalls() == []


def test_told_anew_in_a_round(slow):
    """What was told while the agent looked is decided about after its next look."""
    slow.take(unrecorded(), full=True)
    while "list_volumes" not in slow.fakes.faults.calls:
        slow.fakes.clock.advance(1.0)
    assignment = recorded(slow)
    slow.fakes.driver.watch.lag = 100.0  # it is listed late
    slow.fakes.driver.watch.made[assignment.ownership.volume] = 0.0
    slow.take(assignment)
    slow.fakes.clock.pump([1.0] * 300)
    assert "create_volume" not in slow.fakes.faults.calls
    assert slow.fact(ONE).condition is Condition.MOUNTED


def test_step_of_a_dataset_that_was_taken_away(slow):
    """A step under way is reported until it ends, though nobody wants it any more."""
    slow.take(unrecorded(), full=True)
    while slow.fact(ONE) is None or slow.fact(ONE).doing is None:
        slow.fakes.clock.advance(0.1)
    slow.fakes.pace = 0.01
    slow.take(full=True)
    seen = set()
    while not slow.fakes.service.volumes:
        slow.fakes.clock.advance(0.1)
        fact = slow.fact(ONE)
        seen.add((fact and fact.want, fact and fact.doing))
    assert seen == {(Want.LEFT_ALONE, Phase.CREATING)}
    slow.fakes.clock.pump([1.0] * 100)
    assert slow.fact(ONE) is None


def test_backend_that_the_node_lacks(bench):
    """A dataset of a backend that this node does not have says so."""
    bench.take(
        evolve(unrecorded(), dataset=evolve(a_dataset(1), backend=BackendName("fast"))),
        full=True,
    )
    fact = bench.fact(ONE)
    assert (fact.cause.code, fact.cause.permanent) == ("no-such-backend", True)


def test_backend_comes_back(bench):
    """A backend that does not answer is asked again, sooner at first, then later."""
    bench.fakes.faults.always.add("list_volumes")
    bench.take(recorded(bench), full=True)
    assert bench.fact(ONE).cause.code == "backend-failed"
    bench.fakes.clock.pump([0.1] * 600)
    assert 7 <= bench.fakes.faults.calls["list_volumes"] <= 12
    bench.fakes.faults.clear()
    bench.fakes.clock.pump([1.0] * 12)
    assert bench.fact(ONE).condition is Condition.MOUNTED
    assert bench.fact(ONE).cause is None


def test_round_with_nothing_to_do(bench):
    """A round with many datasets at rest asks everything once and reports nothing."""
    bench.take(full=True)
    for number in range(100):
        volume = bench.fakes.mounted(dataset_id(number))
        owned = an_ownership(number, volume, acquired=True)
        bench.take(evolve(an_assignment(number), ownership=owned))
    before, reports = dict(bench.fakes.faults.calls), len(bench.link.reports)
    bench.fakes.clock.advance(61)
    made = {n: c - before[n] for n, c in bench.fakes.faults.calls.items()}
    assert (made["list_volumes"], made["mounts"]) == (1, 1)
    assert made.get("signature", 0) == 0
    assert len(bench.link.reports) == reports


def test_new_link(bench):
    """After a reconnection all is told, before anything is done."""
    bench.take(recorded(bench), full=True)
    bench.agent.cut_off()
    bench.link = RecordingLink()
    bench.connect()
    assert bench.link.reports == []
    bench.take()
    assert bench.link.reports[0].full
    assert bench.fact(ONE).condition is Condition.MOUNTED


def at_rest(bench, count=20):
    """Tell the agent of datasets that are mounted already."""
    told = []
    for number in range(count):
        volume = bench.fakes.mounted(dataset_id(number))
        owned = an_ownership(number, volume, acquired=True)
        told.append(evolve(an_assignment(number), ownership=owned))
    bench.take(*told, full=True)


def asked_for(bench, do):
    """How often a device was asked for meanwhile."""
    before = bench.fakes.faults.calls.get("get_device_path", 0)
    do()
    return bench.fakes.faults.calls["get_device_path"] - before


def test_what_is_at_rest_is_passed_over(bench):
    """A round for one dataset asks for no device of the others, nor reports them."""
    at_rest(bench)
    reports = len(bench.link.reports)
    told = recorded(bench, 30)
    assert asked_for(bench, lambda: bench.take(told)) < 10
    assert bench.fact(dataset_id(30)).condition is Condition.MOUNTED
    said = [each for report in bench.link.reports[reports:] for each in report.changed]
    assert {each.fact.dataset for each in said} == {dataset_id(30)}


def test_thorough_look(bench):
    """Once a minute each device is asked for, so that one that vanished is noticed."""
    at_rest(bench)
    volume = bench.fact(ONE).volume
    device = bench.fakes.service.devices.pop(volume)
    bench.take()
    assert bench.fact(ONE).condition is Condition.MOUNTED
    assert asked_for(bench, lambda: bench.fakes.clock.advance(60)) >= 20
    assert bench.fact(ONE).condition is Condition.STRANDED
    bench.fakes.service.devices[volume] = device
    bench.fakes.clock.advance(60)
    assert bench.fact(ONE).condition is Condition.MOUNTED


def test_unmounted_by_somebody(bench):
    """Any round sees what is not mounted any more, and mounts it."""
    at_rest(bench)
    device = bench.fakes.kernel.mounted[bench.fakes.rig.place(ONE)].path
    bench.fakes.kernel.unmount(bench.fakes.rig.place(ONE), device)
    bench.take()
    assert bench.fakes.rig.place(ONE) in bench.fakes.kernel.mounted


def test_listed_otherwise(bench):
    """Any round sees what the backend lists otherwise than before."""
    at_rest(bench)
    volume = bench.fact(ONE).volume
    listed = bench.fakes.service.volumes
    listed[volume] = evolve(listed[volume], size=listed[volume].size * 2)
    bench.take()
    assert bench.fact(ONE).size == listed[volume].size


def test_connected_again_looks_at_all(bench):
    """The first round after a pause is a thorough one."""
    at_rest(bench)
    bench.agent.cut_off()
    bench.connect()
    assert asked_for(bench, bench.take) >= 20


def test_elsewhere_without_a_holder(bench):
    """A volume that the listing, perhaps late, gives to another is asked for soon."""
    told = recorded(bench)
    volume = told.ownership.volume
    other = bench.fakes.service.node("i-2")
    other.attach_volume(volume, InstanceID("i-2"))
    bench.take(told, full=True)
    assert bench.fact(ONE).cause.code == "attached-elsewhere"
    other.detach_volume(volume)
    bench.fakes.clock.advance(9.9)
    assert bench.fact(ONE).condition is Condition.ELSEWHERE
    bench.fakes.clock.advance(0.2)
    assert bench.fact(ONE).condition is Condition.MOUNTED


FAST, HUNG = BackendName("fast"), BackendName("hung")


@pytest.fixture
def two() -> Bench:
    """An agent with two backends, one of which can be made to hang."""
    made = Bench(FakeRig(names=(HUNG, FAST)))
    made.connect()
    return made


def on(bench, number, backend):
    """An assignment of a dataset on a backend."""
    told = recorded(bench, number)
    return evolve(
        told,
        ownership=evolve(told.ownership, backend=backend),
        dataset=evolve(told.dataset, backend=backend),
    )


def test_two_backends(two):
    """Each backend's datasets are mounted by its own keeper, once."""
    two.take(on(two, 1, FAST), on(two, 2, HUNG), full=True)
    facts = [two.fact(ONE), two.fact(TWO)]
    assert [(f.condition, f.backend) for f in facts] == [
        (Condition.MOUNTED, FAST),
        (Condition.MOUNTED, HUNG),
    ]
    assert two.fakes.faults.calls["attach_volume"] == 2


def test_hung_backend_delays_no_other(two):
    """While a backend hangs the other's datasets are served, and its own stay known."""
    two.take(on(two, 2, HUNG), full=True)
    two.fakes.threads[HUNG].hang()
    two.take(on(two, 1, FAST))
    assert two.fact(ONE).condition is Condition.MOUNTED
    two.fakes.clock.advance(4.9)
    assert two.fact(TWO).cause is None
    two.fakes.clock.advance(0.2)
    fact = two.fact(TWO)
    assert (fact.condition, fact.cause.code) == (Condition.MOUNTED, "backend-slow")
    assert fact.cause.words == "backend hung has not answered for 5 seconds"
    assert two.fact(ONE).cause is None


def test_slow_step(slow):
    """A step that does not end says so, and for how long; when it ends that is over."""
    slow.take(recorded(slow), full=True)
    words = []
    for _ in range(120):
        slow.fakes.clock.advance(1.0)
        fact = slow.fact(ONE)
        if fact is not None and fact.cause is not None:
            words.append((fact.doing, fact.cause.code, fact.cause.words))
    attaching = (
        Phase.ATTACHING,
        "step-slow",
        "to attach it has taken 5 seconds until now",
    )
    assert attaching in words
    slow.fakes.clock.pump([1.0] * 30)
    assert slow.fact(ONE).condition is Condition.MOUNTED
    assert "step-slow" not in str(slow.fact(ONE).cause)


def test_hung_backend_is_asked_once(two):
    """A backend that hangs is not asked again, and its datasets rarely say more."""
    two.take(on(two, 2, HUNG), full=True)
    two.fakes.threads[HUNG].hang()
    two.take(on(two, 1, FAST))
    listed, reports = two.fakes.faults.calls["list_volumes"], len(two.link.reports)
    two.fakes.clock.pump([1.0] * 200)
    words = [
        each.fact.cause.words.partition("for ")[2]
        for report in two.link.reports[reports:]
        for each in report.changed
    ]
    assert words == ["5 seconds", "30 seconds", "2 minutes"]
    made = two.fakes.faults.calls["list_volumes"] - listed
    assert made <= 5  # the other's, once a minute
    two.fakes.threads[HUNG].go_on()
    assert two.fact(TWO).cause is None
    assert two.fakes.faults.calls["list_volumes"] - listed <= made + 2


def test_hung_from_the_start(two):
    """An agent whose backend never answers says so, and serves the other."""
    two.fakes.threads[HUNG].hang()
    two.take(on(two, 1, FAST), on(two, 2, HUNG), full=True)
    assert two.link.reports == []
    two.fakes.clock.advance(5.0)
    assert two.fact(ONE).condition is Condition.MOUNTED
    fact = two.fact(TWO)
    assert (fact.condition, fact.cause.code) == (Condition.UNKNOWN, "backend-slow")
    two.fakes.threads[HUNG].go_on()
    assert two.fact(TWO).condition is Condition.MOUNTED


def test_given_up(bench):
    """A volume too small for its filesystem is said to fail for good, tried rarely."""
    told = recorded(bench)
    xfs = evolve(told.dataset, filesystem=FilesystemKind.XFS)
    bench.take(evolve(told, dataset=xfs), full=True)
    bench.fakes.clock.pump([1.0] * 200)
    fact = bench.fact(ONE)
    assert (fact.cause.code, fact.cause.permanent) == ("too-small", True)
    assert "xfs needs at least 300M" in fact.cause.words
    assert bench.fakes.faults.calls["make"] == 1
    bench.fakes.clock.pump([1.0] * 200)
    assert bench.fakes.faults.calls["make"] == 2
