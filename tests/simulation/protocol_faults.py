"""Faults of the ownership protocol that are put in: what a search finds of each.

Each is a small patch of the real code. With it stands the shortest way to harm, in
steps; docs/contributing/ownership.rst has the table.
"""

from attrs import evolve, field, frozen

from flocker.dataset_agent import pool_peers, pool_transitions
from flocker.dataset_agent import pool_rollbacks as pool_rollbacks_here
from flocker.dataset_agent.pool_steps import Write
from flocker.testing.ownership import happenings, promises
from flocker.testing.ownership.happenings import Budget
from tests.simulation.bugs import Patch, PutIn


@frozen
class Case:
    """What may happen, what is violated, and after how many steps.

    The first of them may be given: the search begins after `script`.
    """

    budget: Budget
    wrong: str
    depth: int
    world: dict[str, object]
    script: tuple[str, ...] = ()


@frozen
class Faults:
    """Those of one theme: they are found, or another guard makes them harmless."""

    by_search: dict[PutIn, Case] = field(factory=dict)
    second: dict[PutIn, Case] = field(factory=dict)

    def found(self, budget, wrong, depth, script=(), **how):
        """Put a fault on the list of those that are found."""

        def add(put_in: PutIn) -> PutIn:
            self.by_search[put_in] = Case(budget, wrong, depth, how, script)
            return put_in

        return add

    def harmless(self, budget, script=(), **how):
        """Put a fault on the list of those that another guard makes harmless."""

        def add(put_in: PutIn) -> PutIn:
            self.second[put_in] = Case(budget, "", 0, how, script)
            return put_in

        return add


# Ways to put a fault in.


def instead(patch: Patch, module, name: str, other) -> None:
    """Let another function take the place of a rule, or of what rules ask."""
    rule = getattr(module, name)
    other.__name__ = name
    listing = pool_transitions if module is pool_rollbacks_here else module
    rules = tuple(other if each is rule else each for each in listing.RULES)
    patch.setattr(listing, "RULES", rules)
    patch.setattr(module, name, other)


def on_record(patch: Patch, change) -> None:
    """Change each record before a node writes it."""
    perform = happenings.perform

    def faulty(machine, step):
        if isinstance(step, Write):
            return perform(machine, evolve(step, record=change(machine, step)))
        return perform(machine, step)

    patch.setattr(happenings, "perform", faulty)
    patch.setattr(promises, "went_back", lambda before, after: None)


def received(patch: Patch, change) -> None:
    """Change the steps by which a stream is taken."""
    take = pool_peers._take
    patch.setattr(
        pool_peers, "_take", lambda here, *more: change(here, take(here, *more))
    )


def confirmed(patch: Patch, change) -> None:
    """Change the steps by which a snapshot is confirmed."""
    confirm = pool_peers.confirm

    def faulty(here, asked):
        steps = confirm(here, asked)
        return change(steps) if isinstance(steps, tuple) else steps

    patch.setattr(pool_peers, "confirm", faulty)
