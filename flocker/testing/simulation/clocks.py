"""The time of a simulated world: it goes from one event to the next, one at a time.

Twisted's `Clock` runs all that is due at once; here a fault may come between any two.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer


@implementer(IReactorTime)
class SimulatedClock:
    """Seconds since the world began; what is due at the same time comes in order."""

    def __init__(self) -> None:
        self._now = 0.0
        self._made = 0
        self._due: list[tuple[float, int, DelayedCall]] = []

    def seconds(self) -> float:
        """Give the time."""
        return self._now

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002  (the interface names it)
        *args: object,
        **kwargs: object,
    ) -> DelayedCall:
        """Call when time has come so far."""
        call = DelayedCall(
            self._now + delay, callable, args, kwargs, _let_be, self._push, self.seconds
        )
        self._push(call)
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        """Give what is yet to come."""
        return [call for _, _, call in self._due if call.active()]

    def next_due(self) -> float | None:
        """Give when the next event is, if there is one."""
        while self._due:
            at, _, call = self._due[0]
            if call.active() and call.getTime() <= at:
                return at
            _ = heappop(self._due)
            if call.active():
                self._push(call)
        return None

    def step(self) -> bool:
        """Let the next event happen; False if there is none."""
        if self.next_due() is None:
            return False
        at, _, call = heappop(self._due)
        self._now = max(self._now, at)
        call.called = 1
        call.func(*call.args, **call.kw)
        return True

    def pass_until(self, time: float) -> None:
        """Let time go by in which nothing is due."""
        self._now = max(self._now, time)

    def _push(self, call: DelayedCall) -> None:
        self._made += 1
        heappush(self._due, (call.getTime(), self._made, call))


def _let_be(call: DelayedCall) -> None:
    """A call that was cancelled is passed over when its time comes."""
