"""Rounds one after the other: every input in every state in which it can come."""

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.convergence.loop import AFTER_A_FAULT, Loop, make_loop

REST = 7.0


@define
class Bench:
    """A loop whose rounds end when the test says so."""

    clock: Clock = field(factory=Clock)
    rounds: int = 0
    under_way: list[Deferred[float]] = field(factory=list)
    loop: Loop = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.loop = make_loop(self._round, self.clock)

    async def _round(self) -> float:
        self.rounds += 1
        self.under_way.append(Deferred())
        return await self.under_way[-1]

    def end(self, rest: object = REST) -> None:
        """End the round that is under way, of which there is one."""
        [round_] = self.under_way
        self.under_way.clear()
        round_.callback(rest)

    def state(self) -> str:
        """The name of the loop's state."""
        if self.under_way:
            return "working"
        return "resting" if self.clock.getDelayedCalls() else "stopped"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def resting(bench) -> Bench:
    bench.loop.start()
    bench.end()
    return bench


def test_begins_with_a_round(bench):
    """A loop that is started does a round at once."""
    assert bench.rounds == 0
    bench.loop.start()
    assert bench.rounds == 1


def test_rests_between_rounds(resting):
    """The next round comes when the rest is over, not before."""
    resting.clock.advance(REST - 0.1)
    assert (resting.rounds, resting.state()) == (1, "resting")
    resting.clock.advance(0.1)
    assert (resting.rounds, resting.state()) == (2, "working")


@pytest.mark.parametrize("news", ["wake", "start"])
def test_woken_from_rest(resting, news):
    """News end the rest, whose timer is gone."""
    getattr(resting.loop, news)()
    assert resting.rounds == 2
    assert resting.clock.getDelayedCalls() == []


@pytest.mark.parametrize("news", ["wake", "start"])
def test_woken_at_work(bench, news):
    """News during a round, however many, make one more round right after it."""
    bench.loop.start()
    for _ in range(3):
        getattr(bench.loop, news)()
    assert bench.rounds == 1
    bench.end()
    assert bench.rounds == 2
    bench.end()
    assert (bench.rounds, bench.state()) == (2, "resting")


def test_not_woken_when_stopped(bench):
    """News do not start what was not started."""
    bench.loop.wake()
    bench.loop.stop()
    bench.loop.wake()
    assert (bench.rounds, bench.state()) == (0, "stopped")


def test_stopped_at_rest(resting):
    """A loop stopped at rest leaves no timer, and is not woken."""
    resting.loop.stop()
    resting.loop.wake()
    resting.clock.advance(100)
    assert (resting.rounds, resting.state()) == (1, "stopped")


@pytest.mark.parametrize("woken", [False, True])
def test_stopped_at_work(bench, woken):
    """A round under way is finished, and is the last, whatever the news."""
    bench.loop.start()
    if woken:
        bench.loop.wake()
    bench.loop.stop()
    bench.loop.wake()
    bench.loop.stop()
    bench.end()
    assert (bench.rounds, bench.state()) == (1, "stopped")


def test_started_again_while_stopping(bench):
    """A loop started again before its last round ended does one more round."""
    bench.loop.start()
    bench.loop.stop()
    bench.loop.start()
    bench.end()
    assert (bench.rounds, bench.state()) == (2, "working")


def test_started_again(resting):
    """A stopped loop goes on with a round at once."""
    resting.loop.stop()
    resting.loop.start()
    assert resting.rounds == 2


def test_fault(bench):
    """A round that ends in a fault is not the last."""
    bench.loop.start()
    [round_] = bench.under_way
    bench.under_way.clear()
    round_.errback(ZeroDivisionError("a fault of ours"))
    bench.clock.advance(AFTER_A_FAULT - 0.1)
    assert bench.rounds == 1
    bench.clock.advance(0.2)
    assert bench.rounds == 2


def test_rounds_that_take_no_time():
    """A round that wakes its own loop, and ends at once, is followed by the next."""
    clock = Clock()
    rounds = []

    async def do_round() -> float:
        rounds.append(None)
        if len(rounds) < 5:
            loop.wake()
        return REST

    loop = make_loop(do_round, clock)
    loop.start()
    assert len(rounds) == 5
    assert len(clock.getDelayedCalls()) == 1


def test_stopped_in_its_own_round():
    """A round may stop its loop."""
    clock = Clock()

    async def do_round() -> float:
        loop.stop()
        return REST

    loop = make_loop(do_round, clock)
    loop.start()
    assert clock.getDelayedCalls() == []
