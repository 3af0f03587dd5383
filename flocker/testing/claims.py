"""Directories of one process each, and the sweep of those whose process died.

Who has made one holds a lock on a file in it. The kernel frees the lock of a process
that dies, also by kill -9: then whoever finds it clears what was made there.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from flocker.model.errors import FlockerError
from flocker.runtime.mount_points import set_immutable
from flocker.sandbox.removing import Swept

PARENT = Path(tempfile.gettempdir())
_LOCK = ".in-use"
_COMING_AND_GOING = ".flocker-test.lock"

Clear = Callable[[Path], None]
"""Ends and removes all that is in a directory or belongs to it, but its lock."""


@contextmanager
def claimed(prefix: str, clear: Clear) -> Iterator[Path]:
    """Give a directory of this process, which is cleared and removed afterwards."""
    with ExitStack() as kept:
        with _alone():
            path = Path(tempfile.mkdtemp(prefix=prefix, dir=PARENT))
            lock = kept.enter_context((path / _LOCK).open("wb"))
            fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield path
        finally:
            clear(path)
            with _alone():
                _remove(path)


def sweep_claims(prefix: str, clear: Clear) -> Swept:
    """Clear and remove the directories of processes that died."""
    with ExitStack() as kept:
        with _alone():
            ours = filter(_is_ours, sorted(PARENT.glob(f"{prefix}*")))
            dead = [path for path in ours if _claim(path, kept)]
        return sum((_swept(path, clear) for path in dead), Swept())


def empty(path: Path) -> None:
    """Remove all that is in a directory but its lock.

    That stays to the last: without it the directory would be anybody's to clear.
    """
    for directory, _, _ in os.walk(path):
        set_immutable(Path(directory), immutable=False)
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != _LOCK:
            entry.unlink()


@contextmanager
def _alone() -> Iterator[None]:
    """Let no sweep see a directory without its lock: not locked yet, or going."""
    with (PARENT / _COMING_AND_GOING).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_ours(path: Path) -> bool:
    """Whether it is a directory of this user: all may make something there."""
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _claim(path: Path, kept: ExitStack) -> bool:
    """Lock what no process has locked, as long as `kept` is open."""
    lock = kept.enter_context((path / _LOCK).open("ab"))
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _swept(path: Path, clear: Clear) -> Swept:
    try:
        clear(path)
        with _alone():
            _remove(path)
    except (FlockerError, OSError) as error:
        return Swept(stayed=(f"{path} stays: {error}",))
    return Swept(removed=(str(path),))


def _remove(path: Path) -> None:
    (path / _LOCK).unlink(missing_ok=True)
    path.rmdir()
