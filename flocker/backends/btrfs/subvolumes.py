"""Subvolumes of a mounted Btrfs: reading by ioctl, changing by btrfs(8). For `api`."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from flocker.backends.btrfs.translate import (
    INFO_SIZE,
    Group,
    Subvolume,
    parse_groups,
    parse_info,
)
from flocker.runtime.process import run_sync

# linux/btrfs.h: _IOR(BTRFS_IOCTL_MAGIC, 60, struct btrfs_ioctl_get_subvol_info_args)
_GET_SUBVOL_INFO = 2 << 30 | INFO_SIZE << 16 | 0x94 << 8 | 60
_FIRST_INODE = 256
"""The inode number of a subvolume's root, and of no other directory of it."""
_SECONDS = 600
_NOT_ENABLED = b"quotas not enabled"


def info(path: Path) -> Subvolume:
    """Ask the kernel about a subvolume. Raises `OSError`; `FileNotFoundError`."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        answer = bytearray(INFO_SIZE)
        fcntl.ioctl(descriptor, _GET_SUBVOL_INFO, answer)
    finally:
        os.close(descriptor)
    return parse_info(bytes(answer))


def create(path: Path) -> None:
    """Make an empty one. Raises `ProcessFailed`."""
    _btrfs("subvolume", "create", str(path))


def snapshot(source: Path, target: Path, *, read_only: bool) -> None:
    """Make one that holds what another does. Raises `ProcessFailed`."""
    flags = ["-r"] if read_only else []
    _btrfs("subvolume", "snapshot", *flags, str(source), str(target))


def nested(path: Path) -> tuple[str, ...]:
    """Name the subvolumes right below one: they are no part of its snapshots."""
    listed = _btrfs("subvolume", "list", "-o", str(path)).decode(errors="replace")
    return tuple(line.split(" path ", 1)[1] for line in listed.splitlines())


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
    argv = ["btrfs", "qgroup", "show", "-re", "--raw", str(path)]
    done = run_sync(argv, timeout=_SECONDS, expected=(0, 1))
    if done.status and _NOT_ENABLED not in done.err:
        run_sync(argv, timeout=_SECONDS)
    return parse_groups(done.out.decode()) if done.status == 0 else None


def enable_quotas(path: Path) -> None:
    """Enable quota groups on the filesystem and wait until all is counted."""
    _btrfs("quota", "enable", str(path))
    _btrfs("quota", "rescan", "-w", str(path))


def limit(path: Path, most: int | None) -> None:
    """Limit what a subvolume shows, in bytes."""
    _btrfs("qgroup", "limit", "none" if most is None else str(most), str(path))


def _btrfs(*arguments: str) -> bytes:
    return run_sync(["btrfs", *arguments], timeout=_SECONDS).out
