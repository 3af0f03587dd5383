"""One process at a time: a lock on a file, which the kernel drops with its process.

Both daemons take one before they start anything.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from flocker.model.errors import FlockerError

_PROC = Path("/proc")


@frozen
class Held(FlockerError):
    """Another process has the lock; `pid` is None if not known."""

    path: Path
    pid: int | None

    def words(self) -> str:
        """Name the process and the file."""
        return f"{who(self.pid)} holds {self.path}"


def who(pid: int | None) -> str:
    """Name a process that may not be known."""
    return "another process" if pid is None else f"process {pid}"


def take(path: Path, *, from_killed: bool = False) -> int:
    """Lock a file and write our number into it; give a descriptor that holds the lock.

    It is held until the descriptor is closed. With `from_killed` a holder that was
    killed does not count, though a thread of it still hangs in the kernel and keeps
    the lock: the file is replaced. Raises `Held`, OSError.
    """
    with _alone(path.parent):
        # Programs that we start do not inherit it: Python opens files to be closed on
        # exec.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = _number_in(descriptor)
            os.close(descriptor)
            if not (from_killed and pid is not None and _is_killed(pid)):
                raise Held(path, pid) from error
            path.unlink()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            os.close(descriptor)
            raise
    return descriptor


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let nobody else take a lock in a directory meanwhile; it is a moment."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _number_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _is_killed(pid: int) -> bool:
    """Say whether a process is over, but for threads that hang: see proc_pid_stat(5).

    Of one in another process namespace nothing is known: it is not.
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] in {"Z", "X"}
