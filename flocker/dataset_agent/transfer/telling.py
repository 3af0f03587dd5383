"""Tells the reactor how far a stream is, from the thread that moves it."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from twisted.internet.interfaces import IReactorFromThreads

from flocker.dataset_agent.transfer.pacing import Progress

TOLD_EVERY: Final = 0.2
"""Seconds between two words."""


class Teller:
    """Counts what is done; `tell` is called in the reactor's thread."""

    def __init__(
        self,
        reactor: IReactorFromThreads,
        tell: Callable[[Progress], None],
        total: int | None,
    ) -> None:
        self._reactor = reactor
        self._tell = tell
        self._total = total
        self._started = self._told = monotonic()
        self.done = 0

    @property
    def seconds(self) -> float:
        """Give for how long it has gone on."""
        return monotonic() - self._started

    def reach(self, done: int) -> None:
        """Count bytes: so many are done in all."""
        self.done = done
        now = monotonic()
        if now - self._told >= TOLD_EVERY:
            self._told = now
            self.say()

    def say(self) -> None:
        """Tell how far it is now."""
        progress = Progress(self.done, self._total, self.seconds)
        self._reactor.callFromThread(self._tell, progress)
