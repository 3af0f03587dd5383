"""What must hold of a pool dataset, in each state and at each step.

The names are those of the architecture (W1 to W5) and of the model the protocol was
checked with first (S, I, L, D).
"""

from collections.abc import Sequence

from flocker.model.pools import Owned, PoolOwnership, Released
from flocker.testing.ownership.history import rollbacks_in, snapshot_of
from flocker.testing.ownership.world import NODES, Control, Disk, Machine


def broken(control: Control, machines: Sequence[Machine], wanted: int) -> str | None:
    """Say what a state violates; `wanted` is all that was acknowledged."""
    mounted = [machine for machine in machines if machine.mounted]
    if len(mounted) > 1:
        return "W1: two nodes have it writable"
    for machine in mounted:
        if not machine.record.owns:
            return "I2: mounted by a node that does not own it"
        if machine.disk and not control.row.deleted:
            wrong = _broken_rollback(control.row, machine.disk)
            if wrong is not None:
                return wrong
    if control.row.deleted:
        return None
    wrong = _of_snapshots(control, machines)
    if wrong is not None:
        return wrong
    return _of_data(machines, wanted) or _of_epochs(control, machines)


def _of_data(machines: Sequence[Machine], wanted: int) -> str | None:
    kept = 0
    for machine in machines:
        kept |= machine.aside | (0 if machine.disk is None else machine.disk.holds())
        if machine.aside:
            return "W3: a copy was set aside though nothing diverged"
        if machine.mounted and machine.disk and machine.disk.data & wanted != wanted:
            return "W4: what is served lacks an acknowledged write"
    return "S3: an acknowledged write exists nowhere" if wanted & ~kept else None


def _of_snapshots(control: Control, machines: Sequence[Machine]) -> str | None:
    """Say whether a snapshot is two, or is where nobody knows of it."""
    if control.snapshots is None:
        return None
    known = {each.in_pool for each in control.snapshots.wanted}
    marks = {m for machine in machines if machine.disk for m in machine.disk.marks}
    names = {name for name, _ in marks}
    if len(names) < len(marks):
        return "U2: a snapshot was taken twice"
    return None if names <= known else "U5: there is a snapshot nobody knows of"


def _open_snapshots(control: Control, machines: Sequence[Machine]) -> bool:
    """Whether a snapshot is to be taken, or to go and nothing rests on it."""
    wanted = () if control.snapshots is None else control.snapshots.wanted
    for each in wanted:
        if each.deleted is None:
            if each.taken is None:
                return True
            continue
        if not any(_rests_on(control.row, m, each.in_pool) for m in machines):
            return True
    return False


def _rests_on(row: PoolOwnership, machine: Machine, name: str) -> bool:
    disk, standing = machine.disk, machine.record.standing
    for mark, history in () if disk is None else disk.marks:
        needed = {row.base, disk.head if disk and not machine.record.owns else None}
        if isinstance(standing, Owned):
            needed.add(standing.base)
        if mark == name and snapshot_of(history) in needed:
            return True
    return False


def _broken_rollback(row: PoolOwnership, disk: Disk) -> str | None:
    """Say whether what users were told of the last rollback, if it is over, is so."""
    if row.rollback is not None or not row.rollbacks:
        return None
    done = row.rollbacks in rollbacks_in(disk.data)
    if done == (row.rolled_back == row.rollbacks):
        return None
    return f"B1: users are told that it was {'not ' if done else ''}rolled back"


def broken_repeat(control: Control, machine: Machine, number: int) -> str | None:
    """Say what going back violates."""
    wish, disk = control.row.rollback, machine.disk
    if disk is not None and number in rollbacks_in(disk.data):
        return "B2: rolled back twice"
    if control.row.deleted or machine.apart:
        return None  # it was wanted by the control that is no more
    if wish is None or wish.number != number:
        return "B3: rolled back when that was over"
    return None


