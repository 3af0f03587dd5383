"""The log files of a sandbox, for people: one line a message, the newest last."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from flocker.sandbox.layout import Layout
from flocker.sandbox.names import MachineName

_BETWEEN_LOOKS = 0.2
"""Seconds."""
_HIDDEN = frozenset(
    {"timestamp", "task_uuid", "task_level", "action_type", "message_type"}
    | {"action_status"}
)

Write = Callable[[str], None]


def log_files(layout: Layout, machines: Sequence[MachineName]) -> list[Path]:
    """Find the log files of some machines."""
    return [
        file
        for machine in machines
        for file in sorted(layout.logs(machine).glob("*.log"))
    ]


def readable(line: str) -> str:
    """Write a line of a log for people; what is not eliot's stays as it is."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "timestamp" not in entry:
        return line
    moment = datetime.fromtimestamp(entry["timestamp"], UTC)
    what = entry.get("action_type") or entry.get("message_type") or "?"
    status = entry.get("action_status")
    fields = [f"{key}={entry[key]}" for key in entry if key not in _HIDDEN]
    return " ".join(
        [
            moment.strftime("%H:%M:%S.%f")[:-3],
            str(what),
            *([] if status is None else [str(status)]),
            *fields,
        ]
    )


def tail(file: Path, lines: int | None = None) -> list[str]:
    """Give the last lines of a log, or all, readable."""
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return []
    return [readable(line) for line in text.splitlines()[-lines if lines else None :]]


def show(layout: Layout, machines: Sequence[MachineName], write: Write) -> None:
    """Write all logs of some machines."""
    for file in log_files(layout, machines):
        for line in tail(file):
            write(f"{_label(file)}: {line}")


def follow(layout: Layout, machines: Sequence[MachineName], write: Write) -> None:
    """Write all logs of some machines and what is added, until interrupted."""
    read: dict[Path, int] = {}
    while layout.data.exists():
        for file in log_files(layout, machines):
            for line in _added(file, read):
                write(f"{_label(file)}: {readable(line)}")
        time.sleep(_BETWEEN_LOOKS)


def _added(file: Path, read: dict[Path, int]) -> Iterator[str]:
    """Give the whole lines behind where `read` says we were, and move it on."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        start = read.get(file, 0)
        start = start if start <= size else 0  # it was rotated
        opened.seek(start)
        whole, _, _ = opened.read().rpartition(b"\n")
    if whole:
        read[file] = start + len(whole) + 1
        yield from whole.decode(errors="replace").splitlines()


def _label(file: Path) -> str:
    return f"{file.parent.name} {file.stem}"
