"""What the pool `directory` notes of each of its trees. Called by `api`.

A filesystem that knows of snapshots tells what a tree is; here it stands in a file
beside the tree's files.

Note [Fingerprint]: whether a tree was written to is seen in the names, sizes, modes and
times of all that is in it. A change that leaves all of these as they were is not seen;
on a real pool it is.
"""

import hashlib
import os
from pathlib import Path
from uuid import uuid4

from attrs import evolve, frozen

from flocker.backends.folders.values import Tree
from flocker.model.ids import SnapshotID
from flocker.runtime import durable
from flocker.wire import json_codec

_ABOUT = "about.json"
_FILES = "files"
_CHANGED = -1
"""What no tree holds."""


@frozen
class About:
    """What is noted: `content` is what the tree held when it looked like `looked`.

    `quota` in bytes; `served` are the places where it is seen.
    """

    name: str
    parent: str | None
    identity: SnapshotID
    order: int
    content: int
    looked: str
    quota: int | None = None
    served: tuple[str, ...] = ()


def files(tree: Path) -> Path:
    """Give the directory of a tree's files."""
    return tree / _FILES


def read(tree: Path) -> About:
    """Read what is noted. Raises `FileNotFoundError`, `Undecodable`."""
    return json_codec.decode(About, (tree / _ABOUT).read_bytes())


def write(tree: Path, about: About) -> None:
    """Note it, durably."""
    durable.replace(tree / _ABOUT, json_codec.encode(about))


def new(order: int, parent: str | None = None) -> About:
    """Begin the note of a tree."""
    name = str(uuid4())
    return About(name, parent, SnapshotID(name), order, uuid4().int >> 80, "")


def looks(tree: Path) -> str:
    """Say how the files of a tree look; see Note [Fingerprint]."""
    digest = hashlib.sha256()
    top = files(tree)
    for directory, folders, names in os.walk(top):
        folders.sort()
        place = Path(directory).relative_to(top)
        for name in sorted([".", *names, *folders]):
            status = (top / place / name).lstat()
            times = status.st_mtime_ns, status.st_ctime_ns
            what = (str(place / name), status.st_mode, status.st_size, *times)
            digest.update(repr(what).encode())
    return digest.hexdigest()


def see(tree: Path, about: About) -> None:
    """Note that the tree holds what it should, looking as it does now."""
    write(tree, evolve(about, looked=looks(tree)))


def describe(tree: Path) -> Tree:
    """Tell what a tree is; one that looks otherwise holds something else."""
    about = read(tree)
    content = about.content if about.looked == looks(tree) else _CHANGED
    return Tree(about.name, about.parent, about.identity, about.order, content)
