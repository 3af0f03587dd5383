"""The one writer: one change at a time, durable, announced in order."""

from twisted.internet.defer import Deferred

from flocker.control.datasets import DatasetExists
from flocker.model.changes import Change, apply, invert
from flocker.model.configuration import Configuration
from flocker.runtime.logging import continued, current_task_id
from flocker.testing.builders import dataset_id, node_id
from tests.unit.control.one_writer import BROKEN, creating, error, ids, moving


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


def test_taken_back(quick):
    """Users' changes are values: what was done can be undone."""
    quick.change(creating(1))
    done, _ = quick.heard.told[0]
    (configuration,) = quick.change(lambda _: invert(done))
    assert ids(configuration) == set()
