"""What may happen next: what users ask, what befalls a node, how two nodes meet.

Each function gives all of one kind, as values; `flocker.testing.ownership.space` puts
them together. Decisions of nodes and control are the real code.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from attrs import evolve, field, frozen

from flocker.control import leases, pool_moves, pool_rollbacks, pool_upkeep
from flocker.dataset_agent import pool_peers, pool_transitions
from flocker.dataset_agent import pool_rollbacks as pool_rollbacks_here
from flocker.dataset_agent.pool_marks import OURS
from flocker.dataset_agent.pool_states import Confirmation, Question
from flocker.dataset_agent.pool_steps import (
    Answer,
    Bury,
    Create,
    Destroy,
    Reason,
    Release,
    Repeat,
    Step,
    TakeStream,
    Unmount,
)
from flocker.model.changes import Change, apply
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import MoveNumber, NodeID
from flocker.model.leases import Holder
from flocker.model.pools import PoolFact, Prune, Released, Stage
from flocker.testing.ownership import promises
from flocker.testing.ownership.history import lineage_of, snapshot_of
from flocker.testing.ownership.world import (
    DATASET,
    NAMES,
    NODES,
    Control,
    Machine,
    perform,
    with_marks,
)


@frozen
class Budget:
    """How often something may still happen that does not come by itself.

    `restarts` are deaths of agents and of whole nodes; `delays` are rows, `late_facts`
    facts that the network keeps, and may deliver at any later time, repeatedly. Of the
    streams so many are `slow`. Of so many backups each is restored once.
    """

    writes: int = 0
    restarts: int = 0
    moves: int = 0
    forced: int = 0
    cancels: int = 0
    leases: int = 0
    delays: int = 0
    late_facts: int = 0
    prunes: int = 0
    deletions: int = 0
    expiries: int = 0
    rollbacks: int = 0
    snapshots: int = 0
    slow: int = 0
    restores: int = 0

    def without(self, *spent: str) -> "Budget | None":
        """Give what is left when something happens; None if it may not."""
        left = {name: getattr(self, name) - 1 for name in spent}
        return None if min(left.values(), default=0) < 0 else evolve(self, **left)


@frozen
class Said:
    """What was acknowledged: how many writes, and which of them in lives now over.

    `cancelled` is the last move that a user was told is cancelled.
    """

    writes: int = 0
    over: int = 0
    cancelled: int = 0

    @property
    def wanted(self) -> int:
        """The writes that must be somewhere."""
        return (1 << self.writes) - 1 & ~self.over


@frozen
class Happening:
    """Something that may happen, and what is otherwise then; None: as before.

    `checked` is a step that must be looked at by itself: no state may show that it was
    wrong.
    """

    label: str
    budget: Budget | None = None
    said: Said | None = None
    control: Control | None = None
    machines: tuple[tuple[int, Machine], ...] = ()
    wrong: str | None = None
    checked: Step | None = None
    progress: bool = field(default=True, kw_only=True)


Happenings = Iterator[Happening]
Decide = Callable[[Configuration], Change]


# Users, the Docker plugin, and what control may do at any time.


def asked(
    budget: Budget, said: Said, control: Control, nodes: Iterable[int]
) -> Happenings:
    """What is asked of control."""
    if control.row.deleted:
        return
    for label, decide, spent in _questions(nodes):
        left = budget.without(*spent)
        after = None if left is None else _decided(control, decide)
        if after is not None:
            yield Happening(label, left, control=after, progress=not spent)
    move = control.row.move
    left = budget.without("cancels")
    if move is None or move.stage is Stage.CANCELLING or left is None:
        return
    after = _decided(control, lambda found: pool_moves.cancel(found, DATASET))
    told = evolve(said, cancelled=move.number)
    yield Happening("user: cancels", left, told, after, progress=False)


def rolls_back(
    budget: Budget, control: Control, machines: Sequence[Machine]
) -> Happenings:
    """A user goes back to a snapshot of the owner's copy, or thinks better of it."""
    row, left = control.row, budget.without("rollbacks")
    disk = machines[NODES.index(row.owner)].disk
    if left is not None and disk is not None and not row.deleted:
        for name, history in sorted(disk.marks):
            if name.startswith(OURS):
                continue
            safety = f"before-{row.rollbacks + 1}"
            decide = partial(
                pool_rollbacks.begin,
                dataset=DATASET,
                name=name,
                snapshot=snapshot_of(history),
                safety=safety,
            )
            after = _decided(control, decide)
            if after is not None:
                label = f"user: rolls back to {name}"
                yield Happening(label, left, control=after, progress=False)
    left = budget.without("cancels")
    if left is None or row.rollback is None:
        return
    after = _decided(control, lambda found: pool_rollbacks.cancel(found, DATASET))
    if after is not None:
        label = "user: cancels the rollback"
        yield Happening(label, left, control=after, progress=False)


