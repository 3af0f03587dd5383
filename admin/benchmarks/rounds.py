"""Rounds of a dataset agent with one dataset and with many, and programs a step.

Measured by a child in a mount namespace of its own (`python -m admin.benchmarks.rounds
DATASETS`): whoever makes a namespace meanwhile would get a copy of our mounts, and keep
their loop devices busy when we are done.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from admin.benchmarks.alone import (
    MANY,
    Rounds,
    a_life,
    a_node,
    counting,
    in_memory,
    milliseconds,
    on_loops,
)
from admin.benchmarks.figures import RATIO, Bench, Cell, Notes, Part, at_most, plain
from flocker.runtime.mount_table import parse_mountinfo
from flocker.testing.loop_devices import scratch_directory

QUICK = 20
LOOPS = 7
"""The major number of loop devices (Linux, Documentation/admin-guide/devices.txt)."""

WANTED = {
    "round with 500 / with one, on loop devices": at_most(
        3.0, "CPU of the least disturbed; each alone on the machine"
    ),
    "programs started in a round with 500": at_most(0.0, "audit events of Python"),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Let the child measure, and note what it says."""
    many = QUICK if bench.quick else MANY
    bench.say(f"rounds with 1 and {many} datasets, alone")
    alone = ["unshare", "--mount", "--propagation", "private"]
    command = [*alone, sys.executable, "-m", "admin.benchmarks.rounds", str(many)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    for figure in found["figures"]:
        notes.figure(figure["name"], figure["value"], figure["unit"])
    for title, rows in found["tables"].items():
        for row in rows:
            notes.row(title, row)


PART = Part("rounds", "an agent's rounds, and programs a step", WANTED, measure)


def main(many: int) -> None:
    """Be the child."""
    _leave_others_devices()
    notes = Notes({})
    _compare(notes, "in memory", in_memory(1), in_memory(many))
    with scratch_directory() as scratch:
        node = a_node(scratch / "one")
        one = on_loops(1, node)
        few = milliseconds(one.woken), milliseconds(one.thorough)
        for step, started in a_life(node):
            cells: dict[str, Cell] = {"step": step, "number": len(started)}
            notes.row("programs started", {**cells, "which": " ".join(started)})
        lots = on_loops(many, a_node(scratch / "many"))
        with counting() as started:
            found = milliseconds(lots.woken), milliseconds(lots.thorough)
        _note(notes, "on loop devices", few, found)
        name = "programs started in a round with 500"
        notes.figure(name, float(len(started)), "")
    print(json.dumps(plain(notes)))


def _leave_others_devices() -> None:
    """Let go of the loop devices of others, whose mounts came with the namespace."""
    for mount in reversed(parse_mountinfo(Path("/proc/self/mountinfo").read_text())):
        if os.major(mount.device) == LOOPS and mount.path != Path("/"):
            _ = subprocess.run(["umount", "--lazy", mount.path], check=True)


def _compare(notes: Notes, storage: str, one: Rounds, many: Rounds) -> None:
    few = milliseconds(one.woken), milliseconds(one.thorough)
    _note(notes, storage, few, (milliseconds(many.woken), milliseconds(many.thorough)))


def _note(
    notes: Notes, storage: str, few: tuple[float, float], lots: tuple[float, float]
) -> None:
    notes.figure(f"round with 500 / with one, {storage}", lots[0] / few[0], RATIO)
    for kind, one, many in zip(("woken", "thorough"), few, lots, strict=True):
        cells = {"storage": storage, "round": kind, "ms with one": one}
        notes.row("rounds", {**cells, "ms with 500": many})


if __name__ == "__main__":
    main(int(sys.argv[1]))
