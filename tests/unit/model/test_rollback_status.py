"""What is said of a dataset that is rolled back, or was to be."""

from attrs import evolve

from flocker.model.cluster import Cause, Condition, Phase
from flocker.model.datasets import Mounting
from flocker.model.ids import RollbackNumber, SnapshotID
from flocker.model.pools import NotRolledBack, Rollback
from flocker.testing.builders import a_dataset, dataset_id
from tests.unit.model.pool_situations import ROW, happens, says

IDLE = Condition.DETACHED
WISH = Rollback(
    RollbackNumber(1), "monday", SnapshotID("s-1"), "before-monday.000000010000"
)
NOT_DONE = NotRolledBack(WISH, "no room is left", "make room")


def test_two_ways_out():
    """Whatever keeps it: what would help is said, and that it can be cancelled."""
    row = evolve(ROW, rollback=WISH)
    full = Cause("pool-full", "no room is left", "make room")
    found = happens(row, here=says(cause=full, condition=IDLE))
    assert found.phase is Phase.ROLLING_BACK
    assert found.cause.words == full.words
    assert found.cause.release == (
        "make room; or let it stay as it is: flockerctl rollback"
        f" {dataset_id()} --cancel"
    )
    bare = happens(row, here=says(cause=Cause("odd", "why"), condition=IDLE))
    assert bare.cause.release.startswith("let it stay as it is: ")


def test_not_confirmed():
    """Who gave it up is said, and what its node says besides."""
    over = evolve(WISH, cancelled=True)
    full = Cause("pool-full", "no room is left", "make room")
    here = says(cause=full, condition=IDLE)
    cancelled = happens(evolve(ROW, rollback=over), here=here)
    assert "monday is cancelled, which node" in cancelled.cause.words
    row = evolve(ROW, rollback=over, not_rolled_back=NOT_DONE)
    given_up = happens(row, here=here)
    assert "monday is given up, which node" in given_up.cause.words
    assert given_up.cause.words.endswith("has not confirmed yet: no room is left")


def test_not_in_use():
    """A dataset that nobody uses waits for that, and says why it is not rolled back."""
    row = evolve(ROW, not_rolled_back=NOT_DONE)
    dataset = evolve(a_dataset(), mount=Mounting.ON_USE)
    found = happens(row, dataset, here=says(condition=IDLE))
    assert found.cause.code == "not-in-use"
    assert found.cause.words.endswith("no room is left")


def test_other_troubles_first():
    """What is wrong now is said before what was given up."""
    row = evolve(ROW, not_rolled_back=NOT_DONE)
    assert happens(row, here=says()).cause.code == "rollback-given-up"
    odd = Cause("odd", "why")
    assert happens(row, here=says(cause=odd)).cause == odd
