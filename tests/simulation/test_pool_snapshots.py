"""Users' snapshots and clones in a simulated cluster: stories, and bugs they find.

Each bug is a small patch of the real code, or of the fake pool, that its story finds;
the stories pass without. Where a number stands with it, that seed finds it too.
"""

from collections.abc import Callable

import pytest
from attrs import evolve

from flocker.control import datasets, pool_snapshots, snapshots
from flocker.dataset_agent import pool_planning, pool_rig
from flocker.model.pools import Owned, PoolFact, Stage
from flocker.testing.fakes.memory_pool import MemoryPool
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.happenings import (
    CancelMove,
    Clone,
    CutWay,
    Delete,
    DeleteSnapshot,
    FillPool,
    Happening,
    KillAgent,
    KillControl,
    Move,
    Partition,
    PoolFails,
    PoolHangs,
    PowerOff,
    Suspend,
    TakeSnapshot,
    TellOld,
    Write,
)
from tests.simulation.bugs import Patch, PutIn, each_of, expect_found, first_that_finds
from tests.simulation.test_pool_stories import MOMENTS, Story, during_a_move


def with_a_snapshot(machines: int = 2, seed: int = 1, **times: float) -> Story:
    """A dataset has a snapshot, `a`, and was written to afterwards."""
    story = Story(machines, seed, **times)
    story.happens(TakeSnapshot(0, "a"))
    story.until(lambda: is_taken(story, "a"))
    story.happens(Write())
    return story


def is_taken(story: Story, name: str) -> bool:
    """Whether control has it on record that a snapshot was taken."""
    row = story.world.known.snapshots.get(story.dataset)
    found = None if row is None else row.named(name)
    return found is not None and found.taken is not None


def names(story: Story) -> list[str]:
    """Name the snapshots that users want, or wanted and that are there still."""
    row = story.world.known.snapshots.get(story.dataset)
    return [] if row is None else [each.name for each in row.wanted]


def cloned() -> Story:
    """A clone is made of what the snapshot held, and both go on, and move."""
    story = with_a_snapshot()
    story.happens(Clone(1, 0, "a", 0))
    clone = story.scene.ids[1]
    story.until(lambda: story.world.known.pools[clone].acquired)
    story.happens(Write(), Move(1, 1), Write(), Move(0, 1))
    story.settle()
    return story


def test_clone_is_its_snapshot() -> None:
    """It has what was written before the snapshot, and what is written to itself."""
    story = cloned()
    written = story.world.oracle.written
    assert len(written[story.scene.ids[1]] & written[story.dataset]) == 1
    assert len(written[story.scene.ids[1]] - written[story.dataset]) >= 1
    story.happens(Delete(0))
    story.settle()
    assert story.world.missing(story.scene.ids[1]) == set()


def base_is_deleted() -> Story:
    """What was handed over is a snapshot of the user's; it is deleted afterwards."""
    story = Story()
    story.happens(TakeSnapshot(0, "a"))
    story.until(lambda: is_taken(story, "a"))
    story.happens(Move(0, 1))
    story.settle()
    story.happens(DeleteSnapshot(0, "a"))
    story.settle()
    story.happens(Write(), Move(0, 0))
    story.settle()
    return story


def test_deleted_base_waits_for_a_move() -> None:
    """What an epoch began from stays, deleted or not, until another one has begun."""
    story = base_is_deleted()
    assert story.world.oracle.asides == 0
    assert names(story) == []


def taken_by_who_dies() -> None:
    """The agent dies at any moment about when a snapshot is taken."""
    for moment in range(0, 24, 2):
        story = Story(latency=0.3)
        story.happens(TakeSnapshot(0, "a"))
        for _ in range(moment):
            story.world.step()
        story.happens(KillAgent(0, 0.5), Write())
        story.settle()
        assert is_taken(story, "a"), moment


def test_taken_once() -> None:
    """Whenever the agent dies, a snapshot is taken, and once."""
    taken_by_who_dies()


def several_travel() -> Story:
    """A dataset with several snapshots goes to a node that has nothing, and back."""
    story = with_a_snapshot()
    story.happens(TakeSnapshot(0, "b"))
    story.until(lambda: is_taken(story, "b"))
    story.happens(Write(), Move(0, 1))
    story.settle()
    story.happens(TakeSnapshot(0, "c"))
    story.until(lambda: is_taken(story, "c"))
    story.happens(Write(), Move(0, 0))
    story.settle()
    return story


