"""All that can happen to a pool dataset, as a space that can be searched.

What nodes and control do is the real code: `pool_transitions.RULES`, `pool_peers`,
`pool_moves`, `pool_upkeep`. Each rule may be taken whenever its guard holds, whatever
the agent would do first. Any message may be lost (nothing happens) or late.

Not in it: failover, several datasets, a lost disk, a control service that forgets (all
it knows is in the store), a stream that comes in part (then nothing of it is kept).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from attrs import evolve, frozen

from flocker.dataset_agent.pool_steps import Step
from flocker.testing.ownership import happenings, promises, restoring, snapshots
from flocker.testing.ownership.happenings import Budget, Happening, Said
from flocker.testing.ownership.search import Edge
from flocker.testing.ownership.world import NAMES, Control, Machine, a_world

T = TypeVar("T")

State = tuple[int, ...]
"""Numbers of values that `PoolSpace` knows: budget, said, control, each machine."""

_BUDGET, _SAID, _CONTROL, _MACHINE = range(4)


@frozen
class _Known:
    """A happening with its values numbered."""

    label: str
    progress: bool
    changes: tuple[tuple[int, int], ...]
    wrong: str | None
    checked: Step | None


class PoolSpace:
    """The states of a pool dataset on some `nodes` under a budget.

    With `empty` it begins before the dataset is made; unless it is `pinned` a node
    serves it only with a fence lease; with `disorder` messages overtake each other;
    with `planned` a node takes the first of its rules only, as an agent does.

    Values are numbered: a state is a few numbers, and what may happen with the same
    values is computed once.
    """

    def __init__(
        self,
        budget: Budget,
        nodes: int = 2,
        *,
        empty: bool = False,
        pinned: bool = True,
        disorder: bool = False,
        planned: bool = False,
    ) -> None:
        self._values: list[object] = []
        self._numbers: dict[object, int] = {}
        self._known: dict[tuple[object, ...], Sequence[_Known]] = {}
        self._wrong: dict[State, str | None] = {}
        self._disorder = disorder
        self._planned = planned
        self._nodes = range(nodes)
        self._rolls_back = budget.rollbacks > 0
        self._listens = budget.snapshots > 0
        self._restores = budget.restores > 0
        control, machines = a_world(
            nodes,
            empty=empty,
            pinned=pinned,
            marked=self._rolls_back,
            listening=self._listens,
        )
        start = (budget, Said(), control, *machines)
        self.start: State = tuple(self._number(each) for each in start)

    def said(self, state: State) -> Said:
        """Give what users were told."""
        return self._value(state[_SAID], Said)

    def control(self, state: State) -> Control:
        """Give what the store has."""
        return self._value(state[_CONTROL], Control)

    def machine(self, state: State, x: int) -> Machine:
        """Give a node."""
        return self._value(state[_MACHINE + x], Machine)

    def machines(self, state: State) -> tuple[Machine, ...]:
        """Give all nodes."""
        return tuple(self.machine(state, x) for x in self._nodes)

    def wrong(self, state: State) -> str | None:
        """Say what a state violates, if anything."""
        what = state[_SAID:]
        if what not in self._wrong:
            wanted = self.said(state).wanted
            self._wrong[what] = promises.broken(
                self.control(state), self.machines(state), wanted
            )
        return self._wrong[what]

    def well(self, state: State) -> bool:
        """Whether all is as it should be in the end."""
        return promises.well(self.control(state), self.machines(state))

    def edges(self, state: State) -> Iterator[Edge[State]]:
        """Give what can happen in a state."""
        for x, known in self._happenings(state):
            after = list(state)
            for place, number in known.changes:
                after[place] = number
            wrong = known.wrong
            if known.checked is not None and wrong is None:
                wrong = happenings.broken_step(
                    self.control(state),
                    self.machines(state),
                    x,
                    known.checked,
                    self.said(state),
                )
            yield Edge(known.label, tuple(after), known.progress, wrong)

    def _happenings(self, state: State) -> Iterator[tuple[int, _Known]]:
        """Give what may happen, each with the node that does it."""
        budget, said, control, *machines = state
        groups = [(0, self._memo(("asked", budget, said, control), self._asked))]
        if self.control(state).row.deleted:
            groups.append((0, self._memo(("anew", *state), self._anew)))
        elif self._rolls_back:
            back = self._memo(("back", budget, control, *machines), self._back)
            groups.append((0, back))
        if self._listens:
            groups.append((0, self._memo(("wishes", budget, control), self._wishes)))
        if self._restores:
            groups.append((0, self._memo(("restored", *state), self._restored)))
        for x, me in enumerate(machines):
            groups.extend((x, known) for known in self._of(x, state))
            groups.extend(
                (x, self._memo(self._who("meets", state, x, me, y, other), self._meets))
                for y, other in enumerate(machines)
                if x != y
            )
        return ((x, known) for x, group in groups for known in group)

    def _of(self, x: int, state: State) -> Iterator[Sequence[_Known]]:
        """What happens to one node, or is said by it."""
        budget, said, control, machine = (*state[:_MACHINE], state[_MACHINE + x])
        yield self._memo(("heard", budget, said, control, x, machine), self._heard)
        key = self._who("befalls", state, said, x, machine)
        yield self._memo(key, self._befalls)
        yield self._memo(("told", budget, control, x, machine), self._told)
        yield self._memo(("acts", x, machine), self._acts)
        if self._listens:
            yield self._memo(("says", control, x, machine), self._says)

    def _who(self, what: str, state: State, *more: int) -> tuple[str | int, ...]:
        """Name what may happen to somebody; control forgets words of who dies."""
        control = state[_CONTROL] if self._listens else -1
        return (what, state[_BUDGET], control, *more)

    # What happens, computed once for the numbers in its key.

    def _asked(self, budget: int, said: int, control: int) -> Iterator[Happening]:
        yield from happenings.asked(
            self._value(budget, Budget),
            self._value(said, Said),
            self._value(control, Control),
            self._nodes,
        )

    def _anew(self, *state: int) -> Iterator[Happening]:
        yield from happenings.anew(
            self._value(state[_BUDGET], Budget),
            self.said(state),
            self.control(state),
            self.machines(state),
        )

    def _back(self, budget: int, control: int, *machines: int) -> Iterator[Happening]:
        yield from happenings.rolls_back(
            self._value(budget, Budget),
            self._value(control, Control),
            tuple(self._value(each, Machine) for each in machines),
        )

    def _restored(
        self, budget: int, said: int, control: int, *machines: int
    ) -> Iterator[Happening]:
        have = self._value(control, Control)
        nodes = tuple(self._value(each, Machine) for each in machines)
        yield from restoring.befalls(self._value(budget, Budget), have, nodes)
        yield from restoring.heard(self._value(said, Said), have, nodes)
        for x, machine in enumerate(nodes):
            yield from restoring.connects(x, machine)

    def _heard(
        self, budget: int, said: int, control: int, x: int, machine: int
    ) -> Iterator[Happening]:
        """What is heard now makes void what was said before, unless in disorder."""
        me, have = self._value(machine, Machine), self._value(control, Control)
        after = me if self._disorder else evolve(me, late_fact=None)
        facts = [("", me.fact, after)] if me.up and not me.apart else []
        if me.late_fact is not None:
            facts.append(("LATE ", me.late_fact, me))
        for late, fact, node in facts:
            found = [
                *happenings.heard(self._value(said, Said), have, x, fact),
                *happenings.pruned(self._value(budget, Budget), have, x, fact),
            ]
            for each in found:
                label = f"control: {late}{NAMES[x]} {each.label}"
                yield evolve(each, label=label, machines=((x, node),))

    def _wishes(self, budget: int, control: int) -> Iterator[Happening]:
        have = self._value(control, Control)
        yield from snapshots.asked(self._value(budget, Budget), have)
        yield from snapshots.kept(have)

    def _says(self, control: int, x: int, machine: int) -> Iterator[Happening]:
        have, me = self._value(control, Control), self._value(machine, Machine)
        yield from snapshots.heard(have, x, me)

    def _forgetting(
        self, control: int, what: Iterator[Happening]
    ) -> Iterator[Happening]:
        if not self._listens:
            return what
        return snapshots.forgetting(self._value(control, Control), what)

    def _befalls(
        self, budget: int, control: int, said: int, x: int, machine: int
    ) -> Iterator[Happening]:
        found = happenings.befalls(
            self._value(budget, Budget),
            self._value(said, Said),
            x,
            self._value(machine, Machine),
        )
        yield from self._forgetting(control, found)

    def _told(
        self, budget: int, control: int, x: int, machine: int
    ) -> Iterator[Happening]:
        me, have = self._value(machine, Machine), self._value(control, Control)
        left = self._value(budget, Budget)
        unsure = have.row.unsure and not have.row.create
        if me.up and not me.apart and not unsure:
            yield from happenings.told(left, have, x, me, disorder=self._disorder)

    def _acts(self, x: int, machine: int) -> Iterator[Happening]:
        me = self._value(machine, Machine)
        if me.up and me.coming is None:
            found = chain(happenings.acts(x, me), snapshots.acts(x, me))
            yield from islice(found, 1) if self._planned else found
        yield from snapshots.arrives(x, me)

    def _meets(
        self, budget: int, control: int, x: int, mine: int, y: int, theirs: int
    ) -> Iterator[Happening]:
        me, them = self._value(mine, Machine), self._value(theirs, Machine)
        if not (me.up and them.up) or me.coming or them.coming:
            return
        left = self._value(budget, Budget)
        for each in self._forgetting(control, happenings.meets(left, x, me, y, them)):
            yield each
            yield from snapshots.slowly(left, x, me, each)

    # Numbers for values.

    def _memo(
        self,
        key: tuple[str | int, ...],
        compute: Callable[..., Iterable[Happening]],
    ) -> Sequence[_Known]:
        found = self._known.get(key)
        if found is None:
            found = tuple(self._numbered(each) for each in compute(*key[1:]))
            self._known[key] = found
        return found

    def _numbered(self, each: Happening) -> _Known:
        values = [
            (_BUDGET, each.budget),
            (_SAID, each.said),
            (_CONTROL, each.control),
            *((_MACHINE + x, machine) for x, machine in each.machines),
        ]
        changes = tuple(
            (place, self._number(value)) for place, value in values if value is not None
        )
        return _Known(each.label, each.progress, changes, each.wrong, each.checked)

    def _number(self, value: object) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self._values)
            self._values.append(value)
        return number

    def _value(self, number: int, kind: type[T]) -> T:
        value = self._values[number]
        assert isinstance(value, kind)
        return value
