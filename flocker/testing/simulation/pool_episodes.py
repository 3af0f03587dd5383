"""Longer episodes of plans: rollbacks, and streams that are cut; pure.

Each is what happens at about one time around one dataset. For `pool_plans`.
"""

from flocker.model.pools import Stage
from flocker.testing.simulation import happenings as h
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.plans import SHORT, Dice, Then
from flocker.testing.simulation.pool_dice import BETWEEN, WAITS, PoolDice, a_name, how
from flocker.testing.simulation.pool_faults import REST_CALLS

PARTS = 12
"""A stream that is cut is cut before so many parts."""


def _back_to(dice: Dice, dataset: int, name: str) -> h.RollBack:
    """Go back to a snapshot, or to what was before the last time."""
    return h.RollBack(dataset, None if dice.one_in(4) else name)


def rolled_back(dice: Dice) -> tuple[Then, ...]:
    """Go back to a snapshot, while something else happens; perhaps only nearly."""
    dataset, name = dice.dataset(), a_name(dice)
    steps = [dice.soon(h.Write())]
    if not dice.one_in(3):
        taken = Then(0.0, 0, h.TakeSnapshot(dataset, name))
        steps += [taken, Then(dice.random.choice(WAITS), 0, h.Write())]
    place = dice.places[dataset]
    if dice.one_in(3):
        between = dice.random.randrange(BETWEEN)
        dies = h.DieBetween(place, between, dice.long(), dice.one_in(3))
        steps.append(Then(0.0, 0, dies))
    events = dice.random.randrange(dice.random.choice((2, 8, 30)))
    asked = _back_to(dice, dataset, name)
    if dice.one_in(3):
        steps += [Then(0.0, 0, asked), *_served_again(events, place)]
    else:
        meanwhile = _while_it_goes_back(dice, dataset, name)
        steps += [dice.soon(asked), Then(0.0, events, meanwhile)]
    steps.append(dice.soon(h.Write()))
    if dice.one_in(4):
        steps.append(dice.soon(h.CancelRollback(dataset)))
    return tuple(steps)


def _served_again(events: int, machine: int) -> tuple[Then, ...]:
    """An agent begins anew, does not reach control, and serves what is written to."""
    return (
        Then(0.0, events, h.Partition(machine, 10.0)),
        Then(0.0, 0, h.KillAgent(machine, 0.0)),
        Then(3.0, 0, h.Write()),
    )


def _while_it_goes_back(dice: Dice, dataset: int, name: str) -> h.Happening:
    here = dice.place(dataset)
    there = dice.other(here)
    calls = ("repeat", "snapshot", "make_read_only", "unmount", "write_record")
    return dice.random.choice(
        (
            h.CancelRollback(dataset),
            h.CancelRollback(dataset),
            h.CancelRollback(dataset),
            h.KillAgent(here, 0.0),
            h.KillAgent(here, dice.long()),
            h.PowerOff(here, dice.long()),
            h.KillControl(0.0),
            h.Partition(here, dice.long()),
            h.Suspend(here, dice.long()),
            h.Stall(here, dice.random.choice(SHORT)),
            h.StoreUnanswered(),
            h.TellOld(here, dice.random.randrange(1, 6), 1.0),
            h.FillPool(here, dice.long()),
            h.UseCopies(here, dice.long()),
            h.PoolFails(here, dice.random.choice(calls), how(dice)),
            h.PoolFails(here, dice.random.choice(calls), Fault.BEFORE, dice.long()),
            h.PoolHangs(here, dice.long()),
            h.Lease(dataset, here),
            h.Delete(dataset) if dice.one_in(3) else h.Write(),
            h.DeleteSnapshot(dataset, name),
            h.DeleteSnapshot(dataset, None),
            h.TakeSnapshot(dataset, a_name(dice)),
            dice.move(dataset, there),
            dice.move(dataset, there),
        )
    )


def went_back(dice: Dice) -> tuple[Then, ...]:
    """Go back, write when that may be done, and let the node not be sure of that."""
    dataset, name = dice.dataset(), a_name(dice)
    here, there = dice.places[dataset], dice.machine()
    after = dice.random.choice(
        (
            h.KillAgent(here, dice.long()),
            h.PowerOff(here, dice.long()),
            h.KillControl(dice.long()),
            dice.move(dataset, there),
            h.DeleteSnapshot(dataset, name),
            _back_to(dice, dataset, name),
        )
    )
    old = (dice.random.randrange(1, 10), dice.random.choice(SHORT))
    return (
        Then(0.0, 0, h.TakeSnapshot(dataset, name)),
        Then(dice.random.choice(WAITS), 0, h.Write()),
        dice.soon(_back_to(dice, dataset, name)),
        Then(dice.random.choice(WAITS), dice.random.randrange(6), h.Write()),
        dice.soon(after),
        dice.soon(h.Write()),
        dice.soon(h.TellOld(here, *old)),
        dice.soon(h.Write()),
    )


