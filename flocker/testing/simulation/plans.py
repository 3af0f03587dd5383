"""From a seed to all that happens in a run: the world's shape, and what in which order.

Pure. Each plan knows only some kinds of faults: with all of them at once little gets
far enough to go wrong in an interesting way.
"""

from collections.abc import Callable
from random import Random

from attrs import frozen

from flocker.testing.simulation import happenings as h
from flocker.testing.simulation.faults import Fault

DATASETS = 3
"""So many datasets a plan speaks of."""

DRIVER_CALLS = (
    "create_volume",
    "attach_volume",
    "detach_volume",
    "destroy_volume",
    "grow_volume",
    "list_volumes",
    "get_device_path",
    "compute_instance_id",
    "allocation_unit",
    "list_live_nodes",
)
KERNEL_CALLS = ("make", "mount", "unmount", "grow", "signature", "mounts")
CALLS = DRIVER_CALLS + KERNEL_CALLS
SHORT = (0.05, 0.3, 1.0, 3.0)
LONG = (1.0, 10.0, 25.0, 70.0)


@frozen
class Shape:
    """A world: how many machines, and the longest times as `World` has them."""

    machines: int
    steps_take: float
    lag: float
    latency: float
    commits_take: float


@frozen
class Then:
    """Something happens so many seconds, and so many events, after what was before."""

    seconds: float
    events: int
    happening: h.Happening


@frozen
class Plan:
    """All that happens in one run before the quiet end."""

    seed: int
    shape: Shape
    steps: tuple[Then, ...]


@frozen
class _Dice:
    """Chooses what a happening is about."""

    random: Random
    machines: int

    def machine(self) -> int:
        return self.random.randrange(self.machines)

    def dataset(self) -> int:
        return self.random.randrange(DATASETS)

    def one_in(self, chances: int) -> bool:
        return self.random.randrange(chances) == 0

    def short(self) -> float:
        return self.random.choice(SHORT)

    def long(self) -> float:
        return self.random.choice(LONG)


def plan(seed: int) -> Plan:
    """Give the plan of a seed."""
    random = Random(seed)
    shape = Shape(
        machines=random.choice((2, 2, 3, 4)),
        steps_take=random.choice((0.0, 0.05, 0.5, 3.0)),
        lag=random.choice((0.0, 0.0, 0.0, 2.0, 20.0)),
        latency=random.choice((0.001, 0.001, 0.02, 0.3)),
        commits_take=random.choice((0.0, 0.01, 0.5)),
    )
    dice = _Dice(random, shape.machines)
    weighted = [*_USERS, *(each for each in _FAULTS if random.randrange(3))]
    kinds = [kind for kind, weight in weighted for _ in range(weight)]
    steps = [_then(random, h.Create(0, dice.machine()))]
    for _ in range(random.randrange(12, 30)):
        what = random.choice(kinds)(dice)
        steps.extend(what if isinstance(what, tuple) else (_then(random, what),))
    return Plan(seed, shape, tuple(steps))


def _then(random: Random, happening: h.Happening) -> Then:
    """Let some things happen at once, some in the middle, and some much later."""
    match random.randrange(10):
        case 0:
            return Then(0.0, 0, happening)
        case 1 | 2 | 3 | 4:
            return Then(0.0, random.randrange(1, 40), happening)
        case 5 | 6:
            return Then(random.choice(SHORT), random.randrange(6), happening)
        case _:
            return Then(random.choice(LONG) / 2, random.randrange(6), happening)


def _create(dice: _Dice) -> h.Happening:
    return h.Create(dice.dataset(), dice.machine(), dice.one_in(5), dice.one_in(8))


def _write(dice: _Dice) -> h.Happening:
    return h.Write()


def _move(dice: _Dice) -> h.Happening:
    instead = dice.machine() if dice.one_in(5) else None
    return h.Move(dice.dataset(), dice.machine(), instead)


def _grow(dice: _Dice) -> h.Happening:
    return h.Grow(dice.dataset(), dice.random.randrange(2, 6))


def _lease(dice: _Dice) -> h.Happening:
    expires = dice.random.choice((None, 20.0, 100.0))
    return h.Lease(dice.dataset(), dice.machine(), expires)


def _release(dice: _Dice) -> h.Happening:
    return h.Release(dice.dataset())


def _delete(dice: _Dice) -> h.Happening:
    return h.Delete(dice.dataset())


