"""Faults of letting go, taking over, cancelling and leasing."""

from attrs import evolve
from pyrsistent import pmap

from flocker.control import leases, pool_moves, pool_upkeep
from flocker.dataset_agent import pool_transitions
from flocker.dataset_agent.pool_states import Idle
from flocker.dataset_agent.pool_steps import Follow, Mount, Refuse, Sync
from flocker.model.pools import FIRST_EPOCH, Owned, Released, Stage
from flocker.testing.ownership import promises, world
from flocker.testing.ownership.happenings import Budget
from tests.simulation.bugs import Patch
from tests.simulation.protocol_faults import (
    Faults,
    confirmed,
    instead,
    on_record,
    received,
)

FAULTS = Faults()
found, harmless = FAULTS.found, FAULTS.harmless

# Letting go and taking over.


@found(Budget(moves=1), "I1", 8)
def reported_before_durable(patch: Patch) -> None:
    """The release is reported before it is on record."""
    fact = world.Machine.fact.fget

    def early(self):
        said, found = self.confirmation, self.found
        ready = isinstance(found, Idle) and self.record.owns
        if not ready or said is None or said.snapshot != found.head or found.written:
            return fact(self)
        let_go = Released(self.record.epoch, said.snapshot, said.node)
        return evolve(fact(self), record=evolve(self.record, standing=let_go))

    patch.setattr(world.Machine, "fact", property(early))


@found(Budget(moves=1, restarts=1), "I2", 11)
def release_ignored_at_restart(patch: Patch) -> None:
    """Before it hears control, a node serves what it had let go of."""
    mount = pool_transitions.mount

    def faulty(here):
        idle = isinstance(here.found, Idle) and here.told is None
        let_go = isinstance(here.record.standing, Released)
        return Mount() if idle and let_go else mount(here)

    instead(patch, pool_transitions, "mount", faulty)


@found(Budget(moves=1, writes=1), "S7", 5)
def released_unconfirmed(patch: Patch) -> None:
    """The source lets go without having heard of the target."""
    patch.setattr(pool_transitions, "confirmed", lambda here, move: True)


@found(Budget(moves=1, writes=1), "S7", 10)
def released_whatever_was_confirmed(patch: Patch) -> None:
    """The source lets go when the target has confirmed any snapshot."""
    patch.setattr(
        pool_transitions,
        "confirmed",
        lambda here, move: here.confirmation is not None and not here.found.written,
    )


@found(Budget(moves=1, writes=1), "W4", 14)
def released_with_more_written(patch: Patch) -> None:
    """The source lets go though it has more than its newest snapshot."""

    def careless(here, move):
        said = here.confirmation
        return said is not None and said.snapshot == here.found.head

    patch.setattr(pool_transitions, "confirmed", careless)


@found(Budget(moves=1, writes=1), "W4", 15)
def identity_not_compared(patch: Patch) -> None:
    """Snapshots are compared neither at the release nor when the target takes over."""
    released_whatever_was_confirmed(patch)
    taken_whatever_is_there(patch)
    patch.setattr(promises, "broken_release", lambda *rest: None)


@found(Budget(moves=1, writes=1, restarts=1), "S7", 8)
def confirmed_before_synced(patch: Patch) -> None:
    """The target confirms what a crash could take."""
    confirmed(patch, lambda steps: tuple(e for e in steps if not isinstance(e, Sync)))


@found(Budget(moves=1), "S7", 8)
def answered_first(patch: Patch) -> None:
    """The target answers before it has synced and promised."""
    confirmed(patch, lambda steps: (steps[-1], *steps[:-1]))


@found(Budget(moves=1, writes=1, restarts=1), "S3", 15)
def confirmed_before_synced_and_taken(patch: Patch) -> None:
    """The same, and the target takes over whatever a crash has left."""
    confirmed_before_synced(patch)
    taken_whatever_is_there(patch)
    patch.setattr(promises, "broken_release", lambda *rest: None)


@found(Budget(moves=1), "I2", 11)
def mounted_before_owned(patch: Patch) -> None:
    """The target serves the dataset before it is on record that it owns it."""
    mount = pool_transitions.mount

    def faulty(here):
        return Mount() if pool_transitions.acquire(here) else mount(here)

    instead(patch, pool_transitions, "mount", faulty)


@found(Budget(moves=1), "W2", 9)
def epoch_reused(patch: Patch) -> None:
    """The new owner gets the epoch of the old."""
    patch.setattr(pool_moves, "new_epoch", lambda row: row.epoch)


@found(Budget(moves=2, restarts=1, delays=1), "I1", 21)
def no_floor(patch: Patch) -> None:
    """A node does not remember which epochs are over."""
    on_record(patch, lambda machine, step: evolve(step.record, floor=FIRST_EPOCH))


@found(Budget(moves=1), "I1", 3)
def ownership_in_the_stream(patch: Patch) -> None:
    """The source's record travels with its data."""

    def faulty(here, steps):
        return tuple(
            evolve(each, record=evolve(each.record, standing=Owned(FIRST_EPOCH, "0")))
            if isinstance(each, Follow)
            else each
            for each in steps
        )

    received(patch, faulty)
    on_record(
        patch,
        lambda machine, step: (
            evolve(step.record, floor=FIRST_EPOCH)
            if isinstance(step, Follow)
            else step.record
        ),
    )


