"""What happens to a snapshot of a volume: pure, from its row and what nodes say.

The node that has the volume attached speaks for it, and takes and destroys its
snapshots while the dataset is mounted. Called by `flocker.control.statuses`; pools have
`snapshot_status`.
"""

from attrs import frozen

from flocker.model.cluster import Cause, Condition, Fact
from flocker.model.ids import NodeID
from flocker.model.ownership import Ownership
from flocker.model.pool_known import Known
from flocker.model.snapshot_status import NOT_SAID, SnapshotPhase, SnapshotStatus
from flocker.model.snapshots import UserSnapshot, UserSnapshots

NO_VOLUME = Cause("no-volume", "no volume has been made for the dataset yet")
UNATTACHED = "its volume is attached to no node"


@frozen
class _Holder:
    """The node that says that it has the volume."""

    node: NodeID
    fact: Fact


def volume_snapshot_status(
    snapshot: UserSnapshot,
    row: UserSnapshots,
    owned: Ownership | None,
    known: Known,
) -> SnapshotStatus:
    """Say what happens to one of the snapshots of `row`."""
    holder = None if owned is None else _holder(owned, known)
    node = None if holder is None else holder.node
    if snapshot.deleted is not None:
        cause = _kept(snapshot.deleted, holder, known)
        return SnapshotStatus(SnapshotPhase.DELETING, node, cause)
    if snapshot.taken is None:
        cause = NO_VOLUME if owned is None else _not_taken(holder, known)
        return SnapshotStatus(SnapshotPhase.WAITING, node, cause)
    if holder is not None and _is_missing(snapshot, row, holder, known):
        cause = Cause(
            "snapshot-missing",
            f"{known.name(holder.node)} has the volume, and the backend has not this"
            " snapshot",
            "see what became of it in the backend; if it is lost, delete it",
            permanent=True,
        )
        return SnapshotStatus(SnapshotPhase.MISSING, node, cause)
    return SnapshotStatus(SnapshotPhase.TAKEN, node)


def _holder(owned: Ownership, known: Known) -> _Holder | None:
    """Find who has it attached; one that is connected before any that is not."""
    found = [
        _Holder(node, observed.fact)
        for node, observed in known.facts.items()
        if observed.fact.holds and observed.fact.volume == owned.volume
    ]
    return min(
        found,
        key=lambda each: (not known.connected(each.node), str(each.node)),
        default=None,
    )


def _not_taken(holder: _Holder | None, known: Known) -> Cause:
    if holder is None:
        words = f"{UNATTACHED}: it is taken when the dataset is mounted next"
        return Cause("not-attached", words, "use the dataset somewhere")
    name, fact = known.name(holder.node), holder.fact
    if not known.connected(holder.node):
        words = f"{name}, which has the volume, is not connected"
        return Cause("node-silent", words, "bring that node or its agent back")
    if fact.cause is not None:
        return fact.cause
    if fact.condition is not Condition.MOUNTED:
        words = f"it is taken when {name} has mounted the dataset"
        return Cause("not-mounted", words)
    if fact.kept is None:
        return NOT_SAID
    return Cause("not-taken", f"{name} has been told, and has not taken it yet")


def _kept(since: int, holder: _Holder | None, known: Known) -> Cause | None:
    if holder is None:
        words = f"{UNATTACHED}: it goes when the dataset is mounted next, or destroyed"
        return Cause("not-attached", words, "use the dataset somewhere")
    name, fact = known.name(holder.node), holder.fact
    if not known.connected(holder.node):
        words = f"{name}, which has the volume, is not connected"
        return Cause("holder-silent", words, "bring that node or its agent back")
    if fact.cause is not None:
        return fact.cause
    if fact.kept is not None and fact.kept.heard >= since:
        return Cause("not-destroyed", f"{name} has not destroyed it yet")
    return NOT_SAID


def _is_missing(
    snapshot: UserSnapshot, row: UserSnapshots, holder: _Holder, known: Known
) -> bool:
    """Whether who has the volume has looked since it was told of all, in vain."""
    kept = holder.fact.kept
    if kept is None or not known.connected(holder.node) or kept.heard < row.revision:
        return False
    return all(each.id != snapshot.id for each in kept.found)
