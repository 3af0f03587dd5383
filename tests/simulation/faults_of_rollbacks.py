"""Faults of rollbacks."""

from attrs import evolve

from flocker.control import leases, pool_moves, pool_rollbacks
from flocker.dataset_agent import pool_rollbacks as pool_rollbacks_here
from flocker.dataset_agent import pool_transitions
from flocker.dataset_agent.pool_steps import Save
from flocker.model.snapshots import UNSAVED
from flocker.testing.ownership.happenings import Budget
from tests.simulation.bugs import Patch
from tests.simulation.protocol_faults import Faults, instead

FAULTS = Faults()
found, harmless = FAULTS.found, FAULTS.harmless


@found(Budget(rollbacks=1), "B2", 9)
def rollback_not_on_record(patch: Patch) -> None:
    """A node does not remember which rollbacks are over, though it says so."""
    asked = pool_rollbacks_here.asked
    patch.setattr(
        pool_rollbacks_here,
        "asked",
        lambda here: asked(evolve(here, record=evolve(here.record, settled=0))),
    )


@found(Budget(writes=1, rollbacks=1), "S3", 6)
def nothing_kept_before_a_rollback(patch: Patch) -> None:
    """It goes back without a snapshot of what there is."""
    instead(patch, pool_rollbacks_here, "save", lambda here: None)
    patch.setattr(pool_rollbacks_here, "is_saved", lambda here, rollback: True)


@found(Budget(writes=1, rollbacks=1, restarts=1), "S3", 12)
def only_kept_once(patch: Patch) -> None:
    """What is written after the safety snapshot is not kept."""
    save = pool_rollbacks_here.save

    def once(here):
        step = save(here)
        kept = isinstance(step, Save) and step.name.startswith(UNSAVED)
        return None if kept else step

    instead(patch, pool_rollbacks_here, "save", once)
    patch.setattr(
        pool_rollbacks_here,
        "is_saved",
        lambda here, rollback: rollback.safety in here.names,
    )


@found(Budget(rollbacks=1), "B2", 8)
def outcome_tidied_up(patch: Patch) -> None:
    """The outcome of a rollback goes before it is on record that it is done."""
    patch.setattr(pool_rollbacks_here, "may_go", lambda name, record: True)


@found(Budget(rollbacks=1, cancels=1), "B3", 7)
def cancelled_rollback_forgotten(patch: Patch) -> None:
    """A cancelled rollback is forgotten at once, though the owner may be at it."""
    patch.setattr(
        pool_rollbacks,
        "cancel",
        lambda found, dataset: pool_moves.edited(
            found.pools[dataset], evolve(found.pools[dataset], rollback=None)
        ),
    )


@found(Budget(rollbacks=1, leases=1), "S6", 4)
def leased_while_rolled_back(patch: Patch) -> None:
    """A dataset may be leased while it is rolled back."""
    patch.setattr(leases, "admits_lease", lambda row, node: True)


# Second barriers: alone they are not missed.


@harmless(Budget(writes=1, rollbacks=1, restarts=1))
def mounted_while_rolled_back(patch: Patch) -> None:
    """It is mounted again before it went back: it must be unmounted again."""
    patch.setattr(pool_transitions, "may_not_serve", lambda here: False)


@harmless(Budget(rollbacks=1, moves=1, delays=1))
def rollback_of_any_epoch(patch: Patch) -> None:
    """Not only one of the epoch that the node owns: it is over before another."""
    asked = pool_rollbacks_here.asked

    def careless(here):
        told = here.told
        if told is not None:
            here = evolve(here, told=evolve(told, epoch=here.record.epoch))
        return asked(here)

    patch.setattr(pool_rollbacks_here, "asked", careless)
