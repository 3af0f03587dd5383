"""What control does of its own accord: what time and the reports of agents ask for.

Pure: a rule a section, over the datasets and nodes that something was heard of, or is
due for.
`operations` commits what comes out like any request, so upkeep never races with a user.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from attrs import evolve, frozen

from flocker.control import pool_tending, volume_snapshots
from flocker.control.datasets import forget
from flocker.control.leases import expired, outlived
from flocker.control.node_upkeep import keep_nodes
from flocker.model.changes import Change, DatasetEdit, Edit, LeaseEdit, OwnershipEdit
from flocker.model.cluster import Condition, NodeSight, Observed, Want
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.leases import Lease
from flocker.model.ownership import Ownership

Facts = Mapping[NodeID, Observed]

GRACE = 60.0
"""Seconds after a start in which no lease expires: its holder may not reach us yet."""

UNRECORDED = frozenset({Condition.UNREGISTERED, Condition.FOUND})
"""In these a node has a volume that is the dataset's, and is not on record."""

NOTHING_MADE = frozenset({Condition.MISSING, Condition.UNCLAIMED})
"""In these there is nothing to destroy of a dataset without a record."""

DESTROYED = frozenset({Condition.DESTROYED})

RETENTION = 30 * 24 * 3600.0
"""Seconds for which a destroyed dataset is remembered, unless configured otherwise."""


@frozen
class Times:
    """The moment, and what rules count from; seconds on control's steady clock."""

    now: float
    started: float
    retention: float = RETENTION


class Heard(Protocol):
    """What the agents have said; `flocker.control.observations` keeps it."""

    def facts(self, dataset: DatasetID) -> Facts:
        """What each node says of `dataset`, or said before it fell silent."""

    def held_by(self, dataset: DatasetID) -> Collection[NodeID]:
        """The connected nodes that have it, or act on it."""

    def sight(self, node: NodeID) -> NodeSight | None:
        """What is seen of a node."""

    @property
    def nodes(self) -> Mapping[NodeID, NodeSight]:
        """What is seen of every node."""


def upkeep(
    configuration: Configuration,
    heard: Heard,
    of: Iterable[DatasetID],
    times: Times,
    nodes: Iterable[NodeID] = (),
) -> Change:
    """Give what follows from time, and from what was heard of datasets and nodes."""
    of = tuple(of)
    edits: list[Edit] = list(keep_nodes(configuration, heard, of, nodes, times.now))
    taken: set[tuple[BackendName, VolumeID]] = set()
    for dataset_id in sorted(set(of)):
        lease = configuration.leases.get(dataset_id)
        ended = (
            _release(configuration, lease)
            or _end_with_life(lease, heard)
            or list(_expire(lease, times))
        )
        edits.extend(ended)
        dataset = configuration.datasets.get(dataset_id)
        if dataset is None:
            continue
        if dataset.destroyed:
            edits.extend(_purge(configuration, dataset, times))
            continue
        tended = pool_tending.tend(
            configuration, dataset, heard, times.now, times.started
        )
        if tended is not None:
            # What ends a lease is committed first: then we look again.
            edits.extend(() if ended else tended.edits)
            continue
        edits.extend(_of_volume(configuration, dataset, heard, times, taken))
    return Change(tuple(edits))


def _of_volume(
    configuration: Configuration,
    dataset: Dataset,
    heard: Heard,
    times: Times,
    taken: set[tuple[BackendName, VolumeID]],
) -> Iterable[Edit]:
    """Give what follows for a volume; `taken` are those that were just registered."""
    ownership = configuration.ownership.get(dataset.id)
    facts, held_by = heard.facts(dataset.id), heard.held_by(dataset.id)
    gone = NOTHING_MADE if ownership is None else DESTROYED
    edit = (
        _register(dataset, ownership, facts)
        or _acquire(ownership, facts)
        or _destroyed(dataset, facts, held_by, gone, times)
        or _bequeath(configuration, dataset, ownership, heard)
    )
    if isinstance(edit, OwnershipEdit) and edit.before is None and edit.after:
        place = (edit.after.backend, edit.after.volume)
        if place in taken or place in configuration.volumes:
            return
        taken.add(place)
    if edit is not None:
        yield edit
    if isinstance(edit, DatasetEdit) and edit.after and edit.after.destroyed:
        yield from volume_snapshots.drop(configuration, dataset.id).edits
        return
    kept = volume_snapshots.tend(configuration, dataset, facts, held_by)
    if kept is not None:
        yield kept


