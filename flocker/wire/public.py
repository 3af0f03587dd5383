"""The JSON objects of the REST API: written here, read here; pure.

`docs/reference/rest-api` describes them. Keys of version 1 are those of Flocker 1.15;
everything under ``status`` is new.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from flocker.model.cluster import Cause, Condition, Fact, NodeSight, Observed, Volume
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.leases import Lease
from flocker.model.nodes import DeadMark, Node
from flocker.model.ownership import Ownership
from flocker.model.pools import NotRolledBack, PoolFact, PoolOwnership, Rollback
from flocker.model.snapshot_status import SnapshotStatus
from flocker.model.snapshots import UserSnapshot, kept_as
from flocker.model.status import Moving, Status

Json = dict[str, Any]


def timestamp(seconds: float) -> str:
    """Write seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def configured_dataset(dataset: Dataset) -> Json:
    """Write a Dataset(config): `maximum_size` only when it was given."""
    plain: Json = {
        "dataset_id": str(dataset.id),
        "primary": str(dataset.primary),
        "deleted": dataset.deleted,
        "metadata": dict(dataset.metadata),
    }
    if dataset.maximum_size is not None:
        plain["maximum_size"] = dataset.maximum_size
    return plain


def state_dataset(node: NodeID, fact: Fact) -> Json | None:
    """Write a Dataset(state) as one node sees it; None where 1.15 listed nothing."""
    plain: Json = {"dataset_id": str(fact.dataset)}
    if fact.size is not None:
        plain["maximum_size"] = fact.size
    match fact.condition:
        case Condition.MOUNTED:
            return {**plain, "primary": str(node), "path": fact.path}
        case Condition.ATTACHED | Condition.BLANK | Condition.EMPTIED:
            return plain
        case Condition.FOREIGN | Condition.DETACHED | Condition.APPEARING:
            return plain
        case Condition.ON_DEAD_NODE:
            return plain
        case _:
            return None


def lease(found: Lease, now: float) -> Json:
    """Write a Lease: `expires` in seconds from now, None where a holder has no end.

    In the first minute of control, when no lease ends, one that is over has 0 left.
    """
    return {
        "dataset_id": str(found.dataset),
        "node_uuid": str(found.node),
        "expires": _left(found.expires, now),
        "holders": [
            {
                "holder": holder.name,
                "expires": _left(holder.expires, now),
                "era": None if holder.era is None else str(holder.era),
            }
            for holder in found.holders
        ],
    }


def _left(expires: float | None, now: float) -> float | None:
    return None if expires is None else round(max(0.0, expires - now), 3)


def state_node(sight: NodeSight) -> Json:
    """Write a Node."""
    return {"uuid": str(sight.identity.node), "host": sight.identity.host}


def configured_snapshot(dataset: DatasetID, snapshot: UserSnapshot) -> Json:
    """Write a snapshot that is wanted; `taken` is None until it is on record."""
    taken, kept = snapshot.taken, kept_as(dataset, snapshot.id)
    return {
        "dataset_id": str(dataset),
        "snapshot_id": str(snapshot.id),
        "name": snapshot.name,
        "asked": timestamp(snapshot.asked),
        "taken": None if taken is None else timestamp(taken.at),
        "deleted": snapshot.deleted is not None,
        "rollback": None if kept is None else kept.rollback,
        "why": None if kept is None else kept.why,
    }


def snapshot_status(
    dataset: DatasetID, snapshot: UserSnapshot, status: SnapshotStatus
) -> Json:
    """Write the same with what happens to it, at which node."""
    return {
        **configured_snapshot(dataset, snapshot),
        "phase": status.phase.value,
        "node": None if status.node is None else str(status.node),
        "cause": cause(status.cause),
    }


def cause(found: Cause | None) -> Json | None:
    """Write why something is not as wanted; `release` is None where nobody must act."""
    if found is None:
        return None
    return {"code": found.code, "words": found.words, "release": found.release}


def dataset_status(dataset: Dataset, status: Status, now: float) -> Json:
    """Write what is happening to a dataset; `seconds` says for how long."""
    return {
        "dataset_id": str(dataset.id),
        "name": dataset.name,
        "metadata": dict(dataset.metadata),
        "primary": str(dataset.primary),
        "backend": dataset.backend,
        "mount": dataset.mount.value,
        "filesystem": status.filesystem or dataset.filesystem.value,
        "maximum_size": dataset.maximum_size,
        "deleted": dataset.deleted,
        "phase": status.phase.value,
        "since": timestamp(status.since),
        "seconds": round(max(0.0, now - status.since), 3),
        "node": None if status.node is None else str(status.node),
        "cause": cause(status.cause),
        "path": status.path,
        "size": status.size,
        "move": _move(status.move),
    }


def _move(moving: Moving | None) -> Json | None:
    """Write how far a dataset is on its way; numbers are null until they are known."""
    if moving is None:
        return None
    move, far = moving.move, moving.copying
    return {
        "source": str(moving.source),
        "target": str(move.target),
        "stage": move.stage.value,
        "force": move.force,
        "max_downtime": move.max_downtime,
        "round": None if far is None else far.round,
        "done": None if far is None else far.done,
        "total": None if far is None else far.total,
        "rate": None if far is None else far.rate,
        "remaining": None if far is None else far.remaining,
        "ready": far is not None and far.ready,
        "downtime": None if far is None else far.downtime,
    }


