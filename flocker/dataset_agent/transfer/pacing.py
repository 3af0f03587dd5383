"""How fast a stream may go, and how far it is; pure."""

from attrs import frozen


@frozen
class Pace:
    """At most so many bytes a second; None for as fast as it goes."""

    limit: int | None = None

    def wait(self, sent: int, seconds: float) -> float:
        """Give the seconds to wait after `sent` bytes in so many seconds."""
        if self.limit is None:
            return 0.0
        return max(0.0, sent / self.limit - seconds)


@frozen
class Progress:
    """How far a stream is: bytes done, of about how many, after so many seconds."""

    done: int
    total: int | None
    seconds: float

    @property
    def rate(self) -> float | None:
        """Bytes a second so far; None before anything can be said."""
        if not self.done or self.seconds <= 0:
            return None
        return self.done / self.seconds

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest takes at this rate; None if nobody knows."""
        if self.total is None or self.rate is None:
            return None
        return max(0, self.total - self.done) / self.rate
