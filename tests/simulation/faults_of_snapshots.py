"""Faults of deleting users' snapshots."""

from attrs import evolve

from flocker.dataset_agent import pool_snapshots as pool_snapshots_here
from flocker.model.pools import Owned, PoolFact
from flocker.testing.ownership.happenings import Budget
from tests.simulation.bugs import Patch
from tests.simulation.protocol_faults import Faults

FAULTS = Faults()
found, harmless = FAULTS.found, FAULTS.harmless


BROUGHT = (
    "app on A: writes",
    "user: wants a snapshot",
    "A: is told",
    "A: takes it",
    "control: notes what A says",
    "control: keeps",
    "user: move to B",
    "user: deletes the snapshot",
    "B: is told",
    "control: notes what B says",
    "B: receives from A, slowly",
    "user: cancels",
)
"""B is brought a snapshot after it has said that it has none."""
SLOW = Budget(writes=1, snapshots=1, moves=1, cancels=1, slow=1, restarts=1)


def rid_of_it(patch: Patch, change) -> None:
    """Change what somebody says before control asks whether it is rid of a snapshot."""
    is_rid_of = PoolFact.is_rid_of

    def faulty(fact, deleted, row, *, owner):
        fact, owner = change(fact, row, owner)
        return is_rid_of(fact, deleted, row, owner=owner)

    patch.setattr(PoolFact, "is_rid_of", faulty)


@found(Budget(snapshots=1, restarts=1, delays=1), "U5", 11)
def taken_by_an_old_row(patch: Patch) -> None:
    """A node does not compare a row with what it has on record as deleted."""
    to_take = pool_snapshots_here.to_take

    def forgetful(here, copy, wanted):
        standing = here.record.standing
        if isinstance(standing, Owned):
            record = evolve(here.record, standing=evolve(standing, heeded=0))
            here = evolve(here, record=record)
        return to_take(here, copy, wanted)

    patch.setattr(pool_snapshots_here, "to_take", forgetful)


@found(Budget(snapshots=1, restarts=1, delays=1), "U5", 10)
def forgotten_before_it_is_heeded(patch: Patch) -> None:
    """Control does not ask what the owner has on record."""
    rid_of_it(patch, lambda fact, row, owner: (fact, False))


@found(evolve(SLOW, restarts=0), "U5", 18, BROUGHT)
def words_under_older_rows_count(patch: Patch) -> None:
    """Control does not ask which row a node knew when it said that it has none."""
    rid_of_it(patch, lambda fact, row, owner: (evolve(fact, under=row.revision), owner))


@harmless(SLOW, BROUGHT)
def words_of_before_count(patch: Patch) -> None:
    """What was said on an older connection counts: it was said under an older row."""
    patch.setattr(PoolFact, "lasting", property(lambda fact: fact))
