"""Rollbacks of datasets on pools, step by step."""

from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.history import content_of
from tests.simulation.pool_scripts import after, told

BACK = ("user: rolls back to user's", "A: is told", "A: let_go", "A: save")
GONE_BACK = (*BACK, "A: seal", "A: repeat")
ROLLING = Budget(writes=3, restarts=1, rollbacks=2, moves=1, cancels=1, leases=1)


def test_rollback():
    """What was before is kept; what is served is what was, and what is written then."""
    script = (
        "app on A: writes",
        *GONE_BACK,
        "A: settle",
        "control: A settled",
        "A: make_writable",
        "A: mount",
        "app on A: writes",
    )
    space, state = told(script, budget=ROLLING)
    disk = space.machine(state, 0).disk
    assert (content_of(disk.data), disk.holds()) == (0b10, 0b11)
    assert space.well(state)
    before = "user: rolls back to before-1"
    again = {edge.label for edge in space.edges(state)}
    assert before in again


def test_rollback_that_was_done_is_not_done_again():
    """Dead before it is on record, an agent serves it, and then puts it on record."""
    script = (
        *GONE_BACK,
        "FAULT agent A dies",
        "A: agent starts",
        "A: make_writable",
        "A: mount",
        "app on A: writes",
        "A: is told",
    )
    possible = after(script, budget=ROLLING)
    assert "A: settle" in possible
    assert not {"A: let_go", "A: repeat", "A: tidies up"} & possible


def test_written_after_it_was_kept():
    """What is written in an agent's next life, before it hears control, is kept."""
    script = (
        *BACK,
        "FAULT agent A dies",
        "A: agent starts",
        "A: mount",
        "app on A: writes",
        "A: is told",
        "A: let_go",
    )
    possible = after(script, budget=ROLLING)
    assert "A: save" in possible
    assert "A: seal" not in possible


def test_rollback_excludes_leases_and_moves():
    """While it is rolled back nobody leases it and it goes nowhere, and vice versa."""
    asked_for = {"user: move to B", "plugin: leases it on A"}
    assert not asked_for & after(BACK[:1], budget=ROLLING)
    for first in asked_for:
        assert BACK[0] not in after((first,), budget=ROLLING)


def test_cancelled_rollback():
    """It is over when its node says so; then it is served as it was, and stays so."""
    script = (*BACK, "user: cancels the rollback")
    assert "A: seal" in after(script, budget=ROLLING)
    settled = (*script, "A: is told", "A: settle", "control: A settled", "A: mount")
    space, state = told(settled, budget=ROLLING)
    assert space.well(state)
    assert space.control(state).row.rolled_back == 0


def test_cancelled_too_late():
    """What was done by then is done, and control knows it."""
    script = (*GONE_BACK, "user: cancels the rollback", "A: is told", "A: settle")
    space, state = told((*script, "control: A settled"), budget=ROLLING)
    assert space.control(state).row.rolled_back == 1
