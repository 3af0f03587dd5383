"""What is said of a dataset in a pool while it moves, and why it does not go on."""

import pytest
from attrs import evolve

from flocker.model.cluster import Cause, Condition, Phase
from flocker.model.ids import MoveNumber
from flocker.model.pool_move_status import ALL_AT_THE_END
from flocker.model.pools import Copying, Move, NoCopy, Released, Stage
from flocker.model.status import Moving
from flocker.testing.builders import a_dataset, a_lease
from tests.unit.model.pool_situations import (
    EPOCH,
    FULL,
    HEAD,
    HERE,
    OWNED,
    PATH,
    THERE,
    TROUBLE,
    happens,
    in_short,
    moving,
    says,
)


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
