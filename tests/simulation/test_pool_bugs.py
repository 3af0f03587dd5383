"""Deliberate bugs in how agents and control use the guards of the ownership protocol.

Each is a small patch of the real code, and must be found by one of the fixed seeds; or
it is known to be a *second barrier*: something else does the work too, so that alone it
is not missed. The guards' own faults are in test_pool_mutations.
"""

from collections.abc import Callable

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred

from flocker.control import (
    pool_moves,
    pool_tending,
    pool_upkeep,
)
from flocker.dataset_agent import (
    pool_carrying,
    pool_keeping,
    pool_performing,
    pool_planning,
    pool_receiving,
)
from flocker.dataset_agent.pool_keeping import PoolKeeper
from flocker.dataset_agent.pool_marks import OURS
from flocker.dataset_agent.pool_receiving import Taking, Visit
from flocker.dataset_agent.pool_states import Idle
from flocker.dataset_agent.pool_steps import (
    Destroy,
    MakeWritable,
    Mount,
    Release,
    SetAside,
)
from flocker.dataset_agent.pool_transitions import bury, deletion, destroy_buried
from flocker.model.changes import Change
from flocker.model.pools import NoCopy, Record, Released, Stage
from flocker.testing.simulation import pool_carrying as simulated
from flocker.testing.simulation.happenings import Delete, PoolHangs, ResetStreams
from flocker.testing.simulation.pool_plans import pool_plan
from flocker.testing.simulation.running import run
from flocker.wire import pool_records
from tests.simulation.bugs import (
    Patch,
    PutIn,
    Story,
    each_of,
    expect_found,
    first_that_finds,
)
from tests.simulation.test_pool_stories import (
    MEANWHILE,
    cancelled_on_the_way_back,
    deleted_and_told_old,
    diverged_by_hand,
    meanwhile,
)

ENOUGH = 1000
"""Seeds within which each bug must be found: those of `test_pool_seeds`."""

SOME = 60
"""Seeds that miss what has something else behind it."""

BUGS: dict[PutIn, int] = {}
"""With the first seed that has found each; tried first, for plans may change."""

BY_STORY: dict[PutIn, Story] = {}
"""With the story that finds each: fixed seeds are too lucky for them."""

SECOND: list[PutIn] = []
"""Those that something else stands behind."""


def cancelled_at_each_moment() -> None:
    """Cancel moves, each somewhat later."""
    for moment in range(30, 60):
        meanwhile(MEANWHILE["cancelled"], moment)


def cut_while_it_is_put_in_its_place() -> None:
    """Let the target's disk be slow, cut the stream, and delete the dataset."""
    slow = PoolHangs(1, 10.0, streams=True)
    for moment in range(70, 90):
        meanwhile((slow, ResetStreams(1), Delete(0)), moment)


def deleted_while_it_is_put_in_its_place() -> None:
    """Let the target's disk be slow in the middle of a move, and delete the dataset."""
    for moment in range(70, 90):
        meanwhile(MEANWHILE["target-hangs-and-deleted"], moment)


def bug(first_seed: int) -> Callable[[PutIn], PutIn]:
    """Put a bug on the list."""

    def add(put_in: PutIn) -> PutIn:
        BUGS[put_in] = first_seed
        return put_in

    return add


def bug_of(story: Story) -> Callable[[PutIn], PutIn]:
    """Put a bug on the list that a story finds."""

    def add(put_in: PutIn) -> PutIn:
        BY_STORY[put_in] = story
        return put_in

    return add


def second_barrier(put_in: PutIn) -> PutIn:
    """Put what alone is not missed on the list."""
    SECOND.append(put_in)
    return put_in


@second_barrier
def acts_without_looking_again(patch: Patch) -> None:
    """What was planned is done, whatever is so by now."""
    perform = pool_keeping.perform

    def careless(task):
        return perform(evolve(task, still=lambda now: task.step))

    patch.setattr(pool_keeping, "perform", careless)


@bug(first_seed=0)
def release_is_told_before_it_is_durable(patch: Patch) -> None:
    """Control hears that the dataset was let go of, and then it is."""
    perform = PoolKeeper._perform

    async def early(self, dataset, step):
        if isinstance(step, Release):
            self._seen[dataset] = evolve(self._seen[dataset], record=step.record)
            self._said(self._state([dataset]))
        return await perform(self, dataset, step)

    patch.setattr(PoolKeeper, "_perform", early)


