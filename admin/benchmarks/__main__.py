"""Measures how fast Flocker is, part by part, and says what of it was wanted.

Run by admin/benchmarks/run, which sets up what it needs.
"""

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from admin.benchmarks.figures import (
    Bench,
    Notes,
    Part,
    kept,
    last_time,
    plain,
    remembered,
    summary,
    table,
)
from admin.benchmarks.machine import commit, machine

PARTS = [
    *("rest", "agents", "rounds", "convergence", "idle", "cli"),
    *("pools", "moves", "moves_zfs", "docker"),
]
"""The modules here that have a `PART`, in the order in which they are measured."""

HISTORY = Path(__file__).with_name("history.jsonl")


def main(words: Sequence[str]) -> int:
    """Measure what is asked for; give the exit status."""
    asked = _parse(words)
    parts = {name: load(name) for name in asked.part or PARTS}
    if asked.list:
        print("\n".join(f"{part.name:<12} {part.about}" for part in parts.values()))
        return 0
    before = last_time(_read_history(), machine(), quick=asked.quick)
    found: dict[str, Notes] = {}
    failed = []
    for name, part in parts.items():
        notes = Notes(part.wanted)
        if _measure(part, notes, quick=asked.quick):
            found[name] = notes
        else:
            failed.append(name)
        _print(name, notes, before.get(name, {}))
        if asked.json is not None:
            _write_json(asked.json, found, failed, quick=asked.quick)
    if asked.quick:
        print("\nMeasured with --quick: sizes are smaller than the names say.")
    if failed:
        print(f"\nnot measured to the end: {', '.join(failed)}")
    if asked.history and found:
        ratios = {name: remembered(notes) for name, notes in found.items()}
        with HISTORY.open("a") as lines:
            line = json.dumps({**_head(quick=asked.quick), "parts": ratios})
            _ = lines.write(line + "\n")
    good = all(kept(notes) for notes in found.values())
    return 1 if failed or (asked.check and not good) else 0


def load(name: str) -> Part:
    """Give the part that is the module `name`."""
    part = import_module(f"admin.benchmarks.{name}").PART
    if not isinstance(part, Part):
        raise TypeError(f"{name}.PART is no Part")
    return part


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="admin/benchmarks/run", description=__doc__)
    add = parser.add_argument
    add("part", nargs="*", help=f"what to measure: {', '.join(PARTS)}; default: all")
    add("--list", action="store_true", help="only say what there is to measure")
    add("--quick", action="store_true", help="small sizes: minutes become seconds")
    add("--json", type=Path, metavar="FILE", help="write all that was found to FILE")
    add(
        "--history",
        action="store_true",
        help=f"append a line to {HISTORY.name}, which is kept in the repository",
    )
    add(
        "--check",
        action="store_true",
        help="exit with 1 if a wanted value is missed or was not measured",
    )
    asked = parser.parse_args(words)
    unknown = [name for name in asked.part if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    return asked


def _measure(part: Part, notes: Notes, *, quick: bool) -> bool:
    """Measure a part; say whether it came to its end."""
    try:
        with tempfile.TemporaryDirectory(prefix=f"flocker-{part.name}-") as scratch:
            part.measure(Bench(Path(scratch), _say, quick), notes)
    except (Exception, SystemExit):  # noqa: BLE001  (the other parts are to run)
        traceback.print_exc()
        return False
    return True


def _write_json(
    file: Path, found: Mapping[str, Notes], failed: Sequence[str], *, quick: bool
) -> None:
    """Write what there is so far: who waits for half an hour may be cut short."""
    everything = {name: plain(notes) for name, notes in found.items()}
    head = _head(quick=quick)
    text = json.dumps({**head, "parts": everything, "failed": failed}, indent=1)
    _ = file.write_text(text + "\n")


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _print(name: str, notes: Notes, before: Mapping[str, float]) -> None:
    for title, rows in notes.tables.items():
        print(f"\n{name}: {title}")
        print("\n".join(table(rows)))
    print(f"\n{name}: what is wanted")
    print("\n".join(summary(notes, before)), flush=True)


def _head(*, quick: bool) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "quick": quick,
    }


def _read_history() -> list[Mapping[str, Any]]:
    if not HISTORY.exists():
        return []
    return [json.loads(line) for line in HISTORY.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
