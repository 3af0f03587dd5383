"""Subvolumes of a mounted Btrfs: reading by ioctl, changing by btrfs(8). For `api`."""

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from flocker.backends.btrfs.translate import (
    INFO_SIZE,
    SEARCH_SIZE,
    Group,
    Item,
    Subvolume,
    find_quotas,
    groups_of,
    parse_info,
    parse_items,
)
from flocker.runtime import libc
from flocker.runtime.process import run_sync

# linux/btrfs.h: _IOR(BTRFS_IOCTL_MAGIC, 60, struct btrfs_ioctl_get_subvol_info_args)
_GET_SUBVOL_INFO = 2 << 30 | INFO_SIZE << 16 | 0x94 << 8 | 60
# _IOWR(BTRFS_IOCTL_MAGIC, 17, struct btrfs_ioctl_search_args)
_TREE_SEARCH = 3 << 30 | SEARCH_SIZE << 16 | 0x94 << 8 | 17
# _IOWR(BTRFS_IOCTL_MAGIC, 61, struct btrfs_ioctl_get_subvol_rootref_args), and where it
# has their number
_ROOTREF_SIZE, _ROOTREF_COUNT = 4096, 4088
_GET_SUBVOL_ROOTREF = 3 << 30 | _ROOTREF_SIZE << 16 | 0x94 << 8 | 61
# linux/btrfs.h: BTRFS_IOC_QUOTA_RESCAN_WAIT
_QUOTA_RESCAN_WAIT = 0x94 << 8 | 46
_FIRST_INODE = 256
"""The inode number of a subvolume's root, and of no other directory of it."""
_SECONDS = 600


def info(path: Path) -> Subvolume:
    """Ask the kernel about a subvolume. Raises `OSError`; `FileNotFoundError`."""
    return parse_info(_ask(path, _GET_SUBVOL_INFO, bytes(INFO_SIZE)))


def _ask(path: Path, request: int, question: bytes) -> bytes:
    """Ask the kernel about the subvolume that a directory is in. Raises `OSError`."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        answer = bytearray(question)
        libc.ioctl(descriptor, request, answer)
    finally:
        os.close(descriptor)
    return bytes(answer)


def create(path: Path) -> None:
    """Make an empty one. Raises `ProcessFailed`."""
    _btrfs("subvolume", "create", str(path))


def snapshot(source: Path, target: Path, *, read_only: bool) -> None:
    """Make one that holds what another does. Raises `ProcessFailed`."""
    flags = ["-r"] if read_only else []
    _btrfs("subvolume", "snapshot", *flags, str(source), str(target))


def nested(path: Path) -> tuple[str, ...]:
    """Name the subvolumes right below one: they are no part of its snapshots."""
    if not _has_nested(path):
        return ()
    listed = _btrfs("subvolume", "list", "-o", str(path)).decode(errors="replace")
    return tuple(line.split(" path ", 1)[1] for line in listed.splitlines())


def _has_nested(path: Path) -> bool:
    try:
        answer = _ask(path, _GET_SUBVOL_ROOTREF, bytes(_ROOTREF_SIZE))
    except OSError as error:
        if error.errno != errno.EOVERFLOW:  # more than an answer holds
            raise
        return True
    return answer[_ROOTREF_COUNT] > 0


def destroy(folder: Path) -> None:
    """Destroy a folder with its files and subvolumes; done before is fine.

    The kernel gives the room back later; the sync makes it begin at once.
    """
    if not folder.exists():
        return
    found = [str(path) for path in _roots(folder)]
    if found:
        _btrfs("subvolume", "delete", *found)
        _btrfs("filesystem", "sync", str(folder))
    for directory, _, files in os.walk(folder, topdown=False):
        for name in files:
            Path(directory, name).unlink()
        Path(directory).rmdir()


def _roots(folder: Path) -> Iterator[Path]:
    """Find the subvolumes below a folder, those inside of others first.

    Nobody looks for the latter unless there are any: a dataset may have many files.
    """
    with os.scandir(folder) as entries:
        folders = [
            Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)
        ]
    for path in folders:
        if path.lstat().st_ino != _FIRST_INODE:
            yield from _roots(path)
            continue
        if nested(path):
            yield from _roots(path)
        yield path


def groups(path: Path) -> Mapping[int, Group] | None:
    """Read all quota groups; None where quotas are not enabled."""
    try:
        return groups_of(_quota_items(path))
    except OSError as error:
        if error.errno != errno.ENOENT or not path.exists():
            raise
        return None


def _quota_items(path: Path) -> Iterator[Item]:
    last: Item | None = None
    while True:
        answer = _ask(path, _TREE_SEARCH, find_quotas(last))
        found = tuple(parse_items(answer))
        if not found:
            return
        yield from found
        last = found[-1]


def enable_quotas(path: Path) -> None:
    """Enable quota groups on the filesystem; the kernel goes on to count what is there.

    Until it has (see `await_counted`) more may be written than a limit allows.
    """
    _btrfs("quota", "enable", str(path))


def await_counted(path: Path) -> None:
    """Wait until all is counted: how long that takes depends on all that is there."""
    _ = _ask(path, _QUOTA_RESCAN_WAIT, bytes(1))


def limit(path: Path, most: int | None) -> None:
    """Limit what a subvolume shows, in bytes."""
    _btrfs("qgroup", "limit", "none" if most is None else str(most), str(path))


def _btrfs(*arguments: str) -> bytes:
    return run_sync(["btrfs", *arguments], timeout=_SECONDS).out
