"""What fails again and again, said at growing intervals with a count. Pure.

`flocker.runtime.logging` puts this before every destination: whoever logs need not
think of it. A *failure* is a message with a cause: the field ``why`` or ``error``, or
``text`` where it comes from Twisted.
"""

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from attrs import define, field

FIRST = 10.0
"""Seconds until a failure is said a second time; each time twice as many."""
LONGEST = 3600.0
QUIET = 120.0
"""Seconds without a failure after which it is new again."""
REMEMBERED = 1000
"""Different failures; of more, the one that came first is forgotten."""
TIMES = "times"
"""The field that counts, since it was last said, how often it came."""

_CAUSES = ("why", "error", "text")
_OF_ITS_OWN = frozenset({"timestamp", "task_uuid", "task_level", "traceback", "peer"})
"""Fields that differ though it is the same."""
_PORT = re.compile(r"([0-9]+(?:\.[0-9]+){3}|\]):[0-9]{1,5}\b")
"""A port behind an address: whoever tries again comes from another one."""


@define
class _Seen:
    said: float
    interval: float
    last: float
    silent: int = 0


@define
class Repeats:
    """Remembers failures; `now` is in seconds and of one clock, whichever."""

    _seen: dict[Hashable, _Seen] = field(factory=dict, init=False)

    def happened(self, what: Hashable, now: float) -> int:
        """Say how often `what` came since it was last said; 0: say nothing now.

        What did not come for `QUIET` seconds, or before the clock was set back, is new.
        """
        seen = self._seen.get(what)
        if seen is None or not 0 <= now - seen.last < QUIET:
            times = 1 if seen is None else seen.silent + 1
            self._remember(what, _Seen(now, FIRST, now))
            return times
        seen.silent += 1
        seen.last = now
        if now - seen.said < seen.interval:
            return 0
        times, seen.silent, seen.said = seen.silent, 0, now
        seen.interval = min(LONGEST, 2 * seen.interval)
        return times

    def _remember(self, what: Hashable, seen: _Seen) -> None:
        self._seen.pop(what, None)
        self._seen[what] = seen
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]


def unrepeated(entry: dict[str, Any], repeats: Repeats) -> dict[str, Any] | None:
    """Give a message as it is to be written, perhaps with ``times``; None: not now."""
    if "message_type" not in entry or not any(entry.get(name) for name in _CAUSES):
        return entry
    times = repeats.happened(tuple(_identity(entry)), entry["timestamp"])
    if times == 0:
        return None
    return entry if times == 1 else {**entry, TIMES: times}


def _identity(entry: Mapping[str, Any]) -> Iterator[Hashable]:
    """Name what makes it the same failure: its words, not its numbers or ports."""
    for name, value in entry.items():
        if name not in _OF_ITS_OWN and not isinstance(value, (int, float)):
            yield name, _PORT.sub(r"\1", str(value))