@second_barrier
def steps_beside_a_visit(patch: Patch) -> None:
    """The node takes steps of its own about a dataset that is a visit's."""

    def doing(self, dataset):
        return self._running.doing(dataset) is not None

    patch.setattr(PoolKeeper, "doing", doing)
    visit = PoolKeeper.visit

    async def unnoted(self, source, dataset, offer):
        try:
            return await visit(self, source, dataset, offer)
        finally:
            self._visits.discard(dataset)
            self._visited.discard(dataset)

    patch.setattr(PoolKeeper, "visit", unnoted)


@second_barrier
def visits_at_any_time(patch: Patch) -> None:
    """Another node may bring a snapshot while this one is at work on the dataset."""
    visit = PoolKeeper.visit

    async def careless(self, source, dataset, offer):
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(PoolKeeper, "doing", lambda self, dataset: False)
            work = visit(self, source, dataset, offer)
            begun = Deferred.fromCoroutine(work)
        return await begun

    patch.setattr(PoolKeeper, "visit", careless)


@bug_of(deleted_while_it_is_put_in_its_place)
def confirmed_before_it_came(patch: Patch) -> None:
    """The target says that it has what was offered, and is still writing it."""

    async def at_once(self):
        return self._offer.snapshot

    async def store(end, welcome, counted):
        run = end.station.threads.run
        while isinstance(what := await end.receive(), simulated.Data):
            await run(welcome.stream.write, what.part)
        welcome.stream.late = True
        work = Deferred.fromCoroutine(run(welcome.stream.finish, welcome.record))
        work.addErrback(lambda failure: None)
        return welcome.stream.stream.announced.identity

    patch.setattr(Visit, "confirm", at_once)
    patch.setattr(simulated, "_store", store)


@second_barrier
def confirmed_unseen(patch: Patch) -> None:
    """The target confirms what was offered, and promises nothing."""

    def unseen(self, question):
        return self.pool.api.look(self.dataset).snapshots[-1].identity

    patch.setattr(Taking, "confirm", unseen)


@bug(first_seed=2)
def floor_lost_with_the_copy(patch: Patch) -> None:
    """With a copy that is destroyed goes what was on record of it."""
    write = pool_performing.write

    def forgetful(pool, dataset, step, node):
        if isinstance(step, Destroy):
            pool.api.destroy(dataset, pool_records.encode(Record(dataset)))
        else:
            write(pool, dataset, step, node)

    patch.setattr(pool_performing, "write", forgetful)


@second_barrier
def believes_a_look_of_before_a_visit(patch: Patch) -> None:
    """What was looked at before a visit ended counts for what is there after it."""
    visit = PoolKeeper.visit

    async def unnoted(self, source, dataset, offer):
        begun = Deferred.fromCoroutine(visit(self, source, dataset, offer))
        self._visited.discard(dataset)
        return await begun

    patch.setattr(PoolKeeper, "visit", unnoted)


@second_barrier
def streams_of_cancelled_moves_go_on(patch: Patch) -> None:
    """Nobody ends a stream for a move that is no more."""
    patch.setattr(PoolKeeper, "_stop_sending", lambda self, dataset: None)


@bug(first_seed=14)
def serves_what_it_let_go_of(patch: Patch) -> None:
    """Before control is heard, what this node served last is served again."""
    decide = pool_keeping.decide

    def trusting(here, copy, asked):
        let_go = isinstance(here.record.standing, Released)
        if let_go and not asked.informed and isinstance(here.found, Idle):
            return Mount() if here.found.writable else MakeWritable()
        return decide(here, copy, asked)

    patch.setattr(pool_keeping, "decide", trusting)


@bug_of(deleted_and_told_old)
def deletion_is_not_remembered(patch: Patch) -> None:
    """What was deleted is destroyed, and nothing is on record that says so."""

    def destroy(here):
        if deletion(here) is None or not isinstance(here.found, Idle):
            return None
        return Destroy(here.found.head, evolve(here.record, standing=NoCopy()))

    rules = [r for r in pool_planning.RULES if r not in (bury, destroy_buried)]
    patch.setattr(pool_planning, "RULES", (destroy, *rules))
    patch.setattr(pool_upkeep, "_is_buried", lambda _row, fact: not fact.exists)


