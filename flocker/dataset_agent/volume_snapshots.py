"""Snapshots of a volume that users want: which to take, which to destroy; pure.

The node that has the dataset mounted does it. A snapshot carries the id of the wish as
its mark, so one that was taken by an agent that died is not taken again.
"""

from collections.abc import Iterable

from flocker.backends.block_interface import BlockSnapshot
from flocker.dataset_agent.states import Mounted
from flocker.dataset_agent.steps import DropSnapshot, TakeSnapshot
from flocker.model.cluster import Want
from flocker.model.ids import BackendName
from flocker.model.snapshots import FoundSnapshot, UserSnapshots, VolumeSnapshots

TENDED = frozenset({Want.MOUNTED, Want.KEPT})
"""What is wanted of a dataset whose snapshots are seen to: it stays where it is."""


def next_step(
    found: Mounted,
    wanted: UserSnapshots | None,
    there: Iterable[BlockSnapshot],
    backend: BackendName,
) -> TakeSnapshot | DropSnapshot | None:
    """Give the first thing that is left to do.

    What is deleted goes first: room for the others may come of it. `there` are all
    snapshots that the backend has of the volume.
    """
    if wanted is None:
        return None
    dataset, volume = found.dataset, found.volume
    by_mark = {each.mark: each for each in there if each.of == volume}
    for wish in wanted.wanted:
        kept = by_mark.get(wish.id)
        if wish.deleted is not None and kept is not None:
            return DropSnapshot(dataset, backend, volume, kept.id)
    for wish in wanted.wanted:
        due = wish.deleted is None and wish.taken is None
        if due and wish.id not in by_mark:
            return TakeSnapshot(dataset, backend, volume, found.path, wish.id)
    return None


def told(wanted: UserSnapshots, there: Iterable[BlockSnapshot]) -> VolumeSnapshots:
    """Say which of the wanted snapshots, deleted ones too, there are.

    It was looked after the row `wanted` was heard of, and nothing was under way.
    """
    by_mark = {each.mark: each.id for each in there}
    found = tuple(
        FoundSnapshot(wish.id, by_mark[wish.id])
        for wish in wanted.wanted
        if wish.id in by_mark
    )
    return VolumeSnapshots(found, wanted.revision)
