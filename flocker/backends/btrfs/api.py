"""The pool `btrfs`: copies are subvolumes below a directory of a mounted Btrfs.

Sending is ``btrfs send``, receiving ``btrfs receive``; see Note [Received] in
`translate`. A received subvolume is never made writable: what is served is a new
snapshot of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from attrs import define, field

from flocker.backends.btrfs import subvolumes
from flocker.backends.btrfs.extents import count, in_line
from flocker.backends.btrfs.mounting import BindMounts
from flocker.backends.btrfs.translate import Subvolume
from flocker.backends.folders.api import FolderPool, open_pool
from flocker.backends.folders.values import Cut, NoRoom, Tree, Unportable, says_full
from flocker.backends.pool_errors import PoolUnavailable
from flocker.backends.pool_interface import Estimate
from flocker.runtime import durable
from flocker.runtime.holders import Holder
from flocker.runtime.mounted import read_mounts
from flocker.runtime.piping import Reading, Writing, reading, writing
from flocker.runtime.process import ProcessFailed

_KIND: Final = "btrfs"


def make_btrfs(root: Path) -> FolderPool:
    """Open the pool below a directory of a mounted Btrfs. Raises `PoolUnavailable`."""
    root = root.resolve()
    around = [mount for mount in read_mounts() if root.is_relative_to(mount.path)]
    deepest = max(around, key=lambda mount: len(mount.path.parts))
    if deepest.filesystem != _KIND:
        why = f"it is on {deepest.filesystem}, not on a Btrfs"
        raise PoolUnavailable(str(root), why)
    return open_pool(root, BtrfsTrees(root))


def configure_btrfs(root_path: str) -> FolderPool:
    """Open the pool that agent.yml names. Raises `PoolUnavailable`."""
    return make_btrfs(Path(root_path))


@contextmanager
def _streaming() -> Iterator[None]:
    """Say what happened when a program ended that read or wrote a stream."""
    try:
        yield
    except ProcessFailed as error:
        if says_full(error.stderr):
            raise NoRoom(error.stderr) from error
        raise Cut(error.stderr or error.words()) from error


@define(eq=False)
class _Leaving:
    _program: Reading

    def read(self, most: int) -> bytes:
        with _streaming():
            return self._program.read(most)

    def close(self) -> None:
        self._program.close()


@define(eq=False)
class _Entering:
    _program: Writing

    def write(self, part: bytes | bytearray | memoryview) -> None:
        with _streaming():
            self._program.write(part)

    def finish(self) -> None:
        with _streaming():
            self._program.finish()

    def close(self) -> None:
        self._program.close()


@define(eq=False)
class BtrfsTrees:
    """Subvolumes below `root`."""

    root: Path
    sends_all: bool = field(default=False, init=False)
    _mounts: BindMounts = field(factory=BindMounts, init=False)

    def create(self, tree: Path) -> None:
        """Make a subvolume that everybody may write to, once it is mounted."""
        subvolumes.create(tree)
        tree.chmod(0o777)

    def freeze(self, source: Path, target: Path) -> None:
        """Make a read-only snapshot; one that would lack something is refused."""
        if inside := subvolumes.nested(source):
            raise Unportable(f"it holds subvolumes of its own: {', '.join(inside)}")
        subvolumes.snapshot(source, target, read_only=True)

    def thaw(self, source: Path, target: Path) -> None:
        """Make a writable snapshot."""
        subvolumes.snapshot(source, target, read_only=False)

    def destroy(self, folder: Path) -> None:
        """Destroy a folder and its subvolumes."""
        subvolumes.destroy(folder)

    def describe(self, tree: Path) -> Tree:
        """Ask the kernel, by ioctl."""
        return subvolumes.info(tree).tree

    def quotas(self, trees: tuple[Path, ...]) -> Mapping[Path, int]:
        """Read all limits with one command."""
        groups = subvolumes.groups(self.root)
        if not groups:
            return {}
        limits = {number: group.most for number, group in groups.items()}
        found = {}
        for tree in trees:
            if tree.exists():
                most = limits.get(subvolumes.info(tree).number)
                if most is not None:
                    found[tree] = most
        return found

    def set_quota(self, tree: Path, quota: int | None) -> None:
        """Limit what the subvolume shows; the first limit enables quotas."""
        if subvolumes.groups(self.root) is None:
            if quota is None:
                return
            subvolumes.enable_quotas(self.root)
        subvolumes.limit(tree, quota)

    def used(self, tree: Path) -> int:
        """Give what the subvolume shows; the first question enables quotas."""
        if subvolumes.groups(self.root) is None:
            subvolumes.enable_quotas(self.root)
        subvolumes.await_counted(self.root)
        durable.sync_filesystem(tree)
        groups = subvolumes.groups(self.root) or {}
        return groups[subvolumes.info(tree).number].used

    def mounted_at(self, trees: tuple[Path, ...]) -> Mapping[Path, tuple[Path, ...]]:
        """Read the mount table."""
        return self._mounts.mounted_at(trees)

    def users(self, tree: Path) -> tuple[Holder, ...]:
        """Look through all processes."""
        return self._mounts.users(tree)

    def mount(self, tree: Path, path: Path) -> None:
        """Bind it."""
        self._mounts.mount(tree, path)

    def unmount(self, tree: Path, path: Path) -> tuple[Holder, ...]:
        """Unmount it everywhere, or say who keeps it."""
        return self._mounts.unmount(tree, path)

    def estimate(
        self, tree: Path, base: Path | None, around: tuple[Path, ...], within: float
    ) -> Estimate | None:
        """Count what came after the base; or all, if it is not in line with that."""
        until, since = monotonic() + within, 0
        if base is not None:
            before = subvolumes.info(base)
            if in_line(subvolumes.info(tree), before, _known(around)):
                since = before.until
        size = count(tree, since, lambda: monotonic() < until)
        if size is None:
            return None
        return Estimate(size, at_most=base is not None and not since)

    def send(self, tree: Path, base: Path | None) -> _Leaving:
        """Start ``btrfs send``."""
        return _Leaving(reading([*_send(base), str(tree)]))

    def receive(self, folder: Path, base: Path | None) -> _Entering:
        """Start ``btrfs receive``; it finds the base by its UUID."""
        del base
        argv = ["btrfs", "--quiet", "receive", "--max-errors", "1", str(folder)]
        return _Entering(writing(argv))


def _known(trees: tuple[Path, ...]) -> Iterator[Subvolume]:
    """Ask the kernel about trees; one that has just been destroyed is none."""
    for tree in trees:
        with suppress(FileNotFoundError):
            yield subvolumes.info(tree)


def _send(base: Path | None) -> list[str]:
    parent = [] if base is None else ["-p", str(base)]
    return ["btrfs", "--quiet", "send", *parent]
