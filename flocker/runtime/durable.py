"""Small files that are there as before or as after, whatever cuts the power."""

import os
from pathlib import Path

from flocker.runtime import libc

_NEW = ".new"


def sync(path: Path) -> None:
    """Return when a file's content, or a directory's names, are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: Path) -> None:
    """Return when all of the filesystem that a path is on is on disk: syncfs(2).

    Raises `OSError`, also if something could not be written before.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc.syncfs(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Give a file its content in one durable step; its mode is 0600.

    One writer a file: the caller sees to it.
    """
    fresh = path.with_name(path.name + _NEW)
    fresh.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(fresh, flags, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(path)
    sync(path.parent)


def rename(source: Path, target: Path) -> None:
    """Rename in one durable step. Raises `OSError`, as rename(2) does."""
    source.rename(target)
    sync(target.parent)
    if source.parent != target.parent:
        sync(source.parent)