def _questions(nodes: Iterable[int]) -> Iterator[tuple[str, Decide, tuple[str, ...]]]:
    for x in nodes:
        name = NAMES[x]
        yield f"user: move to {name}", _moving(x), ("moves",)
        forced = _moving(x, force=True)
        yield f"user: move to {name} by force", forced, ("moves", "forced")
        yield f"plugin: leases it on {name}", _leasing(x), ("leases",)
    yield "user: deletes", lambda found: pool_moves.bury(found, DATASET), ("deletions",)
    yield "control: freezing", lambda found: pool_moves.freeze(found, DATASET), ()
    yield "plugin: gives it back", lambda found: leases.release(found, DATASET), ()


def _moving(x: int, *, force: bool = False) -> Decide:
    return lambda found: pool_moves.move(found, DATASET, NODES[x], force=force)


def _leasing(x: int) -> Decide:
    return lambda found: leases.acquire(found, DATASET, NODES[x], Holder("user"))


def _decided(control: Control, decide: Decide) -> Control | None:
    """Give what a decision leads to; None if it is refused, or changes nothing."""
    before = control.configuration
    try:
        change = decide(before)
    except FlockerError:
        return None
    return control.after(apply(change, before)) if change else None


def anew(
    budget: Budget, said: Said, control: Control, machines: Sequence[Machine]
) -> Happenings:
    """A user makes the id again that was deleted, and destroyed everywhere."""
    left = budget.without("deletions")
    row = control.row
    facts = {NODES[x]: machine.fact for x, machine in enumerate(machines)}
    if left is None or not pool_upkeep.is_gone(row, facts):
        return
    after = _decided(
        control, lambda found: pool_moves.start(found, DATASET, row.owner, row.backend)
    )
    told = evolve(said, over=(1 << said.writes) - 1)
    new = tuple((x, evolve(m, buried=False)) for x, m in enumerate(machines))
    yield Happening("user: creates it anew", left, told, after, new, progress=False)


# Control hears.


def heard(said: Said, control: Control, x: int, fact: PoolFact) -> Happenings:
    """What control does when it hears a fact of a node, rule by rule."""
    if control.row.deleted or control.row.unsure:
        return
    for rule in pool_upkeep.RULES:
        row = rule(control.row, NODES[x], fact)
        if row is not None:
            wrong = promises.broken_commit(control, row, said.cancelled)
            after = evolve(control, row=row)
            yield Happening(rule.__name__, control=after, wrong=wrong)


def pruned(budget: Budget, control: Control, x: int, fact: PoolFact) -> Happenings:
    """Control wants a copy destroyed that it has heard of."""
    left = budget.without("prunes")
    if left is None or not fact.exists or fact.head is None or control.row.deleted:
        return
    copy, lineage = Prune(NODES[x], fact.head), lineage_of(control.row.base)
    after = _decided(
        control, lambda found: pool_moves.prune(found, DATASET, copy, lineage)
    )
    if after is not None:
        yield Happening("prune", left, control=after, progress=False)


