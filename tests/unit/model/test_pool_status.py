"""The status of datasets in pools: one test a rule, and all situations for the laws."""

from itertools import product

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.cluster import BackendReport, Cause, Condition, Fact, Observed, Phase
from flocker.model.datasets import DEFAULT_BACKEND, Mounting
from flocker.model.ids import Epoch, MoveNumber, RollbackNumber, SnapshotID
from flocker.model.pool_known import Known
from flocker.model.pool_move_status import ALL_AT_THE_END
from flocker.model.pool_status import DELETED as BEING_DELETED
from flocker.model.pool_status import pool_status
from flocker.model.pools import (
    Buried,
    Copying,
    Move,
    NoCopy,
    Owned,
    PoolFact,
    PoolOwnership,
    Prune,
    Record,
    Released,
    Replica,
    Rollback,
    Stage,
)
from flocker.model.status import NOT_IN_USE, NOT_LOOKED_YET, Moving
from flocker.testing import strategies
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    a_lease,
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
EXPLAINED = frozenset(Phase) - {Phase.WAITING, Phase.UNKNOWN, Phase.FAILED}


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


def test_mounted():
    """It is served where it is owned: there is nothing to explain."""
    found = happens(here=says())
    assert in_short(found) == (Phase.MOUNTED, HERE, PATH, None)
    assert (found.size, found.since, found.move) == (2**30, 2000.0, None)


def test_unmade():
    """Before anybody is told to make it that is what is said."""
    assert in_short(happens(None)) == (Phase.WAITING, HERE, None, "no-owner")


def test_created():
    """It is being made, and what is in the way is said."""
    new = evolve(ROW, create=True, acquired=False)
    missing = says(NoCopy(), Condition.MISSING, cause=TROUBLE)
    assert in_short(happens(new, here=missing)) == (Phase.CREATING, HERE, None, "busy")
    nothing_yet = happens(new)
    assert nothing_yet.cause == NOT_LOOKED_YET
    made = says(OWNED, Condition.DETACHED, doing=Phase.MOUNTING)
    assert happens(new, here=made).phase is Phase.MOUNTING


def test_given_to_another():
    """What was handed over is on its way into use."""
    given = evolve(ROW, acquired=False, owner=THERE)
    there = says(Replica(EPOCH), Condition.DETACHED)
    found = happens(given, here=says(), there=there)
    assert in_short(found) == (Phase.HANDING_OVER, THERE, None, None)


def test_copying():
    """While it is copied it is served where it is, and how far it is, is said."""
    far = Copying(MoveNumber(1), 2, 2**29, 2**30, 2.0**20)
    found = happens(moving(Stage.COPYING), a_dataset(on=2), here=says(copying=far))
    assert in_short(found) == (Phase.COPYING, HERE, PATH, "copying")
    assert found.cause.words == (
        "50 % of 1G is copied, at 1M/s, about 512 s left (round 2)"
    )
    assert found.since == a_dataset().asked
    assert found.move == Moving(HERE, Move(MoveNumber(1), THERE), far)
    old = evolve(far, move=MoveNumber(0))
    begins = happens(moving(Stage.COPYING), a_dataset(on=2), here=says(copying=old))
    assert begins.cause.words == (
        f"node {HERE} (10.0.0.1) has been told, and has not begun to copy it yet"
    )
    assert begins.move.copying is None


def test_copying_of_unknown_size():
    """What is not known is not made up."""
    bare = Copying(MoveNumber(1), done=2**20)
    found = happens(moving(Stage.COPYING), here=says(copying=bare))
    assert found.cause.words == "1M is copied (round 1)"
    none = happens(
        moving(Stage.COPYING), here=says(copying=Copying(MoveNumber(1), round=0))
    )
    assert none.cause.words == "it is about to be copied"
    ready = evolve(bare, ready=True)
    found = happens(moving(Stage.COPYING), here=says(copying=ready))
    assert found.cause.words == "the new node has all of it but what is written now"


READY = says(copying=Copying(MoveNumber(1), ready=True, downtime=0.1))


def test_all_in_the_end():
    """That a move has no rounds is said, unless it waits for who uses it."""
    cause = Cause(ALL_AT_THE_END, "it is written to all the time")
    here = says(copying=Copying(MoveNumber(1), ready=True), cause=cause)
    found = happens(moving(Stage.COPYING), here=here)
    assert in_short(found) == (Phase.COPYING, HERE, PATH, ALL_AT_THE_END)
    found = happens(moving(Stage.COPYING), here=here, lease=a_lease(on=1))
    assert in_short(found) == (Phase.WAITING, HERE, PATH, "leased")


