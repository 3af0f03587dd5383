"""Processes that can be killed: their clock and their threads die with them.

They can stand still too, as those of a machine that sleeps, or is short of memory.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from flocker.runtime.threads import Threads

P = ParamSpec("P")
T = TypeVar("T")

Chance = Callable[[], float]

LATE = 1e-6
"""Seconds by which a clock that goes wrong calls later, so that it is never too early:
a loop that is would be called again at once, for ever."""


@implementer(IReactorTime)
class ProcessClock:
    """The world's clock as one process uses it; after `kill` it never calls again.

    `ahead` are the seconds by which it differs from the world's when that begins; in
    each of those `rate` seconds go by.
    """

    def __init__(
        self, clock: IReactorTime, ahead: float = 0.0, rate: float = 1.0
    ) -> None:
        self._clock = clock
        self._ahead = ahead
        self._rate = rate
        self._still_until = 0.0
        self._calls: list[IDelayedCall] = []
        self._look_again = 16
        self.killed = False

    def seconds(self) -> float:
        """Give the time."""
        now: float = self._clock.seconds()
        return now * self._rate + self._ahead

    def callLater(
        self,
        delay: float,
        callable: Callable[..., Any],  # noqa: A002  (the interface names it)
        *args: object,
        **kwargs: object,
    ) -> IDelayedCall:
        """Call later, if the process lives then."""
        wait = delay if self._rate == 1.0 else delay / self._rate + LATE
        if self._still_until:
            wait = max(wait, self._left())
        made: IDelayedCall = self._clock.callLater(wait, callable, *args, **kwargs)
        if self.killed:
            _end(made)
            return made
        self._calls.append(made)
        if len(self._calls) > self._look_again:
            self._calls = self.getDelayedCalls()
            self._look_again = 16 + 2 * len(self._calls)
        return made

    def getDelayedCalls(self) -> list[IDelayedCall]:
        """Give what the process has yet to do."""
        return [call for call in self._calls if call.active()]

    @property
    def suspended(self) -> bool:
        """Whether the process stands still."""
        return self._left() > 0

    def suspend(self, seconds: float) -> None:
        """Let the process do nothing for a while; then all that is due at once."""
        if self.suspended:
            return
        self._still_until = self._clock.seconds() + seconds
        for call in self.getDelayedCalls():
            if call.getTime() < self._still_until:
                call.reset(seconds)

    def when_awake(
        self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Let the process hear of something, now or when it goes on."""
        if self._still_until and self.suspended:
            _ = self._clock.callLater(self._left(), call, *args, **kwargs)
        else:
            _ = call(*args, **kwargs)

    def _left(self) -> float:
        """Give the seconds for which it stands still yet."""
        return max(0.0, self._still_until - self._clock.seconds())

    def kill(self) -> None:
        """End the process."""
        self.killed = True
        for call in self.getDelayedCalls():
            _end(call)
        self._calls.clear()

    async def sleep(self, seconds: float) -> None:
        """Wait; for ever, if the process is killed meanwhile."""
        over: Deferred[None] = Deferred()
        _ = self.callLater(seconds, over.callback, None)
        await over


class SimulatedThreads(Threads):
    """Threads whose calls take time: half of it before their effect, half after.

    With `longest` 0 each call is done at once. Effects of a killed process that have
    not happened by then never do. A call goes on when whoever waits for it is
    cancelled, as in a thread.
    """

    def __init__(
        self, clock: ProcessClock, chance: Chance = lambda: 1.0, longest: float = 0.0
    ) -> None:
        self._time = clock
        self._chance = chance
        self._longest = longest
        self._hung: Deferred[None] | None = None
        self.running = 0
        self.most_at_once = 0

    def hang(self) -> None:
        """Let calls that have had no effect yet, and new ones, hang."""
        if self._hung is None:
            self._hung = Deferred()

    def go_on(self) -> None:
        """Let the calls that hang do what they should, and end."""
        hung, self._hung = self._hung, None
        if hung is not None:
            self._time.when_awake(hung.callback, None)

    def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call after a while; give its result, or raise what it raises, later."""
        over: Deferred[T] = Deferred()
        work = Deferred.fromCoroutine(self._run(call, *args, **kwargs))
        _ = work.addBoth(over.callback)
        return await over

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        # A killed process never comes back from a pause: what is open here stays so.
        await self._pause()
        if self._hung is not None:
            over: Deferred[None] = Deferred()
            _ = self._hung.addCallback(_pass_on, over)
            await over
            if self._time.killed:
                await self._time.sleep(0)
        try:
            result = call(*args, **kwargs)
        except Exception:
            await self._pause()
            self.running -= 1
            raise
        await self._pause()
        self.running -= 1
        return result

    async def _pause(self) -> None:
        if self._longest or self._time.killed:
            await self._time.sleep(self._chance() * self._longest / 2)


def _end(call: IDelayedCall) -> None:
    """Cancel it; what is thrown away with its process may want to do that as well."""
    call.cancel()
    setattr(call, "cancel", _nothing)  # noqa: B010  (mypy knows methods only)


def _nothing() -> None:
    pass


def _pass_on(result: None, to: Deferred[None]) -> None:
    to.callback(result)
