"""The agents' side of control: who is told what, and when."""

from collections.abc import Iterable
from uuid import UUID

import pytest
from attrs import define, evolve, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from flocker.control import leases
from flocker.control.agents import Agents, ConnectionGone
from flocker.control.datasets import NewDataset, Wishes, change, create, delete
from flocker.control.observations import Observations
from flocker.control.operations import Decide, Operations, Timing
from flocker.control.slices import assignment
from flocker.model.cluster import (
    AgentIdentity,
    Assignment,
    BackendReport,
    Condition,
    Fact,
    NodeSight,
    Observed,
    Phase,
    Want,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Mounting
from flocker.model.ids import DatasetID, Epoch, InstanceID, NodeID
from flocker.model.leases import USER, Holder
from flocker.model.pools import (
    Buried,
    NoCopy,
    Owned,
    PoolFact,
    Record,
    Replica,
    Standing,
)
from flocker.model.status import Status, status
from flocker.testing.builders import (
    a_dataset,
    a_fact,
    an_identity,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.testing.fakes.stores import MemoryStore
from flocker.wire.commands import BadPayload
from flocker.wire.protocol import AgedFact, Report, Slice

BOOT = UUID(int=0xB007)
HERE, THERE, FAR = node_id(1), node_id(2), node_id(3)
NOW = 1000.0


@define(eq=False)
class Line:
    """A connection whose other end is the test.

    What was sent and not answered yet is `under_way`; `refuses` is for agents that
    answer at once.
    """

    identity: AgentIdentity
    answers_at_once: bool = True
    boot: str = ""
    number: int = 0
    slice: dict[DatasetID, Assignment] = field(factory=dict)
    sent: list[tuple[int, Slice]] = field(factory=list)
    under_way: list[tuple[Deferred[bool], str, int, Slice]] = field(factory=list)
    aborted: list[str] = field(factory=list)

    async def update(self, boot: UUID, number: int, what: Slice) -> bool:
        self.sent.append((number, what))
        answer: Deferred[bool] = Deferred()
        self.under_way.append((answer, str(boot), number, what))
        if self.answers_at_once:
            self.take()
        return await answer

    def take(self) -> None:
        """Do with the oldest update what an agent does, and answer."""
        applied = self.apply()
        self.under_way.pop(0)[0].callback(applied)

    def apply(self) -> bool:
        """Do with the oldest update what an agent does."""
        _, boot, number, what = self.under_way[0]
        follows = (boot, number) == (self.boot, self.number + 1)
        if what.full or follows:
            self.boot, self.number = boot, number
            if what.full:
                self.slice.clear()
            self.slice.update({each.id: each for each in what.changed})
            for dataset in what.gone:
                self.slice.pop(dataset, None)
        return what.full or follows

    def refuse(self) -> None:
        """Say that the oldest update does not follow."""
        refused = False
        self.under_way.pop(0)[0].callback(refused)

    def fail(self, error: Exception) -> None:
        """Answer the oldest update with an error."""
        self.under_way.pop(0)[0].errback(Failure(error))

    def knew(self, other: "Line") -> "Line":
        """Know what the agent knew on another connection."""
        self.boot, self.number, self.slice = other.boot, other.number, other.slice
        return self

    async def lives(self) -> bool:
        return True

    def abort(self, why: str) -> None:
        self.aborted.append(why)

    def peer(self) -> str:
        return self.identity.host

    @property
    def last(self) -> Slice:
        """What was sent last."""
        return self.sent[-1][1]


@define
class Seeing:
    """Notes of which datasets anything was observed."""

    seen: list[DatasetID]

    def observed(self, datasets: Iterable[DatasetID]) -> None:
        self.seen.extend(datasets)

    def sighted(self, sight: NodeSight) -> None:
        pass


class Control:
    """Control, from operations to the connections."""

    def __init__(self, configuration: Configuration | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        store = MemoryStore()
        store.stored = configuration or Configuration()
        self.observations = Observations()
        self.operations = Operations(
            store,
            store.stored,
            self.observations,
            self.clock,
            Timing(self.clock.seconds),
        )
        self.agents = Agents(self.operations, BOOT, self.clock)

    def connect(self, line: Line) -> Line:
        """Let an agent connect with what it knows."""
        self.agents.connected(line, line.boot, line.number)
        return line

    def node(self, number: int, *, at_once: bool = True, era: int = 1) -> Line:
        """Let a new agent of a node connect."""
        return self.connect(Line(an_identity(number, era=era), at_once))

    def cut(self, line: Line) -> None:
        """End a connection: whatever was under way is lost."""
        self.agents.disconnected(line)
        while line.under_way:
            line.fail(ConnectionGone())

    def change(self, decide: Decide) -> None:
        """Carry out a change that must work."""
        results: list[object] = []
        Deferred.fromCoroutine(self.operations.change(decide)).addBoth(results.append)
        (result,) = results
        assert isinstance(result, Configuration), result

    def create(self, number: int, on: int, mount: Mounting = Mounting.ALWAYS) -> None:
        """Want a dataset."""
        new = NewDataset(dataset_id(number), node_id(on), mount=mount)
        self.change(lambda configuration: create(configuration, new, 1000.0))

    def move(self, number: int, to: int) -> None:
        """Want it elsewhere."""
        wishes = Wishes(node_id(to))
        self.change(lambda now: change(now, dataset_id(number), wishes, 1000.0))

    def lease(self, number: int, node: NodeID) -> None:
        """Use it on a node."""
        user = Holder(USER)
        self.change(lambda now: leases.acquire(now, dataset_id(number), node, user))

    def unlease(self, number: int) -> None:
        """Use it no more."""
        self.change(lambda now: leases.release(now, dataset_id(number)))

    def mounted_here(self, *, on_use: bool = False) -> Line:
        """Have the first dataset mounted on `HERE`, whose agent is asked to answer."""
        here = self.node(1, at_once=False)
        here.take()
        self.create(1, on=1, mount=Mounting.ON_USE if on_use else Mounting.ALWAYS)
        if not on_use:
            here.take()
        self.say(here, a_fact(1))
        while here.under_way:
            here.take()
        return here

    def status(self, number: int) -> Status:
        """Say what is happening to it."""
        wanted, seen = self.operations.configuration, self.observations
        found = dataset_id(number)
        return status(
            wanted.datasets[found],
            seen.facts(found),
            seen.nodes,
            wanted.leases.get(found),
            wanted.nodes,
            seen.letting_go(found),
        )

    def delete(self, number: int) -> None:
        """Want it gone."""
        self.change(lambda now: delete(now, dataset_id(number), 1000.0))

    def say(self, line: Line, *facts: Fact, full: bool = False, gone=()) -> None:
        """Let an agent report."""
        aged = tuple(AgedFact(fact, 0.0) for fact in facts)
        ids = tuple(dataset_id(number) for number in gone)
        self.agents.reported(line, Report(full, aged, ids))


@pytest.fixture
def control() -> Control:
    """Control without datasets."""
    return Control()


def an_order(number: int, on: int, held_by: Iterable[int] = ()) -> Assignment:
    """What is told of a dataset that has no volume yet."""
    return Assignment(
        id=dataset_id(number),
        dataset=a_dataset(number, on),
        held_by=tuple(node_id(holder) for holder in held_by),
    )


def everything(*changed: Assignment) -> Slice:
    """All there is for an agent."""
    return Slice(full=True, changed=changed)


def edits(*changed: Assignment, gone: Iterable[int] = ()) -> Slice:
    """What changed for an agent."""
    return Slice(full=False, changed=changed, gone=tuple(map(dataset_id, gone)))


# --- slices ------------------------------------------------------------------------


def test_all_at_first_contact(control):
    """An agent that connects is told all there is for it, and only that."""
    for number, on in ((1, 1), (2, 1), (3, 2)):
        control.create(number, on)
    here = control.node(1)
    assert here.sent == [(1, everything(an_order(1, 1), an_order(2, 1)))]


def test_empty_at_first_contact(control):
    """An agent for which there is nothing is told so: only then may it act."""
    assert control.node(1).sent == [(1, everything())]


def test_edits_after(control):
    """After that it is told what changes, numbered."""
    here = control.node(1)
    control.create(1, on=1)
    control.create(2, on=1)
    assert here.sent[1:] == [
        (2, edits(an_order(1, 1))),
        (3, edits(an_order(2, 1))),
    ]


def test_one_in_flight(control):
    """While an update is not answered, nothing else is sent."""
    here = control.node(1, at_once=False)
    control.create(1, on=1)
    control.create(2, on=1)
    assert len(here.sent) == 1


def test_merged_meanwhile(control):
    """What changes while an agent is busy is told at once and as one."""
    here = control.node(1, at_once=False)
    for number in (1, 2):
        control.create(number, on=1)
    control.move(1, to=2)
    control.create(3, on=1)
    here.take()
    assert here.sent[1:] == [
        (2, edits(an_order(2, 1), an_order(3, 1))),
    ]


def test_gone(control):
    """What an agent was told of and has nothing to do with any more is gone."""
    here = control.node(1)
    control.create(1, on=1)
    control.move(1, to=2)
    assert here.last == edits(gone=[1])


def test_never_told(control):
    """What came and went while an agent was busy was never told to it."""
    here = control.node(1, at_once=False)
    control.create(1, on=1)
    control.move(1, to=2)
    here.take()
    assert dataset_id(1) not in here.last.gone


def test_refused_edits(control):
    """An agent on whose slice the edits do not follow is told all."""
    here = control.node(1, at_once=False)
    here.take()
    control.create(1, on=1)
    here.refuse()
    assert here.last == everything(an_order(1, 1))


def test_refuses_everything(control):
    """An agent that does not even take everything is hung up on, not told for ever."""
    here = control.node(1, at_once=False)
    here.refuse()
    assert here.aborted == ["the agent does not take all that there is for it"]
    assert len(here.sent) == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (BadPayload("it is bad"), "the agent could not take its slice: it is bad"),
        (KeyError("applied"), "its slice could not be sent"),
    ],
    ids=["theirs", "ours"],
)
def test_fails(control, error, why):
    """An agent that cannot be told is hung up on, and told all when it is back."""
    here = control.node(1, at_once=False)
    here.fail(error)
    assert here.aborted == [why]
    control.cut(here)
    back = control.node(1)
    assert back.sent[-1][1].full


def test_reconnects_knowing(control):
    """An agent that comes back with what it knew is told what changed meanwhile."""
    here = control.node(1)
    for number in (1, 2):
        control.create(number, on=1)
    control.cut(here)
    control.create(3, on=1)
    control.move(1, to=2)
    back = control.connect(Line(here.identity).knew(here))
    assert back.sent == [(4, edits(an_order(3, 1), gone=[1]))]


def test_reconnects_and_nothing_changed(control):
    """One that missed nothing is told so, as an empty update."""
    here = control.node(1)
    control.cut(here)
    back = control.connect(Line(here.identity).knew(here))
    assert back.sent == [(2, edits())]


@pytest.mark.parametrize(
    ("boot", "number"), [("", 0), (str(BOOT), 7), (str(BOOT), -1), ("other", 1)]
)
def test_reconnects_unknowing(control, boot, number):
    """One that knows another slice, or says so, is told all."""
    control.create(1, on=1)
    here = control.node(1)
    control.cut(here)
    back = control.connect(Line(here.identity, boot=boot, number=number))
    assert [what for _, what in back.sent] == [everything(an_order(1, 1))]


@pytest.mark.parametrize("applied", [False, True])
def test_update_that_was_under_way(control, applied):
    """What was under way when a connection ended is not lost, applied or not."""
    here = control.node(1, at_once=False)
    here.take()
    control.create(1, on=1)
    if applied:
        assert here.apply()
    control.cut(here)
    back = control.connect(Line(here.identity).knew(here))
    assert back.slice == {dataset_id(1): an_order(1, 1)}


def test_answer_on_an_old_connection(control):
    """An answer that comes when the connection was replaced settles nothing."""
    old = control.node(1, at_once=False)
    control.agents.disconnected(old)
    new = control.node(1, at_once=False)
    old.take()
    control.create(1, on=1)
    assert len(new.sent) == 1
    new.take()
    assert new.sent[1:] == [(2, edits(an_order(1, 1)))]


def test_records_are_told(control):
    """The record that upkeep makes of a report is told at once."""
    here = control.node(1)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.UNREGISTERED))
    assert here.slice[dataset_id(1)].ownership == an_ownership(1)