# Cancelling, and leases.


@found(Budget(moves=1, cancels=1), "L1", 9)
def no_way_back(patch: Patch) -> None:
    """What was released for a cancelled move is given to nobody."""
    rules = tuple(r for r in pool_upkeep.RULES if r is not pool_upkeep.re_grant)
    patch.setattr(pool_upkeep, "RULES", rules)


@found(Budget(moves=1, cancels=1), "W2", 10)
def back_in_the_same_epoch(patch: Patch) -> None:
    """What was released for a cancelled move goes back without a new epoch."""
    given = pool_moves.given

    def faulty(row, node, let_go, move):
        after = given(row, node, let_go, move)
        same = node == row.owner
        return evolve(after, epoch=row.epoch, top=row.top) if same else after

    patch.setattr(pool_upkeep, "given", faulty)


@found(Budget(moves=2, cancels=1, late_facts=1), "I1", 16, disorder=True)
def release_taken_back(patch: Patch) -> None:
    """A node takes its release back on a cancel; facts come unordered."""

    def takes_back(here):
        told, standing = here.told, here.record.standing
        if told is None or told.move is None or not isinstance(standing, Released):
            return None
        cancelled = told.move.stage is Stage.CANCELLING and here.owner
        if not cancelled or told.epoch != standing.epoch:
            return None
        owned = Owned(standing.epoch, standing.snapshot)
        return Refuse(
            evolve(
                here.record,
                standing=owned,
                floor=standing.epoch,
                refused=told.move.number,
            )
        )

    no_way_back(patch)
    rules = (*pool_transitions.RULES, takes_back)
    patch.setattr(pool_transitions, "RULES", rules)
    patch.setattr(promises, "went_back", lambda before, after: None)


@found(Budget(moves=1, cancels=1), "L2", 10)
def cancelled_is_handed_over(patch: Patch) -> None:
    """The dataset goes to the target though its move is being cancelled."""
    patch.setattr(pool_upkeep, "finishes", lambda row, let_go: row.move is not None)


@found(Budget(moves=1, cancels=1, leases=1), "S6", 6)
def cancelled_without_the_source(patch: Patch) -> None:
    """A cancelled move is forgotten at once, though the source may still freeze."""
    patch.setattr(
        pool_moves,
        "cancel",
        lambda found, dataset: pool_moves.edited(
            found.pools[dataset], evolve(found.pools[dataset], move=None)
        ),
    )


@found(Budget(moves=1, cancels=1, leases=1), "S6", 7)
def refusal_not_remembered(patch: Patch) -> None:
    """No node remembers which moves it has refused, and control asks for no refusal."""
    asked, cancelled = pool_transitions.move_asked, pool_upkeep.cancelled
    patch.setattr(
        pool_transitions,
        "move_asked",
        lambda here: asked(evolve(here, record=evolve(here.record, refused=0))),
    )

    def faulty(row, node, fact):
        record = evolve(fact.record, refused=row.moves)
        return cancelled(row, node, evolve(fact, record=record))

    instead(patch, pool_upkeep, "cancelled", faulty)


@found(Budget(moves=1, leases=1), "S6", 5)
def leased_while_freezing(patch: Patch) -> None:
    """A dataset may be leased where it is being frozen."""
    patch.setattr(leases, "admits_lease", lambda row, node: True)


@found(Budget(moves=1, leases=1), "S6", 5)
def lease_checked_apart(patch: Patch) -> None:
    """The lease is not looked at in the very commit that freezes."""
    freeze = pool_moves.freeze

    def faulty(found, dataset):
        return freeze(evolve(found, leases=pmap()), dataset)

    patch.setattr(pool_moves, "freeze", faulty)


# Second barriers: alone they are not missed.


@harmless(Budget(moves=1, writes=1, restarts=1))
def taken_whatever_is_there(patch: Patch) -> None:
    """The target takes over without comparing identity: the source has compared."""
    patch.setattr(pool_transitions, "is_base", lambda here, told: True)


@harmless(Budget(moves=2, cancels=1))
def confirmed_by_anybody(patch: Patch) -> None:
    """The confirmation may be another move's: a refusal and a freeze come between."""

    def careless(here, move):
        said, found = here.confirmation, here.found
        if said is None or not isinstance(found, Idle) or found.written:
            return False
        return said.snapshot == found.head

    patch.setattr(pool_transitions, "confirmed", careless)


@harmless(Budget(moves=1, cancels=1, leases=1, delays=1), disorder=True)
def words_overtake(patch: Patch) -> None:
    """Rows and facts come in any order: records know better."""


@harmless(Budget(moves=1, writes=1, restarts=1))
def served_while_frozen(patch: Patch) -> None:
    """A source mounts again what it has unmounted for a move: it must unmount again."""
    patch.setattr(pool_transitions, "may_not_serve", lambda here: False)
