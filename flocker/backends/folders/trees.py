"""What a pool in folders asks of the filesystem below it. Called by `api`.

A *tree* is what one snapshot, or the writable filesystem, of a copy holds: a subvolume
or a plain directory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from flocker.backends.folders.values import Tree
from flocker.backends.pool_interface import Estimate
from flocker.runtime.holders import Holder


class Leaving(Protocol):
    """A stream that leaves; see `IOutgoing`."""

    def read(self, most: int) -> bytes:
        """Give the next part. Raises `Cut`."""
        ...

    def close(self) -> None:
        """Stop."""
        ...


class Entering(Protocol):
    """A stream that enters; its tree is `DATA` in the folder it was made for."""

    def write(self, part: bytes | bytearray | memoryview) -> None:
        """Take the next part. Raises `Cut`, `NoRoom`."""
        ...

    def finish(self) -> None:
        """All came. Raises `Cut`, `NoRoom`."""
        ...

    def close(self) -> None:
        """Stop; nothing is finished by it."""
        ...


class Trees(Protocol):
    """Trees of one filesystem; paths are below the root of the pool.

    With `sends_all` a stream brings everything, whatever it follows.
    """

    @property
    def sends_all(self) -> bool: ...

    def create(self, tree: Path) -> None:
        """Make an empty writable tree."""
        ...

    def freeze(self, source: Path, target: Path) -> None:
        """Make a read-only tree of what a writable one holds now.

        Raises `Unportable`, `InMotion`, `NoRoom`.
        """
        ...

    def thaw(self, source: Path, target: Path) -> None:
        """Make a writable tree of what a read-only one holds. Raises `NoRoom`."""
        ...

    def destroy(self, folder: Path) -> None:
        """Destroy a folder with all files and trees in it."""
        ...

    def describe(self, tree: Path) -> Tree:
        """Tell what a tree is."""
        ...

    def quotas(self, trees: tuple[Path, ...]) -> Mapping[Path, int]:
        """Give the limits of those that have one, in bytes."""
        ...

    def set_quota(self, tree: Path, quota: int | None) -> None:
        """Limit a writable tree."""
        ...

    def used(self, tree: Path) -> int:
        """Give the bytes that count against the limit."""
        ...

    def mounted_at(self, trees: tuple[Path, ...]) -> Mapping[Path, tuple[Path, ...]]:
        """Tell where this mount namespace has them."""
        ...

    def users(self, tree: Path) -> tuple[Holder, ...]:
        """Find who has a tree mounted, in whatever namespace, or open."""
        ...

    def mount(self, tree: Path, path: Path) -> None:
        """Mount a tree. Raises `BadMountPoint`."""
        ...

    def unmount(self, tree: Path, path: Path) -> tuple[Holder, ...]:
        """Unmount; give who keeps the tree, or nobody when it is mounted nowhere."""
        ...

    def estimate(
        self, tree: Path, base: Path | None, around: tuple[Path, ...], within: float
    ) -> Estimate | None:
        """Say about how long a stream of the tree is; None if that takes too long.

        Trees of the same copy are `around`.
        """
        ...

    def send(self, tree: Path, base: Path | None) -> Leaving:
        """Begin a stream of a read-only tree."""
        ...

    def receive(self, folder: Path, base: Path | None) -> Entering:
        """Begin to take a stream; it makes the tree `DATA` in the folder."""
        ...