# A node acts.


def acts(x: int, machine: Machine) -> Happenings:
    """What the rules of a node allow."""
    here = machine.here(NODES[x])
    for rule in pool_transitions.RULES:
        step = rule(here)
        if step is None:
            continue
        after = _after(machine, step)
        wrong = promises.went_back(machine, after)
        checked = (
            step
            if isinstance(step, Unmount | Release | Destroy | Create | Repeat)
            else None
        )
        label = f"{NAMES[x]}: {rule.__name__}"
        yield Happening(label, machines=((x, after),), wrong=wrong, checked=checked)


def _after(machine: Machine, step: Step) -> Machine:
    after = perform(machine, step)
    told = machine.told
    deleting = isinstance(step, Destroy | Bury) and told is not None and told.deleted
    return evolve(after, buried=True) if deleting else after


def broken_step(
    control: Control, machines: Sequence[Machine], x: int, step: Step, said: Said
) -> str | None:
    """Say what a step violates, whatever the state after it looks like."""
    match step:
        case Unmount(Reason.FROZEN | Reason.ROLLED_BACK) if not machines[x].apart:
            return promises.broken_freeze(control, x)
        case Repeat(_, name):
            number = pool_rollbacks_here.number_in(name)
            return promises.broken_repeat(control, machines[x], number)
        case Release(record) if isinstance(record.standing, Released):
            return promises.broken_release(control, machines, record.standing)
        case Destroy() if not (control.row.deleted or control.row.unsure):
            return promises.broken_prune(control, machines, x)
        case Create():
            return promises.broken_create(machines[x], said.wanted)
        case _:
            return None


# Two nodes meet.


def meets(budget: Budget, x: int, mine: Machine, y: int, theirs: Machine) -> Happenings:
    """A node is offered a stream by another, and is asked by it what it has."""
    there = theirs.here(NODES[y])
    lineage = lineage_of(None if theirs.disk is None else theirs.disk.head)
    offer = pool_peers.offer(there, lineage)
    here = mine.here(NODES[x])
    if offer is not None:
        steps = pool_peers.receive(here, offer)
        if isinstance(steps, tuple):
            label = f"{NAMES[x]}: receives from {NAMES[y]}"
            yield from _prefixes(label, budget, (x, mine), (y, theirs), steps)
    move = pool_transitions.move_asked(there)
    if move is None or move.target != NODES[x]:
        return
    steps = pool_peers.confirm(here, Question(NODES[y], theirs.record.epoch))
    if isinstance(steps, tuple):
        label = f"{NAMES[x]}: confirms to {NAMES[y]}"
        asked_for = (move.number, NODES[x])
        yield from _prefixes(label, budget, (x, mine), (y, theirs), steps, asked_for)


def _prefixes(
    label: str,
    budget: Budget,
    me: tuple[int, Machine],
    them: tuple[int, Machine],
    steps: tuple[Step, ...],
    asked_for: tuple[MoveNumber, NodeID] | None = None,
) -> Happenings:
    """All steps, and each beginning of them: then the other hears nothing more.

    After a beginning the agent goes on, or is dead, or its node.
    """
    (x, mine), (y, theirs) = me, them
    for number, step in enumerate(steps, 1):
        mine = perform(mine, step)
        if isinstance(step, TakeStream):
            mine = with_marks(mine, theirs)
        if isinstance(step, Answer) and asked_for is not None:
            said = Confirmation(*asked_for, step.snapshot)
            theirs = evolve(theirs, confirmation=said)
        if number == len(steps):
            yield Happening(label, machines=((x, mine), (y, theirs)))
            return
        part = f"{label}, {number} of {len(steps)}"
        yield Happening(part, machines=((x, mine), (y, theirs)), progress=False)
        left = budget.without("restarts")
        if left is not None:
            dead, crashed = mine.agent_dead(), mine.crashed()
            yield Happening(
                f"{part}, dies", left, machines=((x, dead),), progress=False
            )
            yield Happening(
                f"{part}, crashes", left, machines=((x, crashed),), progress=False
            )


