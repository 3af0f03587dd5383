"""What may happen to a simulated cluster: values; times are in seconds."""

from attrs import frozen

from flocker.model.pools import Stage
from flocker.testing.simulation.backups import BackUp, Restore
from flocker.testing.simulation.faults import Fault

# What users and operators do.


@frozen
class Create:
    """Ask for a dataset; twice at once, if `twice`; one that was, to be anew."""

    dataset: int
    machine: int
    on_use: bool = False
    twice: bool = False


@frozen
class Write:
    """Write into everything that is mounted."""


@frozen
class Move:
    """Ask for a move; then, with no time between, for one to `instead`."""

    dataset: int
    machine: int
    instead: int | None = None


@frozen
class Grow:
    """Ask for a larger dataset."""

    dataset: int
    mebibytes: int


@frozen
class Lease:
    """Lease a dataset to a machine, for good or for some time."""

    dataset: int
    machine: int
    expires_in: float | None = None


@frozen
class Release:
    """End a lease."""

    dataset: int


@frozen
class Delete:
    """Delete a dataset."""

    dataset: int


@frozen
class Purge:
    """Forget a dataset."""

    dataset: int


@frozen
class Cordon:
    """Keep new datasets away from a machine, or let them come."""

    machine: int
    cordoned: bool


@frozen
class MarkDead:
    """Say that a machine is dead, be it true or not."""

    machine: int


@frozen
class MarkAlive:
    """Take that back."""

    machine: int


# What happens to processes and machines.


@frozen
class KillAgent:
    """Kill an agent; its supervisor starts it again after a while."""

    machine: int
    down: float


@frozen
class KillControl:
    """Kill control, whose wall clock has been stepped when it starts again."""

    down: float
    step: float = 0.0


@frozen
class PowerOff:
    """Switch a machine off, and on again."""

    machine: int
    down: float


# What happens to the network.


@frozen
class Partition:
    """Cut a machine off; one way only, if `mute` names who is not heard."""

    machine: int
    lasts: float
    mute: str | None = None


@frozen
class Stall:
    """Hold back what a machine and control say to each other."""

    machine: int
    lasts: float


@frozen
class Cut:
    """Break a machine's connection."""

    machine: int


# What happens to the store.


@frozen
class StoreFails:
    """Let no commit work for a while."""

    lasts: float


@frozen
class StoreUnanswered:
    """Let the next commit work, and its answer be lost."""


# What happens to storage.


@frozen
class CallFails:
    """A call fails: once in a way, or always for a while."""

    machine: int
    call: str
    how: Fault
    lasts: float | None = None


@frozen
class Hang:
    """The driver, or the kernel, answers nothing for a while."""

    machine: int
    lasts: float
    kernel: bool


@frozen
class Unlisted:
    """A machine's driver lists a dataset's volumes not, or all of them twice."""

    machine: int
    dataset: int
    lasts: float
    twice: bool


@frozen
class Use:
    """Somebody uses what is mounted on a machine."""

    machine: int
    lasts: float


@frozen
class Vanish:
    """The device of a dataset vanishes from the machine that has it."""

    dataset: int


@frozen
class Spoil:
    """Somebody destroys a dataset's volume, empties it, or puts a signature on it."""

    dataset: int
    how: str


@frozen
class Leave:
    """A volume with data turns up that carries a dataset's id: of an earlier life.

    Or, if not `marked`, made by hand.
    """

    dataset: int
    marked: bool


# What is about datasets in pools.


@frozen
class MoveOnTerms:
    """Ask for a move that takes it from who leases it, or must be short (seconds)."""

    dataset: int
    machine: int
    force: bool = False
    max_downtime: float | None = None


@frozen
class CancelMove:
    """Want a dataset to stay where it is."""

    dataset: int


@frozen
class PruneCopy:
    """Want the copy destroyed that a machine kept."""

    dataset: int
    machine: int


@frozen
class DieBetween:
    """The agent dies before the next durable step but `after`, or all the machine."""

    machine: int
    after: int
    down: float
    whole: bool


@frozen
class CutWay:
    """What a machine sends to another one is lost, and the other way if `both`."""

    machine: int
    other: int
    lasts: float
    both: bool


@frozen
class Await:
    """Time goes by until a move of a dataset is so far, or for so many seconds."""

    dataset: int
    stage: Stage
    longest: float


@frozen
class ResetStreams:
    """A machine's connections to others break, or what enters next `after` parts."""

    machine: int
    after: int | None = None


@frozen
class PoolFails:
    """A call of a machine's pool fails: once in a way, or always for a while."""

    machine: int
    call: str
    how: Fault
    lasts: float | None = None


@frozen
class PoolHangs:
    """The pool of a machine answers nothing for a while, or only `streams` hang."""

    machine: int
    lasts: float
    streams: bool = False


@frozen
class FillPool:
    """The pool of a machine has no room for a while."""

    machine: int
    lasts: float


@frozen
class UseCopies:
    """Somebody uses what is served by a machine."""

    machine: int
    lasts: float


@frozen
class TellOld:
    """A control service of before tells a machine what was so some updates `ago`."""

    machine: int
    ago: int
    lasts: float


@frozen
class TakeSnapshot:
    """Ask for a snapshot of a dataset."""

    dataset: int
    name: str


@frozen
class DeleteSnapshot:
    """Delete a snapshot of a dataset; None: the last that a rollback has kept."""

    dataset: int
    name: str | None


@frozen
class RollBack:
    """Ask for a dataset to be what a snapshot of it was; None: what was last kept."""

    dataset: int
    name: str | None


@frozen
class CancelRollback:
    """Want a dataset to stay what it is."""

    dataset: int


@frozen
class Clone:
    """Ask for a clone of a snapshot, on a machine; None: of what was last kept."""

    dataset: int
    source: int
    name: str | None
    machine: int


@frozen
class Limit:
    """Ask for another limit of a dataset's size."""

    dataset: int
    kibibytes: int


@frozen
class Suspend:
    """A machine's agent, or control if it is None, stands still for a while.

    For it time jumps; what was sent to it arrives when it goes on.
    """

    machine: int | None
    lasts: float


Happening = (
    Create
    | Write
    | Move
    | Grow
    | Lease
    | Release
    | Delete
    | Purge
    | Cordon
    | MarkDead
    | MarkAlive
    | KillAgent
    | BackUp
    | Restore
    | KillControl
    | PowerOff
    | Partition
    | Stall
    | Cut
    | StoreFails
    | StoreUnanswered
    | CallFails
    | Hang
    | Unlisted
    | Use
    | Vanish
    | Spoil
    | Leave
    | MoveOnTerms
    | CancelMove
    | PruneCopy
    | DieBetween
    | CutWay
    | Await
    | ResetStreams
    | PoolFails
    | PoolHangs
    | FillPool
    | UseCopies
    | TellOld
    | TakeSnapshot
    | DeleteSnapshot
    | RollBack
    | CancelRollback
    | Clone
    | Limit
    | Suspend
)
