"""One command at a time works on a sandbox: flock(2) on its directory in /run.

The kernel frees the lock of a process that dies, also by kill -9. The directory goes
with its sandbox, so whoever got the lock looks whether the directory is still the one.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked(
    directory: Path, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Make the directory if it is missing, and hold its lock.

    Calls `waiting` once if another has it.
    """
    held = None
    while held is None:
        with suppress(FileNotFoundError):  # its parent went with another sandbox
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        held = _take(directory, waiting)
    try:
        yield
    finally:
        os.close(held)


@contextmanager
def locked_if_free(directory: Path) -> Iterator[bool]:
    """Hold the lock of an existing directory, or say at once that another has it."""
    try:
        held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield _is_still(held, directory)
    finally:
        os.close(held)


def _take(directory: Path, waiting: Callable[[], None]) -> int | None:
    try:
        held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(held, fcntl.LOCK_EX)
    if _is_still(held, directory):
        return held
    os.close(held)
    return None


def _is_still(held: int, directory: Path) -> bool:
    try:
        found = directory.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(held)
    return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)