def test_ready_and_in_use():
    """What only waits for the end of its use says who uses it."""
    found = happens(moving(Stage.COPYING), here=READY, lease=a_lease(on=1))
    assert in_short(found) == (Phase.WAITING, HERE, PATH, "leased")
    assert found.cause.words == f"user has it leased on node {HERE}"
    assert found.cause.release == (
        f"end its use on node {HERE}, or the lease, or move it with force"
    )
    for row, lease in (
        (moving(Stage.COPYING, force=True), a_lease(on=1)),
        (moving(Stage.COPYING), a_lease(on=2)),
        (moving(Stage.COPYING), None),
    ):
        assert happens(row, here=READY, lease=lease).phase is Phase.COPYING


@pytest.mark.parametrize("stage", [Stage.COPYING, Stage.FREEZING])
def test_target_in_trouble(stage):
    """A move that waits for the node where it goes says that."""
    silent = happens(moving(stage), here=says(), silent=[2])
    assert silent.cause == Cause(
        "target-silent",
        f"node {THERE} (10.0.0.2), where it goes, is not connected",
        "bring node 10.0.0.2 or its agent back, or cancel the move",
    )
    assert silent.phase is Phase(stage.value)
    there = says(NoCopy(), Condition.MISSING, cause=FULL)
    full = happens(moving(stage), here=says(), there=there)
    assert full.phase is Phase.FAILED
    assert full.cause == evolve(
        FULL,
        words=f"node {THERE} (10.0.0.2), where it goes, says: the pool is full",
    )


def test_frozen():
    """Nobody serves it, from the unmount until it is handed over; what is busy says."""
    row = moving(Stage.FREEZING)
    busy = happens(row, here=says(cause=TROUBLE))
    assert in_short(busy) == (Phase.FREEZING, HERE, PATH, "busy")
    frozen = happens(row, here=says(OWNED, Condition.DETACHED))
    assert in_short(frozen) == (Phase.FREEZING, HERE, None, "copying")
    assert frozen.cause.words == (
        f"what node {HERE} (10.0.0.1) wrote last goes to node {THERE} (10.0.0.2):"
        " it is let go of"
    )
    far = says(OWNED, Condition.DETACHED, copying=Copying(MoveNumber(1), 2, 2**20))
    assert "1M is copied (round 2)" in happens(row, here=far).cause.words
    since = evolve(row, move=evolve(row.move, frozen_at=1234.5))
    assert happens(since, here=says(OWNED, Condition.DETACHED)).since == 1234.5
    let_go = says(Released(EPOCH, HEAD, THERE), Condition.DETACHED)
    handed = happens(row, here=let_go)
    assert in_short(handed) == (Phase.HANDING_OVER, HERE, None, "handing-over")


def test_cancelling():
    """A cancelled move is over when the source has said so."""
    found = happens(moving(Stage.CANCELLING), here=says(OWNED, Condition.DETACHED))
    assert in_short(found) == (Phase.WAITING, HERE, None, "cancelling")
    assert found.cause.words == (
        f"its move to node {THERE} (10.0.0.2) is cancelled, which node {HERE}"
        " (10.0.0.1) has not confirmed yet"
    )


BACK = Rollback(
    RollbackNumber(1), "monday", SnapshotID("s-1"), "before-monday-x.5a9e00000000"
)


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        (says(), "rolling-back"),
        (says(cause=TROUBLE), "busy"),
        (says(condition=Condition.DETACHED), "rolling-back"),
    ],
)
def test_rolling_back(fact, code):
    """Where it is in use still it says by whom; else where what is before is kept."""
    found = happens(evolve(ROW, rollback=BACK), here=fact)
    assert (found.phase, found.node, found.cause.code) == (
        Phase.ROLLING_BACK,
        HERE,
        code,
    )
    if code == "rolling-back":
        assert found.cause.words == (
            "it is rolled back to its snapshot monday; what it is before is kept as its"
            " snapshot before-monday-x"
        )


def test_rollback_cancelled():
    """A cancelled rollback is over when its node has said so."""
    row = evolve(ROW, rollback=evolve(BACK, cancelled=True))
    found = happens(row, here=says(condition=Condition.DETACHED))
    assert in_short(found) == (Phase.ROLLING_BACK, HERE, None, "cancelling")
    assert "its rollback to its snapshot monday is cancelled" in found.cause.words


