"""The ring of events: what is put in, what is kept, what a reader gets."""

from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from flocker.control.datasets import (
    NewDataset,
    Wishes,
    change,
    create,
    delete,
    purge,
)
from flocker.control.events import Events, Kind
from flocker.control.leases import acquire, release
from flocker.control.observations import Observations
from flocker.control.operations import Decide, Operations, Timing
from flocker.model.changes import Change, OwnershipEdit
from flocker.model.cluster import Cause, Condition, Fact, Phase, Want
from flocker.model.leases import USER, Holder
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from flocker.testing.fakes.stores import MemoryStore

BOOT = UUID(int=0xB007)
NEW = NewDataset(dataset_id(), node_id())
ID = str(dataset_id())


class Setup:
    """Control with its ring of events; `length` is how many are kept."""

    def __init__(self, length: int = 100) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.observations = Observations()
        store = MemoryStore()
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.events = Events(self.operations, BOOT, self.clock.seconds, length)

    def change(self, decide: Decide) -> None:
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        assert len(results) == 1

    def connect(self, era: int = 1) -> None:
        self.observations.connected(an_identity(era=era), self.clock.seconds())

    def say(self, *facts: Fact) -> None:
        said = [(fact, 0.0) for fact in facts]
        now = self.clock.seconds()
        self.operations.heard_of(self.observations.replace(node_id(), said, now))

    def seen(self, since: int = 0) -> list[tuple[Kind, object]]:
        """What was put in after a number: its kind, and what of it is told here."""
        return [
            (event.kind, self.gist(event.kind, event.value))
            for event in self.events.after(since, 1000)
        ]

    def gist(self, kind: Kind, value: dict[str, object]) -> object:
        if kind is Kind.STATUS:
            return value["phase"]
        if kind is Kind.NODE:
            return value["connected"]
        return value["value"]


@pytest.fixture
def setup() -> Setup:
    return Setup()


def test_created(setup):
    """A new dataset is an event, and its first status another."""
    setup.change(lambda c: create(c, NEW, 1000.0))
    configured, status = setup.events.after(0, 10)
    assert (configured.number, configured.kind) == (1, Kind.CONFIGURATION)
    assert configured.value["dataset_id"] == ID
    assert configured.value["value"]["primary"] == str(node_id())
    assert (status.number, status.kind) == (2, Kind.STATUS)
    assert (status.value["dataset_id"], status.value["phase"]) == (ID, "waiting")


def test_life_of_a_dataset(setup):
    """Every phase of a dataset is an event, once."""
    setup.connect()
    setup.change(lambda c: create(c, NEW, 1000.0))
    since = setup.events.last
    missing = evolve(a_fact(1, Condition.MISSING), volume=None)
    setup.say(missing)
    setup.say(missing)
    setup.say(a_fact())
    assert setup.seen(since) == [(Kind.STATUS, "creating"), (Kind.STATUS, "mounted")]


def test_purged(setup):
    """A dataset that is forgotten is an event without a value, and the last one."""
    setup.connect()
    setup.change(lambda c: create(c, NEW, 1000.0))
    setup.change(lambda c: delete(c, dataset_id(), 1000.0))
    setup.say(a_fact(1, Condition.MISSING, Want.DELETED))
    since = setup.events.last
    setup.change(lambda c: purge(c, dataset_id()))
    assert setup.seen(since) == [(Kind.CONFIGURATION, None)]


def test_leases(setup):
    """A lease that comes, changes or goes is an event."""
    for expires in (5.0, None):
        holder = Holder(USER, None if expires is None else 1000.0 + expires)
        setup.change(lambda c, h=holder: acquire(c, dataset_id(), node_id(), h))
    setup.change(lambda c: release(c, dataset_id()))
    kinds = [kind for kind, _ in setup.seen()]
    values = [value and value["expires"] for _, value in setup.seen()]
    assert (kinds, values) == ([Kind.LEASE] * 3, [5.0, None, None])