def test_snapshots_travel() -> None:
    """All that was taken is where the dataset is, whichever way it went."""
    assert names(several_travel()) == ["a", "b", "c"]


def source_goes_before_its_clone_is_made() -> None:
    """A clone is asked for while its node is away, and so is the end of its source.

    When the node is back it could bring the source to its end first.
    """
    for end in (Delete(0), DeleteSnapshot(0, "a")):
        story = with_a_snapshot()
        story.happens(PoolFails(0, "clone", Fault.BEFORE, 25.0))
        story.happens(PowerOff(0, 20.0), Clone(1, 0, "a", 0), end)
        story.world.advance(30.0)
        story.settle()
        clone = story.world.known.pools[story.scene.ids[1]]
        assert clone.acquired


def test_source_stays_until_its_clone_is_made() -> None:
    """Neither the snapshot nor its dataset can be deleted before."""
    source_goes_before_its_clone_is_made()


def deleted_while_a_holder_is_away() -> Story:
    """A snapshot is deleted while the node that has an old copy with it is off."""
    story = with_a_snapshot()
    story.happens(Move(0, 1))
    story.settle()
    story.happens(PowerOff(0, 30.0), DeleteSnapshot(0, "a"))
    story.world.advance(10.0)
    story.settle()
    return story


def test_deleted_everywhere() -> None:
    """It is forgotten when no node has it any more, and not before."""
    assert names(deleted_while_a_holder_is_away()) == []


def told_old_of_a_deleted_one() -> Story:
    """A snapshot is deleted, and gone; then its node is told that it is wanted."""
    story = Story(latency=0.02)
    for name, taken in (("a", True), ("b", False)):
        story.happens(TakeSnapshot(0, name))
        story.until(lambda name=name: names(story) == [name])
        story.world.advance(0.1)
        if taken:
            story.until(lambda name=name: is_taken(story, name))
        story.happens(DeleteSnapshot(0, name))
        story.until(lambda: names(story) == [])
    told = len(story.world.pool_machines[0].history)
    for back in range(told):
        # After each of them its control service tells the node one time more.
        story.happens(TellOld(0, 2 * back + 1, 2.0))
        story.world.advance(5.0)
    story.settle()
    return story


def test_told_old_of_a_deleted_one() -> None:
    """Whoever tells late that it is to be taken: it is not taken any more (U5)."""
    story = told_old_of_a_deleted_one()
    due = [
        each
        for told in story.world.pool_machines[0].history
        if (known := told.get(story.dataset)) is not None and known.snapshots
        for each in known.snapshots.wanted
        if each.deleted is None and each.taken is None
    ]
    assert {each.name for each in due} == {"a", "b"}
    assert story.world.pool_machines[0].copies[story.dataset].snapshots == []


def brought_when_it_was_deleted(moment: int, *what: Happening) -> Story:
    """A target that has said that it has no deleted snapshot is brought it after all.

    So many events after the way to it is open again something happens to it, and the
    move is cancelled.
    """
    story = with_a_snapshot(2, moment, steps_take=0.3, latency=0.02)
    story.happens(CutWay(0, 1, 5.0, both=True), Move(0, 1))
    story.until(lambda: story.in_stage(Stage.COPYING))
    story.happens(DeleteSnapshot(0, "a"))
    story.world.advance(5.0)
    for _ in range(moment):
        story.world.step()
    story.happens(*what, CancelMove(0))
    story.settle()
    return story


TO_THE_TARGET: dict[str, tuple[Happening, ...]] = {
    "dies": (KillAgent(1, 4.0),),
    "off": (PowerOff(1, 4.0),),
    "hangs": (PoolHangs(1, 8.0, streams=True),),
    "is-cut-off": (Partition(1, 25.0),),
}


def deleted_and_brought() -> None:
    """That, whatever happens to the target, at each of some moments."""
    for what in TO_THE_TARGET.values():
        for moment in range(0, 80, 4):
            _ = brought_when_it_was_deleted(moment, *what)


def test_deleted_and_brought() -> None:
    """Whoever has said before the stream that it has none has to say so again (U5)."""
    deleted_and_brought()