# --- holders -----------------------------------------------------------------------


def test_taken_from_a_holder(control):
    """A node that has what was moved away is told to let go, its successor to wait."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    assert here.slice == {dataset_id(1): an_order(1, 2)}
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}


def test_holder_lets_go(control):
    """When the holder has let go, its successor is told at once, and it forgets."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.say(here, gone=[1])
    assert here.slice == {}
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_still_acting(control):
    """Until the old node has confirmed that it is out, its successor waits."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2)}
    assert here.slice == {dataset_id(1): an_order(1, 2)}
    here.take()
    assert here.slice == {}


def test_taken_while_it_was_given(control):
    """The confirmation that it was given is none that it was taken away."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    control.move(1, to=2)
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_all_there_is_for_a_holder(control):
    """All that there is for an agent is also what it has and must let go."""
    here = control.node(1, at_once=False)
    here.take()
    control.create(1, on=1)
    here.take()
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    here.take()
    control.create(2, on=1)
    here.refuse()
    assert here.last == everything(an_order(1, 2), an_order(2, 1))


def test_still_in_a_step(control):
    """One that says with its confirmation that it is at work is waited for on."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    busy = a_fact(1, Condition.MISSING, Want.AWAY, doing=Phase.CREATING)
    control.say(here, busy)
    here.take()
    assert there.slice == {dataset_id(1): an_order(1, 2, held_by=[1])}
    control.say(here, gone=[1])
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_nobody_was_told(control):
    """A node that was never told of a dataset does not act for it."""
    there = control.node(2)
    here = control.node(1, at_once=False)
    control.create(1, on=1)
    control.move(1, to=2)
    assert there.slice == {dataset_id(1): an_order(1, 2)}
    assert here.under_way != []


def test_disconnected_while_acting(control):
    """A node that is gone cannot be waited for."""
    here, there = control.node(1, at_once=False), control.node(2)
    here.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    control.cut(here)
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_disconnected_holder(control):
    """What a silent node held blocks nobody: the backend knows whether it is free."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.cut(here)
    assert there.slice == {dataset_id(1): an_order(1, 2)}


