"""Scripts of what happens to the ownership of a dataset, step by step.

They are exact: a line that cannot happen is refused, with what could.
"""

from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.search import play
from flocker.testing.ownership.space import PoolSpace

FREEZE = ("user: move to B", "control: freezing", "A: is told")
CONFIRMED = ("A: freeze", "B: is told", "B: receives from A", "B: confirms to A")
HANDED_OVER = (*FREEZE, *CONFIRMED, "A: release", "control: A hand_over")
AT_B = (*HANDED_OVER, "B: is told", "B: acquire", "control: B acquired")
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
