"""What a node does about a pool dataset besides the steps of the ownership protocol.

None of it decides who owns what: data is sent, what is superfluous goes, a limit is
set. Values, as those of `flocker.dataset_agent.pool_steps`.
"""

from typing import ClassVar

from attrs import frozen

from flocker.dataset_agent.pool_steps import Step
from flocker.model.cluster import Phase
from flocker.model.ids import MoveNumber, NodeID, SnapshotID, UserSnapshotID


@frozen
class Send:
    """Bring `target` up to `head`, and ask what it has on its disk then."""

    phase: ClassVar = Phase.COPYING
    move: MoveNumber
    target: NodeID
    head: SnapshotID


@frozen
class Tidy:
    """Destroy snapshots that were taken for streams, or deleted, and none needs."""

    phase: ClassVar = Phase.WAITING
    snapshots: tuple[SnapshotID, ...]


@frozen
class Resize:
    """Limit what the filesystem holds, in bytes; None lifts the limit."""

    phase: ClassVar = Phase.MOUNTED
    quota: int | None


@frozen
class TakeUsers:
    """Take a snapshot that a user asked for, under its name in the pool."""

    phase: ClassVar = Phase.WAITING
    id: UserSnapshotID
    name: str


Work = Step | Send | Tidy | Resize | TakeUsers
"""Whatever a node may do about a pool dataset."""
