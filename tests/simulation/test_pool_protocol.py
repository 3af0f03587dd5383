"""The ownership of pool datasets, explored: whatever happens, in whatever order.

The guards of nodes and control are the real code. Each story names what may happen
besides what comes by itself; `flocker.testing.ownership` tries all of it.
"""

import pytest

from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.history import content_of
from flocker.testing.ownership.search import NotPossible, explore, play, wander
from flocker.testing.ownership.space import PoolSpace

MOST = 3_000_000
"""States after which a search would not end."""

FAR = 400_000
"""States of a longer story that are searched: those that are reached in few steps."""

STORIES = {
    "a move, with crashes": (Budget(writes=1, moves=1, restarts=1), {}),
    "a move, with writes at any time": (Budget(writes=3, moves=1), {}),
    "a move there and back": (Budget(moves=2, prunes=1), {}),
    "a cancelled move and a lease": (
        Budget(writes=1, moves=1, cancels=1, leases=1),
        {},
    ),
    "a forced move": (Budget(moves=1, forced=1, leases=1, restarts=1), {}),
    "a cancelled move, and late words": (
        Budget(moves=1, cancels=1, delays=1, restarts=1),
        {},
    ),
    "what is heard comes late": (Budget(moves=1, cancels=1, late_facts=2), {}),
    "an old copy is destroyed": (Budget(writes=1, moves=1, restarts=1, prunes=1), {}),
    "from nothing": (Budget(writes=1, moves=1, restarts=1), {"empty": True}),
    "created, deleted, created anew": (
        Budget(deletions=2, restarts=1, delays=1),
        {"empty": True},
    ),
    "deleted on its way": (Budget(moves=1, deletions=1, restarts=1), {"empty": True}),
    "fence leases run out": (
        Budget(writes=1, moves=1, expiries=1, restarts=1),
        {"pinned": False},
    ),
    "three nodes": (Budget(moves=1, cancels=1), {"nodes": 3}),
    "a rollback, with crashes": (Budget(writes=2, rollbacks=1, restarts=1), {}),
    "a rollback, and back again": (Budget(writes=1, rollbacks=2), {}),
    "a cancelled rollback, a lease, and late words": (
        Budget(rollbacks=1, cancels=1, leases=1, restarts=1, delays=1),
        {},
    ),
    "a rollback and a move": (Budget(writes=1, rollbacks=1, moves=1), {}),
    "a snapshot, deleted, and late words": (
        Budget(snapshots=1, restarts=1, delays=1),
        {},
    ),
    "two snapshots, deleted, one after the other": (
        Budget(writes=1, snapshots=2),
        {},
    ),
    "deleted while it is rolled back": (
        Budget(rollbacks=1, deletions=2, restarts=1),
        {},
    ),
}

LONG_STORIES = {
    "what is heard comes late, and there is a crash, or another move": (
        Budget(moves=2, cancels=1, late_facts=1, restarts=1),
        {},
    ),
    "a cancelled move, another, and late words": (
        Budget(moves=2, cancels=1, delays=1),
        {},
    ),
    "a move, more crashes, late words": (
        Budget(writes=2, moves=1, restarts=2, delays=1, late_facts=1),
        {},
    ),
    "a cancelled move, crashes, a lease, late words": (
        Budget(writes=1, moves=1, cancels=1, leases=1, restarts=1, delays=1),
        {},
    ),
    "there and back, crashes, a copy destroyed, late words": (
        Budget(moves=2, restarts=1, prunes=1, delays=1),
        {},
    ),
    "created, moved, destroyed, deleted, late words": (
        Budget(moves=1, restarts=1, prunes=1, delays=1, deletions=1),
        {"empty": True},
    ),
    "a rollback, cancelled, crashes, late words": (
        Budget(writes=2, rollbacks=1, cancels=1, delays=1, late_facts=1, restarts=1),
        {},
    ),
    "rollbacks and a move, a crash": (
        Budget(writes=1, rollbacks=2, moves=1, restarts=1),
        {},
    ),
    "a snapshot, deleted, a cancelled move, a slow stream": (
        Budget(writes=1, snapshots=1, moves=1, cancels=1, slow=1),
        {},
    ),
    "a snapshot, deleted, a move, late words, a crash": (
        Budget(snapshots=1, moves=1, restarts=1, delays=1, slow=1),
        {},
    ),
    "three nodes, two moves, a crash": (
        Budget(moves=2, cancels=1, restarts=1),
        {"nodes": 3},
    ),
}


def explored(story, most=MOST):
    """Search all of a story."""
    budget, world = story
    space = PoolSpace(budget, **world)
    return explore(space, space.start, most=most)


@pytest.mark.parametrize("name", STORIES)
def test_holds(name):
    """Nothing is lost or forked, and progress alone leads to one home, served."""
    found = explored(STORIES[name])
    assert found.complete
    assert found.wrong is None, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_STORIES)
def test_holds_at_length(name):
    """The same, for longer stories, as far as they are searched."""
    found = explored(LONG_STORIES[name], FAR)
    assert found.wrong is None, str(found)


