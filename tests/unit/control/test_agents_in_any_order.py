"""Agents in any order, and a thousand: each is told what it should be, no more."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from flocker.control.slices import assignment
from flocker.model.cluster import (
    Condition,
    Phase,
    Want,
)
from flocker.testing.builders import (
    a_fact,
    an_identity,
    dataset_id,
    node_id,
)
from tests.unit.control.agent_lines import (
    Control,
    Line,
)


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
