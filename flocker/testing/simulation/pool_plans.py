"""From a seed to all that happens in a cluster whose nodes have pools; pure."""

from random import Random

from flocker.model.pools import Stage
from flocker.testing.simulation import happenings as h
from flocker.testing.simulation import plans, pool_episodes
from flocker.testing.simulation.backups import BackUp, Restore
from flocker.testing.simulation.faults import Fault
from flocker.testing.simulation.plans import (
    LONG,
    SHORT,
    Dice,
    Kind,
    Plan,
    Shape,
    Storage,
    Then,
)
from flocker.testing.simulation.pool_dice import (
    BETWEEN,
    WAITS,
    PoolDice,
    a_name,
    how,
)
from flocker.testing.simulation.pool_faults import POOL_CALLS

BOTH = 4
"""One seed of so many has block storage besides."""
ZFS = 5
"""In one seed of so many clones need the snapshot that they are made of."""
RESUMES = 3
"""In one seed of so many no stream goes on after a cut."""
RESTORED = 10
"""In one seed of so many control is restored from backups."""
LENGTH = range(6, 20)
"""So many things happen: fewer than with block storage, as each brings others."""


def pool_plan(seed: int, length: range = LENGTH) -> Plan:
    """Give the plan of a seed, in which so many things happen."""
    random = Random(f"pools {seed}")
    shape = Shape(
        machines=random.choice((2, 2, 3, 3, 4)),
        steps_take=random.choice((0.0, 0.05, 0.5, 2.0)),
        lag=0.0,
        latency=random.choice((0.001, 0.001, 0.02, 0.3)),
        commits_take=random.choice((0.0, 0.01, 0.5)),
        storage=Storage.BOTH if seed % BOTH == BOTH - 1 else Storage.POOL,
        drift=random.choice((0.0, 0.0, 0.001, 0.1)),
        zfs=seed % ZFS == ZFS - 1,
        resumes=seed % RESUMES != 0,
    )
    dice = PoolDice(random, shape.machines)
    if seed % RESTORED == RESTORED - 1:
        return Plan(seed, shape, _restored(dice, length))
    steps = plans.story(dice, _USERS, _FAULTS, length)
    return Plan(seed, shape, tuple(steps))


def _restored(dice: PoolDice, length: range) -> tuple[Then, ...]:
    """Begin with two datasets and a backup; ask only for what all backups know of."""
    dice.asked.update((0, 1))
    made, *steps = plans.story(dice, _RESTORED, _FAULTS, length)
    other = Then(0.0, 0, h.Create(1, dice.places[1]))
    then = (each for each in steps if not isinstance(each.happening, _VOID))
    return (made, other, Then(LONG[-1], 0, h.Write()), Then(0.0, 0, BackUp()), *then)


def _back_up(dice: Dice) -> h.Happening:
    return BackUp()


def _restore(dice: Dice) -> tuple[Then, ...]:
    """Control is restored while users write; perhaps somebody is away then."""
    away = dice.soon(h.PowerOff(dice.machine(), dice.long()))
    kept = (away,) if dice.one_in(3) else ()
    return (dice.soon(h.Write()), *kept, dice.soon(Restore()), dice.soon(h.Write()))


def _moved_and_restored(dice: Dice) -> tuple[Then, ...]:
    """A move is asked for, perhaps done; then comes a backup of before."""
    moved = dice.soon(plans.move(dice))
    before = (dice.soon(BackUp()),) if dice.one_in(2) else ()
    waits = Then(dice.random.choice(WAITS), 0, h.Write())
    return (*before, moved, waits, *_restore(dice))


def _create(dice: Dice) -> h.Happening:
    assert isinstance(dice, PoolDice)
    return dice.create()


def _move(dice: Dice) -> tuple[Then, ...]:
    """Write, ask for a move, and write meanwhile."""
    moved = dice.soon(plans.move(dice))
    return (dice.soon(h.Write()), moved, dice.soon(h.Write()))


def _interfered(dice: Dice) -> tuple[Then, ...]:
    """A move is asked for, and something happens in the middle of it."""
    dataset = dice.dataset()
    here = dice.places[dataset]
    there = dice.other(here)
    steps = [dice.soon(h.Write()), dice.soon(dice.move(dataset, there))]
    if dice.one_in(2):
        stage = dice.random.choice((Stage.COPYING, Stage.FREEZING, Stage.FREEZING))
        steps.append(Then(0.0, 0, h.Await(dataset, stage, 20.0)))
    events = dice.random.randrange(dice.random.choice((4, 20, 60)))
    what = _in_the_middle(dice, dataset, here, there)
    return (*steps, Then(0.0, events, what), dice.soon(h.Write()))


