"""A clock that tells the time of day and is never stepped."""

import time
from datetime import UTC, datetime


class SteadyClock:
    """Seconds since the epoch as they were at the start, counted on steadily.

    Used for "since when", so that somebody who sets the clock moves no event; a clock
    that was wrong at the start stays as wrong.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()  # noqa: TID251  (the one place)

    def seconds(self) -> float:
        """Give the seconds since the epoch."""
        return self._offset + time.monotonic()

    def now(self) -> datetime:
        """Give the time of day."""
        return datetime.fromtimestamp(self.seconds(), UTC)
