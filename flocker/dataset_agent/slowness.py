"""What takes long says so while it lasts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from twisted.internet.interfaces import IReactorTime

SLOW_AFTER: Final = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds after which it is said, each once."""


@contextmanager
def watched(clock: IReactorTime, slow: Callable[[float], None]) -> Iterator[None]:
    """Call `slow` with the seconds that it has taken until now, as long as it lasts."""
    due = [clock.callLater(after, slow, after) for after in SLOW_AFTER]
    try:
        yield
    finally:
        for call in due:
            if call.active():
                call.cancel()
