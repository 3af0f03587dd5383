"""The holes of the first draft that need no failover, as they were found: closed."""

import pytest

from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.search import NotPossible, play
from flocker.testing.ownership.space import PoolSpace
from tests.simulation.pool_scripts import (
    AT_B,
    CONFIRMED,
    EVERYTHING,
    FREEZE,
    HANDED_OVER,
    after,
    told,
)

PRUNED = (
    *AT_B,
    "control: A prune",
    "A: is told",
    "net: keeps a row for A",
    "A: prune",
    "control: A pruned",
)


def test_plain_move():
    """A move, step by step: B serves it in the next epoch, A keeps a copy."""
    space, state = told((*AT_B, "B: make_writable", "B: mount"))
    assert space.well(state)
    assert space.control(state).row.epoch == 2
    assert space.machine(state, 0).disk is not None


def test_cancel_meets_release():
    """Hole 1: A lets go, not knowing of a cancel, and gets it back in a new epoch."""
    script = (*FREEZE, "user: cancels", *CONFIRMED, "A: release")
    assert "control: A hand_over" not in after(script)
    space, state = told(
        (
            *script,
            "control: A re_grant",
            "A: is told",
            "A: acquire",
            "control: A acquired",
            "A: mount",
        )
    )
    assert space.well(state)
    assert space.control(state).row.epoch == 2


def test_release_is_final():
    """Hole 2: nothing but a new epoch brings back what was let go of."""
    script = (*FREEZE, *CONFIRMED, "A: release", "user: cancels", "A: is told")
    assert {e for e in after(script) if e.startswith("A: ")} == {"A: make_read_only"}