def test_holder_returns(control):
    """A holder that is back is waited for again, until it says otherwise."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.cut(here)
    back = control.connect(Line(here.identity).knew(here))
    assert there.slice[dataset_id(1)].held_by == (HERE,)
    control.say(back, full=True)
    assert there.slice[dataset_id(1)].held_by == ()


def test_holder_returns_rebooted(control):
    """After a reboot a node holds nothing that it held before."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.say(here, a_fact(1, Condition.ATTACHED))
    control.move(1, to=2)
    control.cut(here)
    control.node(1, era=2)
    assert there.slice[dataset_id(1)].held_by == ()


def test_back_and_forth(control):
    """A dataset that is moved away and back is waited for by nobody in the end."""
    here, there = control.node(1, at_once=False), control.node(2, at_once=False)
    here.take()
    there.take()
    control.create(1, on=1)
    here.take()
    control.move(1, to=2)
    control.move(1, to=1)
    while here.under_way or there.under_way:
        for line in (here, there):
            if line.under_way:
                line.take()
    assert here.slice == {dataset_id(1): an_order(1, 1)}
    assert there.slice == {}


def test_unsure_while_it_comes_back(control):
    """What was moved away and back counts as mounted when its node has confirmed."""
    here = control.mounted_here()
    control.move(1, to=2)
    control.move(1, to=1)
    told = [control.status(1)]
    here.take()
    told.append(control.status(1))
    assert [(each.phase, each.node, each.path) for each in told] == 2 * [
        (Phase.WAITING, HERE, None)
    ]
    here.take()
    assert control.status(1).phase is Phase.MOUNTED


