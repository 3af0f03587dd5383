"""Eliot, typed: one action an operation, with fields, never a sentence to parse.

The only module that knows eliot. Actions nest through context variables, also across
`await`, and go from process to process as task ids.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePath
from typing import Any, TextIO
from uuid import UUID

import eliot
from eliot import Action
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

from flocker.model.errors import FlockerError
from flocker.runtime.readable import BLACK, Ink, Reader
from flocker.runtime.repeating import Repeats, unrepeated

ROTATE_AT = 100 * 1024 * 1024
"""Bytes of a log file before it is rotated, and five are kept: Flocker 1.15's."""
ROTATED_FILES = 5

NOT_STARTED = "flocker:program:failed"
"""The message that says why a program ended; standard error has the same line."""

SECRET = re.compile(
    r"(password|passphrase|secret|token|credential|api_?key)", re.IGNORECASE
)
"""Names of what must not be logged; a field so called fails tests/architecture."""
KEPT_BACK = "(kept back)"
_PLAIN = frozenset({type(None), bool, int, float, str})
_AS_TEXT = (UUID, PurePath, datetime, IPv4Address, IPv6Address, FlockerError)
_TASK_ID = re.compile(r"[0-9a-f-]{1,40}@(/[0-9]{1,9}){1,100}", re.ASCII)
"""What eliot makes; of another text it could not make ids of its own again."""

Destination = Callable[[dict[str, Any]], None]


@contextmanager
def action(action_type: str, **fields: object) -> Iterator[None]:
    """Log an operation: its start, its fields, and whether it succeeded."""
    with _inside(eliot.start_action(action_type=action_type, **fields)):
        yield


@contextmanager
def continued(task_id: str, action_type: str, **fields: object) -> Iterator[None]:
    """Log an operation that another process asked for, as part of its task.

    A `task_id` that is none starts a task of its own.
    """
    if _TASK_ID.fullmatch(task_id):
        started = Action.continue_task(
            task_id=task_id, action_type=action_type, **fields
        )
    else:
        started = eliot.start_task(action_type=action_type, **fields)
    with _inside(started):
        yield


@contextmanager
def _inside(started: Action) -> Iterator[None]:
    """Be in an action, and finish it.

    A coroutine that nobody waits for any more is closed by the garbage collector, in
    whatever context that is; its action, which did not end, is left as it is.
    """
    started.__enter__()
    try:
        yield
    except GeneratorExit:
        raise
    except BaseException:
        started.__exit__(*sys.exc_info())
        raise
    else:
        started.__exit__(None, None, None)


def outcome(**fields: object) -> None:
    """Say what came of the current action, in the message of its end."""
    current = eliot.current_action()
    if current is not None:
        current.add_success_fields(**fields)


def message(message_type: str, **fields: object) -> None:
    """Log one thing that happened."""
    eliot.log_message(message_type=message_type, **fields)


def failure(message_type: str, error: Failure, **fields: object) -> None:
    """Log an error that ends here, with its traceback: a fault of ours."""
    eliot.log_message(
        message_type=message_type,
        error=error.getErrorMessage(),
        traceback=error.getTraceback(),
        **fields,
    )


def current_task_id() -> str:
    """Give the id by which another process can continue the current task; or ``""``."""
    current = eliot.current_action()
    return "" if current is None else current.serialize_task_id().decode("ascii")


def fields_of(value: object) -> dict[str, object]:
    """Give the fields of a value, to log them; none for one that has none."""
    fields = getattr(type(value), "__attrs_attrs__", ())
    return {field.name: getattr(value, field.name) for field in fields}


def plain(value: object) -> object:
    """Make JSON of a field: of what is not known to be harmless only the kind.

    Drivers are given passwords; a `repr` could show them. So could a mapping: where the
    name of a key is that of a secret, the value is kept back.
    """
    if type(value) in _PLAIN:
        return value
    usual = _USUAL.get(type(value), _plain_oddity)
    return usual(value)


def _plain_oddity(value: object) -> object:
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, _AS_TEXT):
        return str(value)
    match value:
        case Enum():
            return plain(value.value)
        case Mapping():
            return _plain_mapping(value)
        case Iterable() if not isinstance(value, (bytes, bytearray, memoryview)):
            return _plain_list(value)
        case _:
            return f"({type(value).__name__})"


def _plain_list(values: Iterable[object]) -> list[object]:
    return [each if type(each) in _PLAIN else plain(each) for each in values]


def _plain_mapping(values: Mapping[Any, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, each in values.items():
        name = str(key)
        if _is_secret(name):
            found[name] = KEPT_BACK
        else:
            found[name] = each if type(each) in _PLAIN else plain(each)
    return found


_USUAL: Mapping[type, Callable[[Any], object]] = {
    list: _plain_list,
    dict: _plain_mapping,
}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return SECRET.search(name) is not None


def in_json(entry: dict[str, Any]) -> str:
    """Write a message as a line of JSON, without a line's end."""
    return json.dumps(plain(entry))


def lines_to(stream: TextIO) -> Destination:
    """Make a destination that writes a JSON line a message to `stream`."""

    def write(entry: dict[str, Any]) -> None:
        stream.write(in_json(entry) + "\n")
        stream.flush()

    return write


def readable_to(
    stream: TextIO, ink: Ink = BLACK, *, unwanted: str | None = None
) -> Destination:
    """Make a destination that writes lines for people to `stream`.

    Messages of the type `unwanted` are left out.
    """
    reader = Reader(ink)

    def write(entry: dict[str, Any]) -> None:
        if unwanted is None or entry.get("message_type") != unwanted:
            stream.writelines(f"{line}\n" for line in reader.read(in_json(entry)))
            stream.flush()

    return write


def rotating_file(path: Path, *, for_people: bool = False) -> Destination:
    """Make a destination that writes to `path`, 100 MiB times five.

    JSON lines, or lines for people.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    log_file = LogFile(
        path.name, str(path.parent), ROTATE_AT, maxRotatedFiles=ROTATED_FILES
    )
    reader = Reader()

    def write(entry: dict[str, Any]) -> None:
        line = in_json(entry)
        for each in reader.read(line) if for_people else (line,):
            log_file.write(each + "\n")
        log_file.flush()

    return write


def unflooded(destination: Destination) -> Destination:
    """Make a destination that is told of the same failure at growing intervals only."""
    repeats = Repeats()

    def write(entry: dict[str, Any]) -> None:
        said = unrepeated(entry, repeats)
        if said is not None:
            destination(said)

    return write


def start_logging(destination: Destination | None = None) -> Destination:
    """Send all messages, Twisted's warnings and errors too, to `destination`.

    The default is standard output. Gives what was added to eliot's destinations.
    """
    added = unflooded(destination or lines_to(sys.stdout))
    eliot.add_destinations(added)
    _hear_twisted()
    return added


@cache
def _hear_twisted() -> None:
    """Take Twisted's messages, those from before too.

    Until somebody does, it writes critical ones to standard error. Once a process:
    they go to all of eliot's destinations.
    """
    globalLogBeginner.beginLoggingTo([_FromTwisted()], redirectStandardIO=False)


@implementer(ILogObserver)
class _FromTwisted:
    """Pass on what Twisted warns of; its chatter stays out."""

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level < LogLevel.warn:
            return
        found = event.get("log_failure")
        eliot.log_message(
            message_type="twisted:log",
            level=level.name,
            text=formatEvent(event),
            **({} if found is None else {"traceback": found.getTraceback()}),
        )
