"""What is said of a dataset in a pool while it moves, and where its move was given up.

Pure; called by `flocker.model.pool_status`, and by who waits for a move.
"""

from attrs import evolve

from flocker.model.cluster import Cause, Fact, Observed, Phase
from flocker.model.datasets import Dataset
from flocker.model.ids import NodeID
from flocker.model.pool_known import Known, at_owner, leased, or_failed
from flocker.model.pools import Copying, Move, PoolOwnership, Released
from flocker.model.sizes import humanize
from flocker.model.status import Moving, Status

ALL_AT_THE_END = "no-rounds"
"""The code of an agent's cause: a move copies all in the end, and waits for nothing."""
MOVE_GIVEN_UP = "move-given-up"


def moving(row: PoolOwnership, known: Known) -> Moving | None:
    """Give the move, and how far its copying is; None if it stays."""
    if row.move is None:
        return None
    return Moving(row.owner, row.move, _copying_of(row.move, known.fact(row.owner)))


def _copying_of(move: Move, fact: Fact | None) -> Copying | None:
    if fact is None or fact.pool is None or fact.pool.copying is None:
        return None
    return fact.pool.copying if fact.pool.copying.move == move.number else None


def while_copying(
    dataset: Dataset, row: PoolOwnership, known: Known, observed: Observed
) -> Status:
    """It is served where it is, while it is copied."""
    fact, move = observed.fact, row.move
    found = at_owner(row, observed, Phase.COPYING, None)
    found = evolve(found, since=dataset.asked)
    if move is None:
        return found
    trouble = _trouble(move.target, known) or fact.cause
    copying, lease = _copying_of(move, fact), known.lease
    blocked = lease is not None and lease.node != move.target and not move.force
    waits = copying is not None and copying.ready and blocked
    if trouble is not None and not (waits and trouble.code == ALL_AT_THE_END):
        return evolve(found, cause=trouble, phase=or_failed(Phase.COPYING, trouble))
    if waits and lease is not None:
        return evolve(found, phase=Phase.WAITING, cause=leased(lease, moves=True))
    words = f"{known.name(row.owner)} has been told, and has not begun to copy it yet"
    if copying is not None:
        words = progress(copying)
    return evolve(found, cause=Cause("copying", words))


def says_how_far(cause: Cause | None) -> bool:
    """Whether it is the cause that says how far a copy is: other words each second."""
    return cause is not None and cause.code == "copying"


def progress(copying: Copying) -> str:
    """Say how far the copying is: how much, how fast, how long it takes yet."""
    if copying.ready:
        return "the new node has all of it but what is written now"
    if not copying.done and copying.total is None:
        return "it is about to be copied"
    done = f"{humanize(copying.done)} is copied"
    if copying.total:
        part = min(100, 100 * copying.done // copying.total)
        done = f"{part} % of {humanize(copying.total)} is copied"
    at = "" if not copying.rate else f", at {humanize(int(copying.rate))}/s"
    left = copying.remaining
    time = "" if left is None else f", about {left:.0f} s left"
    return f"{done}{at}{time} (round {copying.round})"


def while_freezing(
    row: PoolOwnership, move: Move, known: Known, observed: Observed
) -> Status:
    """Nobody serves it: what is left is copied, and it is let go."""
    copy = observed.fact.pool
    let_go = copy is not None and copy.record.standing
    phase = Phase.FREEZING
    if isinstance(let_go, Released) and let_go.epoch == row.epoch:
        phase = Phase.HANDING_OVER
    trouble = observed.fact.cause or _trouble(move.target, known)
    cause = trouble or _last_step(row, move, known, let_go=phase is Phase.HANDING_OVER)
    found = at_owner(row, observed, phase, cause)
    return found if move.frozen_at is None else evolve(found, since=move.frozen_at)


def _last_step(row: PoolOwnership, move: Move, known: Known, *, let_go: bool) -> Cause:
    """Say what is waited for while nobody serves it and nothing is in the way."""
    owner, target = known.name(row.owner), known.name(move.target)
    if let_go:
        words = f"{owner} has let go of it, and {target} is about to be given it"
        return Cause("handing-over", words)
    copying = _copying_of(move, known.fact(row.owner))
    how = "it is let go of" if copying is None else progress(copying)
    return Cause("copying", f"what {owner} wrote last goes to {target}: {how}")


def while_cancelling(
    row: PoolOwnership, target: NodeID, known: Known, observed: Observed
) -> Status:
    """It stays, and its owner is still to say that it never lets go of it for this."""
    cause = Cause(
        "cancelling",
        f"its move to {known.name(target)} is cancelled, which"
        f" {known.name(row.owner)} has not confirmed yet",
    )
    return at_owner(row, observed, Phase.WAITING, observed.fact.cause or cause)


def _trouble(target: NodeID, known: Known) -> Cause | None:
    """Say what is in the way at the node where it goes."""
    name, host = known.name(target), known.registry.get(target)
    if not known.connected(target):
        called = target if host is None else host.host
        return Cause(
            "target-silent",
            f"{name}, where it goes, is not connected",
            f"bring node {called} or its agent back, or cancel the move",
        )
    fact = known.fact(target)
    if fact is None or fact.cause is None:
        return None
    return evolve(fact.cause, words=f"{name}, where it goes, says: {fact.cause.words}")


def given_up(why: str) -> Cause:
    """Say that a move was given up, and why."""
    release = "move it again, when that is over"
    return Cause(MOVE_GIVEN_UP, f"its move was given up: {why}", release)
