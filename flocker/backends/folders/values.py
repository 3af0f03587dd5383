"""What `trees` speaks of, and what may go wrong with them; pure."""

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.model.ids import SnapshotID

DATA = "data"
"""What a snapshot's tree is called in its folder: a stream may name it."""

_FULL = ("No space left on device", "Disk quota exceeded")


def says_full(stderr: str) -> bool:
    """Whether a program failed because there was no room."""
    return any(words in stderr for words in _FULL)


@frozen
class NoRoom(FlockerError):
    """The filesystem below is full."""

    why: str

    def words(self) -> str:
        """Give what it said."""
        return self.why


@frozen
class Unportable(FlockerError):
    """A tree holds what no snapshot of it would hold."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return self.why


@frozen
class InMotion(FlockerError):
    """A tree is written to while it would have to stand still."""

    def words(self) -> str:
        """Say so."""
        return "it is being written to, and this pool can only copy"


@frozen
class Cut(FlockerError):
    """A stream is not whole, or not one."""

    why: str

    def words(self) -> str:
        """Give the reason."""
        return self.why


@frozen
class Tree:
    """What is known of a tree; `identity` is that of a snapshot.

    `order` grows with the time at which it came to be on this pool. Two trees one of
    which was made from the other hold the same if their `content` is equal: `name` is
    this tree's own, `parent` that of the tree it was made from.
    """

    name: str
    parent: str | None
    identity: SnapshotID
    order: int
    content: int

    def equals(self, other: "Tree") -> bool:
        """Whether it surely holds what the other does, of which it was made or made."""
        related = other.parent == self.name or self.parent == other.name
        return related and self.content == other.content