def _purge(dice: _Dice) -> h.Happening:
    return h.Purge(dice.dataset())


def _kill_agent(dice: _Dice) -> h.Happening:
    return h.KillAgent(dice.machine(), dice.random.choice((0.0, 0.0, dice.long())))


def _kill_control(dice: _Dice) -> h.Happening:
    down = dice.random.choice((0.0, 0.0, dice.long()))
    step = dice.random.choice((0.0, 0.0, 3600.0, -3600.0))
    return h.KillControl(down, step)


def _power_off(dice: _Dice) -> h.Happening:
    return h.PowerOff(dice.machine(), dice.random.choice((0.0, *LONG)))


def _partition(dice: _Dice) -> h.Happening:
    mute = dice.random.choice((None, None, "agent", "control"))
    return h.Partition(dice.machine(), dice.long(), mute)


def _stall(dice: _Dice) -> h.Happening:
    return h.Stall(dice.machine(), dice.random.choice((*SHORT, 10.0, 25.0)))


def _cut(dice: _Dice) -> h.Happening:
    return h.Cut(dice.machine())


def _store_fails(dice: _Dice) -> h.Happening:
    return h.StoreFails(dice.random.choice((*SHORT, 20.0)))


def _unanswered(dice: _Dice) -> h.Happening:
    return h.StoreUnanswered()


def _fails_once(dice: _Dice) -> h.Happening:
    how = dice.random.choice(tuple(Fault))
    return h.CallFails(dice.machine(), dice.random.choice(CALLS), how)


def _fails_long(dice: _Dice) -> h.Happening:
    call = dice.random.choice(CALLS)
    return h.CallFails(dice.machine(), call, Fault.BEFORE, dice.long())


def _hang(dice: _Dice) -> h.Happening:
    lasts = dice.random.choice((3.0, 20.0, 130.0))
    return h.Hang(dice.machine(), lasts, dice.one_in(3))


def _unlisted(dice: _Dice) -> h.Happening:
    twice = dice.one_in(3)
    return h.Unlisted(dice.machine(), dice.dataset(), dice.long(), twice)


def _use(dice: _Dice) -> h.Happening:
    return h.Use(dice.machine(), dice.long())


def _vanish(dice: _Dice) -> h.Happening:
    return h.Vanish(dice.dataset())


def _spoil(dice: _Dice) -> h.Happening:
    how = dice.random.choice(("destroyed", "emptied", "foreign"))
    return h.Spoil(dice.dataset(), how)


def _cordon(dice: _Dice) -> h.Happening:
    return h.Cordon(dice.machine(), dice.one_in(2))


def _mark_dead(dice: _Dice) -> tuple[Then, ...]:
    """Somebody says of a silent machine that it is dead, and is right or not."""
    machine, other = dice.machine(), dice.machine()
    gone = (h.Partition, h.PowerOff, h.Partition)[dice.random.randrange(3)]
    begins = _then(dice.random, gone(machine, dice.random.choice((25.0, 70.0))))
    marked = Then(dice.random.choice((0.0, 21.0)), 2, h.MarkDead(machine))
    moved = _then(dice.random, h.Move(dice.dataset(), other))
    return (begins, marked, *((moved,) if dice.one_in(2) else ()))


def _mark_alive(dice: _Dice) -> h.Happening:
    return h.MarkAlive(dice.machine())


Kind = tuple[Callable[[_Dice], h.Happening | tuple[Then, ...]], int]

_USERS: tuple[Kind, ...] = (
    (_create, 5),
    (_write, 6),
    (_move, 8),
    (_grow, 1),
    (_lease, 3),
    (_release, 2),
    (_delete, 3),
    (_purge, 2),
)
"""What is done in every plan, and how often compared to others."""

_FAULTS: tuple[Kind, ...] = (
    (_kill_agent, 4),
    (_kill_control, 3),
    (_power_off, 3),
    (_partition, 4),
    (_stall, 2),
    (_cut, 2),
    (_store_fails, 1),
    (_unanswered, 2),
    (_fails_once, 4),
    (_fails_long, 2),
    (_hang, 2),
    (_unlisted, 2),
    (_use, 2),
    (_vanish, 1),
    (_spoil, 1),
    (_cordon, 1),
    (_mark_dead, 4),
    (_mark_alive, 1),
)
"""What is done in two plans of three each."""
