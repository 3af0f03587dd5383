"""From a seed to all that happens in a run: the world's shape, and what in which order.

Pure. Each plan knows only some kinds of faults: with all of them at once little gets
far enough to go wrong in an interesting way.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from random import Random

from attrs import define, field, frozen

from flocker.testing.simulation import happenings as h
from flocker.testing.simulation.faults import Fault

DATASETS = 3
"""So many datasets a plan speaks of."""

CLONES = 2
"""So many clones of them it may speak of besides: these have the next numbers."""

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
STRANGERS = 4
"""In one seed of so many a volume turns up that carries a dataset's id."""
SHORT = (0.05, 0.3, 1.0, 3.0)
LONG = (1.0, 10.0, 25.0, 70.0)


class Storage(Enum):
    """Where the datasets of a world are."""

    BLOCK = "block storage"
    POOL = "pools of the nodes"
    BOTH = "pools of the nodes, and block storage besides"


@frozen
class Shape:
    """A world: how many machines, and the longest times as `World` has them.

    Clocks go wrong by up to `drift`. Where pools are `zfs`, clones need their source.
    Where a pool `resumes`, streams go on after a cut.
    """

    machines: int
    steps_take: float
    lag: float
    latency: float
    commits_take: float
    storage: Storage = Storage.BLOCK
    drift: float = 0.0
    zfs: bool = False
    resumes: bool = False


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


@define
class Dice:
    """Chooses what a happening is about; `places` is where datasets were asked for."""

    random: Random
    machines: int
    places: dict[int, int] = field(factory=dict)

    def machine(self) -> int:
        """Choose a machine."""
        return self.random.randrange(self.machines)

    def dataset(self) -> int:
        """The first is spoken of most, so that its story is a long one."""
        return self.random.choice((0, 0, 0, 1, 1, 2))

    def place(self, dataset: int) -> int:
        """Give where a dataset seems to be, or now and then any machine."""
        if self.one_in(4):
            return self.machine()
        return self.places.get(dataset, 0)

    def other(self, machine: int) -> int:
        """Choose another machine."""
        return (machine + self.random.randrange(1, self.machines)) % self.machines

    def one_in(self, chances: int) -> bool:
        """Say yes now and then."""
        return self.random.randrange(chances) == 0

    def long(self) -> float:
        """Choose a time (seconds)."""
        return self.random.choice(LONG)

    def soon(self, happening: h.Happening) -> Then:
        """Let something happen at once, or later."""
        return timed(self.random, happening)

    def move(self, dataset: int, machine: int, instead: int | None = None) -> h.Move:
        """Ask for a move, and remember where it goes."""
        self.places[dataset] = machine if instead is None else instead
        return h.Move(dataset, machine, instead)


Kind = tuple[Callable[[Dice], h.Happening | tuple[Then, ...]], int]
"""What may happen, and how often compared to others."""


LENGTH = range(12, 34)
"""So many things happen, with what each brings."""


def plan(seed: int, length: range = LENGTH) -> Plan:
    """Give the plan of a seed, in which so many things happen."""
    random = Random(seed)
    shape = Shape(
        machines=random.choice((2, 2, 3, 4)),
        steps_take=random.choice((0.0, 0.05, 0.5, 3.0)),
        lag=random.choice((0.0, 0.0, 0.0, 2.0, 20.0)),
        latency=random.choice((0.001, 0.001, 0.02, 0.3)),
        commits_take=random.choice((0.0, 0.01, 0.5)),
    )
    dice = Dice(random, shape.machines)
    steps = story(dice, _USERS, _FAULTS, length)
    if seed % STRANGERS == 1:
        # Of its own chance: what else happens in a seed is as it was without.
        others = Random(f"what turns up in {seed}")
        at = others.randrange(len(steps) + 1)
        steps[at:at] = _leave(Dice(others, shape.machines, dice.places))
    return Plan(seed, shape, tuple(steps))


def story(
    dice: Dice,
    always: Sequence[Kind],
    often: Sequence[Kind],
    length: range = LENGTH,
) -> list[Then]:
    """Give what happens: of what happens `often`, two kinds of three."""
    random = dice.random
    weighted = [*always, *(each for each in often if random.randrange(3))]
    kinds = [kind for kind, weight in weighted for _ in range(weight)]
    dice.places = {number: dice.machine() for number in range(DATASETS)}
    steps = [dice.soon(h.Create(0, dice.places[0]))]
    for _ in range(random.choice(length)):
        what = random.choice(kinds)(dice)
        steps.extend(what if isinstance(what, tuple) else (timed(random, what),))
    return steps


