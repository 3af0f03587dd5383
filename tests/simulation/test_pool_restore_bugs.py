"""Deliberate bugs in what a restored store believes: each must be found.

First by the explorer, in as few steps as stand with it, then by the fixed seeds in
which control is restored; or it is a second barrier, as records know better too.
"""

from collections.abc import Callable

import pytest
from attrs import evolve

from flocker.control import pool_doubts, pool_tending, slices
from flocker.model.changes import Change
from flocker.model.pools import Released, Replica
from flocker.testing.ownership import restoring
from flocker.testing.ownership.happenings import Budget
from flocker.testing.ownership.search import explore
from flocker.testing.ownership.space import PoolSpace
from flocker.testing.simulation import pool_world
from flocker.testing.simulation.pool_plans import RESTORED, pool_plan
from flocker.testing.simulation.running import run

Patch = pytest.MonkeyPatch
PutIn = Callable[[Patch], None]

MOST = 100_000
SEEDS = range(RESTORED - 1, 1000, RESTORED)
"""The fixed ones in which control is restored."""
SOME = SEEDS[:20]
"""Seeds that miss what has something else behind it."""


def believed(patch: Patch) -> None:
    """A restored store takes the backup for what is so."""
    patch.setattr(pool_doubts, "doubt", lambda row, numbers_from: row)
    patch.setattr(pool_world, "doubt_all", lambda configuration, number: Change())
    patch.setattr(pool_tending, "is_behind", lambda row, words: False)


def target_unheard(patch: Patch) -> None:
    """Who let go has it again, whatever the target has become: C22."""
    given_back = pool_doubts._given_back

    def careless(row, words):
        let_go = [each.record.standing for each in words.values()]
        targets = {
            each.target: evolve(
                next(iter(words.values())),
                record=evolve(
                    next(iter(words.values())).record, standing=Replica(each.epoch)
                ),
            )
            for each in let_go
            if isinstance(each, Released)
        }
        return given_back(row, {**targets, **words})

    patch.setattr(pool_doubts, "_given_back", careless)


def as_it_was_though_let_go(patch: Patch) -> None:
    """The owner of the backup is believed to own its epoch, whatever it says: C21."""

    def careless(row, words):
        said = words.get(row.owner)
        if said is None or said.record.epoch > row.epoch:
            return None
        return pool_doubts._sure(row, row, words)

    patch.setattr(pool_doubts, "_as_it_was", careless)


def heard_in_the_middle(patch: Patch) -> None:
    """A word counts that was said in the middle of a step for the control of before."""
    patch.setattr(
        restoring,
        "_apart",
        lambda machine: evolve(machine, late=None, late_fact=None, late_wanted=None),
    )


def told_before_it_is_sure(patch: Patch) -> None:
    """Nodes are told what the backup says: what they have on record knows better."""
    patch.setattr(slices, "_is_told", lambda row: True)


FOUND = {
    believed: ("I1", 13),
    target_unheard: ("I1", 15),
    as_it_was_though_let_go: ("I1", 15),
    heard_in_the_middle: ("I1", 14),
}


@pytest.mark.parametrize("put_in", FOUND, ids=lambda each: each.__name__)
def test_found(put_in: PutIn, monkeypatch: Patch) -> None:
    """The explorer finds it, in as few steps as stand here."""
    put_in(monkeypatch)
    space = PoolSpace(Budget(moves=1, restores=1))
    result = explore(space, space.start, most=MOST)
    wrong = (result.wrong or "nothing").split(":")[0]
    assert (wrong, result.depth) == FOUND[put_in], str(result)


@pytest.mark.parametrize(
    "put_in", [believed, target_unheard], ids=lambda each: each.__name__
)
def test_found_by_seeds(put_in: PutIn, monkeypatch: Patch) -> None:
    """One of the fixed seeds finds it, which pass without."""
    put_in(monkeypatch)
    assert any(run(seed, plan=pool_plan).violation for seed in SEEDS)


@pytest.mark.slow
def test_second_barrier(monkeypatch: Patch) -> None:
    """What records stand behind is not missed."""
    told_before_it_is_sure(monkeypatch)
    assert not any(run(seed, plan=pool_plan).violation for seed in SOME)


@pytest.mark.parametrize(
    "budget",
    [
        Budget(moves=1, restores=1, writes=1),
        Budget(moves=1, restores=1, leases=1),
        Budget(rollbacks=2, restores=1, writes=1),
        pytest.param(Budget(moves=2, restores=1, writes=1), marks=pytest.mark.slow),
        pytest.param(
            Budget(moves=1, restores=1, cancels=1, restarts=1), marks=pytest.mark.slow
        ),
        pytest.param(
            Budget(moves=1, restores=1, leases=1, cancels=1), marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_holds(budget: Budget) -> None:
    """Whatever a backup is of, whoever is heard first: nothing is lost or forked."""
    space = PoolSpace(budget)
    result = explore(space, space.start, most=1_000_000)
    assert result.complete
    assert result.wrong is None, str(result)
