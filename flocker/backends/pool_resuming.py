"""What a pool promises that goes on with streams that were cut; not every pool can.

Note [Unfinished]: what came of a stream that was cut is no part of the copy: nothing
lists, reads or counts it as one, and a copy that waits for the rest stands where it
stood. It is in nobody's way. Another stream of the dataset takes its place, and it goes
by itself with whatever it cannot fit after: when the copy is destroyed, set aside, made
writable or made anew, or its base is destroyed. There is at most one of a dataset. An
agent that is killed may leave one, which the pool has when it is opened again.

Note [Checked twice]: a transfer counts a checksum of what it carries, so of the rest
alone. A pool that keeps a beginning must know by itself that it is as it was sent, part
by part (ZFS has a checksum in each record of a stream), and that beginning and rest are
of one snapshot.

Prove it with `flocker.testing.conformance.pool_resuming`.
"""

from attrs import frozen

from flocker.backends.pool_interface import (
    Announced,
    IFilesystemPool,
    IIncoming,
    IOutgoing,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, SnapshotID


@frozen
class Unfinished:
    """The beginning of a stream that a pool has kept; see Note [Unfinished].

    The pool that sends the rest understands `token`, nobody else needs to. `came` says
    about how many bytes of the stream there are.
    """

    identity: SnapshotID
    base: SnapshotID | None
    token: str
    came: int

    def begins(self, announced: Announced) -> bool:
        """Whether it is the beginning of that stream."""
        return (self.identity, self.base) == (announced.identity, announced.base)


@frozen
class CannotResume(FlockerError):
    """Nothing goes on where a stream was cut: it must be sent from its beginning."""

    dataset: DatasetID
    why: str

    def words(self) -> str:
        """Give the reason."""
        return (
            f"the stream of dataset {self.dataset} cannot be gone on with: {self.why}"
        )


class IResumableIncoming(IIncoming):
    """A stream that enters and may be cut."""

    def suspend() -> None:
        """Stop, as `abort` does, but keep what came if a rest can follow it.

        For an end that says nothing about what came; after `finish` or `abort` this
        does nothing.
        """


def suspend(stream: IIncoming) -> None:
    """Stop a stream that was cut, and let the pool keep what came if it can."""
    if IResumableIncoming.providedBy(stream):
        stream.suspend()
    else:
        stream.abort()


class IResumingPool(IFilesystemPool):
    """A pool that keeps the beginning of a stream that was cut."""

    def unfinished(dataset: DatasetID) -> Unfinished | None:
        """Give what there is of a stream of the dataset that does not enter now."""

    def all_unfinished() -> frozenset[DatasetID]:
        """Say of which datasets there is something, without asking the disks."""

    def drop_unfinished(dataset: DatasetID) -> None:
        """Throw it away; if there is nothing, or the rest enters now, this is fine."""

    def send_rest(
        dataset: DatasetID, snapshot: SnapshotID, base: SnapshotID | None, token: str
    ) -> IOutgoing:
        """Begin the rest of a stream, as `send` does for the whole of it.

        Raises `CannotResume` too, where the token is not of that stream, and so never
        sends another snapshot whatever a token says.
        """

    def receive_rest(dataset: DatasetID, announced: Announced) -> IResumableIncoming:
        """Begin to take the rest of what is unfinished, as `receive` does.

        Raises `CannotResume` too, where that is not its beginning.
        """