def timed(random: Random, happening: h.Happening) -> Then:
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


def create(dice: Dice) -> h.Happening:
    """Ask for a dataset, perhaps twice."""
    dataset = dice.dataset()
    return h.Create(dataset, dice.places[dataset], dice.one_in(5), dice.one_in(8))


def write(dice: Dice) -> h.Happening:
    """Write wherever something is mounted."""
    return h.Write()


def move(dice: Dice) -> h.Happening:
    """Ask for a move, perhaps for another one at once."""
    instead = dice.machine() if dice.one_in(5) else None
    return dice.move(dice.dataset(), dice.machine(), instead)


def there_and_back(dice: Dice) -> tuple[Then, ...]:
    """Ask for a move, and for the way back soon after."""
    dataset = dice.dataset()
    place = dice.places[dataset]
    away = dice.soon(dice.move(dataset, dice.other(place)))
    return (away, dice.soon(dice.move(dataset, place)))


def _interrupted(dice: Dice) -> tuple[Then, ...]:
    """What a machine has begun hangs, or its agent dies, and others go on."""
    dataset = dice.random.choice((1, 2)) if dice.one_in(2) else dice.dataset()
    machine = dice.places[dataset]
    first: h.Happening = h.Create(dataset, machine)
    if dice.one_in(2):
        first = dice.move(dataset, dice.other(machine))
    second: h.Happening = h.Hang(
        machine, dice.random.choice((20.0, 130.0)), kernel=False
    )
    if dice.one_in(3):
        second = h.KillAgent(machine, 0.0)
    steps = [dice.soon(first), Then(0.0, dice.random.randrange(1, 30), second)]
    if dice.one_in(2):
        steps.append(dice.soon(h.Partition(machine, 70.0)))
    if dice.one_in(2):
        steps.append(Then(21.0, 0, h.MarkDead(machine)))
    steps.append(dice.soon(dice.move(dataset, dice.other(machine))))
    if dice.one_in(3):
        steps.append(dice.soon(h.Delete(dataset)))
    return tuple(steps)


def grow(dice: Dice) -> h.Happening:
    """Ask for a larger dataset."""
    return h.Grow(dice.dataset(), dice.random.randrange(2, 6))


def lease(dice: Dice) -> tuple[Then, ...]:
    """Somebody leases what is there; somebody else wants it away."""
    dataset = dice.dataset()
    expires = dice.random.choice((None, None, 20.0, 100.0))
    leased = dice.soon(h.Lease(dataset, dice.place(dataset), expires))
    if dice.one_in(2):
        return (leased,)
    asked = dice.move(dataset, dice.machine())
    return (leased, dice.soon(h.Delete(dataset) if dice.one_in(4) else asked))


def release(dice: Dice) -> h.Happening:
    """End a lease."""
    return h.Release(dice.dataset())


def delete(dice: Dice) -> h.Happening:
    """Delete a dataset."""
    return h.Delete(dice.dataset())


def purge(dice: Dice) -> h.Happening:
    """Forget a dataset."""
    return h.Purge(dice.dataset())


def kill_agent(dice: Dice) -> h.Happening:
    """Kill an agent."""
    return h.KillAgent(dice.machine(), dice.random.choice((0.0, 0.0, dice.long())))


def kill_control(dice: Dice) -> h.Happening:
    """Kill control, whose clock may be stepped."""
    down = dice.random.choice((0.0, 0.0, dice.long()))
    step = dice.random.choice((0.0, 0.0, 3600.0, -3600.0))
    return h.KillControl(down, step)


def power_off(dice: Dice) -> h.Happening:
    """Switch a machine off."""
    return h.PowerOff(dice.machine(), dice.random.choice((0.0, *LONG)))


def partition(dice: Dice) -> h.Happening:
    """Cut a machine off from control."""
    mute = dice.random.choice((None, None, "agent", "control"))
    return h.Partition(dice.machine(), dice.long(), mute)


def stall(dice: Dice) -> h.Happening:
    """Hold back what a machine and control say."""
    return h.Stall(dice.machine(), dice.random.choice((*SHORT, 10.0, 25.0)))


def cut(dice: Dice) -> h.Happening:
    """Break the connection of a machine to control."""
    return h.Cut(dice.machine())


