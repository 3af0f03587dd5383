"""Waiting for the world, with an end: the sandbox's commands are synchronous."""

import os
import time
from collections.abc import Callable
from typing import Final

from attrs import frozen

from flocker.model.errors import FlockerError

BETWEEN_LOOKS = 0.02
"""Seconds."""
SLOWNESS: Final = "FLOCKER_SANDBOX_SLOWNESS"
"""Says in the environment how many times longer everything takes, if it does."""


def patience(seconds: float) -> float:
    """Give how long to wait on this machine for what takes so long on a usual one."""
    return seconds * float(os.environ.get(SLOWNESS, "1"))


@frozen
class Waited(FlockerError):
    """Something did not happen in time."""

    what: str
    seconds: float

    def words(self) -> str:
        """Name what was waited for, and how long."""
        return f"waited {self.seconds:g} s in vain for {self.what}"


def until(happened: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until something is true, or raise `Waited`; see `patience`."""
    seconds = patience(seconds)
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise Waited(what, seconds)
        time.sleep(patience(BETWEEN_LOOKS))


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s"

    @property
    def seconds(self) -> float:
        """Give the seconds until now."""
        return time.monotonic() - self._start
