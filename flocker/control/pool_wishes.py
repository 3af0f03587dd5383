"""Where a pool dataset is to be: what a wish does to a move under way; pure.

What users ask comes from `flocker.control.datasets`; what was wished and could not be
begun at once, from `flocker.control.pool_tending`.
"""

from attrs import evolve, frozen

from flocker.control.admission import admit, reach
from flocker.control.pool_moves import (
    UNSURE,
    MoveRefused,
    NoMove,
    NotInPool,
    cancel,
    move,
)
from flocker.control.pool_rows import row_of
from flocker.model.changes import Change, DatasetEdit, Edit, PoolEdit
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import NodeID
from flocker.model.pools import PoolOwnership, Stage


@frozen
class Terms:
    """How a dataset is to be moved; see `flocker.model.pools.Move`."""

    force: bool = False
    max_downtime: float | None = None


ANY_TERMS = Terms()


def direct(
    configuration: Configuration,
    dataset: Dataset,
    target: NodeID,
    terms: Terms = ANY_TERMS,
) -> tuple[Edit, ...]:
    """Give the edits of its row by which a dataset goes to `target`, or stays there.

    While it is copied elsewhere that move is replaced. One that is further is cancelled
    first; then there may be nothing to edit yet, and no `terms` that would be forgotten
    until then. Raises `MoveRefused`, `NodeRefuses`, `NodeLacksBackend`,
    `BackendDiffers`.
    """
    row = row_of(configuration, dataset)
    if row is None:
        raise NotInPool(dataset.id)
    if row.unsure:
        raise MoveRefused(dataset.id, target, UNSURE)
    under_way = row.move
    if target == row.owner:
        return () if under_way is None else cancel(configuration, dataset.id).edits
    check_target(configuration, row, target)
    if under_way is None or under_way.stage is Stage.COPYING:
        return _begin(configuration, row, target, terms)
    if terms != ANY_TERMS:
        why = "it is being handed over, or a move is being cancelled; ask again soon"
        raise MoveRefused(dataset.id, target, why)
    if under_way.stage is Stage.FREEZING and under_way.target != target:
        return cancel(configuration, dataset.id).edits
    return ()


def stay(configuration: Configuration, dataset: Dataset, now: float) -> Change:
    """Let the dataset stay where it is: cancel what was wished. Raises `NoMove`.

    `now` is seconds since the epoch on control's clock.
    """
    row = row_of(configuration, dataset)
    if row is None or row.deleted:
        raise NoMove(dataset.id)
    edits: list[Edit] = []
    if row.move is not None:
        edits.extend(cancel(configuration, dataset.id).edits)
    if dataset.primary != row.owner:
        wanted = evolve(dataset, primary=row.owner, asked=now)
        edits.append(DatasetEdit(dataset, wanted))
    elif row.move is None:
        raise NoMove(dataset.id)
    return Change(tuple(edits))


def check_target(
    configuration: Configuration, row: PoolOwnership, target: NodeID
) -> None:
    """Look whether a node can take the dataset at all.

    Raises `MoveRefused`, `NodeRefuses`, `NodeLacksBackend`, `BackendDiffers`.
    """
    if target not in configuration.nodes:
        raise MoveRefused(row.dataset, target, "no agent of that node ever connected")
    admit(configuration, target)
    reach(configuration, target, row.backend, row.owner)


def _begin(
    configuration: Configuration, row: PoolOwnership, target: NodeID, terms: Terms
) -> tuple[Edit, ...]:
    """Begin a move; one that is still copying ends in the same commit."""
    without = evolve(row, move=None)
    pools = configuration.pools.set(row.dataset, without)
    begun = move(
        evolve(configuration, pools=pools),
        row.dataset,
        target,
        force=terms.force,
        max_downtime=terms.max_downtime,
    )
    return tuple(
        PoolEdit(row, edit.after) for edit in begun.edits if isinstance(edit, PoolEdit)
    )
