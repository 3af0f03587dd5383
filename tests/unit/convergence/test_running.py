"""Steps side by side, one at a time a key, tried again with back-off."""

from collections.abc import Awaitable

import pytest
from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.convergence.outcome import Done, GiveUp, Outcome, TryAgain
from flocker.convergence.running import (
    GIVEN_UP_FOR,
    SEE_TO_A_FAULT,
    SEE_TO_IT,
    Running,
)
from flocker.model.cluster import Cause
from flocker.model.errors import FlockerError

BUSY = Cause("busy", "it is busy")


@frozen
class Step:
    """A step of a test."""

    name: str = "step"


@frozen
class VolumeStuck(FlockerError):
    """An error with words."""

    volume: str

    def words(self) -> str:
        return f"volume {self.volume} is stuck"


@define
class Bench:
    """A `Running` whose steps end when the test says so."""

    clock: Clock = field(factory=Clock)
    chance: float = 0.5
    started: list[Step] = field(factory=list)
    pending: list[Deferred[Outcome]] = field(factory=list)
    woken: int = 0
    running: Running[str, Step] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.running = Running(
            self._perform, self.clock, lambda: self.chance, self._wake
        )

    def _perform(self, _key: object, step: Step) -> Awaitable[Outcome]:
        self.started.append(step)
        self.pending.append(Deferred())
        return self.pending[-1]

    def _wake(self) -> None:
        self.woken += 1

    def look(self) -> None:
        """A round's observation."""
        self.running.observe()
        self.running.observed()

    def once(self, outcome: object, step: Step = Step()) -> None:
        """Start a step of ``a`` that ends so, and look."""
        assert self.running.start("a", step) is None
        self.end(outcome)
        self.look()

    def end(self, outcome: object) -> None:
        """End the step that has run longest."""
        pending = self.pending.pop(0)
        if isinstance(outcome, Exception):
            pending.errback(outcome)
        else:
            pending.callback(outcome)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_side_by_side(bench):
    """Steps of different keys run at once."""
    bench.running.start("a", Step("1"))
    bench.running.start("b", Step("2"))
    assert bench.started == [Step("1"), Step("2")]
    assert (bench.running.doing("a"), bench.running.doing("b")) == (
        Step("1"),
        Step("2"),
    )


def test_one_at_a_time(bench):
    """Of one key the next step does not start while one runs."""
    bench.running.start("a", Step("1"))
    assert bench.running.start("a", Step("2")) is None
    assert bench.started == [Step("1")]


def test_wakes_when_it_ends(bench):
    """Whoever plans is woken by each end."""
    bench.running.start("a", Step())
    assert bench.woken == 0
    bench.end(Done())
    assert bench.woken == 1


def test_not_before_its_effect_was_seen(bench):
    """A key whose step has ended waits for an observation that began afterwards."""
    bench.running.start("a", Step("1"))
    assert bench.running.observe() == {"a"}
    bench.end(Done())
    bench.running.observed()
    bench.running.start("a", Step("2"))
    assert bench.running.doing("a") == Step("1")
    assert bench.started == [Step("1")]
    assert bench.running.observe() == frozenset()
    bench.running.observed()
    assert bench.running.doing("a") is None
    bench.running.start("a", Step("2"))
    assert bench.started == [Step("1"), Step("2")]


def test_uncertain_are_those_that_run(bench):
    """An observation tells nothing certain of what runs when it begins."""
    bench.running.start("a", Step())
    bench.running.start("b", Step())
    bench.end(Done())
    assert bench.running.observe() == {"b"}


@pytest.mark.parametrize(
    ("chance", "factor"), [(0.0, 0.8), (0.5, 1.0), (0.999999, 1.2)]
)
def test_back_off(chance, factor):
    """Waits are 0.1 s, four times longer each time, at most 10 s, 20 % either way."""
    bench = Bench(chance=chance)
    waits = []
    for _ in range(6):
        bench.once(TryAgain(BUSY))
        wait = bench.running.start("a", Step())
        waits.append(wait)
        bench.clock.advance(wait)
    expected = [0.1, 0.4, 1.6, 6.4, 10.0, 10.0]
    assert waits == pytest.approx([each * factor for each in expected], rel=1e-4)


def test_waits_out_its_back_off(bench):
    """A failed step does not start again before its time."""
    bench.once(TryAgain(BUSY))
    bench.clock.advance(0.09)
    assert bench.running.start("a", Step()) == pytest.approx(0.01)
    assert len(bench.started) == 1
    bench.clock.advance(0.011)
    assert bench.running.start("a", Step()) is None
    assert len(bench.started) == 2


