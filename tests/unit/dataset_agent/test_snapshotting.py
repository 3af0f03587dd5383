"""Whether a backend takes snapshots, as its driver answers, late or not at all."""

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.dataset_agent.rig import Backend
from flocker.dataset_agent.snapshotting import AGAIN, WITHIN, Snapshotting
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.testing.fakes.memory_block_devices import MemoryBlockDevices, MemoryNode
from flocker.testing.simulation.processes import ProcessClock, SimulatedThreads


@define(eq=False)
class Bench:
    """A driver in memory, and the questions to it; each takes a thread."""

    clock: Clock = field(factory=Clock)
    service: MemoryBlockDevices = field(factory=MemoryBlockDevices)
    learnt: int = 0
    asked: int = 0
    fault: str | None = None
    threads: SimulatedThreads = field(init=False)
    snapshotting: Snapshotting = field(init=False)

    def __attrs_post_init__(self) -> None:
        bench = self

        class Driver(MemoryNode):
            def check_snapshots(self) -> None:
                bench.asked += 1
                if bench.fault is not None:
                    raise OSError(bench.fault)
                super().check_snapshots()

        _ = self.service.node("i-1")
        driver = Driver(self.service, "i-1")
        self.threads = SimulatedThreads(ProcessClock(self.clock))
        backend = Backend(DEFAULT_BACKEND, "memory", "block", driver, self.threads)
        self.snapshotting = Snapshotting(backend, self.clock, self.learns)

    def learns(self) -> None:
        self.learnt += 1

    def connects(self) -> bool:
        """What control is told when the agent connects."""
        told: list[bool] = []
        asking = Deferred.fromCoroutine(self.snapshotting.takes_any())
        asking.addCallback(told.append)
        self.clock.advance(0)
        if not told:
            self.clock.advance(WITHIN)
        return told[0]


@pytest.fixture
def bench() -> Bench:
    """A driver that takes snapshots."""
    return Bench()


def test_says_yes(bench):
    """What it says is told, and it is asked no more until the agent connects anew."""
    assert bench.connects()
    bench.clock.advance(10 * AGAIN)
    assert (bench.asked, bench.learnt) == (1, 0)
    assert bench.connects()


def test_says_no(bench):
    """No is no, until the agent connects anew: then it may be set up otherwise."""
    bench.service.why_no_snapshots = "its files cannot share blocks"
    assert not bench.connects()
    bench.service.why_no_snapshots = None
    bench.clock.advance(10 * AGAIN)
    assert (bench.asked, bench.learnt) == (1, 0)
    assert bench.connects()


def test_answers_late(bench):
    """What comes too late for this connection is told by another."""
    bench.threads.hang()
    assert not bench.connects()
    bench.threads.go_on()
    bench.clock.advance(0)
    assert bench.learnt == 1
    assert bench.connects()


def test_hangs(bench):
    """However often the agent connects, one question is under way."""
    bench.threads.hang()
    for _ in range(3):
        assert not bench.connects()
        bench.clock.advance(AGAIN)
    assert bench.threads.running == 1
    bench.threads.go_on()
    bench.clock.advance(0)
    assert bench.learnt == 1


def test_fails(bench):
    """A failure is no answer: it is asked again until there is one."""
    bench.fault = "the service is away"
    assert not bench.connects()
    bench.clock.advance(AGAIN)
    assert (bench.asked, bench.learnt) == (2, 0)
    bench.fault = None
    bench.clock.advance(AGAIN)
    assert (bench.asked, bench.learnt) == (3, 1)
    bench.clock.advance(10 * AGAIN)
    assert bench.asked == 3


def test_fails_and_then_says_no(bench):
    """A late no is what was told already."""
    bench.fault = "the service is away"
    assert not bench.connects()
    bench.fault, bench.service.why_no_snapshots = None, "it has none"
    bench.clock.advance(10 * AGAIN)
    assert (bench.asked, bench.learnt) == (2, 0)


def test_stopped(bench):
    """An agent that stops asks no more."""
    bench.fault = "the service is away"
    assert not bench.connects()
    bench.snapshotting.stop()
    bench.clock.advance(10 * AGAIN)
    assert bench.asked == 1
    assert not bench.clock.getDelayedCalls()


def test_connects_while_it_waits(bench):
    """A new connection asks at once."""
    bench.fault = "the service is away"
    assert not bench.connects()
    bench.fault = None
    assert bench.connects()
    bench.clock.advance(10 * AGAIN)
    assert (bench.asked, bench.learnt) == (2, 0)
