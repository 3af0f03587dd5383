"""What agents say and are told: facts, causes, assignments, and who the nodes are."""

from enum import Enum

from attrs import evolve, field, frozen

from flocker.model.datasets import Dataset
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Era,
    InstanceID,
    Life,
    NodeID,
    ProcessID,
    VolumeID,
)
from flocker.model.leases import Lease
from flocker.model.ownership import Ownership
from flocker.model.pools import PoolFact, PoolOwnership
from flocker.model.snapshots import UserSnapshots, VolumeSnapshots


class Role(Enum):
    """Which of a node's agents this is."""

    DATASET = "dataset"
    CONTAINER = "container"


class Want(Enum):
    """What one node should make of a dataset."""

    MOUNTED = "mounted"
    AWAY = "away"
    DELETED = "deleted"
    KEPT = "kept"
    LEFT_ALONE = "left-alone"


class Condition(Enum):
    """In what condition a node found a dataset."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    UNREGISTERED = "unregistered"
    FOUND = "found"
    UNCLAIMED = "unclaimed"
    REGISTERED = "registered"
    DESTROYED = "destroyed"
    DETACHED = "detached"
    ELSEWHERE = "elsewhere"
    ON_DEAD_NODE = "on-dead-node"
    APPEARING = "appearing"
    UNREADABLE = "unreadable"
    BLANK = "blank"
    EMPTIED = "emptied"
    FOREIGN = "foreign"
    ATTACHED = "attached"
    MOUNTED = "mounted"
    STRANDED = "stranded"


HOLDING = frozenset(
    {
        Condition.APPEARING,
        Condition.UNREADABLE,
        Condition.BLANK,
        Condition.EMPTIED,
        Condition.FOREIGN,
        Condition.ATTACHED,
        Condition.MOUNTED,
        Condition.STRANDED,
    }
)
"""The conditions in which the node has the volume attached, or something mounted."""


class Phase(Enum):
    """Where a dataset is on its way; the words of the status API."""

    WAITING = "waiting"
    CREATING = "creating"
    ATTACHING = "attaching"
    FORMATTING = "formatting"
    MOUNTING = "mounting"
    MOUNTED = "mounted"
    COPYING = "copying"
    FREEZING = "freezing"
    HANDING_OVER = "handing-over"
    ROLLING_BACK = "rolling-back"
    UNMOUNTING = "unmounting"
    DETACHING = "detaching"
    DESTROYING = "destroying"
    DESTROYED = "destroyed"
    UNKNOWN = "unknown"
    FAILED = "failed"


@frozen
class Cause:
    """Why something is not as wanted: a code for programs and a sentence for people.

    `release` says what would end it, where somebody must act; `permanent` that trying
    again is of no use before that.
    """

    code: str
    words: str
    release: str | None = None
    permanent: bool = False


@frozen
class Fact:
    """What a node knows of one dataset; the agent reports it when it changes.

    `size` is the volume's, in bytes; `doing` is the step under way; `cause` is why the
    last step failed or what is waited for. `off` is the backend's word that `instance`,
    which has the volume, does not run; `life` is the dataset's that the volume without
    a record was made for. `pool` is what is to say of a dataset in a pool,
    `kept` of the snapshots of a volume.
    """

    dataset: DatasetID
    want: Want
    condition: Condition
    backend: BackendName | None = None
    volume: VolumeID | None = None
    size: int | None = None
    path: str | None = None
    device: str | None = None
    instance: InstanceID | None = None
    doing: Phase | None = None
    cause: Cause | None = None
    off: bool = False
    life: Life | None = None
    pool: PoolFact | None = None
    kept: VolumeSnapshots | None = None

    @property
    def holds(self) -> bool:
        """Whether the node has the volume attached."""
        return self.condition in HOLDING

    @property
    def lasting(self) -> "Fact":
        """Give what is so still when the connection is over on which it was said."""
        if self.pool is None and self.kept is None:
            return self
        pool = None if self.pool is None else self.pool.lasting
        kept = None if self.kept is None else self.kept.lasting
        return evolve(self, pool=pool, kept=kept)

    @property
    def engaged(self) -> bool:
        """Whether the node has the volume, or is doing something about it."""
        return self.holds or self.doing is not None


@frozen
class Peer:
    """Where the agent of another node takes streams of snapshots."""

    node: NodeID
    host: str
    port: int


@frozen
class Assignment:
    """What an agent is told of one dataset: wish, records, and who else holds it.

    `dead` are the machines from which its volume may be taken. `dataset` is None where
    the node holds a volume of a dataset nobody knows. `pool` is the row of a dataset of
    a pool, `peers` are the nodes with which its data is exchanged, and `snapshots` what
    users want of it.
    """

    id: DatasetID
    dataset: Dataset | None
    ownership: Ownership | None = None
    held_by: tuple[NodeID, ...] = ()
    lease: Lease | None = None
    dead: tuple[InstanceID, ...] = ()
    pool: PoolOwnership | None = None
    peers: tuple[Peer, ...] = ()
    snapshots: UserSnapshots | None = None


@frozen
class BackendReport:
    """A backend that a node has; `kind` is ``block`` or ``pool``.

    Of a pool, `port` is where the node's agent takes streams. Volumes can have
    `snapshots`, or not; datasets of pools always can.
    """

    name: BackendName
    driver: str
    kind: str
    instance: InstanceID | None = None
    port: int | None = None
    snapshots: bool = False

    @property
    def is_pool(self) -> bool:
        """Whether its datasets are filesystems of the node, not volumes."""
        return self.kind == "pool"


@frozen
class Volume:
    """A volume as its backend lists it.

    `size` is in bytes; `dataset` and `life` are what the volume says of itself;
    `instance` has it attached.
    """

    backend: BackendName
    id: VolumeID
    dataset: DatasetID
    size: int
    instance: InstanceID | None = None
    life: Life | None = None


@frozen
class AgentIdentity:
    """Who is on a connection; two processes of one node and role are told apart."""

    node: NodeID
    role: Role
    era: Era
    process: ProcessID
    host: str
    version: str
    backends: tuple[BackendReport, ...] = field(default=())


@frozen
class NodeSight:
    """What control sees of a node; times are control's steady clock, in seconds.

    `since` is when it came or went, `joined` when it last came; `refused` is a sentence
    about an agent that was turned away, if one was. `stood_down` says that it has
    let go of everything since, because it was marked dead.
    """

    identity: AgentIdentity
    connected: bool
    last_seen: float
    since: float
    refused: str | None = None
    joined: float = 0.0
    stood_down: bool = False


@frozen
class Observed:
    """A fact, and since when (control's steady clock, seconds) it says the same."""

    fact: Fact
    since: float
