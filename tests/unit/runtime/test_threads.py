"""Blocking calls go to a pool of their own, while it runs."""

from contextlib import contextmanager

import eliot
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.runtime import threads
from flocker.runtime.threads import STOP_WITHIN, Threads, ThreadsStopped


class StepPool:
    """A pool whose calls run when the test says so."""

    def __init__(self, minimum: int, maximum: int, name: str) -> None:
        self.described = (minimum, maximum, name)
        self.state = "new"
        self.waiting: list = []

    def start(self) -> None:
        self.state = "started"

    def stop(self) -> None:
        self.state = "stopped"

    def callInThreadWithCallback(self, on_result, work, *args, **kwargs) -> None:
        def step() -> None:
            succeeded = False
            try:
                result = work(*args, **kwargs)
                succeeded = True
            except KeyError:
                result = Failure()
            on_result(succeeded, result)

        self.waiting.append(step)

    def step(self) -> None:
        """Run the call that was made first."""
        self.waiting.pop(0)()


class StepReactor(Clock):
    """A reactor whose thread is the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = StepPool(0, 1, "reactor")

    def callFromThread(self, function, *args) -> None:
        function(*args)

    def getThreadPool(self) -> StepPool:
        return self.pool


@contextmanager
def captured():
    """What is logged meanwhile."""
    messages: list = []
    keep = messages.append
    eliot.add_destinations(keep)
    messages.clear()  # the first destination is given what was logged before
    try:
        yield messages
    finally:
        eliot.remove_destination(keep)


@pytest.fixture
def reactor():
    """The reactor."""
    return StepReactor()


@pytest.fixture
def pools(monkeypatch):
    """The pools that are made."""
    made = []

    def make(*described):
        made.append(StepPool(*described))
        return made[-1]

    monkeypatch.setattr(threads, "ThreadPool", make)
    return made


@pytest.fixture
def running(reactor, pools):
    """Threads that have been started."""
    found = Threads(reactor, "kernel", 3)
    found.start()
    return found


def begun(coroutine):
    """What a coroutine gives or raises, in a list."""
    results: list = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    return results


def test_own_pool(running, pools):
    """They are a pool of their own, with a name, and no thread until one is needed."""
    assert [(pool.described, pool.state) for pool in pools] == [
        ((0, 3, "kernel"), "started")
    ]


def test_run(running, pools):
    """A call does nothing in the reactor's thread; its result comes later."""
    results = begun(running.run(divmod, 7, 2))
    assert results == []
    pools[0].step()
    assert results == [(3, 1)]


def test_keywords(running, pools):
    """A call may have keywords."""
    results = begun(running.run(int, "ff", base=16))
    pools[0].step()
    assert results == [255]


def test_raises(running, pools):
    """What a call raises is raised."""
    results = begun(running.run({}.__getitem__, "it"))
    pools[0].step()
    assert isinstance(results[0].value, KeyError)


def test_stop(running, pools, reactor):
    """Stopping waits for the pool in a thread that is none of it."""
    results = begun(running.stop())
    assert (results, pools[0].state) == ([], "started")
    reactor.pool.step()
    assert (results, pools[0].state) == ([None], "stopped")


def test_stop_waits_for_calls(running, pools, reactor):
    """Stopping waits for the calls under way."""
    begun(running.run(divmod, 7, 2))
    results = begun(running.stop())
    reactor.advance(STOP_WITHIN / 2)
    assert (results, reactor.pool.waiting) == ([], [])
    pools[0].step()
    reactor.pool.step()
    assert (results, pools[0].state) == ([None], "stopped")
    assert reactor.getDelayedCalls() == []


def test_call_that_never_ends(running, pools, reactor):
    """Stopping leaves a call that hangs to itself, in a thread that can be left."""
    hung = begun(running.run(divmod, 7, 2))
    with captured() as messages:
        results = begun(running.stop())
        reactor.advance(STOP_WITHIN - 1)
        assert results == []
        reactor.advance(1)
    assert (results, hung, reactor.pool.waiting) == ([None], [], [])
    said = [(each.get("threads"), each.get("calls")) for each in messages]
    assert said == [("kernel", ["divmod"])]
    thread = pools[0].threadFactory(target=int)
    thread.start()
    assert thread.daemon
    pools[0].step()
    assert hung == [(3, 1)]


def test_run_after_stop(running, pools):
    """A call that comes when they are stopped is refused, not kept for ever."""
    begun(running.stop())
    (refused,) = begun(running.run(divmod, 7, 2))
    assert isinstance(refused.value, ThreadsStopped)
    assert str(refused.value) == "the threads kernel have been stopped"
    assert pools[0].waiting == []