def test_unsure_after_a_break(control):
    """An agent that may have heard only that it was moved away must confirm all."""
    here = control.mounted_here()
    control.move(1, to=2)
    control.cut(here)
    control.move(1, to=1)
    back = control.connect(Line(here.identity, answers_at_once=False).knew(here))
    assert control.status(1).phase is Phase.WAITING
    back.take()
    assert control.status(1).phase is Phase.MOUNTED


def test_sure_while_it_only_rests(control):
    """A dataset that nobody used for a moment was never to leave its node."""
    here = control.mounted_here(on_use=True)
    control.lease(1, HERE)
    here.take()
    control.unlease(1)
    control.lease(1, HERE)
    assert here.under_way != []
    assert control.status(1).phase is Phase.MOUNTED


def test_sure_is_told(control):
    """Who watches is told when it counts as mounted again."""
    here = control.mounted_here()
    control.move(1, to=2)
    control.move(1, to=1)
    here.take()
    seen: list[DatasetID] = []
    control.observations.watch(Seeing(seen))
    here.take()
    assert seen == [dataset_id(1)]


# --- witnesses ---------------------------------------------------------------------


@pytest.fixture
def leased_to_silent(control):
    """A dataset that is mounted on use, leased to `HERE`, which is silent."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1, mount=Mounting.ON_USE)
    control.lease(1, HERE)
    control.cut(here)
    assert there.slice == {}
    return there


def test_witness(control, leased_to_silent):
    """Who was refused what a silent node leases looks where that is, each time."""
    there = leased_to_silent
    for times in (1, 2):
        before = len(there.sent)
        control.agents.look(THERE, dataset_id(1))
        assert there.slice.keys() == {dataset_id(1)}, times
        assert len(there.sent) == before + 1


def test_witness_finds_it_off(control, leased_to_silent):
    """The backend's word that the node is off ends its lease, and the looking."""
    there = leased_to_silent
    control.agents.look(THERE, dataset_id(1))
    control.clock.advance(1.0)
    off = a_fact(1, Condition.ON_DEAD_NODE, Want.AWAY)
    control.say(there, evolve(off, instance=InstanceID("i-1"), off=True))
    known = control.operations.configuration
    assert (known.nodes[HERE].is_dead, dict(known.leases)) == (True, {})
    assert there.slice == {}