def test_records_are_not_told(setup):
    """Who owns which volume is no event; what follows from it for the status is."""
    setup.change(lambda c: create(c, NEW, 1000.0))
    since = setup.events.last
    record = Change((OwnershipEdit(None, an_ownership()),))
    setup.change(lambda _: record)
    assert setup.seen(since) == []


def test_nodes(setup):
    """A node that comes or goes is an event, with what it means for its datasets."""
    setup.change(lambda c: create(c, NEW, 1000.0))
    setup.connect()
    setup.say(a_fact())
    since = setup.events.last
    setup.observations.disconnected(node_id(), 1001.0)
    assert setup.seen(since) == [(Kind.NODE, False), (Kind.STATUS, "unknown")]


def test_reboot(setup):
    """What a reboot makes void is told."""
    setup.change(lambda c: create(c, NEW, 1000.0))
    setup.connect()
    setup.say(a_fact())
    since = setup.events.last
    setup.connect(era=2)
    assert setup.seen(since)[-1] == (Kind.STATUS, "waiting")


def test_signs_of_life_are_none(setup):
    """That a node is heard again and again is no event."""
    setup.connect()
    since = setup.events.last
    setup.observations.heard(node_id(), 2000.0)
    assert setup.seen(since) == []


def test_trying_again_is_no_event(setup):
    """A step that is tried again for hours says the same each time, and once here."""
    setup.change(lambda c: create(c, NEW, 0.0))
    setup.connect()
    trouble = a_fact(1, Condition.MOUNTED, cause=Cause("not-permitted", "no"))
    setup.say(trouble)
    before = setup.events.last
    for _ in range(3):
        setup.clock.advance(10.0)
        setup.say(evolve(trouble, doing=Phase.MOUNTED))
        setup.say(trouble)
    assert setup.events.last == before


def test_watch(setup):
    """Who watches is called after new events, until it ends that."""
    calls = []
    end = setup.events.watch(lambda: calls.append(setup.events.last))
    setup.change(lambda c: create(c, NEW, 1000.0))
    end()
    end()
    setup.connect()
    assert calls == [2]


def test_nothing_yet(setup):
    """Before the first event there is none."""
    assert (setup.events.first, setup.events.last) == (1, 0)
    assert list(setup.events.after(0, 10)) == []


@given(st.integers(1, 5), st.integers(0, 12), st.integers(0, 14), st.integers(1, 6))
def test_ring(length, many, number, most):
    """The last `length` events are kept, and given in order from any number on."""
    setup = Setup(length)
    for _ in range(many):
        setup.connect()
    kept = list(range(max(1, many - length + 1), many + 1))
    assert (setup.events.first, setup.events.last) == (many - len(kept) + 1, many)
    after = [event.number for event in setup.events.after(number, most)]
    assert after == [n for n in kept if n > number][:most]


def test_what_is_told_is_what_is_configured(setup):
    """An event has the very object that a listing would have."""
    setup.change(lambda c: create(c, NEW, 1000.0))
    (event, _) = setup.events.after(0, 10)
    assert event.value["value"] == {
        "dataset_id": ID,
        "primary": str(a_dataset().primary),
        "deleted": False,
        "metadata": {},
    }


def test_a_move_in_a_pool(setup):
    """Each stage of a move is an event; how far it is copied is none."""
    nodes = MemoryPoolNodes(setup.operations, setup.clock)
    nodes.connect(1, 2)
    setup.change(lambda c: create(c, NEW, 1000.0))
    nodes.settle()
    nodes.ready = False
    before = setup.events.last
    setup.change(lambda c: change(c, NEW.id, Wishes(node_id(2)), 1000.0))
    nodes.settle()
    copying = setup.events.last
    nodes.sent += 1024
    nodes.settle()
    assert setup.events.last == copying
    nodes.ready = True
    nodes.settle()
    told = [
        (event.value["phase"], event.value["move"] and event.value["move"]["stage"])
        for event in setup.events.after(before, 100)
        if event.kind is Kind.STATUS
    ]
    assert list(dict.fromkeys(told)) == [
        ("copying", "copying"),
        ("freezing", "freezing"),
        ("handing-over", "freezing"),
        ("handing-over", None),
        ("mounted", None),
    ]
