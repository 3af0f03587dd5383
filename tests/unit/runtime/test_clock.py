"""The steady clock shows the time of day, and is not stepped with it."""

import time
from datetime import UTC, datetime

import pytest

from flocker.runtime import clock
from flocker.runtime.clock import SteadyClock


class Times:
    """Stands for the module `time`: a wall clock and a monotonic one."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.steady = 50.0

    def time(self) -> float:
        """The time of day, as somebody has set it."""
        return self.wall

    def monotonic(self) -> float:
        """Seconds since some start."""
        return self.steady


@pytest.fixture
def times(monkeypatch):
    """The clocks of the machine."""
    found = Times()
    monkeypatch.setattr(clock, "time", found)
    return found


def test_time_of_day(times):
    """At the start it shows what the machine's clock does."""
    assert SteadyClock().seconds() == 1_700_000_000.0


def test_goes_on(times):
    """It goes on as time does."""
    steady = SteadyClock()
    times.steady += 7
    assert steady.seconds() == 1_700_000_007.0
    assert steady.now() == datetime(2023, 11, 14, 22, 13, 27, tzinfo=UTC)


def test_is_not_stepped(times):
    """Somebody who sets the machine's clock moves no event."""
    steady = SteadyClock()
    times.wall -= 3600
    assert steady.seconds() == 1_700_000_000.0


def test_of_this_machine():
    """It is the machine's own time."""
    assert SteadyClock().seconds() == pytest.approx(time.time(), abs=5)
