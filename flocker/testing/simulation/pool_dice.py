"""What plans of pools choose from: which dataset, which name, how a call fails."""

from attrs import define, field

from flocker.testing.simulation import happenings as h
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.plans import CLONES, DATASETS, Dice

NAMES = ("a", "b", "c")
"""What users call snapshots: few names, so that they are used again."""
WAITS = (0.3, 5.0, 20.0)
"""Seconds after which a snapshot or a move is done, or is not."""
BETWEEN = 12
"""Before the next of so many durable steps an agent may die."""


@define
class PoolDice(Dice):
    """Speaks of what was asked for: of clones too, and seldom of what is not there."""

    asked: set[int] = field(factory=set)
    clones: list[int] = field(factory=list)

    def dataset(self) -> int:
        """Choose one of the first, or now and then a clone."""
        if self.clones and self.one_in(4):
            return self.random.choice(self.clones)
        chosen = super().dataset()
        return chosen if chosen in self.asked or self.one_in(6) else 0

    def create(self) -> h.Create:
        """Ask for a dataset, perhaps twice."""
        dataset = self.random.choice((0, 1, 1, 2, 2))
        self.asked.add(dataset)
        place = self.places[dataset]
        return h.Create(dataset, place, self.one_in(5), self.one_in(8))

    def clone(self, machine: int) -> int:
        """Choose which clone is asked for, and note where."""
        made = DATASETS + self.random.randrange(CLONES)
        self.clones.append(made)
        self.places[made] = machine
        return made


def a_name(dice: Dice) -> str:
    """Choose how a snapshot is called."""
    return dice.random.choice(NAMES)


def how(dice: Dice) -> Fault:
    """Choose how a call of a pool fails."""
    return dice.random.choice((Fault.BEFORE, Fault.AFTER, Fault.ODD))
