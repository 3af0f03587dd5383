"""Which snapshots to send, so that a target comes to stand where the source does; pure.

Called by agents before a transfer. Snapshots are compared by identity, never by name.
Whatever stands in the way is a conflict that carries its evidence; nothing is ever
solved by force.
"""

from collections.abc import Sequence

from attrs import frozen

from flocker.model.ids import DatasetID, SnapshotID


@frozen
class Step:
    """Send a snapshot, as what follows `base`, or the whole of it."""

    snapshot: SnapshotID
    base: SnapshotID | None


@frozen
class NotAtSource:
    """The source does not have the snapshot that is wanted at the target."""

    dataset: DatasetID
    wanted: SnapshotID

    def words(self) -> str:
        """Name both."""
        return f"the source of dataset {self.dataset} has no snapshot {self.wanted}"


@frozen
class TargetAhead:
    """The target stands at a later snapshot of the source than the one wanted."""

    dataset: DatasetID
    head: SnapshotID
    wanted: SnapshotID

    def words(self) -> str:
        """Name both snapshots."""
        return (
            f"the target's copy of dataset {self.dataset} stands at {self.head},"
            f" which is later than {self.wanted}"
        )


@frozen
class TargetDiverged:
    """The target has snapshots that the source has not.

    `common` is the newest that both have, None if there is none; `extra` are the
    target's after that, oldest first.
    """

    dataset: DatasetID
    common: SnapshotID | None
    extra: tuple[SnapshotID, ...]

    def words(self) -> str:
        """Name the last snapshot in common, and how many are not."""
        since = f"since {self.common}" if self.common else "with nothing in common"
        return (
            f"the target's copy of dataset {self.dataset} went its own way {since}:"
            f" {len(self.extra)} snapshots up to {self.extra[-1]}"
        )


Conflict = NotAtSource | TargetAhead | TargetDiverged


def choose(
    dataset: DatasetID,
    source: Sequence[SnapshotID],
    target: Sequence[SnapshotID],
    wanted: SnapshotID,
) -> tuple[Step, ...] | Conflict:
    """Give the steps that bring `wanted`, and all between, to the target, in order.

    `source` and `target` are what each has, oldest first; the target's is empty where
    it has no copy. No step means that the target stands there.
    """
    if wanted not in source:
        return NotAtSource(dataset, wanted)
    last = list(source).index(wanted)
    if not target:
        return _chain(None, source[: last + 1])
    known = set(source)
    if target[-1] not in known:
        return _diverged(dataset, known, target)
    first = list(source).index(target[-1])
    if first > last:
        return TargetAhead(dataset, target[-1], wanted)
    return _chain(target[-1], source[first + 1 : last + 1])


def _chain(
    base: SnapshotID | None, snapshots: Sequence[SnapshotID]
) -> tuple[Step, ...]:
    bases = [base, *snapshots]
    return tuple(
        Step(snapshot, before)
        for before, snapshot in zip(bases, snapshots, strict=False)
    )


def _diverged(
    dataset: DatasetID, known: set[SnapshotID], target: Sequence[SnapshotID]
) -> TargetDiverged:
    common = [number for number, snapshot in enumerate(target) if snapshot in known]
    if not common:
        return TargetDiverged(dataset, None, tuple(target))
    return TargetDiverged(dataset, target[common[-1]], tuple(target[common[-1] + 1 :]))