@pytest.mark.parametrize(
    "name",
    ["a move, with crashes", "from nothing", "three nodes", "a rollback, with crashes"],
)
def test_holds_in_the_order_of_an_agent(name):
    """A node that takes the first of its rules alone is never caught in a circle."""
    budget, world = STORIES[name]
    found = explored((budget, {**world, "planned": True}))
    assert found.complete
    assert found.wrong is None, str(found)


WALKS = 100
LONG_WALKS = 3_000
STEPS = 250
ALL_OF_IT = Budget(
    writes=4,
    restarts=6,
    moves=6,
    forced=2,
    cancels=3,
    leases=4,
    delays=6,
    late_facts=4,
    prunes=3,
    deletions=2,
    expiries=3,
    rollbacks=2,
)


def walked(seeds):
    """Wander about in worlds that are too large to be searched; give what is found."""
    worlds = [
        PoolSpace(ALL_OF_IT, 3, empty=empty, pinned=pinned)
        for empty in (False, True)
        for pinned in (False, True)
    ]
    for seed in seeds:
        found = wander(worlds[seed % len(worlds)], seed, STEPS)
        if found.wrong is not None:
            yield f"seed {seed}: {found}"


def test_holds_at_random():
    """Long ways through a large world: three nodes, many faults, everything at once."""
    assert list(walked(range(WALKS))) == []


@pytest.mark.slow
def test_holds_at_random_for_long():
    """The same, many more."""
    assert list(walked(range(WALKS, LONG_WALKS))) == []


# The holes of the first draft that need no failover, as they were found.

FREEZE = ("user: move to B", "control: freezing", "A: is told")
CONFIRMED = ("A: freeze", "B: is told", "B: receives from A", "B: confirms to A")
HANDED_OVER = (*FREEZE, *CONFIRMED, "A: release", "control: A hand_over")
AT_B = (*HANDED_OVER, "B: is told", "B: acquire", "control: B acquired")
PRUNED = (
    *AT_B,
    "control: A prune",
    "A: is told",
    "net: keeps a row for A",
    "A: prune",
    "control: A pruned",
)
EVERYTHING = Budget(
    writes=2, restarts=2, moves=2, cancels=1, leases=1, delays=1, prunes=1
)


def told(script, **world):
    """Play a script, which must violate nothing; give what may come after it."""
    space = PoolSpace(world.pop("budget", EVERYTHING), **world)
    state, wrong = play(space, space.start, script)
    assert wrong is None
    return space, state


def after(script, **world):
    """Give what may happen after a script."""
    space, state = told(script, **world)
    return {edge.label for edge in space.edges(state)}


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


# Rollbacks.

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


# Users' snapshots that are deleted.

WISHES = Budget(writes=1, restarts=1, moves=1, cancels=1, delays=1, snapshots=1, slow=1)
WISHED = ("app on A: writes", "user: wants a snapshot", "A: is told")
TAKEN = (*WISHED, "A: takes it", "control: notes what A says", "control: keeps")
GONE = (
    "user: deletes the snapshot",
    "A: is told",
    "A: heed",
    "A: destroys it",
    "control: notes what A says",
    "control: keeps",
)


def test_deleted_snapshot_is_not_taken_again():
    """The row that wants it comes late, when nobody knows of it any more."""
    taken = (*WISHED, "net: keeps a row for A", *TAKEN[len(WISHED) :])
    late = ("FAULT agent A dies", "A: agent starts", "A: is told LATE")
    possible = after((*taken, *GONE, *late), budget=WISHES)
    assert "A: mount" not in possible
    assert "A: takes it" not in possible


def test_deleted_snapshot_is_on_record_before_it_goes():
    """Neither is it destroyed nor forgotten while a row could bring it back."""
    told_of_it = (*TAKEN, *GONE[:2])
    assert "A: destroys it" not in after(told_of_it, budget=WISHES)
    never_taken = ("user: wants a snapshot", "user: deletes the snapshot")
    heard = (*never_taken, "A: is told", "control: notes what A says")
    assert "control: keeps" not in after(heard, budget=WISHES)
    heeded = (*never_taken, "A: is told", "A: heed", "control: notes what A says")
    assert "control: keeps" in after(heeded, budget=WISHES)


def test_deleted_snapshot_waits_for_who_may_be_brought_it():
    """What B said before the stream does not count; it has to know that none comes."""
    script = (
        *TAKEN,
        "user: move to B",
        "user: deletes the snapshot",
        "B: is told",
        "control: notes what B says",
        "B: receives from A, slowly",
        "user: cancels",
        *GONE[1:-1],
    )
    assert "control: keeps" not in after(script, budget=WISHES)
    come = (*script, "B: it has come", "B: is told", "control: notes what B says")
    space, state = told(come, budget=WISHES)
    assert "control: keeps" not in {edge.label for edge in space.edges(state)}
    assert space.machine(state, 1).fact.users != ()
