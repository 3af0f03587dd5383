"""What stands in a pool made of folders, as values. Called by `api`, without its lock.

Things may come and go meanwhile: what goes while it is read is not there.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from flocker.backends.asides import AsideName
from flocker.backends.folders.layout import CopyFolder, Layout
from flocker.backends.folders.trees import Trees
from flocker.backends.folders.values import Tree
from flocker.backends.pool_interface import Aside, Copy, PoolSnapshot
from flocker.model.ids import DatasetID


@frozen
class FoundSnapshot:
    """A snapshot, and its tree."""

    snapshot: PoolSnapshot
    tree: Tree


def find_snapshots(folder: CopyFolder, trees: Trees) -> tuple[FoundSnapshot, ...]:
    """Give the snapshots of a copy, oldest first."""
    found = []
    for each in folder.each_snapshot():
        with suppress(FileNotFoundError):
            tree = trees.describe(each.data)
            found.append(
                FoundSnapshot(
                    PoolSnapshot(each.name, tree.identity, each.holds()), tree
                )
            )
    return tuple(sorted(found, key=lambda each: each.tree.order))


def snapshots_of(folder: CopyFolder, trees: Trees) -> tuple[PoolSnapshot, ...]:
    """Give the snapshots of a copy, oldest first, without their trees."""
    return tuple(each.snapshot for each in find_snapshots(folder, trees))


def read_copy(
    dataset: DatasetID,
    folder: CopyFolder,
    trees: Trees,
    quotas: Mapping[Path, int],
    mounts: Mapping[Path, tuple[Path, ...]],
) -> Copy:
    """Look at one copy. Raises `FileNotFoundError`."""
    record = folder.record.read_bytes()
    found = find_snapshots(folder, trees)
    writable, written = False, False
    with suppress(FileNotFoundError):
        live = trees.describe(folder.live)
        writable, written = True, not (found and live.equals(found[-1].tree))
    return Copy(
        dataset,
        record,
        tuple(each.snapshot for each in found),
        writable=writable,
        written=written,
        quota=quotas.get(folder.live),
        mounted_at=mounts.get(folder.live, ()),
    )


def read_copies(
    layout: Layout, trees: Trees, datasets: tuple[DatasetID, ...]
) -> Iterator[Copy]:
    """Look at copies; those that have gone are left out."""
    lives = tuple(layout.copy(dataset).live for dataset in datasets)
    quotas = trees.quotas(lives)
    mounts = trees.mounted_at(lives)
    for dataset in datasets:
        with suppress(FileNotFoundError):
            yield read_copy(dataset, layout.copy(dataset), trees, quotas, mounts)


def read_ledger(layout: Layout) -> Iterator[tuple[DatasetID, bytes]]:
    """Go through the records of datasets that have no copy."""
    for dataset in layout.entries():
        if not layout.copy(dataset).exists:
            with suppress(FileNotFoundError):
                yield dataset, layout.entry(dataset).read_bytes()


def read_aside(name: AsideName, layout: Layout, trees: Trees) -> Aside:
    """Look at a copy that was set aside."""
    folder = CopyFolder(layout.asides / name.text)
    snapshots = snapshots_of(folder, trees)
    return Aside(name.text, name.dataset, name.node, name.epoch, snapshots)
