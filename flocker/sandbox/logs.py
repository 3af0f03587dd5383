"""The log files of a sandbox, for people: one line a message, the newest last."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from flocker.runtime.readable import Reader
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import MachineName

_BETWEEN_LOOKS = 0.2
"""Seconds."""
Write = Callable[[str], None]


def log_files(layout: Layout, machines: Sequence[MachineName]) -> list[Path]:
    """Find the log files of some machines."""
    return [
        file
        for machine in machines
        for file in sorted(layout.logs(machine).glob("*.log"))
    ]


def tail(file: Path, lines: int | None = None) -> list[str]:
    """Give the last lines of a log, or all, readable."""
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        return []
    reader = Reader()
    written = [said for line in text.splitlines() for said in reader.read(line)]
    written.extend(reader.rest())
    return written[-lines if lines else None :]


def show(layout: Layout, machines: Sequence[MachineName], write: Write) -> None:
    """Write all logs of some machines."""
    for file in log_files(layout, machines):
        for line in tail(file):
            write(f"{_label(file)}: {line}")


def follow(layout: Layout, machines: Sequence[MachineName], write: Write) -> None:
    """Write all logs of some machines and what is added, until interrupted."""
    read: dict[Path, int] = {}
    readers: dict[Path, Reader] = {}
    while layout.data.exists():
        for file in log_files(layout, machines):
            reader = readers.setdefault(file, Reader())
            for line in _added(file, read):
                for said in reader.read(line):
                    write(f"{_label(file)}: {said}")
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
