"""Waits until a snapshot is taken, or gone from every node, or says why it is not.

Called by `flockerctl snapshot --wait`; see `flocker.client.waiting`.
"""

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from flocker.client.interface import IFlockerClient, Unreachable
from flocker.client.ringing import Bells
from flocker.client.waiting import because
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.wire.answers import SnapshotAnswer

FIRST_DELAY = 0.1
LONGEST_DELAY = 1.0
"""Seconds between questions; each waits half as long again as the one before."""
_GROWTH = 1.5

TAKEN, MISSING = "taken", "missing"
KEPT = "kept-as-base"
"""The cause of what is deleted and waits for nothing that anybody could do."""

Seen = SnapshotAnswer | Unreachable | None
"""None is a snapshot that is not there, or not any more."""


@frozen
class SnapshotLate(FlockerError):
    """A snapshot has not got there in time; what it waited for last."""

    name: str
    goal: str
    within: float
    last: SnapshotAnswer | Unreachable

    def words(self) -> str:
        """Name the goal, the time, and the cause."""
        last = self.last
        why = str(last) if isinstance(last, Unreachable) else because(last.cause)
        return (
            f"snapshot {self.name} is not {self.goal} after {self.within:g} s:"
            f" {why or 'no cause is known'}"
        )


@frozen
class SnapshotLost(FlockerError):
    """A snapshot will never be taken, or is not there any more."""

    name: str
    why: str

    def words(self) -> str:
        """Name it, and say why."""
        return f"snapshot {self.name} is not there: {self.why}"


@frozen
class Awaited:
    """A snapshot, and for how long it is waited for (seconds)."""

    dataset: DatasetID
    id: str
    name: str
    within: float


async def wait_taken(
    client: IFlockerClient, wish: Awaited, clock: IReactorTime
) -> SnapshotAnswer:
    """Return when it is taken. Raises `SnapshotLate`, `SnapshotLost`."""

    def is_over(seen: Seen) -> bool:
        if isinstance(seen, Unreachable):
            return False
        if seen is None or seen.deleted:
            raise SnapshotLost(wish.name, "it was deleted meanwhile")
        if seen.phase == MISSING:
            raise SnapshotLost(wish.name, because(seen.cause))
        return seen.phase == TAKEN

    seen = await _wait(client, wish, clock, "taken", is_over)
    if not isinstance(seen, SnapshotAnswer):
        raise SnapshotLost(wish.name, "it was deleted meanwhile")
    return seen


async def wait_gone(
    client: IFlockerClient, wish: Awaited, clock: IReactorTime
) -> SnapshotAnswer | None:
    """Return when no node has it any more; or what one keeps of it until a move.

    Raises `SnapshotLate`.
    """

    def is_over(seen: Seen) -> bool:
        if isinstance(seen, SnapshotAnswer):
            return seen.cause is not None and seen.cause.code == KEPT
        return seen is None

    seen = await _wait(client, wish, clock, "gone", is_over)
    return seen if isinstance(seen, SnapshotAnswer) else None


async def _wait(
    client: IFlockerClient,
    wish: Awaited,
    clock: IReactorTime,
    goal: str,
    is_over: Callable[[Seen], bool],
) -> Seen:
    bells = Bells(client, clock)
    bells.start()
    bell = bells.hang(wish.dataset)
    started, delay = clock.seconds(), FIRST_DELAY
    try:
        while True:
            seen = await _look(client, wish)
            if is_over(seen):
                return seen
            left = wish.within - (clock.seconds() - started)
            if left <= 0 and seen is not None:
                raise SnapshotLate(wish.name, goal, wish.within, seen)
            _ = await bell.rings_within(max(0.0, min(delay, left)))
            delay = min(delay * _GROWTH, LONGEST_DELAY)
    finally:
        bells.stop()


async def _look(client: IFlockerClient, wish: Awaited) -> Seen:
    try:
        found = await client.snapshots(wish.dataset)
    except Unreachable as error:
        return error
    return next((each for each in found if each.snapshot_id == wish.id), None)
