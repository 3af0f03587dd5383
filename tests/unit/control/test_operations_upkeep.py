"""The one writer does what follows from reports, and what is due at a time."""

from attrs import evolve

from flocker.control.datasets import delete
from flocker.control.leases import acquire
from flocker.control.operations import LONGEST_ALARM, UPKEEP_RETRY
from flocker.control.upkeep import GRACE, RETENTION
from flocker.model.changes import apply
from flocker.model.cluster import Condition, Want
from flocker.model.leases import USER, Holder
from flocker.testing.builders import a_fact, an_ownership, dataset_id, node_id
from flocker.testing.fakes.stores import MemoryStore
from tests.unit.control.one_writer import Decision, Setup, creating, moving


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
