"""Deliberate bugs of rollbacks, and of streams that go on after a cut.

Each is a patch of the real code, or of the fake pool, that its story finds, which
passes without. Where a number stands with it, that seed finds it too. The faults of the
guards themselves are in test_pool_mutations.
"""

from attrs import evolve

from flocker.backends import pool_resuming
from flocker.control import leases, pool_rollbacks, pool_upkeep, rollbacks, snapshots
from flocker.control.pool_moves import edited
from flocker.dataset_agent import (
    pool_keeping,
    pool_planning,
    pool_rig,
)
from flocker.dataset_agent import pool_rollbacks as rules
from flocker.dataset_agent.pool_marks import is_ours
from flocker.dataset_agent.pool_receiving import Taking
from flocker.dataset_agent.pool_steps import Repeat, Save, Settle
from flocker.model.configuration import Configuration
from flocker.model.snapshots import UNSAVED
from flocker.testing.fakes import memory_streams
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.fakes.memory_resuming import ResumingMemoryPool
from flocker.testing.simulation.happenings import (
    KillAgent,
    Lease,
    Move,
    RollBack,
)
from tests.simulation.bugs import (
    Patch,
    PutIn,
    Story,
    each_of,
    expect_found,
    first_that_finds,
)
from tests.simulation.test_pool_cuts import (
    cut_before_a_snapshot,
    given_up_after_a_cut,
    of_another_life,
)
from tests.simulation.test_pool_rollbacks import (
    MEANWHILE,
    MOMENTS,
    asked_for_before,
    cancelled_at,
    cut_off_in_the_middle,
    meanwhile,
    rolled_back,
    told_old_afterwards,
)
from tests.simulation.test_pool_snapshots import with_a_snapshot


def instead(patch: Patch, name: str, other) -> None:
    """Let another function take the place of a rule of rollbacks."""
    rule = getattr(rules, name)
    listed = tuple(other if each is rule else each for each in pool_planning.RULES)
    patch.setattr(pool_planning, "RULES", listed)


def throughout(name: str) -> Story:
    """Let something happen at many moments of a rollback."""

    def happens() -> None:
        for moment in range(0, MOMENTS, 3):
            _ = meanwhile(MEANWHILE[name], moment)

    return happens


def cancelled_throughout() -> None:
    """Cancel rollbacks at many moments, with an agent that dies then."""
    for moment in range(0, MOMENTS, 3):
        _ = cancelled_at(moment, KillAgent(0, 0.0))


def leased_first() -> None:
    """Somebody leases a dataset; then it is to go back."""
    story = with_a_snapshot(steps_take=0.05)
    story.happens(Lease(0, 0))
    story.world.advance(1.0)
    story.happens(RollBack(0, "a"))
    story.world.advance(5.0)


def moving_first() -> None:
    """A dataset is on its way; then it is to go back."""
    story = with_a_snapshot(steps_take=0.05, latency=0.02)
    story.happens(Move(0, 1), RollBack(0, "a"))
    story.world.advance(5.0)


def seals_whatever_is_written(patch: Patch) -> None:
    """A pool makes read-only what is not saved. Without that it is a second barrier."""

    def careless(self, dataset):
        self.disk.copies[dataset].files = None

    patch.setattr(MemoryPool, "make_read_only", careless)


# Bugs of rollbacks.


def goes_back_again(patch: Patch) -> None:
    """What is over is not on record: told an old row, a new life goes back again."""
    asked = rules.asked

    def forgetful(here):
        return asked(evolve(here, record=evolve(here.record, settled=0)))

    patch.setattr(rules, "asked", forgetful)


def nothing_is_kept(patch: Patch) -> None:
    """It goes back without a snapshot of what there is."""
    seals_whatever_is_written(patch)
    instead(patch, "save", lambda here: None)
    patch.setattr(rules, "is_saved", lambda here, rollback: True)


