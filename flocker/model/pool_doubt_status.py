"""The status of a dataset of which a restored store does not know who owns it; pure.

Called by `flocker.model.pool_status`.
"""

from flocker.model.cluster import Cause, Phase
from flocker.model.datasets import Dataset
from flocker.model.ids import NodeID
from flocker.model.pool_known import Known
from flocker.model.pools import PoolOwnership, Released
from flocker.model.status import Status

CODE = "owner-unsure"
RESTORED = "control was restored from a backup"
SERVED = "who serves it goes on; nothing is decided before"


def unsure(dataset: Dataset, row: PoolOwnership, known: Known) -> Status:
    """Say whose word is missing, and what would bring it."""
    node, words, release = _missing(row, known)
    sight = known.nodes.get(node)
    since = dataset.asked if sight is None else sight.since
    cause = Cause(CODE, f"{RESTORED}, and {words}; {SERVED}", release)
    return Status(Phase.WAITING, since, node, cause)


def _missing(row: PoolOwnership, known: Known) -> tuple[NodeID, str, str]:
    let_go = last_let_go(row, known)
    if let_go is not None:
        source, released = let_go
        name = known.name(released.target)
        words = f"{known.name(source)} has since let go of it for {name}, which"
        if not known.connected(released.target):
            return released.target, f"{words} is not connected", _bring(released.target)
        return released.target, f"{words} has not said what it has", _wait()
    name = f"{known.name(row.owner)}, which owned it then,"
    if not known.connected(row.owner):
        return row.owner, f"{name} is not connected", _bring(row.owner)
    fact = known.fact(row.owner)
    if fact is not None and fact.pool is None:
        return row.owner, f"{name} does not know yet what is in its pool", _wait()
    words = (
        f"{name} does not say that it does now, nor does any other that is connected"
    )
    release = (
        "bring back the nodes that are away; if it was destroyed after the backup,"
        " delete it"
    )
    return row.owner, words, release


def last_let_go(row: PoolOwnership, known: Known) -> tuple[NodeID, Released] | None:
    """Give who let go of it last, and for whom, as far as nodes have said."""
    found = [
        (standing.epoch, node, standing)
        for node, observed in known.facts.items()
        if observed.fact.pool is not None
        and isinstance(standing := observed.fact.pool.record.standing, Released)
        and standing.epoch >= row.epoch
    ]
    last = max(found, key=lambda each: each[:2], default=None)
    return None if last is None else (last[1], last[2])


def _bring(node: NodeID) -> str:
    return f"bring node {node} or its agent back"


def _wait() -> str:
    return "see what its agent says of its pool"
