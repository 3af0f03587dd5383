"""How long nobody serves a dataset that moves from a pool to another, by its size.

Two nodes of the sandbox, each with a Btrfs (`moves_zfs`: a ZFS). A program writes
synced records, and so many bytes a second besides, on whichever node has the dataset;
the longest time between two records of different nodes is the downtime. Beside it
stands what the cluster expected right before it took the dataset out of use, which is
what ``max_downtime`` is compared with.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from admin.benchmarks.figures import RATIO, Bench, Notes, Part, at_most
from flocker.model.ids import DatasetID, parse_uuid
from flocker.model.sizes import GIBIBYTE
from flocker.sandbox import writer
from flocker.sandbox.names import node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster, live_cluster
from flocker.testing.moving import await_more, seen, writing

ONE, TWO = node_name(1), node_name(2)
SIZES = (100, 1024, 4096)
QUICK_SIZES = (10, 40)
"""Mebibytes in the dataset before it moves."""
RATES = (1_000_000, 10_000_000)
"""Bytes a second that are written while it moves."""
QUOTA = 8 * GIBIBYTE
PATIENCE = 600.0
_BETWEEN = 0.05
"""Seconds; the latter between two questions of how far a move is."""

LONGEST = "downtime of a move, the longest"
GROWTH = "downtime of a move, the largest dataset / the smallest"

WANTED = {
    LONGEST: at_most(2.0, "moves of 0.1, 1 and 4 GiB, with a writer at 1 and 10 MB/s"),
    GROWTH: at_most(1.5, "means over both rates of writing; independent of size"),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Move datasets between two Btrfs."""
    measure_moves(bench, notes, "btrfs", QUICK_SIZES if bench.quick else SIZES)


def measure_moves(
    bench: Bench, notes: Notes, backend: str, sizes: Sequence[int]
) -> None:
    """Move a dataset of each size at each rate of writing."""
    found: dict[int, list[float]] = {}
    with live_cluster(2, backend=backend) as live:
        for size in sizes:
            for rate in RATES:
                bench.say(f"{size} MiB, written to at {rate // 1_000_000} MB/s")
                moved = _moved(live, size, rate)
                found.setdefault(size, []).append(moved.downtime)
                expected = moved.expected
                cells = {
                    "MiB": size,
                    "written, MB/s": rate // 1_000_000,
                    "downtime, s": round(moved.downtime, 2),
                    "expected, s": "?" if expected is None else round(expected, 2),
                    "the whole move, s": round(moved.seconds, 1),
                }
                title = f"moves between two pools of kind {backend}, under a writer"
                notes.row(title, cells)
    notes.figure(LONGEST, max(max(each) for each in found.values()), "s")
    means = {size: sum(each) / len(each) for size, each in found.items()}
    notes.figure(GROWTH, means[max(sizes)] / means[min(sizes)], RATIO)


PART = Part("moves", "downtime of moves between pools", WANTED, measure)


@frozen
class _Moved:
    """Seconds: the downtime of a move, as it was expected to be, and all of it."""

    downtime: float
    expected: float | None
    seconds: float


def _moved(live: LiveCluster, size: int, rate: int) -> _Moved:
    """Move a dataset of `size` MiB, while `rate` bytes a second are written."""
    body = {"primary": str(live.id_of(ONE)), "maximum_size": QUOTA}
    answer = live.ask("POST", "/configuration/datasets", body)
    dataset = DatasetID(parse_uuid(answer.json["dataset_id"]))
    path = live.mounted(dataset, ONE)
    _fill(live, path, size)
    with writing(live, path, rate) as notes:
        await_more(notes[0], 100)
        began = time.monotonic()
        live.move(dataset, TWO)
        expected = _expected(live, dataset)
        await_more(notes[1], 100, PATIENCE)
        seconds = time.monotonic() - began
    acknowledged = writer.acknowledged(notes)
    entries = writer.read(seen(live, TWO, path))
    writer.check(entries, acknowledged)
    live.delete(dataset)
    _ = live.await_phase(dataset, "destroyed")
    return _Moved(writer.longest_gap(entries), expected, seconds)


def _expected(live: LiveCluster, dataset: DatasetID) -> float | None:
    """Wait until it is taken out of use; give what was said last before, in seconds."""
    found: list[float] = []

    def is_over() -> bool:
        time.sleep(_BETWEEN)
        move = live.ask("GET", f"/status/datasets/{dataset}").json["move"]
        if move is not None and move["downtime"] is not None:
            found.append(move["downtime"])
        return move is None or move["stage"] != "copying"

    until(is_over, "the end of copying", PATIENCE)
    return found[-1] if found else None


def _fill(live: LiveCluster, path: Path, size: int) -> None:
    argv = ("dd", "if=/dev/urandom", f"of={path}/filled", "bs=1M", f"count={size}")
    _ = live.run(ONE, *argv, "conv=fsync", "status=none")