@pytest.mark.parametrize("how", ["released", "back", "looks"])
def test_witness_is_dismissed(control, leased_to_silent, how):
    """When the lease has ended, or its node is back, nobody else need look."""
    there = leased_to_silent
    control.agents.look(THERE, dataset_id(1))
    if how == "released":
        control.unlease(1)
    else:
        control.node(1)
    if how == "looks":
        control.agents.look(THERE, dataset_id(1))
    assert there.slice == {}


def test_no_witness(control, leased_to_silent):
    """Nobody looks for a node that is silent itself, or for what is not leased."""
    control.agents.look(FAR, dataset_id(1))
    control.agents.look(HERE, dataset_id(1))
    control.agents.look(THERE, dataset_id(2))
    assert leased_to_silent.slice == {}
    assert control.node(3).slice == {}


# --- reports -----------------------------------------------------------------------


def test_report(control):
    """A report becomes what control knows."""
    here = control.node(1)
    control.say(here, a_fact(), full=True)
    assert control.observations.facts(dataset_id()) == {HERE: Observed(a_fact(), NOW)}


def test_report_of_an_old_connection(control):
    """Words of a connection that was replaced are void."""
    old = control.node(1)
    control.agents.disconnected(old)
    control.node(1)
    control.say(old, a_fact())
    assert control.observations.facts(dataset_id()) == {}


