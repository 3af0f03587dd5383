"""Tests of waiting for what is not there yet."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.client.interface import RequestRefused, Unreachable
from flocker.docker_plugin.patience import LONGEST_PAUSE, Eventually, patiently, pauses
from flocker.docker_plugin.startup import NotStarted

AWAY = Unreachable((("control:4523", "connection refused"),))


class Asked:
    """Fails so often, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times = 0

    async def __call__(self) -> str:
        """Answer, or fail."""
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_pauses() -> None:
    """Each pause is twice as long, up to the longest."""
    pause = pauses()
    assert [pause() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_PAUSE]


def test_patiently() -> None:
    """What cannot be reached is asked again."""
    clock, asked = Clock(), Asked(AWAY, AWAY)
    done = Deferred.fromCoroutine(patiently(clock, 10.0, asked))
    clock.pump([0.1, 0.2])
    assert (done.result, asked.times) == ("answer", 3)


def test_patience_ends() -> None:
    """After its time the cause is raised."""
    clock, asked, found = Clock(), Asked(*[AWAY] * 100), []
    done = Deferred.fromCoroutine(patiently(clock, 10.0, asked))
    _ = done.addErrback(lambda error: found.append(error.value))
    clock.pump([0.5] * 30)
    assert found == [AWAY]


def test_refusals_are_final() -> None:
    """Who is refused does not ask again."""
    refusal, found = RequestRefused(409, "no"), []
    done = Deferred.fromCoroutine(patiently(Clock(), 10.0, Asked(refusal)))
    _ = done.addErrback(lambda error: found.append(error.value))
    assert found == [refusal]


def test_eventually() -> None:
    """Everybody who waits is told; who comes later need not wait."""
    clock = Clock()
    value: Eventually[int] = Eventually(clock, NotStarted())
    waiting = [Deferred.fromCoroutine(value.within(5.0)) for _ in range(2)]
    assert value.now is None
    value.learn(7)
    later = Deferred.fromCoroutine(value.within(5.0))
    assert [each.result for each in (*waiting, later)] == [7, 7, 7]
    assert value.now == 7


def test_not_in_time() -> None:
    """Who has waited long enough is told why, as it is known by then."""
    clock, found = Clock(), []
    value: Eventually[int] = Eventually(clock, NotStarted())
    done = Deferred.fromCoroutine(value.within(5.0))
    _ = done.addErrback(lambda error: found.append(error.value))
    value.trouble = AWAY
    clock.advance(5.0)
    assert found == [AWAY]
    with pytest.raises(Unreachable):
        raise found[0]
