"""How long to wait before trying again."""

from collections.abc import Callable

Chance = Callable[[], float]
"""Gives a random number from 0 up to 1."""

FIRST = 0.1
FACTOR = 4.0
LONGEST = 10.0
JITTER = 0.2
"""Flocker 1.15's: 0.1 s, four times longer each time, at most 10 s; 20 % either way."""


def delay(attempts: int, chance: Chance) -> float:
    """Give the seconds to wait after `attempts` (>= 1) failures in a row."""
    exponent = min(attempts - 1, 16)
    return jittered(min(LONGEST, FIRST * FACTOR**exponent), chance)


def jittered(seconds: float, chance: Chance) -> float:
    """Spread a wait, so that many agents do not act in step."""
    return seconds * (1 - JITTER + 2 * JITTER * chance())
