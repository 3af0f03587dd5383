"""The pool `directory`: copies are plain files below a directory of any filesystem.

For trying things out without root: snapshots are copies (shared ones where the
filesystem can), increments bring everything anew, a limit is noted and not enforced,
and a dataset is served by a symbolic link.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic, sleep

from attrs import define, evolve, field

from flocker.backends.directory import notes
from flocker.backends.directory.notes import About
from flocker.backends.directory.streams import Packing, Unpacking, pack, unpack
from flocker.backends.folders.api import FolderPool, open_pool
from flocker.backends.folders.trees import Entering
from flocker.backends.folders.values import DATA, InMotion, Tree
from flocker.backends.pool_interface import Estimate
from flocker.runtime import durable
from flocker.runtime.holders import PROC, Holder
from flocker.runtime.mount_points import BadMountPoint
from flocker.runtime.process import run_sync
from flocker.runtime.unmounting import DENSELY

_ATTEMPTS = 3
_A_MOMENT = 0.05
"""Seconds."""


def make_directory(root: Path) -> FolderPool:
    """Open the pool below a directory. Raises `PoolUnavailable`."""
    return open_pool(root.resolve(), DirectoryTrees(root.resolve() / ".flocker"))


def configure_directory(root_path: str) -> FolderPool:
    """Open the pool that agent.yml names. Raises `PoolUnavailable`."""
    return make_directory(Path(root_path))


@define(eq=False)
class DirectoryTrees:
    """Directories below `top`, each with what is noted of it; see `notes`."""

    top: Path
    sends_all: bool = field(default=True, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def create(self, tree: Path) -> None:
        """Make a directory that everybody may write to."""
        notes.files(tree).mkdir(parents=True)
        notes.files(tree).chmod(0o777)
        notes.see(tree, notes.new(self._order()))

    def freeze(self, source: Path, target: Path) -> None:
        """Copy; while somebody writes there is nothing whole to copy."""
        for attempt in range(_ATTEMPTS):
            before = notes.looks(source)
            if attempt and not _stands_still(source, before):
                continue  # another copy would be in vain
            _copy(source, target)
            if notes.looks(source) == before:
                break
            shutil.rmtree(target)
        else:
            raise InMotion
        live = notes.read(source)
        taken = notes.new(self._order(), live.name)
        notes.see(target, taken)
        notes.write(source, evolve(live, content=taken.content, looked=before))

    def thaw(self, source: Path, target: Path) -> None:
        """Copy."""
        _copy(source, target)
        about = notes.read(source)
        made = notes.new(self._order(), about.name)
        notes.see(target, evolve(made, content=about.content))

    def destroy(self, folder: Path) -> None:
        """Remove."""
        if folder.exists():
            shutil.rmtree(folder)

    def describe(self, tree: Path) -> Tree:
        """Read, and look whether it is still so."""
        return notes.describe(tree)

    def quotas(self, trees: tuple[Path, ...]) -> Mapping[Path, int]:
        """Read what is noted."""
        found = {tree: about.quota for tree, about in _abouts(trees)}
        return {tree: quota for tree, quota in found.items() if quota is not None}

    def set_quota(self, tree: Path, quota: int | None) -> None:
        """Note it."""
        notes.write(tree, evolve(notes.read(tree), quota=quota))

    def used(self, tree: Path) -> int:
        """Add the files up."""
        return sum(_size(directory, names) for directory, names in _directories(tree))

    def mounted_at(self, trees: tuple[Path, ...]) -> Mapping[Path, tuple[Path, ...]]:
        """See which of the noted links are there."""
        return {tree: _links(tree, about) for tree, about in _abouts(trees)}

    def users(self, tree: Path) -> tuple[Holder, ...]:
        """Find the links, and the processes of ours with something open."""
        links = _links(tree, notes.read(tree))
        seen = tuple(Holder(0, "link", f"it is served at {link}") for link in links)
        return (*seen, *_open(notes.files(tree)))

    def mount(self, tree: Path, path: Path) -> None:
        """Make a link."""
        about = notes.read(tree)
        if path in _links(tree, about):
            return
        if os.path.lexists(path):
            raise BadMountPoint(path, "something else is there")
        path.parent.mkdir(parents=True, exist_ok=True)
        if str(path) not in about.served:
            notes.write(tree, evolve(about, served=(*about.served, str(path))))
        path.symlink_to(notes.files(tree))

    def unmount(self, tree: Path, path: Path) -> tuple[Holder, ...]:
        """Remove the link, unless a process goes on having something open.

        See Note [Open for a moment] in `flocker.runtime.unmounting`.
        """
        about = notes.read(tree)
        others = tuple(link for link in _links(tree, about) if link != path)
        if others:
            links = (f"it is also served at {link}" for link in others)
            return tuple(Holder(0, "link", words) for words in links)
        until = monotonic() + DENSELY
        while who := tuple(_open(notes.files(tree))):
            if monotonic() > until:
                return who
        path.unlink()
        notes.write(tree, evolve(about, served=()))
        return ()

    def estimate(
        self, tree: Path, base: Path | None, around: tuple[Path, ...], within: float
    ) -> Estimate | None:
        """Add the files up: everything is sent, whatever the base."""
        del base, around
        until, size = monotonic() + within, 0
        for directory, names in _directories(tree):
            size += _size(directory, names)
            if monotonic() > until:
                return None
        return Estimate(size)

    def send(self, tree: Path, base: Path | None) -> Packing:
        """Pack everything."""
        del base
        return pack(notes.files(tree), notes.read(tree).identity)

    def receive(self, folder: Path, base: Path | None) -> Entering:
        """Unpack into a new directory."""
        del base
        tree = folder / DATA
        notes.files(tree).mkdir(parents=True)
        return _Entering(unpack(notes.files(tree)), tree, self._order())

    def _order(self) -> int:
        """Give a number that is higher than every one before."""
        file = self.top / "order"
        with self._lock:
            number = int(file.read_bytes()) + 1 if file.exists() else 1
            durable.replace(file, b"%d" % number)
        return number


@define(eq=False)
class _Entering:
    _stream: Unpacking
    _tree: Path
    _order: int

    def write(self, part: bytes | bytearray | memoryview) -> None:
        self._stream.write(part)

    def finish(self) -> None:
        self._stream.finish()
        if self._stream.head is not None:
            came = evolve(notes.new(self._order), identity=self._stream.head.identity)
            notes.see(self._tree, came)

    def close(self) -> None:
        self._stream.close()


def _copy(source: Path, target: Path) -> None:
    target.mkdir()
    files = [str(notes.files(tree)) for tree in (source, target)]
    run_sync(["cp", "--archive", "--reflink=auto", *files])


def _stands_still(tree: Path, before: str) -> bool:
    """Look whether a tree is as it was a moment ago."""
    sleep(_A_MOMENT)
    return notes.looks(tree) == before


def _directories(tree: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """Give each directory of a tree, and the names of what else is in it."""
    for directory, _, names in os.walk(notes.files(tree)):
        yield Path(directory), names


def _size(directory: Path, names: Sequence[str]) -> int:
    """Add up files; one that a program has just removed is none."""
    size = 0
    for name in names:
        with suppress(FileNotFoundError):
            size += (directory / name).lstat().st_size
    return size


def _abouts(trees: tuple[Path, ...]) -> Iterator[tuple[Path, About]]:
    for tree in trees:
        with suppress(FileNotFoundError):
            yield tree, notes.read(tree)


def _links(tree: Path, about: About) -> tuple[Path, ...]:
    target = notes.files(tree)
    noted = (Path(text) for text in about.served)
    return tuple(
        link for link in noted if link.is_symlink() and link.readlink() == target
    )


def _open(files: Path) -> Iterator[Holder]:
    """Find the processes that have something below a directory open, or in memory."""
    for process in PROC.iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # it has ended, or is somebody else's
                what = next(_uses(process, files), None)
                if what is not None:
                    command = (process / "comm").read_text().strip()
                    yield Holder(int(process.name), command, what)


def _uses(process: Path, files: Path) -> Iterator[str]:
    for link in (process / "cwd", process / "root", *(process / "fd").iterdir()):
        path = _target(link)
        if path is not None and path.is_relative_to(files):
            yield f"open {path}"
    if f" {files}/" in (process / "maps").read_text(errors="replace"):
        yield f"a file below {files} in its memory"


def _target(link: Path) -> Path | None:
    with suppress(OSError):  # it has been closed
        return link.readlink()
    return None
