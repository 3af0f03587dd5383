"""Waits until a dataset is where its user wants it, or says why it is not.

Called by `flockerctl --wait`. An event that names the dataset makes it look again, at
once. While no events come, from an older server or because control is away for a
moment, it asks the status API again and again, first often, then once a second.
"""

from collections.abc import Callable
from typing import assert_never

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker.client.interface import IFlockerClient, RequestRefused, Unreachable
from flocker.client.ringing import Bells
from flocker.model.cluster import Phase
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, NodeID
from flocker.model.pool_move_status import MOVE_GIVEN_UP, given_up
from flocker.model.rollback_status import GIVEN_UP as ROLLBACK_GIVEN_UP
from flocker.model.rollback_status import given_up as not_rolled_back
from flocker.model.sizes import humanize
from flocker.model.status import NOT_IN_USE
from flocker.wire.answers import CauseAnswer, DatasetAnswer, DatasetInFull

FIRST_DELAY = 0.1
LONGEST_DELAY = 1.0
"""Seconds between questions; each waits half as long again as the one before."""
LOOK_ANYWAY = 30.0
"""Seconds between questions while events come; they should say it all.

But not how far a dataset of a pool is copied: that is asked for each second.
"""
SETTLE = 1.0
"""Seconds after a volume has grown in which its filesystem has followed, or has failed
to: nothing tells of that in between."""
PAST = frozenset({MOVE_GIVEN_UP, ROLLBACK_GIVEN_UP})
"""Codes of what is said of a dataset with which nothing is wrong."""
_GROWTH = 1.5
_NOT_FOUND = 404


@frozen
class WaitTimedOut(FlockerError):
    """The dataset has not got there in time; what it was doing last, and why."""

    dataset: DatasetID
    goal: "Goal"
    within: float
    last: DatasetAnswer | Unreachable

    def words(self) -> str:
        """Name the goal, the time, the last phase and its cause."""
        return (
            f"dataset {self.dataset} is not {describe(self.goal)} "
            f"after {self.within:g} s: {_last_seen(self.last)}"
        )


@frozen
class WentWrong(FlockerError):
    """The dataset cannot get there before somebody acts."""

    dataset: DatasetID
    goal: "Goal"
    cause: CauseAnswer | None

    def words(self) -> str:
        """Name the goal, the cause and what would release it."""
        return (
            f"dataset {self.dataset} cannot be {describe(self.goal)}: "
            f"{because(self.cause) or 'the node gave no cause'}"
        )


@frozen
class Overtaken(FlockerError):
    """Somebody has asked for something else of the dataset meanwhile."""

    dataset: DatasetID
    goal: "Goal"
    how: str

    def words(self) -> str:
        """Name the goal and what is wanted now."""
        return (
            f"dataset {self.dataset} will not be {describe(self.goal)}: "
            f"{self.how} meanwhile"
        )


@frozen
class Mounted:
    """The dataset is mounted on this node."""

    node: NodeID


@frozen
class Arrived:
    """The dataset of a pool is on this node for good, mounted or not in use there."""

    node: NodeID


@frozen
class RolledBack:
    """The dataset was rolled back, by the rollback of that number, and is in its place.

    Unless that was `cancelled`, in which case it is there, as it was or not.
    """

    number: int
    cancelled: bool = False


@frozen
class Destroyed:
    """The dataset's volume is gone."""


@frozen
class Resized:
    """The dataset is at least so large (bytes); at most, if it was to be `smaller`."""

    size: int
    smaller: bool = False


Goal = Mounted | Arrived | RolledBack | Destroyed | Resized
Seen = DatasetAnswer | Unreachable
Observer = Callable[[Seen, float], None]
"""Is told what was seen at every look, and how long it has been waited, in seconds."""


@frozen
class Wait:
    """Which dataset is waited for, and for how long (seconds)."""

    dataset: DatasetID
    goal: Goal
    within: float


def describe(goal: Goal) -> str:
    """Say the goal as in *the dataset is ...*."""
    match goal:
        case Mounted(node):
            return f"mounted on node {node}"
        case Arrived(node):
            return f"moved to node {node}"
        case RolledBack():
            return "rolled back"
        case Destroyed():
            return "destroyed"
        case Resized(size):
            return f"{humanize(size)} large"
        case _ as never:
            assert_never(never)


def reached(goal: Goal, seen: DatasetAnswer) -> bool:
    """Whether the dataset is there."""
    match goal:
        case Mounted(node):
            return seen.phase == Phase.MOUNTED.value and seen.node == node
        case Arrived(node):
            return seen.node == node and seen.move is None and _rests(seen)
        case RolledBack(number, cancelled):
            return is_rolled_back(seen, number) or (cancelled and _rests(seen))
        case Destroyed():
            return seen.phase == Phase.DESTROYED.value
        case Resized(size, smaller):
            fits = seen.size is not None and (
                seen.size <= size if smaller else seen.size >= size
            )
            well = seen.cause is None or seen.cause.code in PAST
            return fits and seen.phase == Phase.MOUNTED.value and well
        case _ as never:
            assert_never(never)


def is_rolled_back(seen: DatasetAnswer, number: int) -> bool:
    """Whether the rollback of that number was done, and the dataset is in its place."""
    pool = seen.pool if isinstance(seen, DatasetInFull) else None
    return pool is not None and pool.rolled_back >= number and _rests(seen)


def _rests(seen: DatasetAnswer) -> bool:
    """Whether it is mounted, or would be if it was in use."""
    unused = seen.cause is not None and seen.cause.code == NOT_IN_USE.code
    return unused or seen.phase == Phase.MOUNTED.value