def used_what_was_kept(dice: Dice) -> tuple[Then, ...]:
    """Go back, and then delete what that has kept, clone it, or go back to it.

    Perhaps the pool cannot go back for a while, and what stands there is written to.
    """
    assert isinstance(dice, PoolDice)
    dataset, name = dice.dataset(), a_name(dice)
    place = dice.places[dataset]
    steps = [
        dice.soon(h.Write()),
        Then(0.0, 0, h.TakeSnapshot(dataset, name)),
        Then(dice.random.choice(WAITS), 0, h.Write()),
    ]
    if dice.one_in(2):
        fails = h.PoolFails(place, "repeat", Fault.BEFORE, 20.0)
        back = (Then(0.0, 0, fails), Then(0.0, 0, h.RollBack(dataset, name)))
        again = _served_again(dice.random.randrange(10), place)
        steps += [*back, Then(dice.random.choice(WAITS), 0, h.Write()), *again]
    else:
        steps.append(dice.soon(h.RollBack(dataset, name)))
    for _ in range(dice.random.choice((1, 2))):
        clone = h.Clone(dice.clone(place), dataset, None, place)
        deleted = h.DeleteSnapshot(dataset, None)
        then = (deleted, deleted, deleted, clone, clone, h.RollBack(dataset, None))
        wait = dice.random.choice((1.0, 10.0, 40.0))
        steps.append(Then(wait, dice.random.randrange(6), dice.random.choice(then)))
        moved = dice.move(dataset, dice.machine())
        steps.append(dice.soon(dice.random.choice((h.Write(), moved))))
    return tuple(steps)


def cancel_rollback(dice: Dice) -> h.Happening:
    """Let a dataset stay what it is."""
    return h.CancelRollback(dice.dataset())


def cut_in_the_middle(dice: Dice) -> tuple[Then, ...]:
    """A stream that is long is cut, more than once; and something else happens."""
    dataset, name = dice.dataset(), a_name(dice)
    here = dice.places[dataset]
    there = dice.other(here)
    written = [Then(0.0, 0, h.Write()) for _ in range(dice.random.choice((2, 6, 12)))]
    cuts = [
        Then(0.0, 0, h.ResetStreams(there, dice.random.randrange(1, PARTS)))
        for _ in range(dice.random.choice((1, 2, 3)))
    ]
    steps = [*written, *cuts, dice.soon(dice.move(dataset, there))]
    if dice.one_in(2):
        steps.append(Then(0.0, 0, h.Await(dataset, Stage.COPYING, 20.0)))
        events = dice.random.randrange(dice.random.choice((10, 40, 120)))
        steps.append(Then(0.0, events, _cut(dice, here, there)))
    if dice.one_in(2):
        steps.append(dice.soon(_after_a_cut(dice, dataset, name, there)))
    return (*steps, dice.soon(h.Write()))


def _cut(dice: Dice, here: int, there: int) -> h.Happening:
    between = dice.random.randrange(4)
    return dice.random.choice(
        (
            h.ResetStreams(here),
            h.CutWay(here, there, dice.random.choice((1.0, 25.0)), dice.one_in(2)),
            h.KillAgent(here, 0.0),
            h.KillAgent(there, 0.0),
            h.PowerOff(there, dice.random.choice(SHORT)),
            h.DieBetween(there, between, 0.5, dice.one_in(3)),
            h.PoolFails(there, dice.random.choice(REST_CALLS), how(dice)),
            h.PoolFails(here, dice.random.choice(REST_CALLS), how(dice)),
        )
    )


def _after_a_cut(dice: Dice, dataset: int, name: str, there: int) -> h.Happening:
    return dice.random.choice(
        (
            h.CancelMove(dataset),
            h.TakeSnapshot(dataset, name),
            h.DeleteSnapshot(dataset, name),
            h.PruneCopy(dataset, there),
            h.RollBack(dataset, name),
            h.Delete(dataset),
            dice.move(dataset, dice.machine()),
            h.TellOld(there, dice.random.randrange(1, 8), 1.0),
        )
    )