def test_cancel_waits_for_the_source():
    """Hole 3: until A has refused, durably, nobody leases what A may still unmount."""
    script = (*FREEZE, "user: cancels")
    possible = after(script)
    assert "A: freeze" in possible
    assert "plugin: leases it on A" not in possible
    refused = (*script, "A: is told", "A: refuse", "control: A cancelled")
    assert "plugin: leases it on A" in after(refused)
    late = (
        "user: move to B",
        "control: freezing",
        "net: keeps a row for A",
        "user: cancels",
        "A: is told",
        "A: refuse",
        "control: A cancelled",
        "plugin: leases it on A",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    assert "A: freeze" not in after(late)


def test_lease_and_freeze_exclude_each_other():
    """Hole 4: what is leased is not frozen, and what is frozen is not leased."""
    leased = ("user: move to B", "plugin: leases it on A")
    assert "control: freezing" not in after(leased)
    assert "plugin: leases it on A" not in after(
        ("user: move to B", "control: freezing")
    )


def test_the_target_may_be_leased_before():
    """The Docker plugin leases on the target before it asks for the move."""
    leased = ("plugin: leases it on B", "user: move to B")
    assert "control: freezing" in after(leased)


def test_late_prune():
    """Hole 14: the wish to destroy a copy does not destroy the next one."""
    back = (
        *PRUNED,
        "user: move to A",
        "control: freezing",
        "A: is told",
        "A: receives from B",
        "B: is told",
        "A: confirms to B",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    assert "A: prune" not in after(back)


def test_record_before_data():
    """The hole of the draft itself: a crash between the data and its record.

    The copy that came is as new as the record says, so the late wish is too old.
    """
    torn = (
        *PRUNED,
        "user: move to A",
        "control: freezing",
        "A: is told",
        "B: is told",
        "A: receives from B, 1 of 2, crashes",
        "A: agent starts",
        "A: is told",
        "A: receives from B",
        "A: confirms to B",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    assert "A: prune" not in after(torn)


def test_floor_outlives_the_copy():
    """Hole 15: what was moved away and destroyed is not created again."""
    budget = Budget(moves=1, prunes=1, delays=1, restarts=1)
    script = (
        "A: is told",
        "net: keeps a row for A",
        "A: create",
        "control: A acquired",
        "user: move to B",
        "control: freezing",
        "A: is told",
        "A: take_snapshot",
        "B: is told",
        "B: receives from A",
        "B: confirms to A",
        "A: release",
        "control: A hand_over",
        "B: is told",
        "B: acquire",
        "control: B acquired",
        "control: A prune",
        "A: is told",
        "A: prune",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    assert "A: create" not in after(script, budget=budget, empty=True)


def test_release_needs_the_last_snapshot():
    """Hole 17: A does not let go while B has less, or before B has said what it has."""
    assert "A: release" not in after((*FREEZE, "A: freeze"))
    script = (
        "user: move to B",
        "A: is told",
        "B: is told",
        "B: receives from A",
        "B: confirms to A",
        "app on A: writes",
        "control: freezing",
        "A: is told",
        "A: freeze",
    )
    assert "A: release" not in after(script)
    assert "A: release" not in after((*script, "A: take_snapshot"))


def test_confirmed_is_synced():
    """Hole 18: what B has said it has is there after a crash."""
    script = (
        *FREEZE,
        "app on A: writes",
        "A: freeze",
        "A: take_snapshot",
        "B: is told",
        "B: receives from A",
        "B: confirms to A",
        "FAULT node B crashes",
    )
    space, state = told(script)
    assert space.machine(state, 1).disk.data == 1
    assert "A: release" in after(script)


def test_owned_before_mounted():
    """Hole 19: B serves nothing before it is on record that it owns it."""
    script = (*HANDED_OVER, "B: is told")
    assert {each for each in after(script) if each.startswith("B: ")} == {"B: acquire"}


def test_floor_is_compared():
    """Hole of *no floor*: a row of epoch 1 comes late to A, which follows B again."""
    script = (
        "user: move to B",
        "control: freezing",
        "A: is told",
        "net: keeps a row for A",
        *CONFIRMED,
        "A: release",
        "control: A hand_over",
        "B: is told",
        "B: acquire",
        "control: B acquired",
        "user: move to A",
        "A: make_read_only",
        "A: is told",
        "B: is told",
        "A: receives from B",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    possible = after(script)
    assert not {"A: acquire", "A: mount", "A: make_writable"} & possible


def test_handed_over_when_released():
    """Control gives it away on a release that is on record, and on nothing before."""
    script = (*FREEZE, *CONFIRMED)
    assert "control: A hand_over" not in after(script)
    assert "control: A hand_over" in after((*script, "A: release"))


def test_epochs_are_given_out_once():
    """Each hand-over is of a new epoch, and the way back of another one."""
    back = (
        "user: move to A",
        "control: freezing",
        "A: make_read_only",
        "A: is told",
        "B: is told",
        "A: receives from B",
        "A: confirms to B",
        "B: release",
        "control: B hand_over",
    )
    space, state = told((*AT_B, *back))
    assert space.control(state).row.epoch == space.control(state).row.top == 3


def test_ownership_does_not_travel():
    """What comes with a stream is data: the record of who receives it is its own."""
    space, state = told((*FREEZE, *CONFIRMED))
    assert not space.machine(state, 1).record.owns
    assert not {"B: mount", "B: make_writable"} & after((*FREEZE, *CONFIRMED))


def test_deleted_is_not_made_again():
    """Hole 22: the row that said *create* comes late, after the deletion."""
    script = (
        "A: is told",
        "net: keeps a row for A",
        "user: deletes",
        "A: create",
        "A: is told",
        "A: bury",
        "A: destroy_buried",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    budget = Budget(delays=1, restarts=1, deletions=1)
    assert "A: create" not in after(script, budget=budget, empty=True)


def test_deletion_of_an_older_life():
    """The row that said *deleted* comes late, when the id is in use again."""
    script = (
        "A: is told",
        "A: create",
        "user: deletes",
        "A: is told",
        "net: keeps a row for A",
        "A: bury",
        "A: destroy_buried",
        "user: creates it anew",
        "A: is told",
        "A: create",
        "FAULT agent A dies",
        "A: agent starts",
        "A: is told LATE",
    )
    budget = Budget(delays=1, restarts=1, deletions=2)
    possible = after(script, budget=budget, empty=True)
    assert "A: bury" not in possible
    assert "A: mount" in possible


def test_restart_before_control_is_heard():
    """After a restart an owner serves what is its own, and nothing it let go of."""
    crashed = ("FAULT node A crashes", "A: agent starts")
    assert "A: mount" in after(crashed)
    assert "A: mount" not in after((*HANDED_OVER, *crashed))


def test_unpinned_needs_a_lease():
    """After a reboot what may be given to another waits for a fence lease."""
    budget = Budget(restarts=1)
    crashed = ("FAULT node A crashes", "A: agent starts")
    assert "A: mount" not in after(crashed, budget=budget, pinned=False)
    renewed = (*crashed, "A: renews its lease")
    assert "A: mount" in after(renewed, budget=budget, pinned=False)


def test_scripts_are_exact():
    """A script with what cannot happen is refused with the line, and what could."""
    space = PoolSpace(EVERYTHING)
    with pytest.raises(NotPossible, match=r"(?s)'A: mount' \(line 0\).*move to B"):
        play(space, space.start, ["A: mount"])