def due(
    configuration: Configuration, dataset_id: DatasetID, times: Times
) -> float | None:
    """Give when upkeep must look at a dataset again, if time alone asks for it."""
    lease = configuration.leases.get(dataset_id)
    dataset = configuration.datasets.get(dataset_id)
    found = []
    if lease is not None and lease.next_expiry is not None:
        found.append(max(lease.next_expiry, times.started + GRACE))
    if dataset is not None and dataset.destroyed and dataset.destroyed_at is not None:
        found.append(dataset.destroyed_at + times.retention)
    frozen = pool_tending.due(configuration.pools.get(dataset_id), times.started)
    if frozen is not None:
        found.append(frozen)
    return min(found, default=None)


# Expire: a lease goes with its last holder, and never in the first minute.


def _expire(lease: Lease | None, times: Times) -> Iterable[LeaseEdit]:
    if lease is None or times.now < times.started + GRACE:
        return
    left = expired(lease, times.now)
    if left != lease:
        yield LeaseEdit(lease, left)


# Release: a dead node uses nothing.


def _release(configuration: Configuration, lease: Lease | None) -> list[LeaseEdit]:
    node = None if lease is None else configuration.nodes.get(lease.node)
    return [LeaseEdit(lease, None)] if node is not None and node.is_dead else []


# Outlive: who used it in an earlier life of the node does so no more. Only of a node
# that is connected is it known which life it is in: after a restart of control the
# registry may lag behind a lease.


def _end_with_life(lease: Lease | None, heard: Heard) -> list[LeaseEdit]:
    sight = None if lease is None else heard.sight(lease.node)
    if lease is None or sight is None or not sight.connected:
        return []
    left = outlived(lease, sight.identity.era)
    return [] if left == lease else [LeaseEdit(lease, left)]


# Register: the first volume seen that was made for a dataset is the dataset, from then
# on. The node that should have it is believed before others, so a late answer elsewhere
# loses; what was said of an earlier life of its id counts for nothing. What was only
# found, for a dataset without a life, holds data.


def _register(
    dataset: Dataset, ownership: Ownership | None, facts: Facts
) -> OwnershipEdit | None:
    if ownership is not None:
        return None
    by_primary_first = sorted(facts, key=lambda n: (n != dataset.primary, str(n)))
    for node in by_primary_first:
        fact = facts[node].fact
        if fact.condition not in UNRECORDED or fact.life != dataset.life:
            continue
        if fact.volume and fact.backend:
            found = fact.condition is Condition.FOUND
            own = Ownership(dataset.id, fact.backend, fact.volume, acquired=found)
            return OwnershipEdit(None, own)
    return None


# Acquire: once it was mounted it holds data, and is never formatted again.


def _acquire(ownership: Ownership | None, facts: Facts) -> OwnershipEdit | None:
    if ownership is None or ownership.acquired:
        return None
    mounted = any(
        observed.fact.condition is Condition.MOUNTED
        and observed.fact.backend == ownership.backend
        and observed.fact.volume == ownership.volume
        for observed in facts.values()
    )
    if not mounted:
        return None
    return OwnershipEdit(ownership, evolve(ownership, acquired=True))


# Destroyed: the node that had to destroy it says that the backend knows it no more,
# and no node holds it, or is in the middle of making it. What a silent node held last
# is no objection: its backend has said otherwise since. A volume that was never claimed
# is left as it is.


def _destroyed(
    dataset: Dataset,
    facts: Facts,
    held_by: Collection[NodeID],
    gone: Collection[Condition],
    times: Times,
) -> DatasetEdit | None:
    observed = facts.get(dataset.primary)
    if not dataset.deleted or observed is None or held_by:
        return None
    fact = observed.fact
    if fact.want is not Want.DELETED or fact.condition not in gone or fact.doing:
        return None
    after = evolve(dataset, destroyed=True, destroyed_at=times.now)
    return DatasetEdit(dataset, after)


# Bequeath: what a dead node was to destroy, another one does that has the backend.


def _bequeath(
    configuration: Configuration,
    dataset: Dataset,
    ownership: Ownership | None,
    heard: Heard,
) -> DatasetEdit | None:
    primary = configuration.nodes.get(dataset.primary)
    if not dataset.deleted or primary is None or not primary.is_dead:
        return None
    backend = dataset.backend if ownership is None else ownership.backend
    heirs = [
        node.id
        for node in configuration.nodes.values()
        if not node.is_dead
        and any(report.name == backend for report in node.backends)
        and node.id in heard.nodes
        and heard.nodes[node.id].connected
    ]
    if not heirs:
        return None
    return DatasetEdit(dataset, evolve(dataset, primary=min(heirs, key=str)))


# Purge: a destroyed dataset is forgotten with its records when its time is over.


def _purge(
    configuration: Configuration, dataset: Dataset, times: Times
) -> Iterable[Edit]:
    since = dataset.destroyed_at
    if since is not None and times.now >= since + times.retention:
        yield from forget(configuration, dataset).edits