def kept_once(patch: Patch) -> None:
    """What is written after the safety snapshot is thrown away."""
    seals_whatever_is_written(patch)
    save = rules.save

    def once(here):
        step = save(here)
        again = isinstance(step, Save) and step.name.startswith(UNSAVED)
        return None if again else step

    instead(patch, "save", once)
    patch.setattr(
        rules, "is_saved", lambda here, rollback: rollback.safety in here.names
    )


def goes_back_to_the_newest(patch: Patch) -> None:
    """It becomes what its newest snapshot holds, whichever is wanted."""
    repeat = rules.repeat

    def newest(here):
        step = repeat(here)
        return step and Repeat(here.found.head, step.name)

    instead(patch, "repeat", newest)


def cancelled_at_once(patch: Patch) -> None:
    """A cancelled wish is forgotten before the owner has put that on record."""

    def cancel(configuration, dataset):
        row = configuration.pools[dataset]
        return edited(row, evolve(row, rollback=None))

    patch.setattr(pool_rollbacks, "cancel", cancel)


def said_to_be_given_up(patch: Patch) -> None:
    """The owner puts a cancelled one on record as not done, though it was."""
    settle = rules.settle

    def careless(here):
        step, wish = settle(here), rules.asked(here)
        if isinstance(step, Settle) and wish is not None and wish.cancelled:
            was = here.record.rolled_back
            return Settle(evolve(step.record, rolled_back=was))
        return step

    instead(patch, "settle", careless)


def said_to_be_done(patch: Patch) -> None:
    """What is over is said to be done, though it was cancelled before."""
    settled = pool_upkeep.settled

    def trusting(row, node, fact):
        over = settled(row, node, fact)
        return over and evolve(over, rolled_back=row.rollback.number)

    rules_of_control = (trusting, *pool_upkeep.RULES)
    patch.setattr(pool_upkeep, "RULES", rules_of_control)


def leased_while_it_goes_back(patch: Patch) -> None:
    """A dataset may be leased while it is to be rolled back."""
    patch.setattr(leases, "admits_lease", lambda row, node: True)


def back_though_leased(patch: Patch) -> None:
    """Nobody asks who uses a dataset before it is to be rolled back."""
    begin = pool_rollbacks.begin

    def careless(configuration: Configuration, *more):
        return begin(evolve(configuration, leases={}), *more)

    patch.setattr(pool_rollbacks, "begin", careless)


def back_though_it_moves(patch: Patch) -> None:
    """A dataset may be rolled back while it is on its way."""
    patch.setattr(pool_rollbacks, "_obstacle", lambda row: None)


def not_waited_for_snapshots(patch: Patch) -> None:
    """A rollback may be wanted before what was asked for earlier is taken."""
    patch.setattr(rollbacks, "_check_taken", lambda *_: None)


def what_it_needs_is_deleted(patch: Patch) -> None:
    """The snapshot that is gone back to may be deleted meanwhile."""
    patch.setattr(snapshots, "_check_not_needed", lambda *_: None)
    destroy = pool_planning.to_destroy

    def eager(here, copy, wanted):
        told = here.told and evolve(here.told, rollback=None)
        return destroy(evolve(here, told=told), copy, wanted)

    patch.setattr(pool_planning, "to_destroy", eager)


def dropped_by_its_owner(patch: Patch) -> None:
    """The owner takes every wish for one that is cancelled."""
    asked = rules.asked

    def giving_up(here):
        wish = asked(here)
        return wish and evolve(wish, cancelled=True)

    patch.setattr(rules, "asked", giving_up)


# Bugs of streams that go on.


def a_rest_is_not_compared(patch: Patch) -> None:
    """A rest is sent of what the token says, and is believed to be what was begun."""
    patch.setattr(pool_resuming.Unfinished, "begins", lambda self, announced: True)

    def of_the_token(self, dataset, snapshot, base, token):
        of, _, size = token.rpartition("+")
        first, _, follows = of.partition("+")
        leaving = self.send(dataset, first, None if follows == "None" else follows)
        leaving.read(int(size))
        return leaving

    patch.setattr(ResumingMemoryPool, "send_rest", of_the_token)