# What befalls a node.


def befalls(budget: Budget, said: Said, x: int, machine: Machine) -> Happenings:
    """Faults, writes of an application, time, and what the kernel does by itself."""
    name, disk = NAMES[x], machine.disk
    if not machine.up:
        up = evolve(machine, up=True)
        yield Happening(f"{name}: agent starts", machines=((x, up),))
    left = budget.without("restarts")
    if left is not None:
        if machine.up:
            dead = ((x, machine.agent_dead()),)
            yield Happening(
                f"FAULT agent {name} dies", left, machines=dead, progress=False
            )
        crashed = ((x, machine.crashed()),)
        yield Happening(
            f"FAULT node {name} crashes", left, machines=crashed, progress=False
        )
    left = budget.without("writes")
    if machine.mounted and disk is not None and left is not None:
        data = disk.data | 1 << said.writes
        after = ((x, evolve(machine, disk=evolve(disk, data=data))),)
        told = evolve(said, writes=said.writes + 1)
        yield Happening(
            f"app on {name}: writes", left, told, machines=after, progress=False
        )
    if disk is not None and disk.synced is not None:
        synced = ((x, evolve(machine, disk=evolve(disk, synced=None))),)
        yield Happening(f"{name}: data reaches the disk", machines=synced)
    yield from _tidies(x, machine)
    yield from _leases(budget, x, machine)


def _tidies(x: int, machine: Machine) -> Happenings:
    """The outcome of a rollback that is over goes, as any snapshot of ours."""
    disk = machine.disk
    if disk is None or not machine.up:
        return
    for mark in disk.marks:
        ours = mark[0].startswith(OURS)
        if ours and pool_rollbacks_here.may_go(mark[0], machine.record):
            after = evolve(machine, disk=evolve(disk, marks=disk.marks - {mark}))
            yield Happening(f"{NAMES[x]}: tidies up", machines=((x, after),))


def _leases(budget: Budget, x: int, machine: Machine) -> Happenings:
    left = budget.without("expiries")
    if machine.lease is not None and left is not None:
        over = ((x, evolve(machine, lease=None)),)
        yield Happening(
            f"time: {NAMES[x]}'s lease is over", left, machines=over, progress=False
        )
    if machine.lease is None and machine.up:
        renewed = ((x, evolve(machine, lease=1)),)
        yield Happening(f"{NAMES[x]}: renews its lease", machines=renewed)


# The network.


def told(
    budget: Budget, control: Control, x: int, machine: Machine, *, disorder: bool
) -> Happenings:
    """A node is told the row, or is told an old one, or the network keeps something.

    With `disorder` old rows come after newer ones also while an agent lives.
    """
    name, row, wanted = NAMES[x], control.row, control.snapshots
    if (machine.told, machine.wanted) != (row, wanted):
        knows = evolve(machine, told=row, wanted=wanted)
        yield Happening(f"{name}: is told", machines=((x, knows),))
    left = budget.without("delays")
    if left is not None and (machine.late, machine.late_wanted) != (row, wanted):
        kept = ((x, evolve(machine, late=row, late_wanted=wanted)),)
        yield Happening(
            f"net: keeps a row for {name}", left, machines=kept, progress=False
        )
    left = budget.without("late_facts")
    if left is not None and machine.late_fact != machine.fact:
        kept = ((x, evolve(machine, late_fact=machine.fact)),)
        yield Happening(
            f"net: keeps a fact of {name}", left, machines=kept, progress=False
        )
    old, known = machine.late, machine.told
    if old is None or (old, machine.late_wanted) == (known, machine.wanted):
        return
    if disorder or known is None or old.revision > known.revision:
        late = ((x, evolve(machine, told=old, wanted=machine.late_wanted)),)
        yield Happening(f"{name}: is told LATE", machines=late, progress=False)
