"""What a keeper has in mind of a dataset of a pool, that no look shows.

It ends with the process: then the target of a move is asked anew.
"""

from attrs import define, evolve

from flocker.convergence.outcome import Done, Outcome, TryAgain
from flocker.dataset_agent.pool_marks import stamp
from flocker.dataset_agent.pool_performing import BUSY, WRITTEN
from flocker.dataset_agent.pool_planning import Following
from flocker.dataset_agent.pool_rig import Cancel, Pool
from flocker.dataset_agent.pool_states import Confirmation
from flocker.dataset_agent.pool_steps import TakeSnapshot
from flocker.dataset_agent.pool_work import Send, TakeUsers, Work
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.model.cluster import Assignment, Cause, Peer
from flocker.model.ids import DatasetID, MoveNumber, NodeID
from flocker.model.pools import Stage

IN_A_MOMENT = 0.1
BRIEFLY = 10.0
"""Seconds after which, and for how long, what is in use is tried again at once."""
TRIES = 2
"""Snapshots that are tried in vain before a move goes on without rounds."""


@define
class Mind:
    """What is known of one dataset; times are the agent's clock, in seconds.

    `progress` is how far a stream is, `shown` what of that was told; `cancel` ends it.
    `hindered` says that the last snapshot for a user failed, `heard` under which row of
    users' snapshots the copy was seen and nothing is done that is not seen; `under` is
    the dataset's own row then, where one of them is to go. After some
    snapshots `in_vain` the rounds of a move are `skipped`. The last one `took` so long.
    """

    following: Following | None = None
    followed_at: float = 0.0
    confirmation: Confirmation | None = None
    progress: Progress | None = None
    shown: Progress | None = None
    shown_at: float = 0.0
    cancel: Cancel | None = None
    waits: Cause | None = None
    busy_since: float | None = None
    slow: Cause | None = None
    begun: MoveNumber | None = None
    took: float = 0.0
    hindered: bool = False
    heard: int = 0
    under: int = 0
    in_vain: int = 0
    skipped: MoveNumber | None = None


def ended(
    mind: Mind,
    step: Work,
    outcome: Outcome | None,
    move: MoveNumber | None,
    seconds: float,
) -> None:
    """Note how a step went while there was this move; None: it raised something."""
    mind.slow = None
    if isinstance(step, TakeUsers):
        mind.hindered = not isinstance(outcome, Done)
    if isinstance(step, TakeSnapshot):
        mind.took = seconds
        _taken(mind, outcome, move)


def _taken(mind: Mind, outcome: Outcome | None, move: MoveNumber | None) -> None:
    if isinstance(outcome, Done):
        mind.begun, mind.in_vain = move, 0
        return
    written = isinstance(outcome, TryAgain) and outcome.cause.code == WRITTEN
    mind.in_vain = mind.in_vain + 1 if written else 0
    if mind.in_vain >= TRIES:
        mind.skipped, mind.in_vain = move, 0


def followed(mind: Mind, step: Send, size: int, seconds: float) -> Following:
    """Say how far the target is behind after another round."""
    before = mind.following
    if before is None or before.move != step.move:
        return Following(step.move, step.head, 1, size, seconds, step=mind.took)
    return evolve(
        before,
        head=step.head,
        rounds=before.rounds + 1,
        size=size,
        seconds=seconds,
        before=before.size,
        step=mind.took,
    )


def move_of(told: Assignment | None) -> MoveNumber | None:
    """Name the move that a dataset is told to make."""
    row = None if told is None else told.pool
    return None if row is None or row.move is None else row.move.number


def named(told: Assignment | None, unique: str) -> str:
    """Name a snapshot that is taken for a stream, and for whom; `unique` is no other's.

    It goes behind what says of which kind it is.
    """
    row = None if told is None else told.pool
    move = None if row is None else row.move
    return unique if move is None else stamp(move.target, unique)


def rows_of(told: Assignment | None) -> tuple[int, int]:
    """Give the revisions of the rows by which a node looks, as facts have them.

    That of users' snapshots, and where one of them is to go that of the dataset.
    """
    wanted = None if told is None else told.snapshots
    row = None if told is None else told.pool
    if wanted is None:
        return 0, 0
    under = row.revision if row is not None and wanted.deletions else 0
    return wanted.revision, under


def goes_on(told: Assignment | None, number: MoveNumber) -> bool:
    """Whether a move is still to be made."""
    row = None if told is None else told.pool
    move = None if row is None or row.deleted else row.move
    stands = move is not None and move.number == number
    return stands and move is not None and move.stage is not Stage.CANCELLING


def peer_of(told: Assignment | None, node: NodeID) -> Peer | None:
    """Say where a node is to be found that a dataset has to do with."""
    peers = () if told is None else told.peers
    return next((peer for peer in peers if peer.node == node), None)


def no_peer(node: NodeID) -> Cause:
    """Say that a target cannot be reached, for want of an address."""
    return Cause(
        "peer-unknown",
        f"node {node} has not said where it takes streams",
        "start its agent, with a pool of this name",
    )


def unreadable(dataset: DatasetID, pool: Pool, why: str) -> Cause:
    """Say that nothing can be done about a dataset."""
    return Cause(
        "record-unreadable",
        f"what pool {pool.name} has on record of dataset {dataset} is not understood:"
        f" {why}",
        "start an agent of the version that wrote it; nothing is done about it before",
        permanent=True,
    )


def in_a_moment(mind: Mind, outcome: Outcome, now: float) -> Outcome:
    """Try soon what somebody is using: at first it may be only for a moment."""
    if not isinstance(outcome, TryAgain) or outcome.cause.code != BUSY:
        mind.busy_since = None
        return outcome
    if mind.busy_since is None:
        mind.busy_since = now
    brief = now - mind.busy_since < BRIEFLY
    return evolve(outcome, after=IN_A_MOMENT) if brief else outcome