def test_given_up():
    """Why a move was given up is said where it is served."""
    found = happens(evolve(ROW, given_up="it takes too long"), here=says())
    assert in_short(found) == (Phase.MOUNTED, HERE, PATH, "move-given-up")
    assert found.cause.words == "its move was given up: it takes too long"


def test_old_copy_is_kept():
    """Why a copy that is to be dropped is there still is said; also where it blocks."""
    row = evolve(ROW, prunes=(Prune(THERE, HEAD),))
    assert happens(row, here=says()).cause is None
    needed = Cause("needed", "clones are made of it", "delete what needs it first")
    there = says(Replica(EPOCH), Condition.DETACHED, cause=needed)
    kept = happens(row, here=says(), there=there)
    assert in_short(kept) == (Phase.MOUNTED, HERE, PATH, "copy-kept")
    assert kept.cause.words == (
        f"node {THERE} (10.0.0.2) keeps its old copy: clones are made of it"
    )
    assert kept.cause.release == "delete what needs it first"
    blocked = happens(row, a_dataset(on=2), here=says(), there=there)
    assert blocked.cause.words.endswith(kept.cause.words)


@pytest.mark.parametrize(
    ("what", "row", "code", "words"),
    [
        ({"cordoned": True}, ROW, "cannot-move", "cordoned"),
        ({"dead": [2]}, ROW, "cannot-move", "marked dead"),
        ({}, evolve(ROW, prunes=(Prune(THERE, HEAD),)), "cannot-move", "destroyed"),
        ({}, evolve(ROW, backend="other"), "cannot-move", "no such pool"),
        ({}, ROW, "move-due", "about to begin"),
    ],
)
def test_hindered(what, row, code, words):
    """A wish that cannot be begun says why; it is served where it is."""
    found = happens(row, a_dataset(on=2), here=says(), **what)
    assert in_short(found) == (Phase.WAITING, HERE, PATH, code)
    assert words in found.cause.words


def test_hindered_by_a_node_nobody_knows():
    """Nobody copies to a node that never connected."""
    found = happens(ROW, a_dataset(on=3), here=says())
    assert in_short(found) == (Phase.WAITING, HERE, PATH, "node-unknown")


def test_owner_silent():
    """Nobody else may have it: what was said last may be so still."""
    lost = happens(here=says(), silent=[1])
    assert in_short(lost) == (Phase.UNKNOWN, HERE, PATH, "node-silent")
    assert lost.cause.release == "bring node 10.0.0.1 or its agent back"
    idle = happens(here=says(OWNED, Condition.DETACHED), silent=[1])
    assert in_short(idle) == (Phase.WAITING, HERE, None, "node-silent")
    moved = happens(moving(Stage.COPYING), a_dataset(on=2), here=says(), silent=[1])
    assert moved.phase is Phase.UNKNOWN
    assert moved.move is not None


def test_owner_dead():
    """What is written last is on the dead node alone, and that is said."""
    found = happens(here=says(), dead=[1])
    assert in_short(found) == (Phase.WAITING, HERE, None, "node-dead")
    assert found.cause.words == (
        f"node {HERE} (10.0.0.1), which owns it, is marked dead by alice: the machine"
        " is off"
    )


def test_on_use():
    """What is mounted on use waits where it is."""
    on_use = evolve(a_dataset(), mount=Mounting.ON_USE)
    idle = says(OWNED, Condition.DETACHED)
    found = happens(ROW, on_use, here=idle)
    assert (found.phase, found.node, found.cause) == (Phase.WAITING, HERE, NOT_IN_USE)
    leased = happens(ROW, on_use, here=idle, lease=a_lease(on=1))
    assert in_short(leased) == (Phase.MOUNTING, HERE, None, None)
    trouble = happens(ROW, on_use, here=evolve(idle, cause=TROUBLE))
    assert in_short(trouble) == (Phase.MOUNTING, HERE, None, "busy")


def test_not_mounted():
    """What should be mounted and is not says what is done, or what is wrong."""
    gone = happens(here=says(OWNED, Condition.MISSING))
    assert in_short(gone) == (Phase.FAILED, HERE, None, "copy-missing")
    unseen = happens(here=says(OWNED, Condition.UNKNOWN))
    assert in_short(unseen) == (Phase.UNKNOWN, HERE, None, "backend-unanswered")
    busy = happens(here=says(OWNED, Condition.DETACHED, cause=TROUBLE))
    assert in_short(busy) == (Phase.MOUNTING, HERE, None, "busy")