def test_needed_by_a_clone_and_deleted() -> None:
    """Seed 1399 found that node and control went on telling each other of it at once.

    Control took it for a volume that others wait for; each word made it be tried again.
    """
    story = with_a_snapshot(3, zfs=True)
    story.happens(Move(0, 1))
    story.settle()
    story.happens(Clone(1, 0, "a", 1))
    clone = story.scene.ids[1]
    story.until(lambda: story.world.known.pools[clone].acquired)
    story.happens(Move(1, 2), Move(0, 0))
    story.settle()
    story.happens(Delete(0))
    before, until = story.world.events, story.world.clock.seconds() + 30.0
    while story.world.clock.seconds() < until:
        story.world.step()
        assert story.world.events - before < 300
    assert story.world.pool_machines[1].copies.keys() == {story.dataset, clone}


MEANWHILE: dict[str, tuple[Happening, ...]] = {
    "taken": (TakeSnapshot(0, "b"),),
    "taken-by-who-dies": (TakeSnapshot(0, "b"), KillAgent(0, 0.0)),
    "taken-and-target-dies": (TakeSnapshot(0, "b"), KillAgent(1, 0.0)),
    "taken-and-control-dies": (TakeSnapshot(0, "b"), KillControl(0.0)),
    "taken-where-it-is-full": (FillPool(0, 10.0), TakeSnapshot(0, "b")),
    "taken-at-once-deleted": (TakeSnapshot(0, "b"), DeleteSnapshot(0, "b")),
    "deleted": (DeleteSnapshot(0, "a"),),
    "deleted-and-taken": (DeleteSnapshot(0, "a"), TakeSnapshot(0, "a")),
    "cloned": (Clone(1, 0, "a", 0),),
    "cloned-there": (Clone(1, 0, "a", 1), KillAgent(0, 0.0)),
    "cloned-and-deleted": (Clone(1, 0, "a", 0), DeleteSnapshot(0, "a")),
    "cloned-where-it-hangs": (PoolHangs(0, 10.0), Clone(1, 0, "a", 0), Delete(0)),
    "source-stands-still": (Suspend(0, 25.0), TakeSnapshot(0, "b")),
    "target-stands-still": (Suspend(1, 25.0), TakeSnapshot(0, "b")),
    "control-stands-still": (Suspend(None, 25.0), TakeSnapshot(0, "b")),
}


def meanwhile(what: tuple[Happening, ...], moment: int) -> Story:
    """Let something happen during a move of what has a snapshot."""
    story = with_a_snapshot(2, moment, steps_take=0.3, latency=0.02, commits_take=0.01)
    during_a_move(story, what, moment)
    return story


@pytest.mark.parametrize("what", MEANWHILE)
def test_meanwhile(what: str) -> None:
    """Whatever is asked of snapshots at whatever moment of a move, it ends well."""
    for moment in range(0, MOMENTS, 24):
        meanwhile(MEANWHILE[what], moment)


@pytest.mark.slow
@pytest.mark.parametrize("what", MEANWHILE)
def test_at_every_moment(what: str) -> None:
    """The same, at every single moment."""
    for moment in range(MOMENTS):
        meanwhile(MEANWHILE[what], moment)


# Bugs.


def clones_what_is_there_now(patch: Patch) -> None:
    """A clone begins as its source is now, and not as its snapshot."""
    clone = MemoryPool.clone

    def live(self, dataset, origin, snapshot, record):
        clone(self, dataset, origin, snapshot, record)
        made, source = self.disk.copies[dataset], self.disk.copies[origin]
        made.files = dict(source.files or source.snapshots[-1].files)

    patch.setattr(MemoryPool, "clone", live)


def destroys_what_the_next_move_needs(patch: Patch) -> None:
    """A deleted snapshot goes at once, though an epoch began from it."""

    def eager(here, copy, wanted):
        if wanted is None or here.told is None or here.told.deleted:
            return ()
        deleted = {each.in_pool for each in wanted.wanted if each.deleted is not None}
        return tuple(s.identity for s in copy.snapshots if s.name in deleted)

    patch.setattr(pool_planning, "to_destroy", eager)


def takes_a_snapshot_twice(patch: Patch) -> None:
    """What was taken, and control has not heard of, is taken anew."""
    take = pool_planning.to_take

    def forgetful(here, copy, wanted):
        if copy is not None:
            copy = evolve(copy, snapshots=())
        return take(here, copy, wanted)

    snapshot = MemoryPool.snapshot

    def again(self, dataset, name):
        copy = self.disk.copies[dataset]
        copy.snapshots = [each for each in copy.snapshots if each.name != name]
        return snapshot(self, dataset, name)

    patch.setattr(pool_planning, "to_take", forgetful)
    patch.setattr(MemoryPool, "snapshot", again)


