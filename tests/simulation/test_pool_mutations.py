"""Deliberate faults of the ownership protocol: each must be found, or is known to be
a second barrier, of which another guard does the work too.

Each is a small patch of the real code. With it stands the shortest way to harm, in
steps; docs/contributing/ownership.rst has the table.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve, frozen
from pyrsistent import pmap

from flocker.control import leases, pool_moves, pool_rollbacks, pool_upkeep
from flocker.dataset_agent import pool_peers, pool_transitions
from flocker.dataset_agent import pool_rollbacks as pool_rollbacks_here
from flocker.dataset_agent import pool_snapshots as pool_snapshots_here
from flocker.dataset_agent.pool_states import Idle
from flocker.dataset_agent.pool_steps import (
    Destroy,
    Follow,
    Mount,
    Refuse,
    Save,
    Sync,
    Write,
)
from flocker.model.changes import Change, PoolEdit
from flocker.model.pools import (
    FIRST_EPOCH,
    NoCopy,
    Owned,
    PoolFact,
    PoolOwnership,
    Record,
    Released,
    Stage,
)
from flocker.model.snapshots import UNSAVED
from flocker.testing.ownership import happenings, promises, world
from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.search import explore, play
from flocker.testing.ownership.space import PoolSpace

DOCS = Path(__file__).parents[2] / "docs" / "contributing" / "ownership.rst"

Patch = pytest.MonkeyPatch
PutIn = Callable[[Patch], None]

MOST = 3_000_000


@frozen
class Case:
    """What may happen, what is violated, and after how many steps.

    The first of them may be given: the search begins after `script`.
    """

    budget: Budget
    wrong: str
    depth: int
    world: dict[str, object]
    script: tuple[str, ...] = ()


FOUND: dict[PutIn, Case] = {}
HARMLESS: dict[PutIn, Case] = {}


def found(budget, wrong, depth, script=(), **how):
    """Put a fault on the list of those that are found."""

    def add(put_in: PutIn) -> PutIn:
        FOUND[put_in] = Case(budget, wrong, depth, how, script)
        return put_in

    return add


def harmless(budget, script=(), **how):
    """Put a fault on the list of those that another guard makes harmless."""

    def add(put_in: PutIn) -> PutIn:
        HARMLESS[put_in] = Case(budget, "", 0, how, script)
        return put_in

    return add


# Ways to put a fault in.


def instead(patch: Patch, module, name: str, other) -> None:
    """Let another function take the place of a rule, or of what rules ask."""
    rule = getattr(module, name)
    other.__name__ = name
    listing = pool_transitions if module is pool_rollbacks_here else module
    rules = tuple(other if each is rule else each for each in listing.RULES)
    patch.setattr(listing, "RULES", rules)
    patch.setattr(module, name, other)


def on_record(patch: Patch, change) -> None:
    """Change each record before a node writes it."""
    perform = happenings.perform

    def faulty(machine, step):
        if isinstance(step, Write):
            return perform(machine, evolve(step, record=change(machine, step)))
        return perform(machine, step)

    patch.setattr(happenings, "perform", faulty)
    patch.setattr(promises, "went_back", lambda before, after: None)


def received(patch: Patch, change) -> None:
    """Change the steps by which a stream is taken."""
    take = pool_peers._take
    patch.setattr(
        pool_peers, "_take", lambda here, *more: change(here, take(here, *more))
    )


def confirmed(patch: Patch, change) -> None:
    """Change the steps by which a snapshot is confirmed."""
    confirm = pool_peers.confirm

    def faulty(here, asked):
        steps = confirm(here, asked)
        return change(steps) if isinstance(steps, tuple) else steps

    patch.setattr(pool_peers, "confirm", faulty)


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
    patch.setattr(pool_upkeep, "new_epoch", lambda row: row.epoch)


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
    given = pool_upkeep._given

    def faulty(row, node, let_go, move):
        after = given(row, node, let_go, move)
        same = node == row.owner
        return evolve(after, epoch=row.epoch, top=row.top) if same else after

    patch.setattr(pool_upkeep, "_given", faulty)


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


# Copies that are destroyed, and deletion.


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


# Rollbacks.


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


@harmless(Budget(moves=1, writes=1, restarts=1))
def taken_whatever_is_there(patch: Patch) -> None:
    """The target takes over without comparing identity: the source has compared."""
    patch.setattr(pool_transitions, "is_base", lambda here, told: True)


@harmless(Budget(moves=1, writes=1, restarts=1, prunes=1))
def destroyed_before_acquired(patch: Patch) -> None:
    """A copy is destroyed before the owner has shown that it can serve its own."""
    needed = pool_moves._needed
    patch.setattr(
        pool_moves,
        "_needed",
        lambda row, *rest: needed(evolve(row, acquired=True), *rest),
    )


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


# Users' snapshots that are deleted.

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


# The tests.


def searched(put_in: PutIn, case: Case, patch: Patch):
    """Search with a fault put in; what the script says happens without it."""
    space = PoolSpace(case.budget, **case.world)
    put_in(patch)
    start, wrong = play(space, space.start, case.script)
    assert wrong is None
    return explore(space, start, most=MOST)


@pytest.mark.parametrize("put_in", FOUND, ids=lambda each: each.__name__)
def test_found(put_in: PutIn, monkeypatch: Patch) -> None:
    """A fault that is put in is found, in as few steps as the table says."""
    case = FOUND[put_in]
    result = searched(put_in, case, monkeypatch)
    assert (result.wrong or "nothing").split(":")[0] == case.wrong, str(result)
    assert len(case.script) + result.depth == case.depth, str(result)


@pytest.mark.parametrize("put_in", HARMLESS, ids=lambda each: each.__name__)
def test_second_barrier(put_in: PutIn, monkeypatch: Patch) -> None:
    """Without it alone all holds; where harm is found it has become a first one."""
    result = searched(put_in, HARMLESS[put_in], monkeypatch)
    assert result.complete
    assert result.wrong is None, str(result)


@pytest.mark.parametrize("put_in", [*FOUND, *HARMLESS], ids=lambda each: each.__name__)
def test_documented(put_in: PutIn) -> None:
    """The table of the documentation has each fault, with what the search finds."""
    case = FOUND.get(put_in)
    found = f"{case.wrong}, {case.depth}" if case else "second barrier"
    assert f"``{put_in.__name__}``\n     - {found}" in DOCS.read_text()


@pytest.mark.slow
def test_old_wish_from_the_beginning(monkeypatch: Patch) -> None:
    """What is found after a script is also found without: it takes half a million."""
    put_in = destroyed_by_an_old_wish
    case = evolve(FOUND[put_in], script=())
    result = searched(put_in, case, monkeypatch)
    assert result.depth == case.depth