def a_rest_of_another_snapshot(patch: Patch) -> None:
    """What the target has begun is not sent first, nor is looked at what came."""
    a_rest_is_not_compared(patch)
    after = pool_rig.Shipment.after

    def users_only(self, since, _):
        each_of = after(self, since)
        return tuple(e for e in each_of if e is each_of[-1] or not is_ours(e))

    patch.setattr(pool_rig.Shipment, "after", users_only)
    decode = memory_streams.decode_stream
    finish = memory_streams.MemoryIncoming.finish

    def unread(self, record):
        sent = self.announced

        def believed(stream):
            return sent.identity, sent.base, decode(stream)[2]

        with patch.context() as inner:
            inner.setattr(memory_streams, "decode_stream", believed)
            return finish(self, record)

    patch.setattr(memory_streams.MemoryIncoming, "finish", unread)
    receive_rest = ResumingMemoryPool.receive_rest

    def whatever(self, dataset, announced):
        if dataset in self.kept:
            self.kept[dataset] = announced, self.kept[dataset][1]
        return receive_rest(self, dataset, announced)

    patch.setattr(ResumingMemoryPool, "receive_rest", whatever)


def a_beginning_of_any_life(patch: Patch) -> None:
    """A target tells of its beginning whatever it is offered."""
    patch.setattr(
        Taking, "unfinished", lambda self, *_: self.pool.api.unfinished(self.dataset)
    )


def beginnings_stay(patch: Patch) -> None:
    """Nobody throws away a beginning that nothing follows any more."""

    async def lazy(*_):
        return None

    patch.setattr(pool_keeping, "drop_unexpected", lazy)


BY_STORY: dict[PutIn, tuple[str, Story]] = {
    goes_back_again: ("B3", told_old_afterwards),
    nothing_is_kept: ("B5", rolled_back),
    kept_once: ("B5", cut_off_in_the_middle),
    goes_back_to_the_newest: ("B4", rolled_back),
    cancelled_at_once: ("B1", cancelled_throughout),
    said_to_be_given_up: ("B1", cancelled_throughout),
    said_to_be_done: ("B1", cancelled_throughout),
    dropped_by_its_owner: ("B1", rolled_back),
    leased_while_it_goes_back: ("S6", throughout("leased")),
    back_though_leased: ("S6", leased_first),
    back_though_it_moves: ("L2", moving_first),
    not_waited_for_snapshots: ("U1", asked_for_before),
    a_rest_of_another_snapshot: ("T1", cut_before_a_snapshot),
    beginnings_stay: ("keeps the beginning", given_up_after_a_cut),
}
"""With what the oracle says, and the story in which it does."""

BY_SEED: dict[PutIn, int] = {
    nothing_is_kept: 1,
    goes_back_to_the_newest: 1,
    said_to_be_done: 17,
    dropped_by_its_owner: 1,
    leased_while_it_goes_back: 77,
    beginnings_stay: 56,
}
"""With the first seed that finds each; any of the first hundred will do."""

SECOND: dict[PutIn, Story] = {
    what_it_needs_is_deleted: throughout("snapshot-deleted"),
    a_rest_is_not_compared: cut_before_a_snapshot,
    a_beginning_of_any_life: of_another_life,
}
"""Second barriers: an owner destroys nothing before it went back, a source sends first
what the target has begun, and the checksum of a stream is over all of it."""


@each_of(BY_STORY)
def test_found_by_its_story(put_in: PutIn, monkeypatch: Patch) -> None:
    """A bug that is put in is found by its story, for what it is."""
    put_in(monkeypatch)
    rule, story = BY_STORY[put_in]
    expect_found(story, rule)


@each_of(BY_SEED)
def test_found_by_a_seed(put_in: PutIn, monkeypatch: Patch) -> None:
    """A bug that is put in is found by a seed, too."""
    put_in(monkeypatch)
    assert first_that_finds(BY_SEED[put_in]) is not None


@each_of(SECOND)
def test_second_barrier(put_in: PutIn, monkeypatch: Patch) -> None:
    """What something else stands behind is not missed; who finds it moves it up."""
    put_in(monkeypatch)
    _ = SECOND[put_in]()
