"""A world of one pool dataset and a few nodes, as values, and what steps do to it.

What a filesystem has been through is an integer; see `history`.
"""

from collections.abc import Iterable

from attrs import evolve, frozen

from flocker.dataset_agent.pool_rollbacks import number_in
from flocker.dataset_agent.pool_states import (
    Confirmation,
    Fence,
    Found,
    Here,
    Idle,
    NoFilesystem,
    Served,
)
from flocker.dataset_agent.pool_steps import (
    Answer,
    Create,
    Destroy,
    MakeReadOnly,
    MakeWritable,
    Mount,
    Repeat,
    Save,
    Seal,
    SetAside,
    Step,
    Sync,
    TakeSnapshot,
    TakeStream,
    Unmount,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Epoch, NodeID, SnapshotID
from flocker.model.leases import Lease
from flocker.model.pools import Owned, PoolFact, PoolOwnership, Record
from flocker.model.snapshots import (
    FoundSnapshot,
    UserSnapshot,
    UserSnapshots,
    unsaved_in,
)
from flocker.testing.builders import a_configuration, dataset_id, node_id
from flocker.testing.ownership.history import (
    content_of,
    gone_back,
    history_of,
    snapshot_of,
)

DATASET = dataset_id()
NAMES = "ABC"
NODES = tuple(node_id(number) for number in range(1, len(NAMES) + 1))


Marks = frozenset[tuple[str, int]]
"""Snapshots that nobody destroys: their names in the pool, and their histories."""
FIRST_MARK: Marks = frozenset({("user's", 0)})


@frozen
class Disk:
    """A filesystem: its history, the newest snapshot, and how much a crash would leave.

    `synced` is the history that is on the disk where that is less; -1: no filesystem.
    """

    data: int = 0
    head: SnapshotID | None = None
    writable: bool = False
    synced: int | None = None
    marks: Marks = frozenset()

    def holds(self) -> int:
        """Give the writes that are in its files, or in one of its snapshots."""
        found = content_of(self.data)
        for _, history in self.marks:
            found |= content_of(history)
        return found

    def marked(self, name: str) -> "Disk":
        """Take a snapshot that is kept."""
        head = snapshot_of(self.data)
        marks = self.marks | {(name, self.data)}
        return evolve(self, head=head, marks=marks, synced=None)

    def crashed(self) -> "Disk | None":
        """Lose what is not on the disk."""
        left = self.synced
        if left is None:
            return self
        marks = frozenset(each for each in self.marks if each[1] & ~left == 0)
        return None if left < 0 else Disk(left, snapshot_of(left), marks=marks)


@frozen
class Machine:
    """A node: what is durable, what is mounted, and what its agent has in memory.

    `late` and `late_fact` are a row and a fact that the network still has. Of users'
    snapshots it knows those `wanted`; what a slow stream brings is `coming`. It is
    `apart` while it goes on by what control said that is no more.
    """

    record: Record
    disk: Disk | None = None
    mounted: bool = False
    aside: int = 0
    buried: bool = False
    up: bool = True
    lease: int | None = None
    told: PoolOwnership | None = None
    confirmation: Confirmation | None = None
    late: PoolOwnership | None = None
    late_fact: PoolFact | None = None
    wanted: UserSnapshots | None = None
    late_wanted: UserSnapshots | None = None
    coming: Disk | None = None
    apart: bool = False

    @property
    def found(self) -> Found:
        """What the agent sees of its filesystem."""
        disk = self.disk
        if disk is None:
            return NoFilesystem()
        written = disk.head is None or history_of(disk.head) != disk.data
        if self.mounted:
            return Served(disk.head, written)
        return Idle(disk.head, written, disk.writable)

    @property
    def fact(self) -> PoolFact:
        """What the agent says of it."""
        head = None if self.disk is None else self.disk.head
        fact = PoolFact(self.record, self.disk is not None, head)
        if self.wanted is None or self.told is None:
            return fact
        return evolve(
            fact,
            users=self._users(self.wanted),
            heard=self.wanted.revision,
            under=self.told.revision if self.wanted.deletions else 0,
        )

    def _users(self, wanted: UserSnapshots) -> tuple[FoundSnapshot, ...]:
        """Give what it has of the snapshots that users want, and of parts besides."""
        marks = {} if self.disk is None else dict(self.disk.marks)
        ids = {each.in_pool: each.id for each in distinct(wanted)}
        for name in sorted(marks.keys() - ids.keys()):
            kept = unsaved_in(wanted.dataset, name)
            if kept is not None:
                ids[name] = kept.id_in(wanted.dataset)
        return tuple(
            FoundSnapshot(ids[name], snapshot_of(marks[name]))
            for name in ids
            if name in marks
        )

    def here(self, node: NodeID) -> Here:
        """Give what its agent decides from."""
        marks: Marks = frozenset() if self.disk is None else self.disk.marks
        return Here(
            node,
            self.record,
            self.found,
            self.told,
            self.confirmation,
            Fence(self.lease),
            frozenset(snapshot_of(history) for _, history in marks),
            frozenset(name for name, _ in marks),
            0 if self.wanted is None else self.wanted.deletions,
        )

    def crashed(self) -> "Machine":
        """Lose what is not on the disk."""
        disk = None if self.disk is None else self.disk.crashed()
        return evolve(self.agent_dead(), disk=disk, mounted=False, lease=None)

    def agent_dead(self) -> "Machine":
        """Lose what the agent has in memory; a mount stays."""
        return evolve(
            self,
            up=False,
            told=None,
            confirmation=None,
            wanted=None,
            coming=None,
            apart=False,
        )


@frozen
class Control:
    """What the store has: the row of the dataset, its lease, and users' snapshots.

    Where there are any, `facts` is what the nodes said last: in memory only. A `backup`
    is the row and the lease as they were.
    """

    row: PoolOwnership
    lease: Lease | None = None
    snapshots: UserSnapshots | None = None
    facts: tuple[PoolFact | None, ...] = ()
    backup: tuple[PoolOwnership, Lease | None] | None = None

    @property
    def configuration(self) -> Configuration:
        """Give it as the functions of control want it."""
        leases = () if self.lease is None else (self.lease,)
        bare = a_configuration(leases=leases)
        return evolve(bare, pools=bare.pools.set(DATASET, self.row))

    def after(self, configuration: Configuration) -> "Control":
        """Take out what a decision was about."""
        row = configuration.pools[DATASET]
        return evolve(self, row=row, lease=configuration.leases.get(DATASET))


def distinct(wanted: UserSnapshots) -> Iterable[UserSnapshot]:
    """Give what is wanted, the last of each name in the pool.

    Ids of tests are not random, so that two snapshots of a name may share that too.
    """
    return {each.in_pool: each for each in wanted.wanted}.values()


def perform(machine: Machine, step: Step) -> Machine:
    """Give the node after a step of its own, or part of an answer to another."""
    match step:
        case Unmount() | Mount():
            return evolve(machine, mounted=isinstance(step, Mount))
        case Create(record):
            return evolve(machine, record=record, disk=Disk(writable=True))
        case SetAside() | Destroy():
            disk = machine.disk if isinstance(step, SetAside) else None
            aside = machine.aside | (0 if disk is None else disk.holds())
            return evolve(machine, record=step.record, disk=None, aside=aside)
        case (
            TakeSnapshot()
            | MakeWritable()
            | MakeReadOnly()
            | Seal()
            | TakeStream()
            | Sync()
            | Save()
            | Repeat()
        ):
            return evolve(machine, disk=_changed(machine.disk, step))
        case Answer():
            return machine
        case _:
            return evolve(machine, record=step.record)


def _kept(disk: Disk, step: Save | Repeat) -> Disk:
    """Take a snapshot, or go back: that is a snapshot too."""
    if isinstance(step, Repeat):
        number = number_in(step.name)
        disk = evolve(disk, data=gone_back(disk.data, number, step.snapshot))
    return disk.marked(step.name)


def _changed(
    disk: Disk | None,
    step: (
        TakeSnapshot
        | MakeWritable
        | MakeReadOnly
        | TakeStream
        | Sync
        | Save
        | Seal
        | Repeat
    ),
) -> Disk:
    match step, disk:
        case TakeStream(_, snapshot), None:
            return Disk(history_of(snapshot), snapshot, synced=-1)
        case TakeStream(_, snapshot), Disk(data, _, _, synced, marks):
            left = data if synced is None else synced
            return Disk(history_of(snapshot), snapshot, synced=left, marks=marks)
        case _, None:
            raise AssertionError(f"{step} without a filesystem")
        case ((Save() | Repeat()), _):
            return _kept(disk, step)
        case TakeSnapshot(), _:
            return evolve(disk, head=snapshot_of(disk.data), synced=None)
        case ((MakeWritable() | MakeReadOnly() | Seal()), _):
            return evolve(disk, writable=isinstance(step, MakeWritable))
        case _:
            return evolve(disk, synced=None)


def with_marks(mine: Machine, theirs: Machine) -> Machine:
    """Let the snapshots that users have come with a stream."""
    if mine.disk is None or theirs.disk is None:
        return mine
    came = {each for each in theirs.disk.marks if each[1] & ~mine.disk.data == 0}
    return evolve(mine, disk=evolve(mine.disk, marks=mine.disk.marks | came))


def a_world(
    nodes: int = 2,
    *,
    empty: bool = False,
    pinned: bool = True,
    marked: bool = False,
    listening: bool = False,
) -> tuple[Control, tuple[Machine, ...]]:
    """Make a world: A owns the dataset and serves it, or is to create it.

    If it is `marked` a user has a snapshot of what it is. If control is `listening` it
    keeps in memory what nodes say.
    """
    base = snapshot_of(0)
    row = PoolOwnership(
        DATASET,
        DEFAULT_BACKEND,
        NODES[0],
        base=None if empty else base,
        create=empty,
        acquired=not empty,
        holders=(NODES[0],),
        pinned=pinned,
    )
    others = [
        Machine(
            Record(DATASET, floor=Epoch(2), pinned=pinned),
            lease=1,
            told=None if empty else row,
        )
        for _ in range(1, nodes)
    ]
    fresh = Machine(Record(DATASET, pinned=pinned), lease=1)
    serving = evolve(
        fresh,
        record=Record(DATASET, Owned(Epoch(1), base), pinned=pinned),
        disk=Disk(0, base, writable=True, marks=FIRST_MARK if marked else frozenset()),
        mounted=True,
        told=row,
    )
    facts = (None,) * nodes if listening else ()
    return Control(row, facts=facts), (fresh if empty else serving, *others)
