"""What the agent tells control of a dataset in a pool; pure."""

from attrs import frozen

from flocker.dataset_agent.pool_looking import Seen
from flocker.dataset_agent.pool_planning import Following, expected_downtime, is_ready
from flocker.dataset_agent.pool_snapshots import found
from flocker.dataset_agent.pool_states import Here, Idle, NoFilesystem, Served
from flocker.dataset_agent.pool_transitions import in_stage, move_asked
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.model.cluster import Assignment, Cause, Condition, Fact, Phase, Want
from flocker.model.ids import BackendName, DatasetID, MoveNumber
from flocker.model.pools import Copying, PoolFact, Stage
from flocker.model.snapshots import UserSnapshots

NO_ROUNDS = Cause(
    "no-rounds",
    "it is written to all the time, and its pool copies only what stands still: all of"
    " it is copied in the end, while nobody serves it",
    "it goes on by itself; what is written to it less is away for less long",
)


@frozen
class Noted:
    """What the keeper has in mind of a dataset besides what it sees.

    `heard` is the revision of the row of `snapshots` under which it was seen, `under`
    that of the dataset's own, `skipped` the move that has no rounds.
    """

    doing: Phase | None = None
    cause: Cause | None = None
    following: Following | None = None
    progress: Progress | None = None
    snapshots: UserSnapshots | None = None
    heard: int = 0
    under: int = 0
    dead: bool = False
    """Whether its mount answers nobody."""
    skipped: MoveNumber | None = None


def fact(
    dataset: DatasetID,
    here: Here,
    seen: Seen | None,
    backend: BackendName,
    path: str,
    noted: Noted,
) -> Fact:
    """Put the knowledge of one dataset in the words of the protocol.

    Without `seen` the pool was not seen yet.
    """
    served = isinstance(here.found, Served)
    dead = served and noted.dead
    return Fact(
        dataset=dataset,
        want=want(here),
        condition=Condition.UNKNOWN if dead else condition(seen),
        backend=backend,
        size=None if seen is None or seen.copy is None else seen.copy.quota,
        path=path if served and not dead else None,
        doing=noted.doing,
        cause=noted.cause or _no_rounds(here, noted),
        pool=None if seen is None or seen.unreadable else _of_pool(here, seen, noted),
    )


def condition(seen: Seen | None) -> Condition:
    """Say in what condition a dataset is found."""
    match None if seen is None else seen.found:
        case None:
            return Condition.UNKNOWN
        case NoFilesystem():
            return Condition.MISSING
        case Idle():
            return Condition.DETACHED
        case Served():
            return Condition.MOUNTED


def want(here: Here) -> Want:
    """Say what this node makes of it."""
    if here.told is None:
        return Want.LEFT_ALONE
    if here.told.deleted:
        return Want.DELETED
    return Want.MOUNTED if here.owner else Want.AWAY


def wanted_at_all(assignment: Assignment | None, seen: Seen | None) -> bool:
    """Whether there is anything to say of a dataset."""
    if assignment is not None:
        return True
    return seen is not None and (seen.copy is not None or bool(seen.asides))


def _no_rounds(here: Here, noted: Noted) -> Cause | None:
    """Say that a move will take its time in the end, while it is served yet."""
    move = in_stage(here, Stage.COPYING)
    skipped = move is not None and noted.skipped == move.number
    return NO_ROUNDS if skipped else None


def _of_pool(here: Here, seen: Seen, noted: Noted) -> PoolFact:
    stands = seen.found
    return PoolFact(
        record=seen.record,
        exists=not isinstance(stands, NoFilesystem),
        head=None if isinstance(stands, NoFilesystem) else stands.head,
        copying=_copying(here, noted),
        asides=seen.asides,
        snapshots=tuple(each.identity for each in seen.snapshots),
        users=found(seen.snapshots, noted.snapshots),
        heard=noted.heard,
        under=noted.under,
    )


def _copying(here: Here, noted: Noted) -> Copying | None:
    move = move_asked(here)
    if move is None or move.stage is Stage.CANCELLING:
        return None
    following, progress = noted.following, noted.progress
    if following is not None and following.move != move.number:
        following = None
    rounds = 0 if following is None else following.rounds
    return Copying(
        move=move.number,
        round=rounds + (progress is not None),
        done=0 if progress is None else progress.done,
        total=None if progress is None else progress.total,
        rate=None if progress is None else progress.rate,
        ready=is_ready(here, following, noted.skipped),
        downtime=expected_downtime(here, following, noted.skipped),
    )
