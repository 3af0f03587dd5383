"""The one writer: one change at a time, durable, announced in order."""

from collections.abc import Callable

import pytest
from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker.control.datasets import (
    DatasetExists,
    NewDataset,
    Wishes,
    change,
    create,
    delete,
)
from flocker.control.leases import acquire
from flocker.control.observations import Observations
from flocker.control.operations import (
    ATTEMPTS,
    DOUBT,
    LONGEST_ALARM,
    UPKEEP_RETRY,
    Operations,
    Timing,
    TooContended,
)
from flocker.control.persistence.interface import (
    IConfigurationStore,
    RevisionConflict,
    StoreUnavailable,
)
from flocker.control.upkeep import GRACE, RETENTION
from flocker.model.changes import Change, apply, invert
from flocker.model.cluster import Condition, Want
from flocker.model.configuration import Configuration
from flocker.model.ids import DatasetID
from flocker.model.leases import USER, Holder
from flocker.runtime.logging import continued, current_task_id
from flocker.testing.builders import (
    a_fact,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.fakes.stores import MemoryStore

BROKEN = StoreUnavailable("in memory", "disk full")
Decision = Callable[[Configuration], Change]


@implementer(IConfigurationStore)
class SlowStore(MemoryStore):
    """A store whose commits wait until a test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    async def commit(self, changes, expected_revision: int) -> None:
        gate: Deferred[None] = Deferred()
        self.waiting.append(gate)
        await gate
        await super().commit(changes, expected_revision)

    def go_on(self) -> None:
        """Let the oldest commit that waits be carried out."""
        self.waiting.pop(0).callback(None)

    def forget(self) -> None:
        """Let it fail, and nothing be stored."""
        self.waiting.pop(0).errback(Failure(BROKEN))


@implementer(IConfigurationStore)
class ForgetfulStore(MemoryStore):
    """A store that says of a commit that it failed when it did not."""

    lies = False

    async def commit(self, changes, expected_revision: int) -> None:
        await super().commit(changes, expected_revision)
        if self.lies:
            self.lies = False
            raise BROKEN


@frozen
class Heard:
    """Notes what it is told of."""

    told: list[tuple[Change, int]]

    def changed(self, change: Change, configuration: Configuration) -> None:
        self.told.append((change, configuration.revision))


class Setup:
    """Operations over a store, a clock, and a listener."""

    def __init__(self, store: MemoryStore) -> None:
        self.store, self.clock = store, Clock()
        self.observations = Observations()
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.heard = Heard([])
        self.operations.listen(self.heard)

    def change(self, decide: Decision) -> list[object]:
        """Ask for a change; its result or error comes into the list."""
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        return results

    def say(self, *facts) -> None:
        """Node 1 reports facts, and upkeep hears of them."""
        self.observations.connected(an_identity(), 0.0)
        said = [(fact, 0.0) for fact in facts]
        self.operations.heard_of(self.observations.replace(node_id(), said, 0.0))


def creating(number: int) -> Decision:
    """The wish for dataset `number`."""
    new = NewDataset(dataset_id(number), node_id())
    return lambda configuration: create(configuration, new, 1000.0)


def moving(number: int, to: int) -> Decision:
    """The wish to have dataset `number` on node `to`."""
    wishes = Wishes(node_id(to))
    return lambda configuration: change(
        configuration, dataset_id(number), wishes, 1000.0
    )


def ids(configuration: object) -> set[DatasetID]:
    """The datasets of a configuration."""
    assert isinstance(configuration, Configuration), configuration
    return set(configuration.datasets)


def error(results: list[object]) -> BaseException:
    """What was raised."""
    (failure,) = results
    assert isinstance(failure, Failure), failure
    return failure.value


@pytest.fixture
def slow() -> Setup:
    """Operations over a slow store."""
    return Setup(SlowStore())


@pytest.fixture
def quick() -> Setup:
    """Operations over a store that answers at once."""
    return Setup(MemoryStore())


def test_change(quick):
    """A change is stored, kept, announced, and its configuration given."""
    (configuration,) = quick.change(creating(1))
    assert ids(configuration) == {dataset_id(1)}
    assert configuration == quick.operations.configuration == quick.store.stored
    assert [revision for _, revision in quick.heard.told] == [1]


def test_durable_first(slow):
    """Nobody hears of a change, or sees it, before it is stored."""
    results = slow.change(creating(1))
    assert (results, slow.heard.told) == ([], [])
    assert slow.operations.configuration == Configuration()
    slow.store.go_on()
    assert ids(results[0]) == {dataset_id(1)}
    assert len(slow.heard.told) == 1


def test_one_after_the_other(slow):
    """A change is decided on what the one before it proposed, stored or not."""
    first, second = slow.change(creating(1)), slow.change(creating(2))
    third = slow.change(moving(2, to=2))
    assert len(slow.store.waiting) == 1
    slow.store.go_on()
    assert (ids(first[0]), second, third) == ({dataset_id(1)}, [], [])
    slow.store.go_on()
    assert third[0].datasets[dataset_id(2)].primary == node_id(2)
    assert third[0] == slow.operations.configuration == slow.store.stored


def test_refusal_waits_for_what_it_rests_on(slow):
    """What is refused for a change that is not durable is refused when that is."""
    slow.change(creating(1))
    second = slow.change(creating(1))
    assert second == []
    slow.store.go_on()
    assert isinstance(error(second), DatasetExists)
    assert slow.store.waiting == []


def test_refusal_whose_reason_fails(slow):
    """When the change is not stored for which another was refused, neither counts."""
    slow.change(creating(1))
    second = slow.change(creating(1))
    slow.store.forget()
    assert error(second) is BROKEN
    third = slow.change(creating(1))
    slow.store.go_on()
    assert ids(third[0]) == {dataset_id(1)}


def test_nothing_to_change_waits_for_what_it_rests_on(slow):
    """That all is as wanted is said when that is durable, or not at all."""
    slow.change(creating(1))
    second = slow.change(moving(1, to=1))
    slow.change(creating(2))
    assert second == []
    slow.store.go_on()
    assert ids(second[0]) == {dataset_id(1)}
    third = slow.change(moving(2, to=1))
    slow.store.forget()
    assert error(third) is BROKEN


def test_answers_are_of_their_own_revision(slow):
    """Each asker gets the configuration that its own change led to."""
    slow.change(creating(1))
    second, third = slow.change(creating(2)), slow.change(creating(3))
    slow.store.go_on()
    slow.store.go_on()
    assert (ids(second[0]), ids(third[0])) == (
        {dataset_id(1), dataset_id(2)},
        {dataset_id(1), dataset_id(2), dataset_id(3)},
    )


def test_together(slow):
    """All that come while one is stored are stored together, each a revision."""
    results = [slow.change(creating(number)) for number in range(1, 6)]
    slow.store.go_on()
    assert len(slow.store.waiting) == 1
    slow.store.go_on()
    assert [found[0].revision for found in results] == [1, 2, 3, 4, 5]
    assert slow.store.stored == slow.operations.configuration


def test_listeners_in_order(slow):
    """Listeners hear every change, in the order of their revisions."""
    for number in range(1, 6):
        slow.change(creating(number))
    slow.store.go_on()
    slow.store.go_on()
    assert [revision for _, revision in slow.heard.told] == [1, 2, 3, 4, 5]
    replayed = Configuration()
    for made, _ in slow.heard.told:
        replayed = apply(made, replayed)
    assert replayed == slow.operations.configuration


def test_nothing_to_change(quick):
    """A decision that nothing is to change costs no revision."""
    quick.change(creating(1))
    (configuration,) = quick.change(moving(1, to=1))
    assert configuration.revision == 1
    assert len(quick.heard.told) == 1


def test_refused(quick):
    """What is refused leaves everything as it was, and the next one works."""
    quick.change(creating(1))
    assert isinstance(error(quick.change(creating(1))), DatasetExists)
    assert ids(quick.change(creating(2))[0]) == {dataset_id(1), dataset_id(2)}


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


def test_abandoned(slow):
    """An asker that goes away does not hold up the others; what it decided is done."""
    slow.change(creating(1))
    waiting = Deferred.fromCoroutine(slow.operations.change(creating(2)))
    third = slow.change(creating(3))
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    slow.store.go_on()
    slow.store.go_on()
    assert ids(third[0]) == {dataset_id(1), dataset_id(2), dataset_id(3)}


def test_listener_at_fault(slow):
    """A change is answered when it is durable, whatever becomes of the announcement."""

    class Faulty:
        def changed(self, change: Change, configuration: Configuration) -> None:
            raise ZeroDivisionError

    slow.operations.listen(Faulty())
    first, second = slow.change(creating(1)), slow.change(creating(2))
    slow.store.go_on()
    assert ids(first[0]) == {dataset_id(1)}
    slow.store.stored = apply(creating(3)(slow.store.stored), slow.store.stored)
    slow.store.go_on()
    slow.store.go_on()
    assert ids(second[0]) == {dataset_id(number) for number in (1, 2, 3)}


def test_announced_in_the_task_of_its_asker(slow):
    """What follows from a change is logged as part of the request that wanted it."""
    heard = []

    class Hearing:
        def changed(self, change: Change, configuration: Configuration) -> None:
            heard.append(current_task_id().partition("@")[0])

    slow.operations.listen(Hearing())
    asked = []
    for number in (1, 2, 3):
        with continued("", "test:asks"):
            asked.append(current_task_id().partition("@")[0])
            slow.change(creating(number))
    slow.store.go_on()
    slow.store.go_on()
    assert heard == asked


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


def test_upkeep_runs_on_reports(quick):
    """What follows from a report is committed like any request."""
    quick.change(creating(1))
    quick.say(a_fact(1, Condition.UNREGISTERED))
    assert quick.operations.configuration.ownership == {dataset_id(1): an_ownership(1)}
    assert len(quick.heard.told) == 2


def test_upkeep_follows_changes(quick):
    """A change lets upkeep look again at what was said of its dataset before."""
    quick.say(a_fact(1, Condition.UNREGISTERED))
    quick.change(creating(1))
    assert dataset_id(1) in quick.operations.configuration.ownership


def test_upkeep_meets_others(quick):
    """Upkeep whose commit meets somebody else's looks again, and at what is there."""
    quick.change(creating(1))
    other = delete(quick.store.stored, dataset_id(1), 2000.0)
    quick.store.stored = apply(other, quick.store.stored)
    quick.say(a_fact(1, Condition.UNREGISTERED))
    after = quick.operations.configuration
    assert after == quick.store.stored
    assert after.datasets[dataset_id(1)].deleted
    assert after.ownership == {dataset_id(1): an_ownership(1)}


def test_upkeep_hears_more_before_it_decides_again(slow):
    """Where its commit meets somebody else's, what was heard meanwhile counts."""
    slow.change(creating(1))
    slow.store.go_on()
    slow.say(a_fact(1, Condition.UNREGISTERED))
    slow.store.stored = evolve(slow.store.stored, revision=2)
    slow.observations.replace(node_id(), [], 1.0)
    slow.store.go_on()
    assert slow.store.waiting == []
    assert slow.operations.configuration.ownership == {}


def test_upkeep_without_result(slow):
    """Upkeep that has nothing to do does not touch the store."""
    slow.say(a_fact(1))
    assert slow.store.waiting == []


def test_never_two_upkeeps(slow):
    """While upkeep is at work it only notes what else was heard."""
    for number in (1, 2):
        slow.change(creating(number))
        slow.store.go_on()
    slow.say(a_fact(1, Condition.UNREGISTERED))
    slow.say(a_fact(1, Condition.UNREGISTERED), a_fact(2, Condition.UNREGISTERED))
    assert len(slow.store.waiting) == 1
    slow.store.go_on()
    assert len(slow.store.waiting) == 1
    slow.store.go_on()
    assert set(slow.operations.configuration.ownership) == {
        dataset_id(1),
        dataset_id(2),
    }
    assert slow.store.waiting == []


def test_upkeep_waits_its_turn(slow):
    """Upkeep decides on what the change before it left."""
    slow.change(creating(1))
    slow.store.go_on()
    slow.change(moving(1, to=2))
    slow.say(a_fact(1, Condition.UNREGISTERED))
    assert len(slow.store.waiting) == 1
    slow.store.go_on()
    slow.store.go_on()
    configuration = slow.operations.configuration
    assert configuration.datasets[dataset_id(1)].primary == node_id(2)
    assert dataset_id(1) in configuration.ownership


def test_upkeep_tries_again(quick):
    """What the store refuses upkeep is tried again, until it works."""
    quick.change(creating(1))
    quick.store.broken = "disk full"
    quick.say(a_fact(1, Condition.UNREGISTERED))
    quick.clock.advance(UPKEEP_RETRY)
    assert dataset_id(1) not in quick.operations.configuration.ownership
    quick.store.broken = None
    quick.clock.advance(UPKEEP_RETRY)
    assert dataset_id(1) in quick.operations.configuration.ownership
    assert quick.clock.getDelayedCalls() == []


def test_upkeep_that_is_too_late(quick):
    """What is no longer so when it is tried again is not done."""
    quick.change(creating(1))
    quick.store.broken = "disk full"
    quick.say(a_fact(1, Condition.UNREGISTERED))
    quick.store.broken = None
    quick.say(a_fact(1, Condition.DETACHED))
    before = quick.operations.configuration
    quick.clock.advance(UPKEEP_RETRY)
    assert quick.operations.configuration == before


def leasing(expires: float | None, number: int = 1) -> Decision:
    """The wish to lease dataset `number` to node 1."""
    holder = Holder(USER, expires)
    return lambda now: acquire(now, dataset_id(number), node_id(), holder)


def test_deadline(quick):
    """What is due at a time is done then, and nothing waits for it afterwards."""
    quick.change(leasing(GRACE + 100.0))
    quick.clock.advance(GRACE + 99.9)
    assert quick.operations.configuration.leases
    quick.clock.advance(0.1)
    assert quick.store.stored.leases == {}
    assert quick.clock.getDelayedCalls() == []


def test_deadline_that_moves(quick):
    """A lease that is renewed ends at its new time."""
    quick.change(leasing(GRACE + 10.0))
    quick.change(leasing(GRACE + 100.0))
    quick.clock.advance(GRACE + 50.0)
    assert quick.operations.configuration.leases
    quick.change(leasing(None))
    quick.clock.advance(GRACE + 100.0)
    assert quick.operations.configuration.leases
    assert quick.clock.getDelayedCalls() == []


def test_deadline_found_at_the_start():
    """What became due while control was off is done a minute after its start."""
    store = MemoryStore()
    first = Setup(store)
    first.change(leasing(1.0))
    first.operations.stop()
    again = Setup(store)
    again.clock.advance(GRACE - 0.1)
    assert again.operations.configuration.leases
    again.clock.advance(0.1)
    assert again.operations.configuration.leases == {}


def test_deadline_far_away(quick):
    """A deadline in a month is met, though no timer runs so long."""
    quick.change(creating(1))
    quick.change(lambda now: delete(now, dataset_id(1), 1000.0))
    quick.say(a_fact(1, Condition.MISSING, Want.DELETED))
    for _ in range(int(RETENTION // LONGEST_ALARM)):
        assert quick.operations.configuration.datasets[dataset_id(1)].destroyed
        assert len(quick.clock.getDelayedCalls()) == 1
        quick.clock.advance(LONGEST_ALARM)
    assert quick.operations.configuration.datasets == {}


def test_deadline_while_the_store_is_broken(quick):
    """What was due and could not be stored is done when the store works again."""
    quick.change(leasing(GRACE))
    quick.store.broken = "disk full"
    quick.clock.advance(GRACE)
    quick.store.broken = None
    assert quick.operations.configuration.leases
    quick.clock.advance(UPKEEP_RETRY)
    assert quick.operations.configuration.leases == {}


def test_deadline_of_what_others_wrote(quick):
    """A lease that was found in the store after a conflict ends in time too."""
    other = leasing(GRACE)(quick.store.stored)
    quick.store.stored = apply(other, quick.store.stored)
    quick.change(leasing(None, 2))
    quick.clock.advance(GRACE)
    assert set(quick.operations.configuration.leases) == {dataset_id(2)}


def test_stop(quick):
    """After its end nothing is due any more."""
    quick.change(leasing(GRACE))
    quick.operations.stop()
    assert quick.clock.getDelayedCalls() == []


def test_taken_back(quick):
    """Users' changes are values: what was done can be undone."""
    quick.change(creating(1))
    done, _ = quick.heard.told[0]
    (configuration,) = quick.change(lambda _: invert(done))
    assert ids(configuration) == set()


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
