"""The demonstration where each node has a pool of its own: data moves as snapshots.

A program writes numbered, synced records all the time, on whichever node has the
dataset. It is moved to the other node and back, and every record that was acknowledged
must be there, each once; the longest time without one is the downtime.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flocker.sandbox import writer
from flocker.sandbox.machines import demand
from flocker.sandbox.names import MachineName, address, node_name
from flocker.sandbox.reaching import ask
from flocker.sandbox.showing import Demonstration
from flocker.sandbox.waiting import Stopwatch, until

ONE, TWO = node_name(1), node_name(2)
DATASET: Final = "demo"
SIZE: Final = "4G"
RATE: Final = 1_000_000
"""Bytes a second that are written besides the records."""
_WRITING_WITHIN = 30.0
"""Seconds."""
_DETACHED = (
    *("sh", "-c"),
    'exec setsid --fork "$@" >/dev/null 2>&1 </dev/null',
    "sh",
)
_SOME = 100
"""Records that are written before, and after, a move."""


def show_pools(demo: Demonstration, *, keep: bool) -> None:
    """Show a move, and the way back; raises what goes wrong."""
    demo.begin("The cluster: a control service and two nodes, each with a disk", ONE)
    demo.tell(f"Datasets are on the nodes' own pools: {demo.sandbox.backend}.")
    demo.flockerctl("list-nodes")
    demo.begin("A dataset on node-1, with 100 MiB in it", ONE)
    name = ("--metadata", f"name={DATASET}")
    demo.flockerctl("create", "--node", address(ONE), "--size", SIZE, *name, "--wait")
    path = _dataset(demo)["path"]
    program = (sys.executable, "-m", "flocker.sandbox.cargo")
    written = json.loads(demo.on(ONE, *program, "write", path))
    with writing(demo, Path(path)) as notes:
        until(lambda: _count(notes[0]) > _SOME, "records", _WRITING_WITHIN)
        _move(demo, TWO, notes[1])
        _move(demo, ONE, notes[0])
    acknowledged = writer.acknowledged(notes)
    entries = writer.read(_outside(demo, ONE, path))
    writer.check(entries, acknowledged)
    found = json.loads(demo.on(ONE, *program, "read", path))
    if found != written:
        raise writer.Lost("the 100 MiB are others")
    demo.compared += 1
    demo.begin("What became of it", ONE)
    demo.tell(
        f"{len(acknowledged)} records were acknowledged on both nodes, and all are"
        f" there, each once, besides the 100 MiB. Longest downtime of a move:"
        f" {writer.longest_gap(entries):.2f} s."
    )
    if not keep:
        demo.flockerctl("destroy", "--dataset", DATASET, "--wait")


def _move(demo: Demonstration, target: MachineName, notes: Path) -> None:
    demo.begin(f"It moves to {target}, under a program that writes", target)
    before = _count(notes)
    watch = Stopwatch()
    demo.flockerctl("move", "--dataset", DATASET, "--to", address(target), "--wait")
    until(
        lambda: _count(notes) > before + _SOME, f"records on {target}", _WRITING_WITHIN
    )
    demo.tell(f"The program goes on there; {watch} since the command.")


@contextmanager
def writing(
    demo: Demonstration, dataset: Path, rate: int = RATE
) -> Iterator[tuple[Path, ...]]:
    """Have a program write, on whichever node the dataset is; gives its notes."""
    layout = demo.sandbox.layout
    notes = []
    for node in (ONE, TWO):
        file = layout.machine(node) / "acknowledged"
        writer.end_mark(file).unlink(missing_ok=True)
        file.write_text("")
        notes.append(file)
        program = (sys.executable, "-m", "flocker.sandbox.writer")
        _ = demo.on(node, *_DETACHED, *program, str(dataset), str(file), str(rate))
    try:
        yield tuple(notes)
    finally:
        for file in notes:
            writer.end_mark(file).touch()


def _count(notes: Path) -> int:
    return notes.read_text().count("\n")


def _dataset(demo: Demonstration) -> dict[str, Any]:
    """Ask for the status of the dataset."""
    answer = ask(demo.sandbox.layout, "GET", "/v1/status/datasets")
    return next(one for one in answer.json if one["name"] == DATASET)


def _outside(demo: Demonstration, node: MachineName, path: str) -> Path:
    """Give the path by which this process reaches a directory of a machine."""
    init = demand(demo.sandbox.layout, node).init
    return Path(f"/proc/{init.pid}/root") / path.lstrip("/")
