"""A world of one pool dataset and a few nodes, as values, and what steps do to it.

Data is a set of numbered acknowledged writes, kept as the bits of an integer. Writes
only append, so a smaller set is an older state, and the set is a snapshot's identity.
"""

from functools import cache

from attrs import evolve, frozen

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
from flocker.testing.builders import a_configuration, dataset_id, node_id

DATASET = dataset_id()
NAMES = "ABC"
NODES = tuple(node_id(number) for number in range(1, len(NAMES) + 1))


@cache
def snapshot_of(data: int) -> SnapshotID:
    """Name the snapshot of some data."""
    return SnapshotID(f"{data:b}")


def data_of(snapshot: SnapshotID) -> int:
    """Give the data of a snapshot."""
    return int(snapshot, 2)


@cache
def lineage_of(snapshot: SnapshotID | None) -> frozenset[SnapshotID]:
    """Name all that a snapshot contains."""
    if snapshot is None:
        return frozenset()
    data = data_of(snapshot)
    older = (each for each in range(data + 1) if each & ~data == 0)
    return frozenset(snapshot_of(each) for each in older)


@frozen
class Disk:
    """A filesystem: its data, the newest snapshot, and how much a crash would leave.

    `synced` is the data that is on the disk where that is less; -1: no filesystem.
    """

    data: int = 0
    head: SnapshotID | None = None
    writable: bool = False
    synced: int | None = None


@frozen
class Machine:
    """A node: what is durable, what is mounted, and what its agent has in memory.

    `late` and `late_fact` are a row and a fact that the network still has.
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

    @property
    def found(self) -> Found:
        """What the agent sees of its filesystem."""
        disk = self.disk
        if disk is None:
            return NoFilesystem()
        written = disk.head is None or data_of(disk.head) != disk.data
        if self.mounted:
            return Served(disk.head, written)
        return Idle(disk.head, written, disk.writable)

    @property
    def fact(self) -> PoolFact:
        """What the agent says of it."""
        head = None if self.disk is None else self.disk.head
        return PoolFact(self.record, self.disk is not None, head)

    def here(self, node: NodeID) -> Here:
        """Give what its agent decides from."""
        return Here(
            node,
            self.record,
            self.found,
            self.told,
            self.confirmation,
            Fence(self.lease),
        )

    def crashed(self) -> "Machine":
        """Lose what is not on the disk."""
        disk = self.disk
        if disk is not None and disk.synced is not None:
            left = disk.synced
            disk = None if left < 0 else Disk(left, snapshot_of(left))
        return evolve(self.agent_dead(), disk=disk, mounted=False, lease=None)

    def agent_dead(self) -> "Machine":
        """Lose what the agent has in memory; a mount stays."""
        return evolve(self, up=False, told=None, confirmation=None)


@frozen
class Control:
    """What the store has: the row of the dataset, and its lease."""

    row: PoolOwnership
    lease: Lease | None = None

    @property
    def configuration(self) -> Configuration:
        """Give it as the functions of control want it."""
        leases = () if self.lease is None else (self.lease,)
        bare = a_configuration(leases=leases)
        return evolve(bare, pools=bare.pools.set(DATASET, self.row))

    @classmethod
    def of(cls, configuration: Configuration) -> "Control":
        """Take out what this world has."""
        row = configuration.pools[DATASET]
        return cls(row, configuration.leases.get(DATASET))


def perform(machine: Machine, step: Step) -> Machine:
    """Give the node after a step of its own, or part of an answer to another."""
    match step:
        case Unmount() | Mount():
            return evolve(machine, mounted=isinstance(step, Mount))
        case Create(record):
            return evolve(machine, record=record, disk=Disk(writable=True))
        case SetAside() | Destroy():
            kept = _data(machine) if isinstance(step, SetAside) else 0
            aside = machine.aside | kept
            return evolve(machine, record=step.record, disk=None, aside=aside)
        case TakeSnapshot() | MakeWritable() | MakeReadOnly() | TakeStream() | Sync():
            return evolve(machine, disk=_changed(machine.disk, step))
        case Answer():
            return machine
        case _:
            return evolve(machine, record=step.record)


def _changed(
    disk: Disk | None,
    step: TakeSnapshot | MakeWritable | MakeReadOnly | TakeStream | Sync,
) -> Disk:
    match step, disk:
        case TakeStream(_, snapshot), None:
            return Disk(data_of(snapshot), snapshot, synced=-1)
        case TakeStream(_, snapshot), Disk(data, _, _, synced):
            left = data if synced is None else synced
            return Disk(data_of(snapshot), snapshot, synced=left)
        case _, None:
            raise AssertionError(f"{step} without a filesystem")
        case TakeSnapshot(), _:
            return evolve(disk, head=snapshot_of(disk.data), synced=None)
        case ((MakeWritable() | MakeReadOnly()), _):
            return evolve(disk, writable=isinstance(step, MakeWritable))
        case _:
            return evolve(disk, synced=None)


def _data(machine: Machine) -> int:
    return 0 if machine.disk is None else machine.disk.data


def a_world(
    nodes: int = 2, *, empty: bool = False, pinned: bool = True
) -> tuple[Control, tuple[Machine, ...]]:
    """Make a world: A owns the dataset and serves it, or is to create it."""
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
        disk=Disk(0, base, writable=True),
        mounted=True,
        told=row,
    )
    return Control(row), (fresh if empty else serving, *others)