def test_end_of_an_old_connection(control):
    """The end of a connection that was replaced does not matter."""
    old = control.node(1)
    control.agents.disconnected(old)
    new = control.node(1)
    control.agents.disconnected(old)
    assert control.agents.connection_of(HERE) is new
    assert control.observations.nodes[HERE].connected


def test_report_is_a_sign_of_life(control):
    """Who reports was seen."""
    here = control.node(1)
    control.clock.advance(5)
    control.say(here)
    assert control.observations.nodes[HERE].last_seen == NOW + 5


def test_unknown_dataset(control):
    """A node that holds what nobody knows is told nothing about it."""
    here = control.node(1)
    control.say(here, a_fact(9, Condition.ATTACHED, Want.LEFT_ALONE))
    assert here.slice == {}


def test_destroyed(control):
    """When its node confirms that a dataset is destroyed, it is told of it no more."""
    here = control.node(1)
    control.create(1, on=1)
    control.delete(1)
    control.say(here, a_fact(1, Condition.MISSING, Want.DELETED))
    assert control.operations.configuration.datasets[dataset_id(1)].destroyed
    assert here.slice == {}


@pytest.mark.parametrize("back", [False, True], ids=["gone", "rebooted"])
def test_destroyed_when_the_last_holder_is(control, back):
    """The end of what kept a dataset from being destroyed is enough to go on."""
    here, there = control.node(1), control.node(2)
    control.create(1, on=1)
    control.delete(1)
    held = a_fact(1, Condition.ATTACHED, Want.AWAY)
    control.say(there, held)
    control.say(here, a_fact(1, Condition.MISSING, Want.DELETED))
    datasets = control.operations.configuration.datasets
    assert not datasets[dataset_id(1)].destroyed
    if back:
        control.agents.connected(Line(an_identity(2, era=2)), "", 0)
    else:
        control.cut(there)
    assert control.operations.configuration.datasets[dataset_id(1)].destroyed


# --- costs -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd():
    """Control with a thousand agents."""
    control = Control()
    return control, [control.node(number) for number in range(1, 1001)]


def told_by(lines, act) -> set[int]:
    """The numbers of the nodes that are sent anything by an act."""
    before = [len(line.sent) for line in lines]
    act()
    return {
        number
        for number, (line, count) in enumerate(zip(lines, before, strict=True), start=1)
        if len(line.sent) > count
    }


def test_only_who_is_touched(crowd):
    """Of a thousand agents, a change is told to those it touches."""
    control, lines = crowd
    assert told_by(lines, lambda: control.create(1, on=500)) == {500}
    assert told_by(lines, lambda: control.move(1, to=7)) == {500, 7}
    assert told_by(lines, lambda: control.delete(1)) == {7}


def test_only_whom_a_report_matters_to(crowd):
    """Of a thousand agents, a report is told of to those that wait for it."""
    control, lines = crowd
    control.create(2, on=3)
    held = a_fact(2, Condition.ATTACHED)
    assert told_by(lines, lambda: control.say(lines[2], held)) == set()
    control.move(2, to=4)
    assert told_by(lines, lambda: control.say(lines[2], gone=[2])) == {3, 4}


# --- everything in any order -------------------------------------------------------

nodes = st.integers(1, 3)
numbers = st.integers(1, 3)
conditions = st.sampled_from(
    [Condition.ATTACHED, Condition.MOUNTED, Condition.DETACHED, Condition.UNREGISTERED]
)


