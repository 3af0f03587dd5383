"""The one writer when commits fail, seem to fail, or meet what others wrote."""

from attrs import evolve
from twisted.internet.defer import Deferred

from flocker.control.datasets import DatasetExists, delete
from flocker.control.operations import ATTEMPTS, DOUBT, TooContended
from flocker.control.persistence.interface import RevisionConflict, StoreUnavailable
from flocker.model.changes import Change, apply
from flocker.model.configuration import Configuration
from flocker.testing.builders import dataset_id, node_id
from flocker.testing.fakes.stores import MemoryStore
from tests.unit.control.one_writer import (
    BROKEN,
    ForgetfulStore,
    Setup,
    creating,
    error,
    ids,
    moving,
)


def test_failed_commit(slow):
    """What the store does not take has not happened, nor what was decided on it."""
    first, second = slow.change(creating(1)), slow.change(creating(2))
    slow.store.forget()
    assert (error(first), error(second)) == (BROKEN, BROKEN)
    assert slow.operations.configuration == slow.store.stored == Configuration()
    assert slow.heard.told == []


def test_after_a_failed_commit(slow):
    """What comes after one that failed is decided on what is stored, and works."""
    slow.change(creating(1))
    slow.store.forget()
    second = slow.change(creating(2))
    slow.store.go_on()
    assert ids(second[0]) == {dataset_id(2)}
    assert second[0].revision == 1


def test_asker_that_tries_again_at_once(slow):
    """Who hears of a failure may ask again before others have heard of it."""
    again: list[object] = []
    first = Deferred.fromCoroutine(slow.operations.change(creating(1)))
    first.addErrback(lambda _: again.append(slow.change(creating(3))))
    second = slow.change(creating(2))
    slow.store.forget()
    assert error(second) is BROKEN
    slow.store.go_on()
    assert ids(again[0][0]) == {dataset_id(3)}


def test_group_that_meets_others(slow):
    """When somebody else has written, a whole group is decided again, in its order."""
    slow.change(creating(1))
    results = [slow.change(creating(number)) for number in (2, 3)]
    slow.store.go_on()
    other = creating(4)(slow.store.stored)
    slow.store.stored = apply(other, slow.store.stored)
    late = slow.change(creating(5))
    while slow.store.waiting:
        slow.store.go_on()
    assert [found[0].revision for found in results] == [3, 4]
    assert late[0].revision == 5
    assert slow.operations.configuration == slow.store.stored
    assert [revision for _, revision in slow.heard.told] == [1, 2, 3, 4, 5]


def test_conflict_decides_again(quick):
    """When somebody else has written, the decision is taken on what is there now."""
    quick.change(creating(1))
    other = moving(1, to=2)(quick.store.stored)
    quick.store.stored = apply(other, quick.store.stored)
    (configuration,) = quick.change(lambda now: delete(now, dataset_id(1), 2000.0))
    dataset = configuration.datasets[dataset_id(1)]
    assert (dataset.primary, dataset.deleted) == (node_id(2), True)
    assert configuration == quick.store.stored


def test_conflict_is_announced(quick):
    """What somebody else has written is announced before what was decided on it."""
    other = creating(1)(quick.store.stored)
    quick.store.stored = apply(other, quick.store.stored)
    quick.change(creating(2))
    assert quick.heard.told == [(other, 1), (creating(2)(Configuration()), 2)]


def test_commit_that_seemed_to_fail():
    """A commit that happened although it failed is found out, and announced."""
    setup = Setup(ForgetfulStore())
    setup.store.lies = True
    assert error(setup.change(creating(1))) is BROKEN
    assert setup.operations.configuration == Configuration()
    assert ids(setup.change(creating(2))[0]) == {dataset_id(1), dataset_id(2)}
    assert [revision for _, revision in setup.heard.told] == [1, 2]
    assert setup.clock.getDelayedCalls() == []  # nothing is in doubt any more


def test_commit_that_seemed_to_fail_is_found():
    """Nobody need ask for anything: it is announced once the store works again."""
    setup = Setup(ForgetfulStore())
    setup.store.lies = True
    assert error(setup.change(creating(1))) is BROKEN
    setup.store.broken = "full"
    setup.clock.advance(DOUBT)
    setup.clock.advance(DOUBT)
    assert setup.heard.told == []
    setup.store.broken = None
    setup.clock.advance(DOUBT)
    assert ids(setup.operations.configuration) == {dataset_id(1)}
    assert [revision for _, revision in setup.heard.told] == [1]
    assert setup.clock.getDelayedCalls() == []


def test_commit_that_failed_is_not_announced(quick):
    """Where nothing was stored nothing is announced, and nobody looks any more."""
    quick.store.broken = "full"
    assert isinstance(error(quick.change(creating(1))), StoreUnavailable)
    quick.store.broken = None
    quick.clock.advance(DOUBT)
    assert quick.heard.told == []
    assert quick.clock.getDelayedCalls() == []


def test_stopped_in_doubt(quick):
    """A service that stops looks no more."""
    quick.store.broken = "full"
    quick.change(creating(1))
    quick.operations.stop()
    assert quick.clock.getDelayedCalls() == []


def test_too_contended(quick):
    """A change that always comes too late gives up, and says why."""

    def overtaken(configuration: Configuration) -> Change:
        stored = quick.store.stored
        quick.store.stored = evolve(stored, revision=stored.revision + 1)
        return creating(1)(configuration)

    raised = error(quick.change(overtaken))
    assert isinstance(raised, TooContended)
    assert str(raised) == (
        f"others changed the configuration {ATTEMPTS} times meanwhile"
    )


def test_conflict_of_edits(quick):
    """A change decided on something else than what is there does not happen."""
    quick.change(creating(1))
    stale = moving(1, to=2)(quick.operations.configuration)
    quick.change(moving(1, to=3))
    assert "changed meanwhile" in str(error(quick.change(lambda _: stale)))
    assert quick.operations.configuration.revision == 2


def test_conflict_that_cannot_be_read():
    """When the store fails while the newer state is read, nothing has changed."""

    class Dead(MemoryStore):
        async def commit(self, changes, expected_revision: int) -> None:
            self.broken = "gone"
            raise RevisionConflict(expected_revision, expected_revision + 1)

    setup = Setup(Dead())
    assert isinstance(error(setup.change(creating(1))), StoreUnavailable)
    assert setup.operations.configuration == Configuration()


def test_asked_for_while_the_store_is_read_again():
    """What is asked for meanwhile is decided on what the store turns out to hold."""

    class Reading(ForgetfulStore):
        gate: Deferred[None] | None = None

        async def check(self) -> None:
            self.gate = Deferred()
            await self.gate

    setup = Setup(Reading())
    setup.store.lies = True
    assert error(setup.change(creating(1))) is BROKEN
    setup.clock.advance(DOUBT)
    again, other = setup.change(creating(1)), setup.change(creating(2))
    assert (again, other) == ([], [])
    setup.store.gate.callback(None)
    assert isinstance(error(again), DatasetExists)
    assert ids(other[0]) == {dataset_id(1), dataset_id(2)}
    assert setup.operations.configuration == setup.store.stored
    assert [revision for _, revision in setup.heard.told] == [1, 2]
