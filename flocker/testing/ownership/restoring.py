"""What may happen when control is restored from a backup that is older than the nodes.

Agents go on by what they were told until they have connected to the restored control;
what they say counts from then on. The decisions are the real code.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from attrs import evolve

from flocker.control import pool_doubts
from flocker.testing.ownership import promises
from flocker.testing.ownership.happenings import Budget, Happening, Said
from flocker.testing.ownership.world import NAMES, NODES, Control, Machine

NUMBERED = 100
"""Numbers from here on no store has given out before it was restored."""


def befalls(
    budget: Budget, control: Control, machines: Sequence[Machine]
) -> Iterator[Happening]:
    """A backup is made, or restored."""
    row = control.row
    left = budget.without("restores")
    if left is not None and control.backup is None and not row.unsure:
        kept = evolve(control, backup=(row, control.lease))
        yield Happening("operator: backs up", control=kept, progress=False)
    if left is None or control.backup is None:
        return
    before, lease = control.backup
    if before == row:
        return
    restored = Control(pool_doubts.doubt(before, NUMBERED), lease)
    apart = tuple((x, _apart(machine)) for x, machine in enumerate(machines))
    yield Happening("operator: restores", left, None, restored, apart, progress=False)


def _apart(machine: Machine) -> Machine:
    """Nothing that the network has comes over another connection."""
    cut = evolve(machine, late=None, late_fact=None, late_wanted=None)
    return evolve(cut, apart=machine.up)


def connects(x: int, machine: Machine) -> Iterator[Happening]:
    """An agent connects to the restored control, which tells it nothing at first."""
    if machine.up and machine.apart:
        knows = evolve(machine, told=None, apart=False)
        yield Happening(f"{NAMES[x]}: connects", machines=((x, knows),))


def heard(
    said: Said, control: Control, machines: Sequence[Machine]
) -> Iterator[Happening]:
    """Control becomes sure by what some nodes have said, be it all or few."""
    row = control.row
    if not row.unsure or row.deleted:
        return
    words = {
        NODES[x]: machine.fact
        for x, machine in enumerate(machines)
        if machine.up and not machine.apart
    }
    for number in range(1, len(words) + 1):
        for nodes in combinations(sorted(words), number):
            found = pool_doubts.settle(row, {node: words[node] for node in nodes})
            if found is not None:
                names = "".join(NAMES[NODES.index(node)] for node in nodes)
                wrong = promises.broken_certainty(row, found)
                after = evolve(control, row=found)
                yield Happening(
                    f"control: sure by {names}", None, said, after, wrong=wrong
                )
