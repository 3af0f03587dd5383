"""Values for tests, of which only what the test is about need be said.

Numbers stand for identifiers: ``node_id(1)`` is the same node everywhere. What a
builder has no argument for is changed with `attrs.evolve`.
"""

from collections.abc import Iterable
from functools import reduce
from typing import Final
from uuid import UUID

from flocker.model.changes import (
    Change,
    DatasetEdit,
    Edit,
    LeaseEdit,
    OwnershipEdit,
    apply,
)
from flocker.model.cluster import (
    AgentIdentity,
    Assignment,
    BackendReport,
    Cause,
    Condition,
    Fact,
    NodeSight,
    Observed,
    Phase,
    Role,
    Want,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import (
    DatasetID,
    Era,
    InstanceID,
    Life,
    NodeID,
    ProcessID,
    VolumeID,
)
from flocker.model.leases import USER, Holder, Lease
from flocker.model.nodes import DeadMark, Evidence, Node
from flocker.model.ownership import Ownership

_DATASET: Final = 0xDA7A << 112
_NODE: Final = 0x0DE << 112
_ERA: Final = 0xE7A << 112
_PROCESS: Final = 0x9C << 112
_LIFE: Final = 0x11FE << 112


def dataset_id(number: int = 1) -> DatasetID:
    """Name dataset `number`."""
    return DatasetID(UUID(int=_DATASET + number))


def node_id(number: int = 1) -> NodeID:
    """Name node `number`."""
    return NodeID(UUID(int=_NODE + number))


def volume_id(number: int = 1) -> VolumeID:
    """Name the volume of dataset `number`."""
    return VolumeID(f"volume-{number}")


def a_life(number: int = 1) -> Life:
    """Name life `number` of a dataset's id."""
    return Life(UUID(int=_LIFE + number))


def a_dataset(
    number: int = 1,
    on: int = 1,
    *,
    deleted: bool = False,
    destroyed: bool = False,
    destroyed_at: float | None = None,
    maximum_size: int | None = None,
) -> Dataset:
    """Make dataset `number`, wanted on node `on`."""
    return Dataset(
        id=dataset_id(number),
        primary=node_id(on),
        maximum_size=maximum_size,
        deleted=deleted or destroyed,
        destroyed=destroyed,
        destroyed_at=destroyed_at,
        asked=1000.0,
    )


def an_ownership(
    number: int = 1, volume: VolumeID | None = None, *, acquired: bool = False
) -> Ownership:
    """Make the record of dataset `number`."""
    return Ownership(
        dataset=dataset_id(number),
        backend=DEFAULT_BACKEND,
        volume=volume or volume_id(number),
        acquired=acquired,
    )


def a_lease(
    number: int = 1, on: int = 1, expires: float | None = None, **others: float | None
) -> Lease:
    """Lease dataset `number` to node `on`, for a user, and others by name."""
    holders = {USER: expires, **others}
    return Lease(
        dataset_id(number),
        node_id(on),
        tuple(Holder(name, holders[name]) for name in sorted(holders)),
    )


def a_configuration(
    datasets: Iterable[Dataset] = (),
    ownership: Iterable[Ownership] = (),
    leases: Iterable[Lease] = (),
) -> Configuration:
    """Make a configuration as commits make it: each object is one revision."""
    edits: list[Edit] = [DatasetEdit(None, dataset) for dataset in datasets]
    edits.extend(OwnershipEdit(None, record) for record in ownership)
    edits.extend(LeaseEdit(None, lease) for lease in leases)
    return reduce(
        lambda known, edit: apply(Change((edit,)), known), edits, Configuration()
    )


def a_fact(
    number: int = 1,
    condition: Condition = Condition.MOUNTED,
    want: Want = Want.MOUNTED,
    *,
    doing: Phase | None = None,
    cause: Cause | None = None,
    volume: VolumeID | None = None,
) -> Fact:
    """Make what a node says of dataset `number`; it has a path where it is mounted."""
    mounted = condition is Condition.MOUNTED
    return Fact(
        dataset=dataset_id(number),
        want=want,
        condition=condition,
        backend=DEFAULT_BACKEND,
        volume=volume or volume_id(number),
        size=2**30,
        path=f"/flocker/{dataset_id(number)}" if mounted else None,
        doing=doing,
        cause=cause,
    )


def observed(fact: Fact, since: float = 2000.0) -> Observed:
    """Make a fact that control has heard."""
    return Observed(fact, since)


def an_assignment(
    number: int = 1,
    on: int = 1,
    held_by: tuple[NodeID, ...] = (),
    lease: Lease | None = None,
) -> Assignment:
    """Make what node `on` is told of dataset `number`."""
    return Assignment(
        id=dataset_id(number),
        dataset=a_dataset(number, on),
        ownership=an_ownership(number),
        held_by=held_by,
        lease=lease,
    )


def an_identity(
    node: int = 1,
    *,
    era: int = 1,
    process: int = 1,
    host: str | None = None,
    role: Role = Role.DATASET,
) -> AgentIdentity:
    """Make the identity of an agent on node `node`."""
    return AgentIdentity(
        node=node_id(node),
        role=role,
        era=Era(UUID(int=_ERA + era)),
        process=ProcessID(UUID(int=_PROCESS + process)),
        host=host or f"10.0.0.{node}",
        version="2.0",
        backends=(
            BackendReport(
                DEFAULT_BACKEND, "loopback", "block", InstanceID(f"i-{node}")
            ),
        ),
    )


def a_sight(
    node: int = 1, *, connected: bool = True, since: float = 500.0
) -> NodeSight:
    """Make what control sees of node `node`."""
    return NodeSight(
        identity=an_identity(node),
        connected=connected,
        last_seen=since,
        since=since,
        joined=since,
    )


def a_node(
    number: int = 1,
    *,
    cordoned: bool = False,
    dead: DeadMark | None = None,
    last_seen: float = 500.0,
) -> Node:
    """Make the record of node `number`, in the life of `an_identity`."""
    identity = an_identity(number)
    return Node(
        id=identity.node,
        host=identity.host,
        era=identity.era,
        version=identity.version,
        backends=identity.backends,
        first_seen=100.0,
        last_seen=last_seen,
        cordoned=cordoned,
        dead=dead,
    )


def a_mark(number: int = 1, evidence: Evidence = Evidence.OPERATOR) -> DeadMark:
    """Mark the life of node `number` that `an_identity` is in."""
    return DeadMark(
        an_identity(number).era, evidence, "alice", "the machine is off", 600.0
    )
