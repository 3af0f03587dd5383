"""Eliot's messages as lines for people: time, what, fields, how long, and the cause.

Pure. Daemons on a terminal and `flocker-sandbox logs` use the same `Reader`. Task ids
are left out, and an action is one line, written when it ends.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from attrs import define, field, frozen

Entry = Mapping[str, object]
"""A message of eliot, as JSON has it."""
Key = tuple[str, tuple[int, ...]]
"""The task and the level of an action."""

PATIENCE = 2.0
"""Seconds after which an action that still runs is worth a line of its own."""
HELD = 1000
"""Actions that a reader remembers; of more, the oldest is written as it began."""
CAUSES = ("why", "reason", "error", "text")
"""Fields that hold a sentence; they end the line."""

_PREFIX = "flocker:"
_HIDDEN = frozenset(
    {"timestamp", "task_uuid", "task_level", "action_type", "message_type"}
    | {"action_status", "traceback", "exception", *CAUSES}
)
_PLAIN = re.compile(r"[^\s\"'=,\[\]{}]+")
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


@frozen
class Ink:
    """How parts of a line are made to stand out."""

    time: str
    what: str
    trouble: str
    end: str


BLACK = Ink("", "", "", "")
COLOURS = Ink("\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[0m")
"""Sequences of ECMA-48: faint, bold, red, and back to normal."""


def entry_of(line: str) -> Entry | None:
    """Read a line of a log; None if it is not a message of eliot."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("timestamp"), float):
        return None
    return entry


@define
class Reader:
    """Makes lines of one log; it remembers the actions that have not ended."""

    ink: Ink = BLACK
    _begun: dict[Key, Entry] = field(factory=dict, init=False)

    def read(self, line: str) -> Iterator[str]:
        """Give the lines for a line of JSON; what is not eliot's stays as it is."""
        entry = entry_of(line)
        if entry is None:
            yield line
        else:
            yield from self.lines(entry)

    def lines(self, entry: Entry) -> Iterator[str]:
        """Give the lines that a message is reason to write."""
        key, status = _key(entry), entry.get("action_status")
        if status == "started":
            self._begun[key] = entry
        elif status is None:
            yield _line(entry, entry, self.ink)
        else:
            yield _line(self._begun.pop(key, entry), entry, self.ink)
        yield from self._overdue(_seconds(entry))

    def rest(self) -> Iterator[str]:
        """Give the lines of actions that have not ended: nothing more will come."""
        begun, self._begun = self._begun, {}
        yield from (_line(entry, None, self.ink) for entry in begun.values())

    def _overdue(self, now: float) -> Iterator[str]:
        for key, entry in tuple(self._begun.items()):
            waited = now - _seconds(entry) > PATIENCE
            if len(self._begun) <= HELD and not waited:
                return
            del self._begun[key]
            yield _line(entry, None, self.ink)


def _key(entry: Entry) -> Key:
    level = entry.get("task_level")
    above = tuple(level[:-1]) if isinstance(level, list) else ()
    return str(entry.get("task_uuid")), above


def _seconds(entry: Entry) -> float:
    seconds = entry["timestamp"]
    return seconds if isinstance(seconds, float) else 0.0


def _line(begun: Entry, ended: Entry | None, ink: Ink) -> str:
    """Write what has happened; without an `ended` the action is still under way."""
    said = begun if ended is None else {**begun, **ended}
    moment = datetime.fromtimestamp(_seconds(said), UTC)
    what = str(said.get("action_type") or said.get("message_type") or "?")
    failed = said.get("action_status") == "failed"
    cause = _cause(said)
    parts = [
        f"{ink.time}{moment.strftime('%H:%M:%S.%f')[:-3]}Z{ink.end}",
        f"{ink.what}{_printable(what.removeprefix(_PREFIX))}{ink.end}",
        *(f"{_printable(k)}={_text(v)}" for k, v in said.items() if k not in _HIDDEN),
        *_outcome(begun, ended, failed=failed),
    ]
    line = " ".join(parts)
    if not cause:
        return line
    return f"{line}: {ink.trouble}{cause}{ink.end}"


def _outcome(begun: Entry, ended: Entry | None, *, failed: bool) -> Iterator[str]:
    if ended is None:
        yield "began"
    elif begun is not ended:
        yield f"{'failed after' if failed else 'in'} {_took(begun, ended)}"
    elif failed:
        yield "failed"


def _took(begun: Entry, ended: Entry) -> str:
    seconds = max(0.0, _seconds(ended) - _seconds(begun))
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _cause(said: Entry) -> str:
    sentences = [_printable(str(said[name])) for name in CAUSES if said.get(name)]
    places = _PLACE.findall(str(said.get("traceback", "")))
    if places:
        file, number = places[-1]
        sentences.append(f"at {_printable(file)}:{number}")
    return ", ".join(sentences)


def _text(value: object) -> str:
    """Write a value, quoted where it could be mistaken."""
    if isinstance(value, str):
        return (
            value if _PLAIN.fullmatch(value) and value.isprintable() else _json(value)
        )
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{', '.join(_text(each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_text(str(k))}: {_text(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _json(value)


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if text.isprintable() else json.dumps(value, default=str)


def _printable(text: str) -> str:
    """Put a text on one line and take from it what a terminal would obey."""
    flat = " ".join(text.split())
    return flat if flat.isprintable() else json.dumps(flat)[1:-1]