def dataset_status_in_full(
    dataset: Dataset,
    status: Status,
    ownership: Ownership | PoolOwnership | None,
    facts: Mapping[NodeID, Observed],
    leased: Lease | None,
    now: float,
) -> Json:
    """Write the same with the record of ownership, lease, and what every node says."""
    volume = ownership.volume if isinstance(ownership, Ownership) else None
    row = ownership if isinstance(ownership, PoolOwnership) else None
    return {
        **dataset_status(dataset, status, now),
        "volume": volume,
        "acquired": ownership is not None and ownership.acquired,
        "pool": None if row is None else _pool(row),
        "lease": None if leased is None else lease(leased, now),
        "nodes": {
            str(node): _fact(observed, now) for node, observed in sorted(facts.items())
        },
    }


def _pool(row: PoolOwnership) -> Json:
    """Write who owns a dataset of a pool, and which copies are to be destroyed."""
    return {
        "owner": str(row.owner),
        "epoch": row.epoch,
        "given_up": row.given_up,
        "dropping": [str(prune.node) for prune in row.prunes],
        "rollback": None if row.rollback is None else rollback(row.rollback),
        "rolled_back": row.rolled_back,
        "not_rolled_back": _not_rolled_back(row.not_rolled_back),
    }


def _not_rolled_back(found: NotRolledBack | None) -> Json | None:
    """Write which rollback was given up, and why."""
    if found is None:
        return None
    return {**rollback(found.wish), "why": found.why, "release": found.release}


def rollback(wish: Rollback) -> Json:
    """Write what a dataset is to become again, and what it is before is kept as."""
    return {
        "number": wish.number,
        "snapshot": wish.name,
        "safety": wish.kept_as,
        "cancelled": wish.cancelled,
    }


def _copy(found: PoolFact) -> Json:
    """Write what a node has of a dataset of a pool."""
    return {
        "standing": type(found.record.standing).__name__.lower(),
        "epoch": found.record.epoch or None,
        "exists": found.exists,
        "snapshot": found.head,
        "asides": list(found.asides),
    }


def _fact(observed: Observed, now: float) -> Json:
    fact = observed.fact
    return {
        "wants": fact.want.value,
        "condition": fact.condition.value,
        "volume": fact.volume,
        "device": fact.device,
        "path": fact.path,
        "doing": None if fact.doing is None else fact.doing.value,
        "cause": cause(fact.cause),
        "copy": None if fact.pool is None else _copy(fact.pool),
        "since": timestamp(observed.since),
        "seconds": round(max(0.0, now - observed.since), 3),
    }


def unclaimed_volume(volume: Volume, why: Cause, nodes: Iterable[NodeSight]) -> Json:
    """Write a volume that no dataset is; `node` has it attached, if it is known."""
    return {
        "backend": volume.backend,
        "volume": volume.id,
        "dataset_id": str(volume.dataset),
        "size": volume.size,
        "attached_to": volume.instance,
        "node": _node_of(volume, nodes),
        "cause": cause(why),
    }


def unclaimed_copy(node: NodeID, fact: Fact, why: Cause) -> Json:
    """Write a copy in a node's pool that no dataset is; it is served at `path`."""
    return {
        "backend": fact.backend,
        "dataset_id": str(fact.dataset),
        "node": str(node),
        "path": fact.path,
        "cause": cause(why),
    }


def _node_of(volume: Volume, nodes: Iterable[NodeSight]) -> str | None:
    for sight in nodes:
        for backend in sight.identity.backends:
            named = backend.name == volume.backend and backend.instance is not None
            if named and backend.instance == volume.instance:
                return str(sight.identity.node)
    return None


def node_status(sight: NodeSight, known: Node | None, now: float) -> Json:
    """Write what control knows of a node; `seconds` since it was last heard.

    `known` is its record, which one that has just come does not have yet.
    """
    identity = sight.identity
    return {
        "uuid": str(identity.node),
        "host": identity.host,
        "connected": sight.connected,
        "since": timestamp(sight.since),
        "last_seen": timestamp(sight.last_seen),
        "seconds": round(max(0.0, now - sight.last_seen), 3),
        "era": str(identity.era),
        "version": identity.version,
        "backends": [
            {"name": b.name, "driver": b.driver, "kind": b.kind, "instance": b.instance}
            for b in identity.backends
        ],
        "refused": sight.refused,
        "first_seen": timestamp(sight.joined if known is None else known.first_seen),
        "labels": {} if known is None else dict(known.labels),
        "cordoned": known is not None and known.cordoned,
        "dead": None if known is None else _dead(known.dead),
    }


def _dead(mark: DeadMark | None) -> Json | None:
    if mark is None:
        return None
    return {
        "era": str(mark.era),
        "evidence": mark.evidence.value,
        "by": mark.by,
        "words": mark.words,
        "at": timestamp(mark.at),
    }