def _in_the_middle(dice: Dice, dataset: int, here: int, there: int) -> h.Happening:
    other = dice.random.choice((here, here, there))
    between = dice.random.randrange(BETWEEN)
    return dice.random.choice(
        (
            h.DieBetween(here, between, dice.long(), dice.one_in(3)),
            h.DieBetween(there, between, dice.long(), dice.one_in(3)),
            h.CancelMove(dataset),
            h.CancelMove(dataset),
            h.ResetStreams(there),
            h.CutWay(here, there, dice.long(), dice.one_in(2)),
            h.CutWay(there, here, dice.long(), both=False),
            dice.move(dataset, dice.machine()),
            dice.move(dataset, here),
            h.PoolFails(other, dice.random.choice(POOL_CALLS), how(dice)),
            h.TellOld(other, dice.random.randrange(1, 6), 1.0),
            h.KillAgent(other, 0.0),
            h.PoolHangs(there, dice.long(), streams=True),
            h.KillControl(0.0),
            h.Partition(other, dice.long()),
            h.Lease(dataset, other),
            h.Delete(dataset) if dice.one_in(3) else h.CancelMove(dataset),
            h.TakeSnapshot(dataset, a_name(dice)),
            h.TakeSnapshot(dataset, a_name(dice)),
            h.DeleteSnapshot(dataset, a_name(dice)),
            h.Suspend(other, dice.long()),
        )
    )


def _on_terms(dice: Dice) -> h.Happening:
    dataset, machine = dice.dataset(), dice.machine()
    dice.places[dataset] = machine
    if dice.one_in(2):
        return h.MoveOnTerms(dataset, machine, force=True)
    downtime = dice.random.choice((0.1, 1.0, 5.0))
    return h.MoveOnTerms(dataset, machine, max_downtime=downtime)


def _cancel(dice: Dice) -> h.Happening:
    return h.CancelMove(dice.dataset())


def _prune(dice: Dice) -> h.Happening:
    return h.PruneCopy(dice.dataset(), dice.machine())


def _again(dice: Dice) -> tuple[Then, ...]:
    """Delete it, and ask for it anew, with the same id, as soon as that may be."""
    dataset = dice.dataset()
    return (
        dice.soon(h.Delete(dataset)),
        Then(dice.random.choice((1.0, 10.0, 30.0)), 0, h.Purge(dataset)),
        dice.soon(h.Create(dataset, dice.machine())),
        dice.soon(h.Write()),
    )


def _snapshot(dice: Dice) -> tuple[Then, ...]:
    """Write, ask for a snapshot, and write on."""
    taken = dice.soon(h.TakeSnapshot(dice.dataset(), a_name(dice)))
    return (dice.soon(h.Write()), taken, dice.soon(h.Write()))


def _delete_snapshot(dice: Dice) -> h.Happening:
    return h.DeleteSnapshot(dice.dataset(), a_name(dice))


def _unwritten(dice: Dice) -> tuple[Then, ...]:
    """Move what was not written to since a snapshot: that is what is handed over.

    It is deleted then, and the dataset moved on or back.
    """
    dataset, name = dice.dataset(), a_name(dice)
    return (
        dice.soon(h.Write()),
        dice.soon(h.TakeSnapshot(dataset, name)),
        Then(dice.random.choice(WAITS), 0, dice.move(dataset, dice.machine())),
        Then(dice.random.choice(WAITS), 0, h.DeleteSnapshot(dataset, name)),
        dice.soon(h.Write()),
        Then(dice.random.choice(WAITS), 0, dice.move(dataset, dice.machine())),
    )


def _clone(dice: Dice) -> tuple[Then, ...]:
    """Ask for a clone of a snapshot, soon after it; the source goes on, or goes."""
    assert isinstance(dice, PoolDice)
    source, name = dice.dataset(), a_name(dice)
    taken = (dice.soon(h.Write()), dice.soon(h.TakeSnapshot(source, name)))
    machine = dice.place(source)
    clone = h.Clone(dice.clone(machine), source, name, machine)
    asked = Then(dice.random.choice((1.0, 5.0, 20.0)), dice.random.randrange(6), clone)
    then = dice.random.choice(
        (
            h.Write(),
            h.Write(),
            h.Delete(source),
            h.DeleteSnapshot(source, name),
            dice.move(source, dice.machine()),
            dice.move(clone.dataset, dice.machine()),
        )
    )
    return (*taken, dice.soon(h.Write()), asked, dice.soon(then), dice.soon(h.Write()))


