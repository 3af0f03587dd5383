"""Waiting for what is not there yet: the control service, or what is learnt at a start.

Whoever waits here is told why when it has waited long enough.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import AnswerLost, Unreachable
from flocker.model.errors import FlockerError

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds between two attempts; each waits twice as long as the one before."""

T = TypeVar("T")


def pauses() -> Callable[[], float]:
    """Give the pauses between attempts, one a call."""
    following = FIRST_PAUSE

    def pause() -> float:
        nonlocal following
        this, following = following, min(LONGEST_PAUSE, 2 * following)
        return this

    return pause


async def patiently(
    clock: IReactorTime, within: float, ask: Callable[[], Awaitable[T]]
) -> T:
    """Ask again and again while control cannot be reached, for `within` seconds.

    For what may be asked twice. Raises `Unreachable`, `AnswerLost`, and what `ask`
    raises.
    """
    ends, pause = clock.seconds() + within, pauses()
    while True:
        try:
            return await ask()
        except (Unreachable, AnswerLost):
            wait = pause()
            if clock.seconds() + wait > ends:
                raise
        await deferLater(clock, wait)


class Eventually(Generic[T]):
    """Something that will be known; many may wait for it."""

    def __init__(self, clock: IReactorTime, trouble: FlockerError) -> None:
        self.trouble = trouble
        """Why it is not known yet."""
        self._clock = clock
        self._known: list[T] = []
        self._waiting: set[Deferred[None]] = set()

    @property
    def now(self) -> T | None:
        """What it is, if that is known."""
        return self._known[0] if self._known else None

    def learn(self, value: T) -> None:
        """Tell everybody."""
        self._known = [value]
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            each.callback(None)

    async def within(self, seconds: float) -> T:
        """Wait for it; raises `trouble` when it is not known in time."""
        if not self._known:
            known: Deferred[None] = Deferred()
            self._waiting.add(known)
            try:
                await known.addTimeout(seconds, self._clock)
            except Late as error:
                raise self.trouble from error
            finally:
                self._waiting.discard(known)
        return self._known[0]
