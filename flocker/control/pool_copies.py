"""Copies of a dataset on the nodes' pools: what a move would send, what may be dropped.

Pure, from what nodes said last. Called by `flocker.restapi.moves`.
"""

from collections.abc import Mapping
from enum import Enum

from attrs import evolve, frozen

from flocker.control.admission import BackendDiffers, NodeLacksBackend, NodeRefuses
from flocker.control.datasets import DatasetDeleted, DatasetNotFound
from flocker.control.pool_moves import (
    CopyNeeded,
    MoveRefused,
    NotInPool,
    move,
    prune,
)
from flocker.control.pool_rows import row_of
from flocker.control.pool_wishes import check_target
from flocker.model.changes import Change
from flocker.model.cluster import NodeSight, Observed
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.forecasts import CLOSE_BEHIND, HAND_OVER, Forecast
from flocker.model.holders import describe_all
from flocker.model.ids import BackendName, DatasetID, NodeID, SnapshotID
from flocker.model.pools import PoolFact, PoolOwnership, Prune

Facts = Mapping[NodeID, Observed]


@frozen
class NoSuchCopy(FlockerError):
    """A node has not said that it has a copy of the dataset."""

    dataset: DatasetID
    node: NodeID

    def words(self) -> str:
        """Name both."""
        return f"node {self.node} has no copy of dataset {self.dataset}"


@frozen
class Plan:
    """What a move would do; nothing is changed by it.

    Where the target has a copy, at `base`, only what is newer is sent from the `pool`.
    `at_most` is the limit of the dataset (bytes, None: it has none), so about what may
    have to be sent where it cannot be counted, but for what snapshots hold besides.
    `measured` is what the last step of a move under way is expected to take (seconds).
    It begins when the `blockers` are gone.
    """

    source: NodeID
    target: NodeID
    pool: BackendName
    base: SnapshotID | None
    at_most: int | None
    measured: float | None
    blockers: tuple[str, ...] = ()

    @property
    def continues(self) -> bool:
        """Whether only what is newer is sent."""
        return self.base is not None


class Basis(Enum):
    """What a downtime is expected by.

    By the last round of a move under way; or, before, by how a move is made: in rounds
    until one takes little time, if that comes to pass.
    """

    LAST_ROUND = "last-round"
    ROUNDS = "rounds"


@frozen
class Downtime:
    """About how many seconds nobody would serve a dataset."""

    seconds: float
    basis: Basis


def plan(
    configuration: Configuration,
    facts: Facts,
    sights: Mapping[NodeID, NodeSight],
    dataset: DatasetID,
    target: NodeID,
) -> Plan:
    """Say what moving the dataset would take.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`.
    """
    row = row_wanted(configuration, dataset)
    here, there = copy_on(row.owner, facts), copy_on(target, facts)
    base = there.head if there is not None and there.exists else None
    if here is None or base not in here.snapshots:
        base = None
    said = facts.get(row.owner)
    under_way = None if here is None else here.copying
    if under_way is not None and not row.moves_to(target):
        under_way = None
    return Plan(
        row.owner,
        target,
        row.backend,
        base,
        None if said is None else said.fact.size,
        None if under_way is None else under_way.downtime,
        tuple(_blockers(configuration, sights, row, target)),
    )


def downtime(plan: Plan, forecast: Forecast | None) -> Downtime | None:
    """Say for how long nobody would serve it, if that is known.

    What a pool sends all of, in the last round too, is as long away as it is large.
    """
    if plan.measured is not None:
        return Downtime(plan.measured, Basis.LAST_ROUND)
    at_home = plan.source == plan.target
    if at_home or forecast is None or forecast.sends_all:
        return None
    return Downtime(CLOSE_BEHIND + HAND_OVER, Basis.ROUNDS)


def _blockers(
    configuration: Configuration,
    sights: Mapping[NodeID, NodeSight],
    row: PoolOwnership,
    target: NodeID,
) -> list[str]:
    found = []
    hindrance = None if target == row.owner else _hindrance(configuration, row, target)
    if target == row.owner:
        found.append("it is there")
    elif hindrance is not None:
        found.append(hindrance)
    for node in (row.owner, target):
        sight = sights.get(node)
        if sight is None or not sight.connected:
            found.append(f"node {node} is not connected")
    lease = configuration.leases.get(row.dataset)
    if lease is not None and lease.node != target:
        who = describe_all(holder.name for holder in lease.holders) or "somebody"
        found.append(
            f"{who} has it leased on node {lease.node}: it is copied meanwhile, and"
            " moves when that ends"
        )
    return found


def _hindrance(
    configuration: Configuration, row: PoolOwnership, target: NodeID
) -> str | None:
    """Say why a move could not be begun now, if it could not."""
    idle = evolve(
        configuration,
        pools=configuration.pools.set(row.dataset, evolve(row, move=None)),
    )
    try:
        check_target(idle, row, target)
        _ = move(idle, row.dataset, target)
    except MoveRefused as refused:
        return refused.why
    except (NodeRefuses, NodeLacksBackend, BackendDiffers) as refused:
        return str(refused)
    return None


def drop(
    configuration: Configuration, facts: Facts, dataset: DatasetID, node: NodeID
) -> Change:
    """Want a copy destroyed that the dataset contains; C12 of the protocol.

    What the dataset contains is what its owner says that it has, up to the snapshot
    from which its epoch started: that much no move and no crash takes from it.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`, `NoSuchCopy`, `CopyNeeded`.
    """
    row = row_wanted(configuration, dataset)
    if node == row.owner:
        raise CopyNeeded(dataset, node, "it is the dataset")
    copy = copy_on(node, facts)
    if copy is None or not copy.exists or copy.head is None:
        raise NoSuchCopy(dataset, node)
    return prune(configuration, dataset, Prune(node, copy.head), lineage(row, facts))


def lineage(row: PoolOwnership, facts: Facts) -> frozenset[SnapshotID]:
    """Give the snapshots known to be contained in what the owner's epoch started from.

    The base itself always is. Of older ones the owner knows those that it still has.
    """
    if row.base is None:
        return frozenset()
    owners = copy_on(row.owner, facts)
    if owners is None or row.base not in owners.snapshots:
        return frozenset({row.base})
    return frozenset(owners.snapshots[: owners.snapshots.index(row.base) + 1])


def copy_on(node: NodeID, facts: Facts) -> PoolFact | None:
    """Give what a node said of its copy."""
    observed = facts.get(node)
    return None if observed is None else observed.fact.pool


def row_wanted(configuration: Configuration, dataset: DatasetID) -> PoolOwnership:
    """Give the row of a dataset that is wanted.

    Raises `DatasetNotFound`, `DatasetDeleted`, `NotInPool`.
    """
    found = configuration.datasets.get(dataset)
    if found is None:
        raise DatasetNotFound(str(dataset))
    if found.deleted:
        raise DatasetDeleted(dataset)
    row = row_of(configuration, found)
    if row is None:
        raise NotInPool(dataset)
    return row