class AnyOrder(RuleBasedStateMachine):
    """Changes, reports, answers, refusals and ends of connections, in any order.

    When all has become quiet, each connected agent has the slice it should have.
    """

    @initialize()
    def begin(self) -> None:
        """Control starts, with three agents that take their time."""
        self.control = Control()
        self.lines = {
            number: self.control.node(number, at_once=False) for number in (1, 2, 3)
        }
        self.ends: dict[int, Line] = {}

    @rule(number=numbers, on=nodes)
    def create(self, number: int, on: int) -> None:
        if dataset_id(number) not in self.control.operations.configuration.datasets:
            self.control.create(number, on)

    @rule(number=numbers, to=nodes)
    def move(self, number: int, to: int) -> None:
        found = self.control.operations.configuration.datasets.get(dataset_id(number))
        if found is not None and not found.deleted:
            self.control.move(number, to)

    @rule(number=numbers)
    def delete(self, number: int) -> None:
        if dataset_id(number) in self.control.operations.configuration.datasets:
            self.control.delete(number)

    @rule(node=nodes)
    def take(self, node: int) -> None:
        line = self.lines.get(node)
        if line is not None and line.under_way:
            line.take()

    @rule(node=nodes)
    def refuse(self, node: int) -> None:
        line = self.lines.get(node)
        if line is not None and line.under_way and not line.under_way[0][3].full:
            line.refuse()

    @rule(
        node=nodes,
        number=numbers,
        condition=conditions,
        want=st.sampled_from(Want),
        doing=st.none() | st.just(Phase.ATTACHING),
    )
    def report(self, node: int, number: int, condition, want, doing) -> None:
        if node in self.lines:
            fact = a_fact(number, condition, want, doing=doing)
            self.control.say(self.lines[node], fact)

    @rule(node=nodes, number=numbers)
    def report_gone(self, node: int, number: int) -> None:
        if node in self.lines:
            self.control.say(self.lines[node], gone=[number])

    @rule(node=nodes, said=st.dictionaries(numbers, conditions))
    def report_all(self, node: int, said) -> None:
        if node in self.lines:
            facts = [a_fact(number, condition) for number, condition in said.items()]
            self.control.say(self.lines[node], *facts, full=True)

    @rule(node=nodes, applied=st.booleans())
    def cut(self, node: int, applied: bool) -> None:  # noqa: FBT001
        """A connection ends; what was under way may have arrived or not."""
        line = self.lines.pop(node, None)
        if line is None:
            return
        if applied and line.under_way:
            line.apply()
        self.control.cut(line)
        self.ends[node] = line

    @precondition(lambda self: self.ends)
    @rule(data=st.data(), knows=st.booleans(), era=st.integers(1, 2))
    def back(self, data, knows: bool, era: int) -> None:  # noqa: FBT001
        """An agent is back: the same process, or a new one that knows nothing."""
        node = data.draw(st.sampled_from(sorted(self.ends)))
        line = Line(an_identity(node, era=era), answers_at_once=False)
        if knows:
            line.knew(self.ends[node])
        del self.ends[node]
        self.lines[node] = self.control.connect(line)

    @invariant()
    def one_in_flight(self) -> None:
        """No agent is ever sent a second update before it has answered."""
        assert all(len(line.under_way) <= 1 for line in self.lines.values())

    @invariant()
    def nobody_is_hung_up_on(self) -> None:
        """Nothing of this is a reason to end a connection."""
        assert all(line.aborted == [] for line in self.lines.values())

    def teardown(self) -> None:
        """All answers come; then everybody knows what it should."""
        for _ in range(100):
            for line in self.lines.values():
                if line.under_way:
                    line.take()
        control = self.control
        configuration = control.operations.configuration
        for node, line in self.lines.items():
            assert line.under_way == []
            found = [
                assignment(
                    configuration,
                    node_id(node),
                    dataset,
                    control.observations.held_by(dataset),
                )
                for dataset in configuration.datasets
            ]
            assert line.slice == {each.id: each for each in found if each is not None}


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=40)


# --- pools -------------------------------------------------------------------------


def a_pool_node(control: Control, number: int) -> Line:
    """Let the agent of a node with a pool connect."""
    report = BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=4520 + number)
    return control.connect(Line(evolve(an_identity(number), backends=(report,))))