def takes_a_snapshot_while_it_is_handed_over(patch: Patch) -> None:
    """A snapshot is taken between the freeze and the hand-over."""
    take = pool_planning.to_take

    def careless(here, copy, wanted):
        told = here.told and evolve(here.told, move=None)
        return take(evolve(here, told=told), copy, wanted)

    patch.setattr(pool_planning, "to_take", careless)


def snapshots_stay_behind(patch: Patch) -> None:
    """Only the newest snapshot is sent."""
    after = pool_rig.Shipment.after

    def newest(self, since):
        return after(self, since)[-1:]

    patch.setattr(pool_rig.Shipment, "after", newest)


def tidies_what_users_took(patch: Patch) -> None:
    """Snapshots of users go like those that were taken for streams."""

    def all_of_them(here, copy, wanted):
        del here
        known = () if wanted is None else wanted.wanted
        taken = {each.in_pool for each in known if each.taken is not None}
        return tuple(s.identity for s in copy.snapshots if s.name in taken)

    patch.setattr(pool_planning, "to_destroy", all_of_them)


def deletes_what_a_clone_is_made_of(patch: Patch) -> None:
    """Control does not ask who needs a source before it deletes it."""
    for module in (datasets, snapshots):
        patch.setattr(module, "check_not_needed", lambda *_: None)


def a_snapshot_is_forgotten_too_early(patch: Patch) -> None:
    """Control forgets a deleted snapshot as soon as its owner has none."""

    def careless(snapshot, row, holders, facts):
        return is_gone(snapshot, row, holders[-1:], facts)

    is_gone = pool_snapshots._is_gone
    patch.setattr(pool_snapshots, "_is_gone", careless)


def takes_what_an_old_row_wants(patch: Patch) -> None:
    """Whether a row is one of before is not compared with what is on record."""
    take = pool_planning.to_take

    def forgetful(here, copy, wanted):
        standing = here.record.standing
        if isinstance(standing, Owned):
            record = evolve(here.record, standing=evolve(standing, heeded=0))
            here = evolve(here, record=record)
        return take(here, copy, wanted)

    patch.setattr(pool_planning, "to_take", forgetful)


def words_of_before_count(patch: Patch) -> None:
    """What a node said counts, whatever it knew of, and whoever is connected now."""
    patch.setattr(PoolFact, "lasting", property(lambda fact: fact))
    is_rid_of = PoolFact.is_rid_of

    def careless(fact, deleted, row, *, owner):
        return is_rid_of(evolve(fact, under=row.revision), deleted, row, owner=owner)

    patch.setattr(PoolFact, "is_rid_of", careless)


BY_STORY: dict[PutIn, Callable[[], object]] = {
    clones_what_is_there_now: cloned,
    takes_a_snapshot_twice: taken_by_who_dies,
    snapshots_stay_behind: several_travel,
    tidies_what_users_took: several_travel,
    deletes_what_a_clone_is_made_of: source_goes_before_its_clone_is_made,
    a_snapshot_is_forgotten_too_early: deleted_while_a_holder_is_away,
    takes_what_an_old_row_wants: told_old_of_a_deleted_one,
    words_of_before_count: deleted_and_brought,
}
BY_SEED: dict[PutIn, int] = {
    clones_what_is_there_now: 0,
    destroys_what_the_next_move_needs: 131,
    takes_a_snapshot_twice: 2,
    snapshots_stay_behind: 0,
    tidies_what_users_took: 2,
}
"""With the first seed that finds each; any of the first hundred will do."""

SECOND: tuple[PutIn, ...] = (takes_a_snapshot_while_it_is_handed_over,)
"""Second barriers: what is let go of must be what the target has confirmed."""


@each_of(BY_STORY)
def test_found_by_its_story(put_in: PutIn, monkeypatch: Patch) -> None:
    """A bug that is put in is found by its story."""
    put_in(monkeypatch)
    expect_found(BY_STORY[put_in])


@each_of(BY_SEED)
def test_found_by_a_seed(put_in: PutIn, monkeypatch: Patch) -> None:
    """A bug that is put in is found by a seed, too."""
    put_in(monkeypatch)
    assert first_that_finds(BY_SEED[put_in]) is not None


@each_of(SECOND)
def test_second_barrier(put_in: PutIn, monkeypatch: Patch) -> None:
    """What something else stands behind is not missed; who finds it moves it up."""
    put_in(monkeypatch)
    for moment in range(0, MOMENTS, 10):
        meanwhile(MEANWHILE["taken"], moment)