def _was_cancelled(goal: RolledBack, seen: DatasetAnswer) -> bool:
    """Whether somebody has cancelled a rollback that is waited for."""
    pool = seen.pool if isinstance(seen, DatasetInFull) else None
    if pool is None or goal.cancelled or pool.rolled_back >= goal.number:
        return False
    return pool.rollback is None or pool.rollback.cancelled


def overtaken(goal: Goal, seen: DatasetAnswer) -> str | None:
    """Say what others want of the dataset now, if it is not the goal."""
    if isinstance(goal, Destroyed):
        return None
    if seen.deleted:
        return "it was deleted"
    if isinstance(goal, Mounted | Arrived) and seen.primary != goal.node:
        return f"it was moved to node {seen.primary}"
    if isinstance(goal, RolledBack) and _was_cancelled(goal, seen):
        return "that was cancelled"
    return None


async def wait(
    client: IFlockerClient, wish: Wait, clock: IReactorTime, observe: Observer
) -> DatasetAnswer | None:
    """Return when the goal is reached, with the status; None if all trace is gone.

    Raises `WaitTimedOut`, `WentWrong`, `Overtaken`, and what the client raises but
    `Unreachable`.
    """
    bells = Bells(client, clock)
    bells.start()
    try:
        return await _Waiting(client, wish, clock, observe, bells).run()
    finally:
        bells.stop()


class _Waiting:
    """Looks, shows, and waits for a reason to look again."""

    def __init__(
        self,
        client: IFlockerClient,
        wish: Wait,
        clock: IReactorTime,
        observe: Observer,
        bells: Bells,
    ) -> None:
        self._client = client
        self._wish = wish
        self._clock = clock
        self._observe = observe
        self._bells = bells
        self._bell = bells.hang(wish.dataset)
        self._started = clock.seconds()

    async def run(self) -> DatasetAnswer | None:
        """Return when the goal is reached."""
        delay = FIRST_DELAY
        settled = not isinstance(self._wish.goal, Resized)
        while True:
            seen = await _look(self._client, self._wish)
            if seen is None:
                return None
            self._observe(seen, self._elapsed())
            if isinstance(seen, DatasetAnswer) and _there(self._wish, seen):
                if settled:
                    return seen
                settled = True
                await deferLater(self._clock, SETTLE)
                continue
            await self._pause(seen, delay)
            delay = min(delay * _GROWTH, LONGEST_DELAY)

    async def _pause(self, seen: Seen, delay: float) -> None:
        """Wait for a reason to look again; meanwhile show that time goes by.

        Raises `WaitTimedOut`.
        """
        wish, began = self._wish, self._elapsed()
        while True:
            left = wish.within - self._elapsed()
            if left <= 0:
                raise WaitTimedOut(wish.dataset, wish.goal, wish.within, seen)
            if await self._bell.rings_within(min(delay, left)):
                return
            waited = self._elapsed() - began
            events_come = self._bells.listening and isinstance(seen, DatasetAnswer)
            last_look = self._elapsed() >= wish.within
            moves = isinstance(seen, DatasetAnswer) and seen.move is not None
            anyway = LONGEST_DELAY if moves else LOOK_ANYWAY
            if last_look or not events_come or waited >= anyway:
                return
            delay = LONGEST_DELAY
            self._observe(seen, self._elapsed())

    def _elapsed(self) -> float:
        return self._clock.seconds() - self._started


async def _look(client: IFlockerClient, wish: Wait) -> Seen | None:
    try:
        return await client.dataset(wish.dataset)
    except Unreachable as error:
        return error
    except RequestRefused as error:
        if error.status == _NOT_FOUND and wish.goal == Destroyed():
            return None
        raise


def _there(wish: Wait, seen: DatasetAnswer) -> bool:
    if reached(wish.goal, seen):
        return True
    how = overtaken(wish.goal, seen)
    why = None if how is None else _why_given_up(wish, seen)
    if why is not None:
        if isinstance(wish.goal, RolledBack) and not _rests(seen):
            return False  # it is about to be served again, as it was
        raise WentWrong(wish.dataset, wish.goal, why)
    if how is not None:
        raise Overtaken(wish.dataset, wish.goal, how)
    if seen.phase == Phase.FAILED.value:
        raise WentWrong(wish.dataset, wish.goal, seen.cause)
    return False


def _why_given_up(wish: Wait, seen: DatasetAnswer) -> CauseAnswer | None:
    """Say why control itself gave up what is waited for, if it has.

    Something else may hinder the dataset still, so its own cause need not be that.
    """
    pool = seen.pool if isinstance(seen, DatasetInFull) else None
    if pool is None:
        return None
    back, cause = pool.not_rolled_back, None
    if isinstance(wish.goal, RolledBack) and back and back.number == wish.goal.number:
        cause = not_rolled_back(wish.dataset, back.snapshot, back.why, back.release)
    elif isinstance(wish.goal, Mounted | Arrived) and pool.given_up is not None:
        cause = given_up(pool.given_up)
    if cause is None:
        return None
    return CauseAnswer(cause.code, cause.words, cause.release)


def _last_seen(last: Seen) -> str:
    if isinstance(last, Unreachable):
        return str(last)
    why = because(last.cause)
    phase = f"it is {last.phase}"
    return f"{phase}, because {why}" if why else phase


def because(cause: CauseAnswer | None) -> str:
    """Say why, and what would release it; nothing where there is no cause."""
    if cause is None:
        return ""
    release = f" (to release it: {cause.release})" if cause.release else ""
    return f"{cause.words}{release}"
