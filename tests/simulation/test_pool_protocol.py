"""The ownership of pool datasets, explored: whatever happens, in whatever order.

The guards of nodes and control are the real code. Each story names what may happen
besides what comes by itself; `flocker.testing.ownership` tries all of it.
"""

import pytest

from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.search import explore, wander
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
