"""What is to be done next about a pool dataset; pure.

The rules of the ownership protocol come first, in their order; what they allow is left
out where nobody wants it yet. Then what needs no guard: to send, to tidy up, to limit.

Note [Tidied afterwards]: to destroy a snapshot takes as long as the kernel needs to
forget what it has in memory of it, and no stream is taken meanwhile: after the first
round that is the whole dataset, and the time would be one in which nobody serves it. So
rounds are tidied up when the move is over. One that waits for long, because the dataset
is in use, tidies while it is served.
"""

from attrs import frozen

from flocker.backends.pool_interface import Copy
from flocker.dataset_agent.pool_marks import is_ours, lasting
from flocker.dataset_agent.pool_peers import offer
from flocker.dataset_agent.pool_rig import Shipment
from flocker.dataset_agent.pool_rollbacks import is_missing, may_go
from flocker.dataset_agent.pool_snapshots import to_destroy, to_take
from flocker.dataset_agent.pool_states import Here, Idle, NoFilesystem, Served
from flocker.dataset_agent.pool_steps import (
    MakeReadOnly,
    MakeWritable,
    Mount,
    Reason,
    Step,
    TakeSnapshot,
    Unmount,
)
from flocker.dataset_agent.pool_transitions import (
    RULES,
    confirmed,
    in_stage,
    may_be_owned,
    move_asked,
)
from flocker.dataset_agent.pool_work import Resize, Send, Tidy, Work
from flocker.model.cluster import Cause
from flocker.model.forecasts import CLOSE_BEHIND, HAND_OVER
from flocker.model.ids import MoveNumber, SnapshotID
from flocker.model.pools import Owned, PoolOwnership, Rollback, Stage
from flocker.model.snapshots import UserSnapshots

ROUNDS = 3
"""After so many rounds it is seen whether they become smaller."""
SHRINKING = 0.7
"""What a round has at most of the one before while they do."""
PUT_UP_WITH = 8
"""How many more stay while a dataset moves; see Note [Tidied afterwards]."""
STEPS = 6
"""What it takes besides, in steps that are as long as it is to take a snapshot."""


@frozen
class Following:
    """How far the target of a move is behind; in the source's memory.

    It has confirmed `head` after `rounds` rounds; the last took `seconds` for `size`
    bytes, the one before was of `before` bytes. A snapshot takes `step` seconds here.
    """

    move: MoveNumber
    head: SnapshotID
    rounds: int
    size: int
    seconds: float
    before: int | None = None
    step: float = 0.0

    @property
    def close(self) -> bool:
        """Whether another round would not bring the target closer."""
        if self.seconds <= CLOSE_BEHIND:
            return True
        if self.rounds < ROUNDS or self.before is None:
            return False
        return self.size > SHRINKING * self.before

    @property
    def downtime(self) -> float:
        """About how many seconds nobody would serve the dataset."""
        return self.seconds + self.hand_over

    @property
    def hand_over(self) -> float:
        """How many of these it takes whatever is sent: more where all is slow."""
        return HAND_OVER + STEPS * self.step


@frozen
class Asked:
    """What is wanted besides the row: of the keeper's memory, and of the user.

    `used` says that the dataset is wanted mounted where it is owned; `refresh` that the
    target may be brought up to date again. `begun` is the move for which a snapshot was
    taken, or none was needed. With `hindered` a user's snapshot could not be taken, so
    that all else comes first. The move `skipped` has no rounds: no snapshot can be
    taken of what is written to.
    """

    used: bool = True
    quota: int | None = None
    standing_down: bool = False
    informed: bool = True
    following: Following | None = None
    refresh: bool = True
    begun: MoveNumber | None = None
    snapshots: UserSnapshots | None = None
    hindered: bool = False
    skipped: MoveNumber | None = None


@frozen
class AtRest:
    """Nothing is to be done."""


@frozen
class Waiting:
    """Nothing can be done here; `cause` says what is missing."""

    cause: Cause


Decision = Work | AtRest | Waiting


def decide(here: Here, copy: Copy | None, asked: Asked) -> Decision:
    """Say what is next."""
    if asked.standing_down:
        served = isinstance(here.found, Served)
        return Unmount(Reason.DISMISSED) if served else AtRest()
    if asked.informed and here.told is None:
        return AtRest()  # control does not speak of it: it may be somebody's only copy
    for rule in RULES:
        step = rule(here)
        if step is not None and is_wanted(step, here, asked):
            return step
    taken = to_take(here, copy, asked.snapshots)
    if taken is not None and not asked.hindered:
        return taken
    return _send(here, asked) or _keep_up(here, copy, asked) or taken or _wait(here)


def is_wanted(step: Step, here: Here, asked: Asked) -> bool:
    """Whether a step that may be taken is of use now."""
    if not asked.informed:
        # Before control is heard what was served goes on to be, and nothing else.
        return isinstance(step, Mount | MakeWritable)
    match step:
        case Mount():
            return asked.used
        case TakeSnapshot():
            frozen_ = in_stage(here, Stage.FREEZING) is not None
            return frozen_ or is_next_round_due(here, asked)
        case MakeReadOnly():
            # Where both are one machine it would take the CPU from who is to serve it.
            return not here.owner and here.told is not None and here.told.acquired
        case _:
            return True