DELETED = a_dataset(deleted=True)
BURIED = evolve(ROW, deleted=True)
GONE = says(Buried(), Condition.MISSING)


def test_deleted_in_use():
    """A lease keeps what is deleted."""
    found = happens(ROW, DELETED, here=says(), lease=a_lease(on=1))
    assert in_short(found) == (Phase.WAITING, HERE, PATH, "leased")
    assert found.cause.release == f"end its use on node {HERE}, or the lease"
    unheard = happens(ROW, DELETED, lease=a_lease(on=1))
    assert in_short(unheard) == (Phase.WAITING, HERE, None, "leased")
    assert happens(ROW, DELETED, here=says()).cause == BEING_DELETED


def test_destroying():
    """It is destroyed where there still may be a copy."""
    found = happens(BURIED, DELETED, here=GONE, there=says(Buried()))
    assert in_short(found) == (Phase.DESTROYING, THERE, PATH, "deleting")
    busy = happens(BURIED, DELETED, here=says(cause=TROUBLE), there=GONE)
    assert in_short(busy) == (Phase.DESTROYING, HERE, PATH, "busy")
    for row, both in (
        (None, {}),
        (BURIED, {}),
        (BURIED, {"here": GONE, "there": GONE}),
    ):
        found = happens(row, DELETED, **both)
        assert (found.phase, found.cause) == (Phase.DESTROYING, BEING_DELETED)


@pytest.mark.parametrize(
    ("away", "how"), [({"silent": [2]}, "is away"), ({"dead": [2]}, "is marked dead")]
)
def test_destroying_waits_for_a_copy(away, how):
    """Who may have a copy is waited for, until somebody says that it never returns."""
    found = happens(BURIED, DELETED, here=GONE, there=says(Replica(EPOCH)), **away)
    assert in_short(found) == (Phase.WAITING, THERE, None, "holder-silent")
    assert found.cause.words == (
        f"node {THERE} (10.0.0.2), which may have a copy of it, {how}"
    )
    assert found.cause.release.endswith(f"flockerctl node forget {THERE}")
    given = known(here=GONE, **away)
    forgotten = evolve(given, registry={HERE: given.registry[HERE]})
    assert happens(BURIED, DELETED, known=forgotten).phase is Phase.DESTROYING


STANDINGS = [OWNED, Replica(EPOCH), Released(EPOCH, HEAD, THERE), NoCopy(), Buried()]
ROWS = [None, BURIED, ROW, evolve(ROW, acquired=False, owner=THERE)] + [
    moving(stage) for stage in Stage
]


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("lease", [None, a_lease(on=1), a_lease(on=2)])
def test_all_situations(row, deleted, lease):
    """No situation raises, and none that is not mounted goes without explanation."""
    conditions = [
        Condition.UNKNOWN,
        Condition.MISSING,
        Condition.DETACHED,
        Condition.MOUNTED,
    ]
    everything = product(
        STANDINGS, conditions, [None, FULL], [None, Phase.MOUNTING], Mounting, (1, 2, 3)
    )
    for standing, condition, cause, doing, mount, on in everything:
        fact = says(standing, condition, cause=cause, doing=doing)
        dataset = evolve(a_dataset(on=on, deleted=deleted), mount=mount)
        for facts in ((fact, None), (None, fact), (fact, fact)):
            found = pool_status(dataset, row, known(*facts, lease=lease))
            assert found.cause is not None or found.phase in EXPLAINED
            if found.phase is Phase.MOUNTED:
                assert found.path is not None


@given(
    strategies.datasets,
    st.none() | strategies.pool_ownerships,
    st.dictionaries(
        st.sampled_from([HERE, THERE, FAR]),
        st.builds(
            lambda seen, copy: Observed(evolve(seen.fact, pool=copy), seen.since),
            strategies.observations,
            st.none() | strategies.pool_facts,
        ),
    ),
    st.dictionaries(st.sampled_from([HERE, THERE, FAR]), strategies.sights),
    st.none() | strategies.leases,
)
def test_never_raises(dataset, row, facts, nodes, lease):
    """Whatever agents say, there is a status."""
    found = pool_status(dataset, row, Known(facts, nodes, {}, lease))
    assert isinstance(found.phase, Phase)
