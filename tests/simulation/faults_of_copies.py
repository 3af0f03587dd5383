"""Faults of destroying copies, and of deleting datasets."""

from attrs import evolve

from flocker.control import pool_moves
from flocker.dataset_agent import pool_transitions
from flocker.dataset_agent.pool_states import Idle
from flocker.dataset_agent.pool_steps import Destroy, Follow
from flocker.model.changes import Change, PoolEdit
from flocker.model.pools import NoCopy, PoolOwnership, Record
from flocker.testing.ownership import world
from flocker.testing.ownership.happenings import Budget
from tests.simulation.bugs import Patch
from tests.simulation.protocol_faults import Faults, instead, on_record, received

FAULTS = Faults()
found, harmless = FAULTS.found, FAULTS.harmless


@found(Budget(moves=1, restarts=1, delays=1, prunes=1), "I1", 23, empty=True)
def floor_lost_with_the_copy(patch: Patch) -> None:
    """The record goes with the copy that is destroyed."""
    lost = Record(world.DATASET)
    on_record(
        patch,
        lambda machine, step: lost if isinstance(step, Destroy) else step.record,
    )


THERE_AND_PRUNED = (
    "user: move to B",
    "control: freezing",
    "A: is told",
    "A: freeze",
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
    "net: keeps a row for A",
    "A: prune",
    "control: A pruned",
)


@found(
    Budget(moves=2, restarts=1, delays=1, prunes=1), "S7", 28, script=THERE_AND_PRUNED
)
def destroyed_by_an_old_wish(patch: Patch) -> None:
    """A wish to destroy a copy is not compared with when the copy was received."""
    prune = pool_transitions.prune

    def faulty(here):
        step = prune(evolve(here, record=evolve(here.record, revision=0)))
        return step and evolve(step, record=evolve(here.record, standing=NoCopy()))

    instead(patch, pool_transitions, "prune", faulty)


@found(
    Budget(moves=2, restarts=1, delays=1, prunes=1), "S7", 28, script=THERE_AND_PRUNED
)
def destroyed_whatever_it_is(patch: Patch) -> None:
    """The same, and its identity is not compared either."""
    prune = pool_transitions.prune

    def faulty(here):
        told, found = here.told, here.found
        if told is not None and told.prune_on(here.node) and isinstance(found, Idle):
            wish = found.head
            prunes = tuple(evolve(each, snapshot=wish) for each in told.prunes)
            here = evolve(here, told=evolve(told, prunes=prunes))
        step = prune(evolve(here, record=evolve(here.record, revision=0)))
        return step and evolve(step, record=evolve(here.record, standing=NoCopy()))

    instead(patch, pool_transitions, "prune", faulty)


@found(
    Budget(moves=2, restarts=2, delays=1, prunes=1), "S7", 28, script=THERE_AND_PRUNED
)
def revision_after_the_data(patch: Patch) -> None:
    """The revision of a copy is put on record when it has come, not before.

    And a confirmation does not bring it up to date.
    """

    def faulty(here, steps):
        def before(each):
            old = evolve(each.record, revision=here.record.revision)
            return evolve(each, record=old)

        first = tuple(before(e) if isinstance(e, Follow) else e for e in steps)
        return (*first, *(e for e in steps if isinstance(e, Follow)))

    received(patch, faulty)
    on_record(
        patch,
        lambda machine, step: (
            step.record
            if isinstance(step, Follow)
            else evolve(step.record, revision=machine.record.revision)
        ),
    )


@found(Budget(deletions=1, restarts=1, delays=1), "D1", 8, empty=True)
def deletion_forgotten(patch: Patch) -> None:
    """A node does not remember that a dataset was deleted."""
    on_record(
        patch,
        lambda machine, step: evolve(step.record, floor=machine.record.floor),
    )


@found(Budget(deletions=2, restarts=1, delays=1), "S4", 12, empty=True)
def deletion_of_an_older_life(patch: Patch) -> None:
    """A deletion that is told late is taken for one of what is there now."""
    patch.setattr(
        pool_transitions,
        "deletion",
        lambda here: here.told if here.told and here.told.deleted else None,
    )


@found(Budget(deletions=2), "L1", 4, empty=True)
def a_life_begins_at_one(patch: Patch) -> None:
    """A dataset made anew begins with the first epoch again."""

    def faulty(found, dataset, owner, backend):
        before = found.pools[dataset]
        new = PoolOwnership(dataset, backend, owner, holders=(owner,))
        return Change((PoolEdit(before, evolve(new, revision=before.revision + 1)),))

    patch.setattr(pool_moves, "start", faulty)


# A second barrier: alone it is not missed.


@harmless(Budget(moves=1, writes=1, restarts=1, prunes=1))
def destroyed_before_acquired(patch: Patch) -> None:
    """A copy is destroyed before the owner has shown that it can serve its own."""
    needed = pool_moves._needed
    patch.setattr(
        pool_moves,
        "_needed",
        lambda row, *rest: needed(evolve(row, acquired=True), *rest),
    )
