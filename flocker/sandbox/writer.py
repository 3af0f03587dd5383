"""A program that writes to a dataset wherever it is mounted, and notes what was kept.

``python -m flocker.sandbox.writer DATASET ACKNOWLEDGED [BYTES [PAUSE]]`` runs on every
node. As long as the dataset is served on this one it appends numbered records, each
synced to the disk before it is acknowledged in a file outside. With BYTES it also
writes so many a second into the dataset. It opens the dataset anew for each record, as
who retries does, and rests PAUSE seconds between two, so that the dataset can move
under it: what is open all the time is not taken.
"""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep, time_ns

from attrs import frozen

from flocker.model.errors import FlockerError

RECORDS = "records"
_BULK = "bulk"
_MOST_BULK = 256 * 1024 * 1024
"""Bytes after which the bulk is written from its beginning again."""
PAUSE = 0.005
"""Seconds between two records, and two looks whether the dataset is there."""
_TAIL = 200


@frozen
class Entry:
    """A record: its number, when it was written (ns since the epoch), on which node."""

    number: int
    time: int
    node: str


@frozen
class Lost(FlockerError):
    """Records are not what was acknowledged."""

    why: str

    def words(self) -> str:
        """Say which."""
        return f"the records are not what was written: {self.why}"


def write(
    dataset: Path, acknowledged: Path, bytes_a_second: int, pause: float = PAUSE
) -> None:
    """Write until there is an `end_mark`."""
    node, started, bulk = os.uname().nodename, monotonic(), 0
    with acknowledged.open("a", buffering=1) as out:
        while not end_mark(acknowledged).exists():
            sleep(pause)
            if not (dataset.is_mount() or dataset.is_symlink()):
                started, bulk = monotonic(), 0
                continue
            try:
                number = append(dataset, node)
                due = int((monotonic() - started) * bytes_a_second)
                bulk += _fill(dataset, bulk, due - bulk)
            except OSError:
                continue  # it is being moved: what was not acknowledged, nobody has
            out.write(f"{number}\n")


def end_mark(acknowledged: Path) -> Path:
    """Give the file that ends the program whose notes these are."""
    return acknowledged.with_suffix(".end")


def append(dataset: Path, node: str) -> int:
    """Append one record and sync it; give its number."""
    with (dataset / RECORDS).open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        lines = file.read().splitlines()
        number = int(lines[-1].split()[0]) + 1 if lines else 1
        file.write(f"{number} {time_ns()} {node}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    return number


def _fill(dataset: Path, position: int, size: int) -> int:
    if size <= 0:
        return 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(dataset / _BULK, flags, 0o644)
    try:
        return os.pwrite(descriptor, os.urandom(size), position % _MOST_BULK)
    finally:
        os.close(descriptor)


def read(dataset: Path) -> tuple[Entry, ...]:
    """Read all records. Raises `Lost` where one is missing, or is there twice."""
    entries = []
    for line in (dataset / RECORDS).read_text().splitlines():
        number, time, node = line.split()
        entries.append(Entry(int(number), int(time), node))
        if entries[-1].number != len(entries):
            raise Lost(f"record {number} stands where {len(entries)} should")
    return tuple(entries)


def acknowledged(notes: Sequence[Path]) -> tuple[int, ...]:
    """Give the numbers that were acknowledged; read them before the records."""
    lines = (line for file in notes for line in file.read_text().split("\n")[:-1])
    return tuple(int(line) for line in lines)


def check(entries: Sequence[Entry], numbers: Sequence[int]) -> None:
    """Compare with what was acknowledged. Raises `Lost`."""
    kept = {entry.number for entry in entries}
    for number in numbers:
        if number not in kept:
            raise Lost(f"record {number} was acknowledged and is not there")


def longest_gap(entries: Sequence[Entry]) -> float:
    """Give the longest time between two records of different nodes, in seconds."""
    gaps = [
        (after.time - before.time) / 1e9
        for before, after in pairwise(entries)
        if before.node != after.node
    ]
    return max(gaps, default=0.0)


def main(arguments: Sequence[str]) -> None:
    """Write until killed."""
    dataset, acknowledged, *more = arguments
    rate = int(more[0]) if more else 0
    pause = float(more[1]) if more[1:] else PAUSE
    write(Path(dataset), Path(acknowledged), rate, pause)


if __name__ == "__main__":
    main(sys.argv[1:])
