"""What an agent works with where a node has a pool: the pool, and the way to peers."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from flocker.backends.pool_interface import IFilesystemPool, PoolSnapshot
from flocker.backends.pool_resuming import Unfinished
from flocker.dataset_agent.pool_marks import is_ours
from flocker.dataset_agent.pool_states import Offer
from flocker.dataset_agent.transfer.pacing import Progress
from flocker.model.cluster import Peer
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, MoveNumber, NodeID, SnapshotID
from flocker.runtime.threads import Threads


@frozen
class Pool:
    """One pool of the node; `threads` are those that wait for it."""

    name: BackendName
    driver: str
    api: IFilesystemPool
    threads: Threads
    kind: str = field(default="pool", init=False)


@frozen
class Shipment:
    """A snapshot that is to be brought to another node, with those before it.

    `snapshots` are all of the copy, oldest first; the last is what is offered, and
    what users took and what of ours is `needed` goes too. While nobody serves the
    dataset it is `urgent`.
    """

    dataset: DatasetID
    move: MoveNumber
    offer: Offer
    snapshots: tuple[PoolSnapshot, ...]
    needed: frozenset[SnapshotID] = frozenset()
    urgent: bool = False

    def after(
        self, since: SnapshotID | None, there: Unfinished | None = None
    ) -> tuple[PoolSnapshot, ...]:
        """Give what is to be sent to who has `since`, oldest first.

        That of which there is the beginning comes first, and makes the others shorter.
        """
        known = [each.identity for each in self.snapshots]
        start = 0 if since is None else known.index(since) + 1
        *before, last = self.snapshots
        begun = None if there is None or there.base != since else there.identity
        kept = [
            each
            for each in before[start:]
            if not is_ours(each) or each.identity in {begun, *self.needed}
        ]
        return (*kept, last) if start < len(known) else ()


@frozen
class NotTaken(FlockerError):
    """The target does not take a snapshot; `soon` says that it may in a moment."""

    target: NodeID
    why: str
    soon: bool = False

    def words(self) -> str:
        """Name the target and give its reason."""
        return f"node {self.target} does not take it: {self.why}"


Heard = Callable[[Progress], None]
"""Is told how far a round is."""


Cancel = Callable[[str], None]
"""Ends what is under way, for a reason."""


class Carrier(Protocol):
    """Brings snapshots to other nodes."""

    async def carry(
        self,
        pool: Pool,
        to: Peer,
        shipment: Shipment,
        heard: Heard,
        under_way: Callable[[Cancel], None],
    ) -> SnapshotID:
        """Send what the target lacks; give what it confirms to have on its disk.

        `under_way` is given what ends it. Raises `NotTaken` where the target refuses,
        and other `FlockerError`.
        """


@frozen
class PoolRig:
    """What keepers of pools share: who this node is, and where it serves datasets.

    `unique` gives names that nobody else gives, on any node.
    """

    node: NodeID
    mount_root: Path
    carrier: Carrier
    unique: Callable[[], str]

    def place(self, dataset: DatasetID) -> Path:
        """Give the path where a dataset is served."""
        return self.mount_root / str(dataset)