def store_fails(dice: Dice) -> h.Happening:
    """Let no commit work for a while."""
    return h.StoreFails(dice.random.choice((*SHORT, 20.0)))


def unanswered(dice: Dice) -> h.Happening:
    """Let a commit work, and its answer be lost."""
    return h.StoreUnanswered()


def fails_once(dice: Dice) -> h.Happening:
    """Let a call of block storage fail once."""
    how = dice.random.choice(tuple(Fault))
    return h.CallFails(dice.machine(), dice.random.choice(CALLS), how)


def _fails_long(dice: Dice) -> h.Happening:
    call = dice.random.choice(CALLS)
    return h.CallFails(dice.machine(), call, Fault.BEFORE, dice.long())


def hang(dice: Dice) -> h.Happening:
    """Let storage answer nothing for a while."""
    lasts = dice.random.choice((3.0, 20.0, 130.0))
    return h.Hang(dice.machine(), lasts, dice.one_in(3))


def _unlisted(dice: Dice) -> h.Happening:
    twice = dice.one_in(3)
    return h.Unlisted(dice.machine(), dice.dataset(), dice.long(), twice)


def _use(dice: Dice) -> h.Happening:
    return h.Use(dice.machine(), dice.long())


def _vanish(dice: Dice) -> h.Happening:
    return h.Vanish(dice.dataset())


def _spoil(dice: Dice) -> tuple[Then, ...]:
    """Somebody spoils a volume, perhaps of a machine that is off."""
    dataset = dice.dataset()
    how = dice.random.choice(("destroyed", "emptied", "emptied", "foreign"))
    off = dice.soon(h.PowerOff(dice.place(dataset), 25.0))
    spoilt = dice.soon(h.Spoil(dataset, how))
    return (spoilt,) if dice.one_in(3) else (off, spoilt)


def _leave(dice: Dice) -> tuple[Then, ...]:
    """A volume turns up under an id that is, or will be, a dataset's."""
    dataset = dice.dataset()
    left = dice.soon(h.Leave(dataset, dice.one_in(2)))
    created = dice.soon(h.Create(dataset, dice.places[dataset]))
    if dice.one_in(2):
        return (left, created)
    deleted = dice.soon(h.Delete(dataset))
    if dice.one_in(2):
        return (left, created, deleted)
    gone = (Then(30.0, 0, h.Purge(dataset)), left, created)
    return (deleted, *gone)


def cordon(dice: Dice) -> h.Happening:
    """Keep new datasets away from a machine, or let them come."""
    return h.Cordon(dice.machine(), dice.one_in(2))


def mark_dead(dice: Dice) -> tuple[Then, ...]:
    """Somebody says of a silent machine that it is dead, and is right or not."""
    dataset = dice.dataset()
    machine, lasts = dice.place(dataset), dice.random.choice((25.0, 70.0))
    off, cut = h.PowerOff(machine, lasts), h.Partition(machine, lasts)
    begins = dice.soon(off if dice.one_in(3) else cut)
    wait = dice.random.choice((0.0, 21.0, 21.0, 21.0))
    marked = Then(wait, dice.random.randrange(4), h.MarkDead(machine))
    moved = dice.soon(dice.move(dataset, dice.other(machine)))
    wrote = dice.soon(h.Write())
    return (begins, marked, moved, wrote) if dice.one_in(2) else (begins, moved, marked)


def mark_alive(dice: Dice) -> h.Happening:
    """Take the mark off that a machine is dead."""
    return h.MarkAlive(dice.machine())


_USERS: tuple[Kind, ...] = (
    (create, 5),
    (write, 6),
    (move, 6),
    (there_and_back, 2),
    (grow, 1),
    (lease, 3),
    (release, 2),
    (delete, 3),
    (purge, 2),
)
"""What is done in every plan, and how often compared to others."""

_FAULTS: tuple[Kind, ...] = (
    (kill_agent, 4),
    (kill_control, 3),
    (power_off, 3),
    (partition, 4),
    (stall, 2),
    (cut, 2),
    (store_fails, 1),
    (unanswered, 2),
    (fails_once, 4),
    (_fails_long, 2),
    (hang, 2),
    (_unlisted, 2),
    (_use, 2),
    (_vanish, 1),
    (_spoil, 2),
    (cordon, 1),
    (mark_dead, 4),
    (mark_alive, 1),
    (_interrupted, 4),
)
"""What is done in two plans of three each."""
