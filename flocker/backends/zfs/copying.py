"""The files of one directory made those of another, by rsync. Called by `repeating`.

Only what differs is written, in place: the rest stays shared with older snapshots.

Note [Links]: rsync makes the hard links that it finds, and breaks none that are too
many; what it writes in place it then writes under other names as well. So names that
are linked otherwise are removed before, and made anew.

Note [Holes]: rsync makes holes only in what it makes anew. So what is there already is
written in place first, and what is missing is made by itself.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from flocker.backends.pool_errors import CannotRepeat
from flocker.backends.zfs.commands import Zfs
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID
from flocker.runtime.process import ProgramMissing, find_program

PROGRAM: Final = "rsync"
SECONDS: Final = 7 * 24 * 3600.0
"""Within which all is copied."""
_DIES_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL")
"""An agent that begins anew finds nobody who still writes."""
_EXACTLY: Final = (
    "--archive", "--hard-links", "--acls", "--xattrs", "--sparse", "--numeric-ids",
    "--delete", "--modify-window=-1", "--exclude=/.zfs",
)  # fmt: skip
_IN_PLACE: Final = ("--checksum", "--existing", "--inplace", "--no-whole-file")
_COMPARE: Final = ("--checksum", "--dry-run", "--itemize-changes")
_SHOWN: Final = 3
"""Differences that an error names."""

Links = Mapping[bytes, frozenset[bytes]]


def check_programs(dataset: DatasetID) -> None:
    """Raise `CannotRepeat` where the program is not installed."""
    try:
        find_program(PROGRAM)
    except ProgramMissing as error:
        why = f"{error.words()}; its package is {PROGRAM}"
        raise CannotRepeat(dataset, why) from error


@frozen
class StillDifferent(FlockerError):
    """What was copied is not what was to be copied."""

    differences: tuple[str, ...]

    def words(self) -> str:
        """Name a few, as rsync does."""
        return f"rsync copied all, and yet differs: {'; '.join(self.differences)}"


def make_equal(zfs: Zfs, source: Path, target: Path) -> None:
    """Let `target` hold exactly what `source` does; nobody else changes either.

    Names, contents, owners, modes, times of change, links, devices, ACLs and extended
    attributes, as far as the filesystem has them. Raises `StillDifferent`,
    `ProcessFailed`, `PoolUnavailable`.
    """
    there = _links(zfs, target)
    if there:
        _remove(zfs, target, _linked_otherwise(_links(zfs, source), there))
    _rsync(zfs, source, target, *_IN_PLACE)
    _rsync(zfs, source, target)
    found = _rsync(zfs, source, target, *_COMPARE).decode(errors="replace").split("\n")
    differences = [line for line in found if line]
    if _groups(_links(zfs, source)) != _groups(_links(zfs, target)):
        differences.append("hard links")
    if differences:
        raise StillDifferent(tuple(differences[:_SHOWN]))
    zfs.run("sync", "--file-system", str(target))


def _rsync(zfs: Zfs, source: Path, target: Path, *options: str) -> bytes:
    command = (*_DIES_WITH_US, PROGRAM, *_EXACTLY, *options)
    return zfs.run(*command, f"{source}/", f"{target}/", timeout=SECONDS).out


def _links(zfs: Zfs, root: Path) -> Links:
    """Give the names of what has several, by their inode."""
    hidden = ("-path", f"{root}/.zfs", "-prune", "-o")
    wanted = ("!", "-type", "d", "-links", "+1", "-printf", r"%i %P\0")
    out = zfs.run("find", str(root), "-xdev", *hidden, *wanted, timeout=SECONDS).out
    return parse_links(out)


def parse_links(out: bytes) -> Links:
    """Read inodes and names: a blank between, and a zero behind each."""
    names: dict[bytes, set[bytes]] = defaultdict(set)
    for entry in out.split(b"\0")[:-1]:
        inode, _, name = entry.partition(b" ")
        names[inode].add(name)
    return {inode: frozenset(found) for inode, found in names.items()}


def _groups(links: Links) -> frozenset[frozenset[bytes]]:
    return frozenset(links.values())


def _linked_otherwise(wanted: Links, there: Links) -> tuple[bytes, ...]:
    """Give the names whose links are not those that are wanted."""
    wrong = _groups(there) - _groups(wanted)
    return tuple(sorted(name for group in wrong for name in group))


def _remove(zfs: Zfs, root: Path, names: tuple[bytes, ...]) -> None:
    paths = b"".join(b"%s/%s\0" % (bytes(root), name) for name in names)
    command = (
        *_DIES_WITH_US,
        "xargs",
        "--null",
        "--no-run-if-empty",
        "rm",
        "--force",
        "--",
    )
    zfs.run(*command, stdin=paths, timeout=SECONDS)
