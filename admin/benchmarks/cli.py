"""How long the programs take that people type, from the shell."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from admin.benchmarks.content import store
from admin.benchmarks.figures import Bench, Notes, Part, at_most
from admin.benchmarks.programs import certify, control
from flocker.cli.flockerctl import flockerctl

BIN = Path(sys.executable).parent
LISTED, QUICK_LISTED = 5_000, 200
NODES = 10
TIMES = 7

WANTED = {
    "flockerctl list, 5,000 datasets": at_most(
        1.0, f"from the shell to a pipe, on the clock; the fastest of {TIMES}"
    ),
    "slowest program to start, CPU": at_most(
        0.4, f"of all in the table, each the least of {TIMES}; nothing waits for others"
    ),
}

STARTS: tuple[tuple[str, ...], ...] = (
    ("flockerctl", "--version"),
    ("flockerctl", "--help"),
    *(("flockerctl", name, "--help") for name in sorted(flockerctl.commands)),
    ("flocker-ca", "--version"),
    ("flocker-ca", "--help"),
    ("flocker-control", "--version"),
    ("flocker-control", "--help"),
    ("flocker-dataset-agent", "--version"),
    ("flocker-dataset-agent", "--help"),
    ("flocker-diagnostics", "--help"),
    ("flocker-docker-plugin", "--version"),
    ("flocker-install-units", "--help"),
    ("flocker-node-era", "--version"),
    ("flocker-sandbox", "--version"),
    ("flocker-sandbox", "--help"),
)
ASKED = ("health", "list-nodes", "version --server")
"""Questions that end at once, asked of a control service."""


@frozen
class Took:
    """The least a program took, in seconds."""

    wall: float
    cpu: float


def measure(bench: Bench, notes: Notes) -> None:
    """Start every program; then ask a control service with many datasets."""
    bench.say("starts")
    yardstick = took([sys.executable, "-c", "pass"], {}, TIMES)
    _row(notes, "python -c pass", yardstick)
    slowest = 0.0
    times = 2 if bench.quick else TIMES
    for words in STARTS:
        found = took([str(BIN / words[0]), *words[1:]], {}, times)
        _row(notes, " ".join(words), found)
        slowest = max(slowest, found.cpu)
    listed = QUICK_LISTED if bench.quick else LISTED
    bench.say(f"questions to a control service with {listed:,} datasets")
    certificates = certify(bench.scratch / "certificates")
    data = store(bench.scratch / "data", listed, NODES)
    with control(certificates, data) as service:
        where = {
            "FLOCKER_CERTS_PATH": str(certificates),
            "FLOCKER_CONTROL_SERVICE": f"127.0.0.1:{service.rest}",
        }
        for question in ASKED:
            words = ["flockerctl", *question.split()]
            found = took([str(BIN / words[0]), *words[1:]], where, times)
            _row(notes, f"{' '.join(words)} (asked)", found)
            slowest = max(slowest, found.cpu)
        found = took([str(BIN / "flockerctl"), "list"], where, times)
    _row(notes, f"flockerctl list ({listed:,} datasets)", found)
    notes.figure("flockerctl list, 5,000 datasets", found.wall, "s")
    notes.figure("flockerctl list, 5,000 datasets, CPU", found.cpu, "s")
    notes.figure("slowest program to start, CPU", slowest, "s")
    notes.figure("python -c pass, CPU", yardstick.cpu, "s")


PART = Part("cli", "the programs that people type", WANTED, measure)


def took(command: Sequence[str], environment: Mapping[str, str], times: int) -> Took:
    """Run a program some times; what it takes at least."""
    wall = cpu = float("inf")
    for _ in range(times):
        before, began = _children(), time.monotonic()
        ran = subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
        wall = min(wall, time.monotonic() - began)
        cpu = min(cpu, _children() - before)
        if ran.returncode not in {0, 1}:
            raise SystemExit(f"{command!r} ended with {ran.returncode}: {ran.stderr!r}")
    return Took(wall, cpu)


def _children() -> float:
    """Give the CPU that the ended children of this process have used."""
    used = os.times()
    return used.children_user + used.children_system


def _row(notes: Notes, what: str, found: Took) -> None:
    cells = {"program": what, "s": found.wall, "CPU s": found.cpu}
    notes.row("programs", cells)
