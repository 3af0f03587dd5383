"""What happened in a run, as numbered lines for people.

Ids are replaced by short names, so that two runs can be compared and one can be read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import eliot

Now = Callable[[], tuple[int, float]]
"""Gives the number of the event and the seconds of simulated time."""

SHOWN = (
    "flocker:agent:told",
    "flocker:connection:",
    "flocker:control:",
    "flocker:dataset-agent:",
    "flocker:session:",
    "flocker:step",
)
"""Beginnings of the types of messages that are shown."""

_UNSAID = frozenset(
    {"timestamp", "task_uuid", "task_level", "action_type", "action_status"}
    | {"message_type", "traceback"}
)
_UUID = re.compile(r"(memory-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Trace:
    """Lines of what happened, oldest first."""

    def __init__(self, now: Now, names: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        self._now = now
        self._names = dict(names)

    def say(self, text: str) -> None:
        """Add a line."""
        event, seconds = self._now()
        named = _UUID.sub(self._name, text)
        self.lines.append(f"{event:>6} {seconds:9.3f} s  {named}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Add what agents and control log."""
        eliot.add_destinations(self._hear)
        try:
            yield
        finally:
            eliot.remove_destination(self._hear)

    def _hear(self, message: Mapping[str, Any]) -> None:
        kind = str(message.get("message_type") or message.get("action_type"))
        status = message.get("action_status")
        if not kind.startswith(SHOWN) or status == "succeeded":
            return
        fields = " ".join(
            f"{key}={_plain(value)}"
            for key, value in message.items()
            if key not in _UNSAID and value not in ([], None, "")
        )
        kind = kind.removeprefix("flocker:")
        self.say(f"    {kind}{' failed' if status == 'failed' else ''} {fields}")

    def _name(self, found: re.Match[str]) -> str:
        kind = "v" if found.group(1) else "x"
        taken = sum(name.startswith(kind) for name in self._names.values())
        return self._names.setdefault(found.group(0), f"{kind}{taken + 1}")


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(_plain(each) for each in value)
    return str(value)