def is_next_round_due(here: Here, asked: Asked) -> bool:
    """Whether the target has all that there was, so that more can be sent."""
    move, following = move_asked(here), asked.following
    if move is None or isinstance(here.found, NoFilesystem):
        return False
    if asked.skipped == move.number:
        return False
    if here.found.head is None:
        return True
    if following is None or following.move != move.number:
        # What an older snapshot takes to be sent tells nothing of what was written.
        return asked.begun != move.number
    if following.head != here.found.head:
        return False
    return asked.refresh or not following.close


def is_ready(
    here: Here, following: Following | None, skipped: MoveNumber | None = None
) -> bool:
    """Whether the target is as close behind as it gets."""
    move, found = move_asked(here), here.found
    if move is None or isinstance(found, NoFilesystem):
        return False
    skips = skipped == move.number
    if skips and found.head is None:
        return True
    if following is None or following.move != move.number:
        return False
    if found.head != following.head:
        return False
    return skips or following.close or not found.written


def expected_downtime(
    here: Here, following: Following | None, skipped: MoveNumber | None = None
) -> float | None:
    """Say for how many seconds, about, nobody would serve it; None if that is open.

    Where nothing was written since the last round nothing is left to be sent. What is
    left when rounds are skipped was never measured.
    """
    found, move = here.found, move_asked(here)
    if following is None or (move is not None and skipped == move.number):
        return None
    if isinstance(found, NoFilesystem) or found.written:
        return following.downtime
    nothing_left = found.head == following.head
    return following.hand_over if nothing_left else following.downtime


def _send(here: Here, asked: Asked) -> Send | None:
    move, found = move_asked(here), here.found
    if move is None or isinstance(found, NoFilesystem) or found.head is None:
        return None
    send = Send(move.number, move.target, found.head)
    if move.stage is Stage.COPYING:
        following = asked.following
        if following is None or following.move != move.number:
            return send
        return send if following.head != found.head else None
    if move.stage is Stage.FREEZING and isinstance(found, Idle) and not found.written:
        return None if confirmed(here, move) else send
    return None


def _keep_up(here: Here, copy: Copy | None, asked: Asked) -> Tidy | Resize | None:
    if copy is None or here.told is None:
        return None
    if here.record.owns and copy.writable and copy.quota != asked.quota:
        return Resize(asked.quota)
    deleted = to_destroy(here, copy, asked.snapshots)
    superfluous = (*disposable(here, copy, asked.following), *deleted)
    tidy = _is_time_to_tidy(here.told, len(superfluous))
    return Tidy(superfluous) if tidy else None


def _is_time_to_tidy(told: PoolOwnership, number: int) -> bool:
    """See Note [Tidied afterwards]."""
    if told.move is None:
        return told.acquired and number > 0
    return told.move.stage is Stage.COPYING and number > PUT_UP_WITH


def disposable(
    here: Here, copy: Copy, following: Following | None
) -> tuple[SnapshotID, ...]:
    """Give the snapshots that were taken for streams and continue nothing any more.

    What the target of a move has confirmed stays, and so does what an epoch began from.
    """
    kept = _needed(here, copy, following)
    return tuple(
        each.identity
        for each in copy.snapshots
        if is_ours(each)
        and each.identity not in kept
        and not each.holds
        and may_go(each.name, here.record)
    )


def ship(
    here: Here, copy: Copy | None, step: Send, following: Following | None
) -> Shipment | None:
    """Give what a step is to bring to its target; None if that is another by now."""
    snapshots = () if copy is None else copy.snapshots
    offered = offer(here, frozenset(each.identity for each in snapshots))
    if copy is None or offered is None or offered.snapshot != step.head:
        return None
    return Shipment(
        here.record.dataset,
        step.move,
        offered,
        snapshots,
        _needed(here, copy, following),
        urgent=isinstance(here.found, Idle),
    )


def _needed(
    here: Here, copy: Copy, following: Following | None
) -> frozenset[SnapshotID]:
    needed = {following.head} if following is not None else set()
    if here.told is not None and here.told.base is not None:
        needed.add(here.told.base)
    if isinstance(here.record.standing, Owned) and here.record.standing.base:
        needed.add(here.record.standing.base)
    return lasting(copy.snapshots) | needed


def _wait(here: Here) -> Decision:
    told, found = here.told, here.found
    missing = is_missing(here)
    if missing is not None:
        return Waiting(_gone(missing))
    if told is None or not here.owner or told.deleted or here.record.owns:
        return AtRest()
    if isinstance(found, NoFilesystem) and not told.create:
        words = (
            f"this node is to have it in epoch {told.epoch}, and its pool has no copy"
        )
        release = (
            "if the pool was exchanged, restore it; the copy that another node kept is"
            " listed by flockerctl why"
        )
        return Waiting(Cause("copy-missing", words, release, permanent=True))
    if may_be_owned(here, told) and not isinstance(found, NoFilesystem):
        return Waiting(_differs(told, found))
    return AtRest()


def _gone(rollback: Rollback) -> Cause:
    words = (
        f"it is to become what its snapshot {rollback.name} was, and this node's copy"
        f" has no snapshot {rollback.snapshot}"
    )
    return Cause("snapshot-missing", words, "see what became of it in the pool")


def _differs(told: PoolOwnership, found: Idle | Served) -> Cause:
    written = " with more written to it" if found.written else ""
    words = (
        f"epoch {told.epoch} starts from snapshot {told.base}, and this node has"
        f" {found.head}{written}"
    )
    release = "nothing is thrown away: see which copy is right, flockerctl why"
    return Cause("copy-differs", words, release)
