"""Users' snapshots that are deleted, step by step."""

from flocker.testing.ownership.happenings import Budget
from tests.simulation.pool_scripts import after, told

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
