"""What may happen to a snapshot that a user wants, and then wants no more.

What nodes and control decide is the real code: `pool_snapshots` of both. Control acts
on what all nodes said, each at another time: so it has their words in memory here, and
loses what does not last when the agent dies that said it. A stream may be slow: then
the other side hears no more of it, and what it brings is there later.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from attrs import evolve
from pyrsistent import pmap

from flocker.backends.pool_interface import Copy, PoolSnapshot
from flocker.control import pool_snapshots, snapshots
from flocker.dataset_agent import pool_snapshots as pool_snapshots_here
from flocker.model.changes import apply
from flocker.model.cluster import Observed
from flocker.model.configuration import Configuration
from flocker.model.errors import FlockerError
from flocker.model.ids import UserSnapshotID
from flocker.testing.builders import a_dataset, a_fact, a_node
from flocker.testing.ownership.happenings import (
    Budget,
    Decide,
    Happening,
    Happenings,
)
from flocker.testing.ownership.history import history_of, snapshot_of
from flocker.testing.ownership.world import (
    DATASET,
    NAMES,
    NODES,
    Control,
    Disk,
    Machine,
)

WISHED: Final = "a"
"""How users call each snapshot that they ask for."""


def asked(budget: Budget, control: Control) -> Happenings:
    """A user wants a snapshot, or wants it no more."""
    known = control.snapshots
    number = 1 if known is None else known.revision + 1
    left = budget.without("snapshots")
    if left is not None:
        identifier = UserSnapshotID(UUID(int=number << 96))
        yield from _decided(
            "user: wants a snapshot",
            control,
            lambda found: snapshots.create(found, DATASET, WISHED, identifier, 0.0),
            left,
        )
    yield from _decided(
        "user: deletes the snapshot",
        control,
        lambda found: snapshots.delete(found, DATASET, WISHED),
        budget,
    )


def heard(control: Control, x: int, machine: Machine) -> Happenings:
    """Control notes what a node says, unless another is bringing it something."""
    if not machine.up or machine.coming is not None:
        return
    facts = tuple(
        machine.fact if n == x else fact for n, fact in enumerate(control.facts)
    )
    if facts != control.facts:
        label = f"control: notes what {NAMES[x]} says"
        yield Happening(label, control=evolve(control, facts=facts))


def kept(control: Control) -> Happenings:
    """Control puts on record what was taken, and forgets what is gone."""
    facts = {
        node: Observed(evolve(a_fact(), pool=fact), 0.0)
        for node, fact in zip(NODES, control.facts, strict=False)
        if fact is not None
    }
    row = pool_snapshots.keep(_configuration(control), control.row, facts)
    if row is not None:
        yield Happening("control: keeps", control=evolve(control, snapshots=row))


def acts(x: int, machine: Machine) -> Happenings:
    """A node takes what is wanted, and destroys what is not."""
    disk, wanted = machine.disk, machine.wanted
    if disk is None or wanted is None or machine.coming is not None:
        return
    here, copy = machine.here(NODES[x]), _copy(disk)
    take = pool_snapshots_here.to_take(here, copy, wanted)
    if take is not None:
        taken = evolve(machine, disk=disk.marked(take.name))
        yield Happening(f"{NAMES[x]}: takes it", machines=((x, taken),))
    goes = pool_snapshots_here.to_destroy(here, copy, wanted)
    deleted = {each.in_pool for each in wanted.wanted if each.deleted is not None}
    left = frozenset(
        (name, history)
        for name, history in disk.marks
        if name not in deleted or snapshot_of(history) not in goes
    )
    if left != disk.marks:
        rid = evolve(machine, disk=evolve(disk, marks=left))
        yield Happening(f"{NAMES[x]}: destroys it", machines=((x, rid),))


def slowly(budget: Budget, x: int, before: Machine, met: Happening) -> Happenings:
    """What a stream brings may be there later, when its source knows no more of it."""
    left = budget.without("slow")
    came = dict(met.machines).get(x)
    if left is None or came is None or "receives" not in met.label:
        return
    if not came.up or came.disk == before.disk:
        return
    waits = evolve(came, disk=before.disk, coming=came.disk)
    label = f"{met.label}, slowly"
    yield Happening(label, left, machines=((x, waits),), progress=False)


def arrives(x: int, machine: Machine) -> Happenings:
    """What another node brought is there."""
    if machine.coming is not None:
        there = evolve(machine, disk=machine.coming, coming=None)
        yield Happening(f"{NAMES[x]}: it has come", machines=((x, there),))


def forgetting(control: Control, what: Iterable[Happening]) -> Iterator[Happening]:
    """Let control lose what does not last of whoever dies."""
    for each in what:
        dead = {x for x, machine in each.machines if not machine.up}
        facts = tuple(
            fact.lasting if fact is not None and x in dead else fact
            for x, fact in enumerate(control.facts)
        )
        changed = facts != control.facts and each.control is None
        yield evolve(each, control=evolve(control, facts=facts)) if changed else each


def _decided(label: str, control: Control, decide: Decide, left: Budget) -> Happenings:
    before = _configuration(control)
    try:
        change = decide(before)
    except FlockerError:
        return
    after = apply(change, before).snapshots[DATASET]
    told = evolve(control, snapshots=after)
    yield Happening(label, left, control=told, progress=False)


def _configuration(control: Control) -> Configuration:
    known = {} if control.snapshots is None else {DATASET: control.snapshots}
    return evolve(
        control.configuration,
        datasets=pmap({DATASET: a_dataset()}),
        nodes=pmap({node: a_node(n) for n, node in enumerate(NODES, 1)}),
        snapshots=pmap(known),
    )


def _copy(disk: Disk) -> Copy:
    """Give a filesystem as agents see it, its newest snapshot last."""
    marks = sorted(disk.marks, key=lambda mark: (mark[1].bit_count(), mark))
    found = [PoolSnapshot(name, snapshot_of(history)) for name, history in marks]
    if disk.head is not None:
        found.append(PoolSnapshot("newest", disk.head))
    written = disk.head is None or history_of(disk.head) != disk.data
    return Copy(DATASET, b"", tuple(found), disk.writable, written)