def _of_epochs(control: Control, machines: Sequence[Machine]) -> str | None:
    row = control.row
    owning = []
    for node, machine in zip(NODES, machines, strict=False):
        record = machine.record
        if record.owns:
            owning.append(record.epoch)
            if row.unsure:
                continue
            if row.owner != node or row.epoch != record.epoch:
                return "I1: owned by a node that is not the store's owner"
    return "W2: an epoch has two owners" if len(owning) > 1 else None


def broken_commit(control: Control, after: PoolOwnership, cancelled: int) -> str | None:
    """Say what a commit violates; `cancelled` is the last cancelled move."""
    before = control.row
    given = after.epoch != before.epoch or after.owner != before.owner
    if given and after.epoch <= before.top:
        return "W2: an epoch is given out twice"
    if before.acquired and not after.acquired and not given:
        return "W2: an epoch begins twice"
    if after.top < before.top or after.epoch < before.epoch:
        return "W2: an epoch went back"
    return None if after.owner == before.owner else _handed_over(control, cancelled)


def broken_certainty(before: PoolOwnership, after: PoolOwnership) -> str | None:
    """Say what becoming sure of a row that was restored violates."""
    if after.epoch < before.epoch or after.top < before.top:
        return "W2: an epoch went back"
    if after.epoch == before.epoch and after.owner != before.owner:
        return "W2: an epoch is given out twice"
    return None


def _handed_over(control: Control, cancelled: int) -> str | None:
    if control.row.moves == cancelled:
        return "L2: a cancelled move is handed over"
    lease = control.lease
    if lease is not None and lease.node == control.row.owner:
        return "S6: a leased dataset is handed over"
    return None


def broken_freeze(control: Control, x: int) -> str | None:
    """Say what unmounting for a move, or a rollback, violates."""
    lease = control.lease
    if lease is not None and lease.node == NODES[x]:
        return "S6: unmounted while it is leased there"
    return None


def broken_release(
    control: Control, machines: Sequence[Machine], released: Released
) -> str | None:
    """Say what letting go violates: the node may be gone for ever after it."""
    if control.row.deleted or control.row.epoch != released.epoch:
        return None
    disk = machines[NODES.index(released.target)].disk
    if disk is None or disk.head != released.snapshot:
        return "S7: released, and the target does not have it"
    return None if disk.synced is None else "S7: released, and the target may lose it"


def broken_prune(control: Control, machines: Sequence[Machine], x: int) -> str | None:
    """Say what destroying a copy violates."""
    gone = machines[x].disk
    others = [each.disk for n, each in enumerate(machines) if n != x]
    if gone and not any(o and gone.data & ~o.data == 0 for o in others):
        return "S4: no other copy has as much"
    if control.row.owner == NODES[x] and not control.row.acquired:
        return "S4: the copy of the owner to be is destroyed"
    return None


def broken_create(machine: Machine, writes: int) -> str | None:
    """Say what making an empty filesystem violates."""
    if machine.buried:
        return "D1: made again where it was deleted"
    return "D2: made empty where data was" if writes else None


def went_back(before: Machine, after: Machine) -> str | None:
    """Say what fell that must only grow."""
    was, now = before.record, after.record
    for name in ("floor", "refused", "revision", "settled", "rolled_back"):
        if getattr(now, name) < getattr(was, name):
            return f"the record's {name} went back"
    return None


def well(control: Control, machines: Sequence[Machine]) -> bool:
    """Whether the dataset has one home, where it is served, and nothing is pending."""
    row = control.row
    if row.deleted:
        return not any(machine.disk or machine.mounted for machine in machines)
    if row.move or row.rollback or row.prunes or row.unsure or not row.acquired:
        return False
    if _open_snapshots(control, machines):
        return False
    serving = [x for x, machine in enumerate(machines) if machine.mounted]
    if [NODES[x] for x in serving] != [row.owner]:
        return False
    if machines[serving[0]].record.epoch != row.epoch:
        return False
    owning = [m for m in machines if isinstance(m.record.standing, Owned)]
    return len(owning) == 1
