"""Unmounting, never lazily, what may be in use for a moment.

Note [Open for a moment]: a program that opens a file, syncs it and closes it again, all
the time, has one open at nearly every instant at which it is looked at. So what is busy
is tried densely for a while: it falls into one of the gaps.
"""

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from flocker.runtime import libc
from flocker.runtime.process import ProcessFailed, run_sync

DENSELY: Final = 0.5
"""Seconds for which what is busy is tried again."""
_BETWEEN: Final = 0.001


def unmount(
    path: Path,
    seconds: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Unmount from a path.

    Raises `ProcessFailed`, `ProcessTimedOut` where a dead filesystem does not answer
    within so many `seconds`.
    """
    try:
        run_sync(["umount", str(path)], timeout=seconds)
    except ProcessFailed:
        if not found_a_gap(path, now, sleep):
            raise


def found_a_gap(
    path: Path,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Unmount what was just said to be in use, if it ever is not; say whether it went.

    It has answered, so what is asked of the kernel here does not hang.
    """
    until = now() + DENSELY
    while now() < until:
        sleep(_BETWEEN)
        try:
            libc.umount(path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                return False
        else:
            return True
    return False