def _limit(dice: Dice) -> h.Happening:
    return h.Limit(dice.dataset(), dice.random.choice((4, 8, 64, 1024, 2048)))


def _suspend(dice: Dice) -> h.Happening:
    machine = None if dice.one_in(4) else dice.machine()
    return h.Suspend(machine, dice.random.choice((3.0, *LONG)))


def _dies(dice: Dice) -> h.Happening:
    after = dice.random.randrange(BETWEEN)
    down = dice.random.choice((0.0, 0.5, dice.long()))
    return h.DieBetween(dice.machine(), after, down, dice.one_in(3))


def _cut_way(dice: Dice) -> h.Happening:
    machine = dice.machine()
    return h.CutWay(machine, dice.other(machine), dice.long(), dice.one_in(2))


def _reset(dice: Dice) -> h.Happening:
    return h.ResetStreams(dice.machine())


def _fails_once(dice: Dice) -> h.Happening:
    return h.PoolFails(dice.machine(), dice.random.choice(POOL_CALLS), how(dice))


def _fails_long(dice: Dice) -> h.Happening:
    call = dice.random.choice(POOL_CALLS)
    return h.PoolFails(dice.machine(), call, Fault.BEFORE, dice.long())


def _hangs(dice: Dice) -> h.Happening:
    lasts = dice.random.choice((*SHORT, 20.0, 130.0))
    return h.PoolHangs(dice.machine(), lasts, streams=dice.one_in(2))


def _fill(dice: Dice) -> h.Happening:
    return h.FillPool(dice.machine(), dice.random.choice(LONG))


def _use(dice: Dice) -> h.Happening:
    return h.UseCopies(dice.machine(), dice.random.choice(LONG))


def _tell_old(dice: Dice) -> h.Happening:
    ago, lasts = dice.random.randrange(1, 12), dice.random.choice(SHORT)
    return h.TellOld(dice.machine(), ago, lasts)


_USERS: tuple[Kind, ...] = (
    (_create, 4),
    (plans.write, 5),
    (_move, 6),
    (plans.there_and_back, 3),
    (_interfered, 10),
    (_on_terms, 2),
    (_cancel, 2),
    (_limit, 2),
    (_snapshot, 5),
    (_delete_snapshot, 2),
    (_unwritten, 2),
    (_clone, 4),
    (pool_episodes.rolled_back, 6),
    (pool_episodes.went_back, 3),
    (pool_episodes.used_what_was_kept, 5),
    (pool_episodes.cancel_rollback, 1),
    (pool_episodes.cut_in_the_middle, 4),
    (plans.lease, 3),
    (plans.release, 4),
    (_again, 2),
    (_prune, 3),
)
"""What is done in every plan, and how often compared to others."""

_FAULTS: tuple[Kind, ...] = (
    (_dies, 6),
    (plans.kill_agent, 2),
    (plans.kill_control, 3),
    (plans.power_off, 2),
    (plans.partition, 3),
    (plans.stall, 2),
    (plans.cut, 2),
    (_cut_way, 3),
    (_reset, 2),
    (plans.store_fails, 1),
    (plans.unanswered, 2),
    (_fails_once, 4),
    (_fails_long, 2),
    (_hangs, 2),
    (_fill, 1),
    (_use, 2),
    (_suspend, 2),
    (_tell_old, 3),
    (plans.cordon, 1),
    (plans.mark_dead, 2),
    (plans.mark_alive, 1),
    (plans.hang, 1),
)
"""What is done in two plans of three each."""

_RESTORED: tuple[Kind, ...] = (
    *_USERS,
    (_back_up, 4),
    (_restore, 8),
    (_moved_and_restored, 18),
)
"""What is done besides where control is restored."""

_VOID = (
    h.Clone,
    h.Create,
    h.Delete,
    h.DeleteSnapshot,
    h.MarkAlive,
    h.MarkDead,
    h.Purge,
    h.RollBack,
    h.TakeSnapshot,
    h.TellOld,
)
"""What is left out then: what a restore makes void, and who tells of before it."""