@bug_of(cancelled_on_the_way_back)
def tidies_what_others_continue(patch: Patch) -> None:
    """Only the newest snapshot of ours is kept."""

    def all_but_one(here, copy, following):
        ours = [each for each in copy.snapshots if each.name.startswith(OURS)]
        return tuple(each.identity for each in ours[:-1])

    patch.setattr(pool_planning, "disposable", all_but_one)


@bug(first_seed=2)
def limit_is_not_kept_up(patch: Patch) -> None:
    """A dataset that is made larger stays as it is."""
    keep_up = pool_planning._keep_up

    def lazy(here, copy, asked):
        quota = asked.quota if copy is None else copy.quota
        return keep_up(here, copy, evolve(asked, quota=quota))

    patch.setattr(pool_planning, "_keep_up", lazy)


@bug(first_seed=0)
def visits_never_end(patch: Patch) -> None:
    """A dataset stays a visit's when that is over."""
    patch.setattr(PoolKeeper, "_left", lambda self, dataset: None)


@bug_of(diverged_by_hand)
def receives_by_force(patch: Patch) -> None:
    """What a stream does not continue makes room for it, and is not kept."""
    write = pool_performing.write

    def forceful(pool, dataset, step, node):
        if isinstance(step, SetAside):
            pool.api.destroy(dataset, pool_records.encode(step.record))
        else:
            write(pool, dataset, step, node)

    patch.setattr(pool_performing, "write", forceful)
    patch.setattr(pool_receiving, "write", forceful)


@bug_of(cancelled_at_each_moment)
def streams_stay_open(patch: Patch) -> None:
    """A stream that is opened while it is cancelled is nobody's."""

    async def careless(pool, send, *arguments):
        return await pool.threads.run(send, *arguments)

    patch.setattr(pool_carrying, "_open", careless)


@bug(first_seed=6)
def freezes_what_is_leased(patch: Patch) -> None:
    """Control freezes without asking who uses it."""

    def careless(configuration, dataset, *_):
        row = configuration.pools[dataset]
        if row.move is None or row.move.stage is not Stage.COPYING:
            return Change()
        freezing = evolve(row, move=evolve(row.move, stage=Stage.FREEZING))
        return pool_moves.edited(row, freezing)

    patch.setattr(pool_tending, "freeze", careless)


@bug_of(cut_while_it_is_put_in_its_place)
def finishes_after_the_visit(patch: Patch) -> None:
    """A connection that is cut ends the visit while what came is still written."""

    async def store(end, welcome, counted):
        run = end.station.threads.run
        while isinstance(what := await end.receive(), simulated.Data):
            await run(welcome.stream.write, what.part)
        welcome.stream.late = True
        finishing = Deferred.fromCoroutine(run(welcome.stream.finish, welcome.record))
        over = []
        finishing.addBoth(over.append).addBoth(lambda _: end._wake())
        while not over:
            if end.broken is not None:
                raise simulated.TransferCut(end.broken)
            await end.turn()
        if not isinstance(over[0], str):
            over[0].raiseException()
        return over[0]

    patch.setattr(simulated, "_store", store)


@each_of(BUGS)
def test_found(put_in: PutIn, monkeypatch: Patch) -> None:
    """A bug that is put in is found by one of the fixed seeds, which pass without."""
    put_in(monkeypatch)
    assert first_that_finds(BUGS[put_in], ENOUGH) is not None


@each_of(BY_STORY)
def test_found_by_its_story(put_in: PutIn, monkeypatch: Patch) -> None:
    """What the fixed seeds are too lucky for a story finds, which passes without."""
    put_in(monkeypatch)
    expect_found(BY_STORY[put_in])


@pytest.mark.slow
@each_of(SECOND)
def test_second_barrier(put_in: PutIn, monkeypatch: Patch) -> None:
    """What something else stands behind is not missed; who finds it moves it up."""
    put_in(monkeypatch)
    for seed in range(SOME):
        assert run(seed, plan=pool_plan).violation is None
