"""What happens to a snapshot that a user wants: pure, from its row and what nodes say.

Called by `flocker.control.statuses`.
"""

from enum import Enum

from attrs import frozen

from flocker.model.cluster import Cause, Condition, Fact
from flocker.model.ids import NodeID
from flocker.model.pool_known import Known
from flocker.model.pools import Owned, PoolFact, PoolOwnership, Stage
from flocker.model.snapshots import FoundSnapshot, UserSnapshot, UserSnapshots

UNMADE = Cause("no-owner", "no node has been told yet to make the dataset")
NOT_SAID = Cause("not-reported", "its agent has not said yet what it has")


class SnapshotPhase(Enum):
    """Where a snapshot is on its way; the words of the status API."""

    WAITING = "waiting"
    TAKEN = "taken"
    MISSING = "missing"
    DELETING = "deleting"


@frozen
class SnapshotStatus:
    """What happens to a snapshot, at which node, and what it waits for."""

    phase: SnapshotPhase
    node: NodeID | None = None
    cause: Cause | None = None


def snapshot_status(
    snapshot: UserSnapshot,
    row: UserSnapshots,
    owned: PoolOwnership | None,
    known: Known,
) -> SnapshotStatus:
    """Say what happens to one of the snapshots of `row`."""
    if owned is None:
        return SnapshotStatus(SnapshotPhase.WAITING, None, UNMADE)
    if snapshot.deleted is not None:
        return _deleting(snapshot, owned, known)
    if snapshot.taken is None:
        return _waiting(owned, known)
    return _taken(snapshot, row, owned, known)


# It is not taken yet.


def _waiting(owned: PoolOwnership, known: Known) -> SnapshotStatus:
    cause = _not_taken(owned, known)
    return SnapshotStatus(SnapshotPhase.WAITING, owned.owner, cause)


def _not_taken(owned: PoolOwnership, known: Known) -> Cause:
    name, fact = known.name(owned.owner), known.fact(owned.owner)
    if not known.connected(owned.owner):
        words = f"{name}, which owns the dataset, is not connected"
        return Cause("node-silent", words, "bring that node or its agent back")
    if owned.move is not None and owned.move.stage is not Stage.COPYING:
        words = (
            f"the dataset is being handed over to {known.name(owned.move.target)}:"
            " whichever node owns it then takes the snapshot"
        )
        return Cause("handing-over", words)
    if fact is None or fact.pool is None:
        return NOT_SAID
    return fact.cause or _next(name, fact.pool)


def _next(name: str, copy: PoolFact) -> Cause:
    """Say what an owner that is there, and has no trouble, does before."""
    if not isinstance(copy.record.standing, Owned):
        words = f"{name} has not taken the dataset into use yet"
        return Cause("handing-over", words)
    if copy.copying is not None:
        words = f"{name} sends what was there before: it is taken after that"
        return Cause("copying", words)
    return Cause("not-taken", f"{name} has been told, and has not taken it yet")


# It was taken.


def _taken(
    snapshot: UserSnapshot,
    row: UserSnapshots,
    owned: PoolOwnership,
    known: Known,
) -> SnapshotStatus:
    fact = known.fact(owned.owner)
    if not known.connected(owned.owner) or not _is_certain(fact, row, owned):
        return SnapshotStatus(SnapshotPhase.TAKEN, owned.owner)
    if _found(fact, snapshot) is not None:
        return SnapshotStatus(SnapshotPhase.TAKEN, owned.owner)
    cause = Cause(
        "snapshot-missing",
        f"{known.name(owned.owner)} has the dataset without this snapshot",
        "see what became of it in that node's pool; if it is lost, delete it",
        permanent=True,
    )
    return SnapshotStatus(SnapshotPhase.MISSING, owned.owner, cause)


def _is_certain(fact: Fact | None, row: UserSnapshots, owned: PoolOwnership) -> bool:
    """Whether the owner has looked since it was told of all that is wanted."""
    copy = None if fact is None else fact.pool
    if fact is None or copy is None or fact.condition is Condition.UNKNOWN:
        return False
    standing = copy.record.standing
    owns = isinstance(standing, Owned) and standing.epoch == owned.epoch
    return owns and copy.heard >= row.revision


# It is deleted.


def _deleting(
    snapshot: UserSnapshot, owned: PoolOwnership, known: Known
) -> SnapshotStatus:
    by_owner_first = sorted(owned.holders, key=lambda node: node != owned.owner)
    for node in by_owner_first:
        if node not in known.registry:
            continue
        copy = _copy(known.fact(node))
        owner = node == owned.owner
        if copy is not None and copy.is_rid_of(snapshot, owned, owner=owner):
            continue
        cause = _kept(node, snapshot, owned, known)
        return SnapshotStatus(SnapshotPhase.DELETING, node, cause)
    return SnapshotStatus(SnapshotPhase.DELETING, owned.owner)


def _kept(
    node: NodeID, snapshot: UserSnapshot, owned: PoolOwnership, known: Known
) -> Cause:
    """Say why a node may have it still, or be brought it."""
    name, fact = known.name(node), known.fact(node)
    if not known.connected(node):
        return Cause(
            "holder-silent",
            f"{name}, which may have it, is not connected",
            "bring that node or its agent back; or, if it will never return:"
            f" flockerctl node forget {node}",
        )
    if owned.move is not None:
        return Cause("moving", "the dataset is being moved: it goes after that")
    if not owned.acquired:
        words = f"{known.name(owned.owner)} has not taken the dataset into use yet"
        return Cause("handing-over", words)
    return _kept_there(name, fact, snapshot, owned)


def _kept_there(
    name: str, fact: Fact | None, snapshot: UserSnapshot, owned: PoolOwnership
) -> Cause:
    """Say why a node that is heard may have it still, while nothing moves."""
    found, copy = _found(fact, snapshot), _copy(fact)
    if found is not None and copy is not None and _rests_on(found, copy, owned):
        words = f"{name} keeps it as what the next move goes on from: it goes after one"
        return Cause("kept-as-base", words)
    if fact is not None and fact.cause is not None:
        return fact.cause
    if copy is None or not copy.heard:
        return NOT_SAID
    return Cause("not-destroyed", f"{name} has been told, and has not destroyed it yet")


def _rests_on(found: FoundSnapshot, copy: PoolFact, owned: PoolOwnership) -> bool:
    standing = copy.record.standing
    if isinstance(standing, Owned):
        return found.identity in {standing.base, owned.base}
    return found.identity in {copy.head, owned.base}


def _copy(fact: Fact | None) -> PoolFact | None:
    return None if fact is None else fact.pool


def _found(fact: Fact | None, snapshot: UserSnapshot) -> FoundSnapshot | None:
    copy = _copy(fact)
    users = () if copy is None else copy.users
    return next((each for each in users if each.id == snapshot.id), None)
