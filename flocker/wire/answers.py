"""What a client reads: the objects of the status API, as values; pure.

`flocker.wire.public` writes them. Keys that are not known here are passed over, for a
server may be newer than its client; phases and conditions stay texts for that reason.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, get_origin

from attrs import field, frozen

from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.wire.json_codec import strict_converter, understand

T = TypeVar("T")


@frozen
class CauseAnswer:
    """Why something is not as wanted, and what would end it."""

    code: str
    words: str
    release: str | None = None


@frozen
class BackendAnswer:
    """A backend that a node has."""

    name: BackendName
    driver: str
    kind: str
    instance: str | None = None


@frozen
class DeadAnswer:
    """Why a node is marked dead in its life `era`."""

    era: str
    evidence: str
    by: str
    words: str
    at: str


@frozen
class NodeAnswer:
    """What control knows of a node; `seconds` since it was last heard."""

    uuid: NodeID
    host: str
    connected: bool
    since: str
    last_seen: str
    seconds: float
    era: str
    version: str
    backends: tuple[BackendAnswer, ...] = ()
    refused: str | None = None
    first_seen: str | None = None
    labels: Mapping[str, str] = field(factory=dict)
    cordoned: bool = False
    dead: DeadAnswer | None = None


@frozen
class MoveAnswer:
    """How far a dataset of a pool is on its way; sizes in bytes, times in seconds."""

    source: NodeID
    target: NodeID
    stage: str
    force: bool
    max_downtime: float | None
    round: int | None
    done: int | None
    total: int | None
    rate: float | None
    remaining: float | None
    ready: bool
    downtime: float | None


@frozen
class PlanAnswer:
    """What a move would take, about; bytes, and seconds of `downtime` if known.

    What is to be sent is a `bound` where it may be less, and None where it was not
    counted, or the server is older than that.
    """

    source: NodeID
    target: NodeID
    continues: bool
    at_most: int | None
    downtime: float | None
    blockers: tuple[str, ...] = ()
    to_send: int | None = None
    bound: bool = False
    each_round: bool = False
    not_counted: str | None = None
    downtime_from: str | None = None


@frozen
class DatasetAnswer:
    """What happens to a dataset; sizes in bytes, `seconds` of the present phase.

    `move` is None too where the server is older than pools.
    """

    dataset_id: DatasetID
    name: str | None
    metadata: Mapping[str, str]
    primary: NodeID
    backend: BackendName
    mount: str
    filesystem: str
    maximum_size: int | None
    deleted: bool
    phase: str
    since: str
    seconds: float
    node: NodeID | None
    cause: CauseAnswer | None
    path: str | None
    size: int | None
    move: MoveAnswer | None = field(default=None, kw_only=True)


@frozen
class CopyAnswer:
    """What a node has of a dataset of a pool."""

    standing: str
    epoch: int | None
    exists: bool
    snapshot: str | None
    asides: tuple[str, ...] = ()


@frozen
class BackAnswer:
    """To which snapshot a dataset is rolled back, and which keeps what it is before.

    They are counted by `number`.
    """

    number: int
    snapshot: str
    safety: str
    cancelled: bool


@frozen
class NotBackAnswer(BackAnswer):
    """A rollback that was given up; `release` is what would help, if anything."""

    why: str
    release: str | None


@frozen
class RollbackAnswer(BackAnswer):
    """The same, in the answer to what asks for it."""

    dataset_id: DatasetID


@frozen
class PoolAnswer:
    """Who owns a dataset of a pool, and on which nodes copies are being dropped.

    `rolled_back` is the number of the last rollback that was done; 0: of none.
    `not_rolled_back` is the last, if it was given up.
    """

    owner: NodeID
    epoch: int
    given_up: str | None
    dropping: tuple[NodeID, ...] = ()
    rollback: BackAnswer | None = None
    rolled_back: int = 0
    not_rolled_back: NotBackAnswer | None = None


@frozen
class FactAnswer:
    """What one node says of a dataset."""

    wants: str
    condition: str
    volume: str | None
    device: str | None
    path: str | None
    doing: str | None
    cause: CauseAnswer | None
    since: str
    seconds: float
    copy: CopyAnswer | None = None


@frozen
class SnapshotAnswer:
    """A snapshot of a dataset, and what happens to it.

    `phase` is empty in the answer to what changes one. One that no user asked for is
    kept by the `rollback` of that number, and `why` says what it holds.
    """

    dataset_id: DatasetID
    snapshot_id: str
    name: str
    asked: str
    taken: str | None
    deleted: bool
    phase: str = ""
    node: NodeID | None = None
    cause: CauseAnswer | None = None
    rollback: int | None = None
    why: str | None = None


@frozen
class HolderAnswer:
    """Who holds a lease; `expires` in seconds from now, None for never.

    One with an `era` holds it in that life of the node only.
    """

    holder: str
    expires: float | None
    era: str | None = None


@frozen
class LeaseAnswer:
    """A dataset that stays on a node; `expires` as for its last holder."""

    dataset_id: DatasetID
    node_uuid: NodeID
    expires: float | None
    holders: tuple[HolderAnswer, ...] = ()


@frozen
class DatasetInFull(DatasetAnswer):
    """The same with the record of ownership, lease, and what every node says."""

    volume: str | None
    acquired: bool
    nodes: Mapping[NodeID, FactAnswer]
    lease: LeaseAnswer | None = None
    pool: PoolAnswer | None = None


@frozen
class VolumeAnswer:
    """A volume that no dataset is; `node` has it attached, if any does."""

    backend: BackendName
    volume: str
    dataset_id: DatasetID
    size: int
    attached_to: str | None
    node: NodeID | None
    cause: CauseAnswer


@frozen
class UnansweredAnswer:
    """A backend whose volumes cannot be listed now."""

    backend: BackendName
    why: str


@frozen
class UnclaimedCopyAnswer:
    """A copy in a node's pool that no dataset is; it is served at `path`, if it is."""

    backend: BackendName | None
    dataset_id: DatasetID
    node: NodeID
    path: str | None
    cause: CauseAnswer


@frozen
class VolumesAnswer:
    """The volumes and copies that no dataset is, as far as backends answer."""

    volumes: tuple[VolumeAnswer, ...]
    unanswered: tuple[UnansweredAnswer, ...] = ()
    copies: tuple[UnclaimedCopyAnswer, ...] = ()


@frozen
class EraAnswer:
    """Which node is in an era."""

    uuid: NodeID


@frozen
class ConfiguredAnswer:
    """What is wanted of a dataset: the answer to every request that changes one."""

    dataset_id: DatasetID
    primary: NodeID
    deleted: bool
    metadata: Mapping[str, str]
    maximum_size: int | None = None


@frozen
class VersionAnswer:
    """Which Flocker the server is."""

    flocker: str


@frozen
class RefusalAnswer:
    """Why a request was not carried out."""

    description: str
    errors: tuple[str, ...] = ()
    incident: str | None = None


def read(kind: type[T], body: bytes) -> T:
    """Read an object of type `kind`. Raises `Undecodable`."""
    return understand(kind, body, lambda found: _structure(kind, found))


def _structure(kind: type[T], found: object) -> T:
    if get_origin(kind) is tuple and not isinstance(found, list):
        raise TypeError("it is not an array")
    return _CONVERTER.structure(found, kind)


def plain(value: object) -> Any:  # noqa: ANN401 - what JSON has is not one type
    """Give a value as JSON has it, under the server's keys."""
    return _CONVERTER.unstructure(value)


_CONVERTER = strict_converter(forbid_extra_keys=False)