def test_wait_given_by_the_step(bench):
    """A step may know better when to try again."""
    bench.once(TryAgain(BUSY, after=3.0))
    assert bench.running.start("a", Step()) == pytest.approx(3.0)


def test_another_step_starts_anew(bench):
    """A step that is another one than that which failed does not wait."""
    bench.once(TryAgain(BUSY))
    assert bench.running.start("a", Step("other")) is None
    assert bench.running.trouble("a") is None
    assert bench.started == [Step(), Step("other")]


def test_trouble_is_told_until_it_works(bench):
    """The cause of the last failure stands until a step of the key has worked."""
    bench.once(TryAgain(BUSY))
    assert bench.running.trouble("a") == BUSY
    bench.clock.advance(1)
    bench.running.start("a", Step())
    assert bench.running.trouble("a") == BUSY
    bench.end(Done())
    assert bench.running.trouble("a") is None


def test_settled(bench):
    """A key with nothing to do forgets its troubles, and its back-off."""
    bench.once(TryAgain(BUSY))
    bench.running.settle("a")
    assert bench.running.trouble("a") is None
    assert bench.running.start("a", Step()) is None


def test_give_up(bench):
    """What was given up is said to be so, and tried once more after five minutes."""
    bench.once(GiveUp(BUSY))
    trouble = bench.running.trouble("a")
    assert (trouble.code, trouble.permanent) == ("busy", True)
    assert bench.running.start("a", Step()) == GIVEN_UP_FOR
    bench.clock.advance(GIVEN_UP_FOR)
    assert bench.running.start("a", Step()) is None


def test_hurry(bench):
    """News about a key end its wait, but not its row of failures."""
    for _ in range(3):
        bench.once(TryAgain(BUSY))
        bench.running.hurry("a")
    assert len(bench.started) == 3
    bench.once(TryAgain(BUSY))
    assert bench.running.start("a", Step()) == pytest.approx(6.4)
    bench.running.hurry("nobody")


def test_error_with_words(bench):
    """An error that a user understands becomes its code and its words."""
    bench.once(VolumeStuck("v-1"))
    assert bench.running.trouble("a") == Cause(
        "volume-stuck", "volume v-1 is stuck", SEE_TO_IT
    )


def test_any_exception(bench):
    """What a driver raises in its own way is tried again, and said."""
    bench.once(KeyError("mystery"))
    trouble = bench.running.trouble("a")
    assert trouble == Cause(
        "unexpected", "unexpected KeyError: 'mystery'", SEE_TO_A_FAULT
    )
    assert bench.running.start("a", Step()) == pytest.approx(0.1)


def test_success_without_effect(bench):
    """A step that succeeds and must be done again waits longer and longer."""
    waits = []
    bench.once(Done())
    for _ in range(5):
        wait = bench.running.start("a", Step())
        waits.append(wait)
        assert bench.running.trouble("a").code == "no-effect"
        bench.clock.advance(wait)
        bench.once(Done())
    assert waits == pytest.approx([0.1, 0.4, 1.6, 6.4, 10.0])


def test_failures_of_either_sort_are_one_row(bench):
    """A step that fails, then works in vain, then fails, waits longer and longer."""
    waits = []
    for outcome in [TryAgain(BUSY), Done()] * 3:
        bench.once(outcome)
        wait = bench.running.start("a", Step())
        waits.append(wait)
        bench.clock.advance(wait)
    assert waits == pytest.approx([0.1, 0.4, 1.6, 6.4, 10.0, 10.0])


def test_another_step_ends_the_row(bench):
    """When another step is due, the situation has changed: failures count anew."""
    for _ in range(3):
        bench.once(TryAgain(BUSY))
        bench.running.hurry("a")
    bench.once(Done())
    bench.once(Done(), Step("other"))
    bench.once(TryAgain(BUSY))
    assert bench.running.start("a", Step()) == pytest.approx(0.1)


def test_effect_after_all(bench):
    """Once its effect is seen, a step that had none counts as new."""
    bench.once(Done())
    assert bench.running.start("a", Step()) is not None
    bench.running.settle("a")
    assert bench.running.start("a", Step()) is None


def test_keys_fail_by_themselves(bench):
    """The failures of one key delay no other."""
    bench.once(TryAgain(BUSY))
    assert bench.running.start("b", Step()) is None
    assert bench.running.trouble("b") is None


def test_leaves_no_timers(bench):
    """Retries are the planner's to time: nothing is left on the clock."""
    bench.once(TryAgain(BUSY))
    assert bench.clock.getDelayedCalls() == []
