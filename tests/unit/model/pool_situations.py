"""A dataset in a pool of one of three nodes, and what its nodes say of it."""

from attrs import evolve

from flocker.model.cluster import BackendReport, Cause, Condition, Fact, Phase
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, MoveNumber, SnapshotID
from flocker.model.pool_known import Known
from flocker.model.pool_status import pool_status
from flocker.model.pools import (
    Copying,
    Move,
    Owned,
    PoolFact,
    PoolOwnership,
    Record,
    Stage,
)
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    a_mark,
    a_node,
    a_sight,
    dataset_id,
    node_id,
    observed,
)

HERE, THERE, FAR = node_id(1), node_id(2), node_id(3)
PATH = f"/flocker/{dataset_id()}"
HEAD = SnapshotID("head")
EPOCH = Epoch(2)
ROW = PoolOwnership(
    dataset_id(),
    DEFAULT_BACKEND,
    HERE,
    EPOCH,
    EPOCH,
    base=HEAD,
    create=False,
    acquired=True,
    holders=(HERE, THERE),
)
OWNED = Owned(EPOCH, HEAD)
TROUBLE = Cause("busy", "process 7 uses it", "stop it")
FULL = Cause("pool-full", "the pool is full", "make room", permanent=True)
POOL = BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=4525)


def moving(stage: Stage, *, force: bool = False) -> PoolOwnership:
    """The row of a move to the second node."""
    return evolve(ROW, move=Move(MoveNumber(1), THERE, stage, force))


def says(
    standing=OWNED,
    condition: Condition = Condition.MOUNTED,
    *,
    cause: Cause | None = None,
    doing: Phase | None = None,
    copying: Copying | None = None,
) -> Fact:
    """What a node says of its copy."""
    exists = condition is not Condition.MISSING
    copy = PoolFact(Record(dataset_id(), standing), exists, HEAD, copying)
    return evolve(a_fact(1, condition, doing=doing, cause=cause), pool=copy)


def known(
    here: Fact | None = None,
    there: Fact | None = None,
    *,
    lease=None,
    silent=(),
    cordoned=False,
    dead=(),
) -> Known:
    """What two nodes have said, some of which are silent by now, or dead."""
    facts = {HERE: here, THERE: there}
    registry = {
        node_id(number): evolve(
            a_node(
                number,
                cordoned=cordoned and number == 2,
                dead=a_mark(number) if number in dead else None,
            ),
            backends=(POOL,),
        )
        for number in (1, 2)
    }
    sights = [a_sight(n, connected=n not in {*silent, *dead}) for n in (1, 2)]
    return Known(
        {node: observed(fact) for node, fact in facts.items() if fact is not None},
        {sight.identity.node: sight for sight in sights},
        registry,
        lease,
    )


def happens(row=ROW, dataset=None, **what):
    """What happens, and why."""
    given = what.pop("known", None) or known(**what)
    return pool_status(dataset or a_dataset(), row, given)


def in_short(found) -> tuple[object, ...]:
    """The phase, the node, the path, and the code of the cause."""
    code = None if found.cause is None else found.cause.code
    return found.phase, found.node, found.path, code
