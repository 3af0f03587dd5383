"""How long nobody serves a dataset that moves from a ZFS pool to another, by its size.

As `moves`, with the ZFS of zfs-fuse, which is what runs on any machine: its daemon does
all in one process, so rates are no measure of a ZFS in the kernel.
"""

from admin.benchmarks.figures import Bench, Notes, Part, at_most
from admin.benchmarks.moves import GROWTH, LONGEST, QUICK_SIZES, measure_moves

SIZES = (100, 1024)
"""Mebibytes; zfs-fuse takes too long for more."""

WANTED = {
    LONGEST: at_most(2.0, "moves of 0.1 and 1 GiB, with a writer at 1 and 10 MB/s"),
    GROWTH: at_most(1.5, "means over both rates of writing; independent of size"),
}


def measure(bench: Bench, notes: Notes) -> None:
    """Move datasets between two ZFS pools."""
    measure_moves(bench, notes, "zfs", QUICK_SIZES if bench.quick else SIZES)


PART = Part("moves_zfs", "downtime of moves between ZFS pools", WANTED, measure)
