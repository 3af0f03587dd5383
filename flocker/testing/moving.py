"""A program that writes to a dataset while it moves, on a live cluster."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flocker.sandbox import writer
from flocker.sandbox.machines import demand
from flocker.sandbox.names import MachineName
from flocker.sandbox.waiting import patience, until
from flocker.testing.clusters import LiveCluster

PATIENCE = 120.0
"""Seconds, on a machine that is busy with other tests, or with a slow disk."""
RATE = 1_000_000
"""Bytes a second that are written besides the records; less on a slow machine, where
moves take longer: all of it must fit into the dataset. There it also rests longer.
"""
_DETACHED = ("sh", "-c", 'exec setsid --fork "$@" >/dev/null 2>&1 </dev/null', "sh")


@contextmanager
def writing(
    live: LiveCluster, dataset: Path, rate: int = RATE
) -> Iterator[tuple[Path, ...]]:
    """Write to the dataset, on whichever node it is.

    Gives the notes of what was acknowledged, a file a node, in the nodes' order.
    """
    notes, slowly = [], (int(rate / patience(1)), patience(writer.PAUSE))
    for node in live.nodes:
        file = live.sandbox.layout.machine(node) / f"acknowledged-{dataset.name}"
        writer.end_mark(file).unlink(missing_ok=True)
        file.write_text("")
        notes.append(file)
        argv = (sys.executable, "-m", "flocker.sandbox.writer", dataset, file)
        live.run(node, *_DETACHED, *map(str, (*argv, *slowly)))
    try:
        yield tuple(notes)
    finally:
        for file in notes:
            writer.end_mark(file).touch()


def count(notes: Path) -> int:
    """Count the records that were acknowledged."""
    return notes.read_text().count("\n")


def await_more(notes: Path, more: int = 20, within: float = PATIENCE) -> None:
    """Wait until so many more records are written there, within some seconds."""
    before = count(notes)
    until(lambda: count(notes) >= before + more, f"records in {notes}", within)


def seen(live: LiveCluster, node: MachineName, path: Path) -> Path:
    """Give the path by which this process reaches one of a node."""
    return Path(f"/proc/{demand(live.sandbox.layout, node).init.pid}/root{path}")
