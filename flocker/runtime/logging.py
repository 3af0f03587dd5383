"""Eliot, typed: one action an operation, with fields, never a sentence to parse.

The only module that knows eliot. Actions nest through context variables, also across
`await`, and go from process to process as task ids.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import eliot
from eliot import Action
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

ROTATE_AT = 100 * 1024 * 1024
"""Bytes of a log file before it is rotated, and five are kept: Flocker 1.15's."""
ROTATED_FILES = 5

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


def to_json(value: object) -> object:
    """Write what JSON lacks: identifiers and paths as text, the rest as `repr`."""
    return str(value) if isinstance(value, (UUID, Path)) else repr(value)


def lines_to(stream: TextIO) -> Destination:
    """Make a destination that writes a JSON line a message to `stream`."""

    def write(entry: dict[str, Any]) -> None:
        stream.write(json.dumps(entry, default=to_json) + "\n")
        stream.flush()

    return write


def rotating_file(path: Path) -> Destination:
    """Make a destination that writes JSON lines to `path`, 100 MiB times five."""
    path.parent.mkdir(parents=True, exist_ok=True)
    log_file = LogFile(
        path.name, str(path.parent), ROTATE_AT, maxRotatedFiles=ROTATED_FILES
    )

    def write(entry: dict[str, Any]) -> None:
        log_file.write(json.dumps(entry, default=to_json) + "\n")
        log_file.flush()

    return write


def start_logging(destination: Destination | None = None) -> None:
    """Send all messages, Twisted's warnings and errors too, to `destination`.

    The default is standard output.
    """
    eliot.add_destinations(destination or lines_to(sys.stdout))
    globalLogPublisher.addObserver(_FromTwisted())


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