def of_copy(standing: Standing, condition: Condition, want: Want) -> Fact:
    """What a node says of its copy."""
    copy = PoolFact(Record(dataset_id(), standing), condition is not Condition.MISSING)
    return evolve(a_fact(1, condition, want), pool=copy)


def told(line: Line) -> Assignment:
    """What an agent knows of the dataset."""
    return line.slice[dataset_id()]


def peers(line: Line) -> list[NodeID]:
    """With whom an agent is to exchange data."""
    return [peer.node for peer in told(line).peers]


def test_pool_rows_are_told(control):
    """Owner and target are told the row at each step, and wait for nobody."""
    here, there = a_pool_node(control, 1), a_pool_node(control, 2)
    control.create(1, on=1)
    row = told(here).pool
    assert row is not None
    assert (row.owner, row.create) == (HERE, True)
    owned = of_copy(Owned(row.epoch, None), Condition.MOUNTED, Want.MOUNTED)
    control.say(here, owned)
    assert told(here).pool == evolve(row, create=False, acquired=True, revision=2)
    assert not there.slice
    sent = len(here.sent)
    control.move(1, to=2)
    assert len(here.sent) == sent + 1  # with dataset and row in one
    for line, other in ((here, THERE), (there, HERE)):
        assert told(line).pool == control.operations.configuration.pools[dataset_id()]
        assert told(line).dataset == a_dataset_on(2)
        assert told(line).held_by == ()
        assert peers(line) == [other]
    assert not control.observations.unconfirmed(HERE)
    sent = len(there.sent)
    control.say(here, of_copy(Owned(row.epoch, None), Condition.DETACHED, Want.AWAY))
    control.say(there, of_copy(Replica(row.epoch), Condition.DETACHED, Want.AWAY))
    assert len(there.sent) == sent  # whoever holds it is nobody's business


def a_dataset_on(number: int):
    """The dataset as it was asked for in these tests."""
    return a_dataset(1, number)


def test_peer_moves_house(control):
    """When a peer is to be reached elsewhere, the other is told at once."""
    here, there = a_pool_node(control, 1), a_pool_node(control, 2)
    control.create(1, on=1)
    owned = of_copy(Owned(told(here).pool.epoch, None), Condition.MOUNTED, Want.MOUNTED)
    control.say(here, owned)
    control.move(1, to=2)
    control.cut(there)
    report = BackendReport(DEFAULT_BACKEND, "btrfs", "pool", port=7)
    moved = evolve(an_identity(2, host="10.9.9.9"), backends=(report,))
    control.connect(Line(moved).knew(there))
    assert [(peer.host, peer.port) for peer in told(here).peers] == [("10.9.9.9", 7)]


def test_late_copy_is_buried(control):
    """A node that says that it has a copy of what is no more is told so."""
    here, there = a_pool_node(control, 1), a_pool_node(control, 2)
    control.create(1, on=1)
    epoch = told(here).pool.epoch
    control.say(here, of_copy(Owned(epoch, None), Condition.MOUNTED, Want.MOUNTED))
    control.move(1, to=2)
    control.delete(1)
    graves = of_copy(NoCopy(), Condition.MISSING, Want.DELETED)
    buried = evolve(graves, pool=evolve(graves.pool, record=BURIED))
    control.say(here, buried)
    assert told(there).pool.deleted
    control.say(there, buried)
    assert control.operations.configuration.datasets[dataset_id()].destroyed
    assert dataset_id() not in there.slice
    control.say(there, of_copy(Replica(epoch), Condition.DETACHED, Want.LEFT_ALONE))
    assert told(there).dataset is None
    assert told(there).pool.deleted
    control.say(there, buried)
    assert dataset_id() not in there.slice
    sent = len(there.sent)
    control.say(there, evolve(buried, size=None))
    assert len(there.sent) == sent


BURIED = Record(dataset_id(), Buried(), floor=Epoch(2))
