"""The pool of one machine that goes on with streams that were cut.

What came of one is on the machine's disk, and outlives the agent.
"""

from attrs import define, field
from zope.interface import implementer

from flocker.backends.pool_interface import Announced, IIncoming, IOutgoing
from flocker.backends.pool_resuming import (
    IResumableIncoming,
    IResumingPool,
    Unfinished,
    suspend,
)
from flocker.model.ids import DatasetID, SnapshotID
from flocker.testing.fakes.memory_resuming import (
    Kept,
    ResumableIncoming,
    ResumingMemoryPool,
)
from flocker.testing.simulation.pool_faults import FaultyIncoming, FaultyPool


@define(eq=False)
class Beginnings:
    """What one machine has of streams that were cut: `kept`, or yet `entering`.

    `resumed` counts the streams that went on.
    """

    kept: Kept = field(factory=dict)
    entering: list[ResumableIncoming] = field(factory=list)
    resumed: int = 0

    def agent_died(self, *, whole: bool) -> None:
        """Keep what came, as ZFS does; half of it where the machine went off."""
        entering, self.entering = self.entering, []
        for stream in entering:
            before = self.kept.get(stream.dataset)
            stream.suspend()
            now = self.kept.get(stream.dataset)
            if whole and now is not None and now is not before:
                announced, came = now
                self.kept[stream.dataset] = announced, came[: len(came) // 2]


@implementer(IResumingPool)
@define(eq=False)
class FaultyResumingPool(FaultyPool):
    """A pool whose calls fail as planned, and that keeps beginnings."""

    resuming: ResumingMemoryPool = field(kw_only=True)
    beginnings: Beginnings = field(kw_only=True)

    def unfinished(self, dataset: DatasetID) -> Unfinished | None:
        """Give what there is."""
        return self._call("unfinished", dataset, self.resuming.unfinished, dataset)

    def all_unfinished(self) -> frozenset[DatasetID]:
        """Name all."""
        return self.resuming.all_unfinished()

    def drop_unfinished(self, dataset: DatasetID) -> None:
        """Throw it away."""
        call = self.resuming.drop_unfinished
        self._call("drop_unfinished", dataset, call, dataset)

    def send_rest(
        self,
        dataset: DatasetID,
        snapshot: SnapshotID,
        base: SnapshotID | None,
        token: str,
    ) -> IOutgoing:
        """Make the rest of a stream; if the call fails nobody has it."""

        def send_rest() -> IOutgoing:
            return self.resuming.send_rest(dataset, snapshot, base, token)

        return self._open("send_rest", dataset, send_rest)

    def receive(self, dataset: DatasetID, announced: Announced) -> IIncoming:
        """Take a stream."""
        call = self.pool.receive
        return self._entering(self._call("receive", dataset, call, dataset, announced))

    def receive_rest(
        self, dataset: DatasetID, announced: Announced
    ) -> IResumableIncoming:
        """Take the rest of one."""
        call = self.resuming.receive_rest
        came = self._call("receive_rest", dataset, call, dataset, announced)
        self.beginnings.resumed += 1
        return self._entering(came)

    def _entering(self, came: IIncoming) -> "FaultyResumableIncoming":
        assert isinstance(came, ResumableIncoming)
        self.beginnings.entering.append(came)
        return FaultyResumableIncoming(came.dataset, came, self)


@implementer(IResumableIncoming)
@define(eq=False)
class FaultyResumableIncoming(FaultyIncoming):
    """A stream that is taken, and may be cut."""

    def suspend(self) -> None:
        """Keep what came."""
        if not self.late:
            suspend(self.stream)
