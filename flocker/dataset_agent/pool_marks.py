"""Our own snapshots of a dataset: their names, which stay; pure.

A stream continues the newest snapshot that both sides have. So a node that had the
dataset, or was on the way to get it, is continued only as long as whoever owns the
dataset has the snapshot at which that node stands: the one with which it let go, or
what was brought to it last before a move was given up. Either is at the end of a *run*,
the snapshots one after the other that were taken for the same target. The ends of the
last few runs stay, and go along when the dataset moves: its next owner may be asked to
bring it there.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from flocker.backends.pool_interface import PoolSnapshot
from flocker.model.ids import NodeID, SnapshotID

OURS: Final = "flocker-"
"""How the names of snapshots begin that are taken for streams; users' do not."""
ROUND: Final = f"{OURS}round-"
FINAL: Final = f"{OURS}final-"
"""Those of a dataset that is served, and of one that is let go of."""
RUNS_KEPT: Final = 6
END: Final = 2
"""How many are the end of a run: the very last may not have arrived."""
_DIGITS: Final = 8


def stamp(target: NodeID, unique: str) -> str:
    """Give the rest of the name of a snapshot that is taken for a node."""
    return f"{_mark(target)}-{unique}"


def is_ours(snapshot: PoolSnapshot) -> bool:
    """Whether it was taken for a stream."""
    return snapshot.name.startswith(OURS)


def lasting(snapshots: Sequence[PoolSnapshot]) -> frozenset[SnapshotID]:
    """Give those of ours at which a node may stand.

    `snapshots` are all of a copy, oldest first.
    """
    ours = [each for each in snapshots if is_ours(each)]
    runs = [list(run) for _, run in groupby(ours, _target_of)]
    return frozenset(each.identity for run in runs[-RUNS_KEPT:] for each in run[-END:])


def _target_of(snapshot: PoolSnapshot) -> str:
    """Give the mark of the node for which it was taken; else what is its alone."""
    kind = ROUND if snapshot.name.startswith(ROUND) else FINAL
    mark, _, unique = snapshot.name.removeprefix(kind).partition("-")
    return mark if unique else snapshot.name


def _mark(node: NodeID) -> str:
    return str(node)[-_DIGITS:]
