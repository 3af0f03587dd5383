"""The status of datasets in pools: one test a rule, and all situations for the laws."""

from itertools import product

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.cluster import Cause, Condition, Observed, Phase
from flocker.model.datasets import Mounting
from flocker.model.ids import RollbackNumber, SnapshotID
from flocker.model.pool_known import Known
from flocker.model.pool_status import DELETED as BEING_DELETED
from flocker.model.pool_status import pool_status
from flocker.model.pools import (
    Buried,
    NoCopy,
    Prune,
    Released,
    Replica,
    Rollback,
    Stage,
)
from flocker.model.status import NOT_IN_USE, NOT_LOOKED_YET
from flocker.testing import strategies
from flocker.testing.builders import a_dataset, a_lease
from tests.unit.model.pool_situations import (
    EPOCH,
    FAR,
    FULL,
    HEAD,
    HERE,
    OWNED,
    PATH,
    ROW,
    THERE,
    TROUBLE,
    happens,
    in_short,
    known,
    moving,
    says,
)

EXPLAINED = frozenset(Phase) - {Phase.WAITING, Phase.UNKNOWN, Phase.FAILED}


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


LET_GO = says(Released(EPOCH, HEAD, THERE), Condition.DETACHED)


@pytest.mark.parametrize(
    ("what", "node", "whose"),
    [
        ({"silent": [1]}, HERE, f"node {HERE} (10.0.0.1), which owned it then, is not"),
        ({"here": says(NoCopy(), Condition.MISSING)}, HERE, "does not say that it"),
        ({"here": LET_GO, "silent": [2]}, THERE, "(10.0.0.2), which is not connected"),
        ({"here": LET_GO, "there": says(NoCopy())}, THERE, "has not said what it has"),
    ],
)
def test_restored(what, node, whose):
    """Before it is known who owns it now, the node is named whose word is missing."""
    found = happens(evolve(ROW, unsure=True), **what)
    assert in_short(found) == (Phase.WAITING, node, None, "owner-unsure")
    assert found.cause.words.startswith("control was restored from a backup, and node")
    assert whose in found.cause.words
    assert found.cause.release


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
