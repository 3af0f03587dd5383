"""A program: copies a file while a filesystem is frozen, and thaws that whatever comes.

``frozen_copy.py ROOT SOURCE TARGET SECONDS`` gets three descriptors by their numbers:
ROOT of the filesystem, SOURCE that no one but that filesystem writes to, and TARGET.
`standing_still` starts it, and hears one line of JSON: `outcome`, the bytes `copied`,
the `seconds` that it was frozen, and an `error` of the kernel, a number. It imports
nothing but the standard library, so that it is there in a moment.

Note [Always thawed]: the kernel does not thaw what was frozen by a process that died;
all who write to it would wait for ever. So this process does nothing else, and it thaws
when the copy is whole, when the time is over, when anything fails, and when its stdin
ends, which says that the agent was killed. What reads and writes is a thread beside, as
a disk may take its time; who thaws waits for no disk but the filesystem's own. Signals
that ask it to end do not: it ends soon. Should *it* be killed, the agent thaws (Note
[Who thaws] in `standing_still`).

Note [Proof of stillness]: to thaw what is not frozen is an error. So where thawing
works, nobody else has thawed in between, by whatever right, and the copy is one of an
instant.
"""

import errno
import fcntl
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

FREEZE, THAW = 0xC004_5877, 0xC004_5878
"""_IOWR('X', 119, int) and 120 of linux/fs.h."""
PIECE = 1024 * 1024
"""Bytes that are copied at a time."""
_NO_RANGES = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
"""What copy_file_range(2) answers where it cannot be used."""
_STDIN, _STDOUT = 0, 1


def freeze(root: int) -> None:
    """Write a filesystem down and let all writers wait. Raises `OSError`."""
    fcntl.ioctl(root, FREEZE, 0)


def thaw(root: int) -> bool:
    """Let writers go on; False if nobody had to wait. Raises `OSError`."""
    try:
        fcntl.ioctl(root, THAW, 0)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def parts(source: int) -> Iterator[tuple[int, int]]:
    """Give where there is data in a file: from and to, in bytes. Raises `OSError`."""
    size, at = os.fstat(source).st_size, 0
    while at < size:
        try:
            begin = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # there is only a hole left
                return
            raise
        at = os.lseek(source, begin, os.SEEK_HOLE)
        yield begin, at


def copy_data(source: int, target: int, told: Callable[[int], None]) -> None:
    """Make an empty file as another is, with its holes. Raises `OSError`.

    The source is written down first: not every filesystem tells a hole from what it
    has in memory only. `told` is given the bytes of each piece that is copied.
    """
    os.fsync(source)
    for begin, end in parts(source):
        at = begin
        while at < end:
            done = _copy_piece(source, target, at, min(PIECE, end - at))
            at += done
            told(done)
    os.ftruncate(target, os.fstat(source).st_size)


def _copy_piece(source: int, target: int, at: int, length: int) -> int:
    try:
        done = os.copy_file_range(source, target, length, at, at)
    except OSError as error:
        if error.errno not in _NO_RANGES:
            raise
        done = 0
    if done == 0:
        done = os.pwrite(target, os.pread(source, length, at), at)
    if done == 0:
        raise OSError(errno.EIO, "it ended before its size")
    return done


class _Copying(threading.Thread):
    """Copies, once it may; `over` can be read at its end, which may never come."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__(daemon=True)
        self._files = source, target
        self._frozen = threading.Event()
        self.over, self._end = os.pipe()
        self.copied = 0
        self.error: OSError | None = None

    def begin(self) -> None:
        """Copy now."""
        self._frozen.set()

    def run(self) -> None:
        """Wait for `begin`, and copy."""
        _ = self._frozen.wait()
        try:
            copy_data(*self._files, self._count)
        except OSError as error:
            self.error = error
        os.close(self._end)

    def _count(self, done: int) -> None:
        self.copied += done


def copy_frozen(root: int, files: tuple[int, int], limit: float) -> dict[str, object]:
    """Freeze, copy, thaw within `limit` seconds; tell what came of it."""
    copying = _Copying(*files)
    copying.start()
    begun = time.monotonic()
    try:
        freeze(root)
    except OSError as error:
        return _told("refused", copying, 0, error)
    try:
        copying.begin()
        poll = select.poll()
        for each in (_STDIN, copying.over):
            poll.register(each, select.POLLIN)
        left = max(0.0, begun + limit - time.monotonic())
        heard = {number for number, _ in poll.poll(left * 1000)}
    finally:
        still = thaw(root)
    outcome = "whole"
    if _STDIN in heard:
        outcome = "left"
    elif not heard:
        outcome = "late"
    elif copying.error is not None:
        outcome = "failed"
    elif not still:
        outcome = "disturbed"
    return _told(outcome, copying, time.monotonic() - begun, copying.error)


def _told(
    outcome: str, copying: _Copying, seconds: float, error: OSError | None
) -> dict[str, object]:
    return {
        "outcome": outcome,
        "copied": copying.copied,
        "seconds": seconds,
        "error": 0 if error is None else error.errno,
    }


def main(arguments: Sequence[str]) -> None:
    """Copy, tell, and end without waiting for a disk."""
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        _ = signal.signal(each, signal.SIG_IGN)
    root, source, target = (int(each) for each in arguments[:3])
    told = copy_frozen(root, (source, target), float(arguments[3]))
    try:
        os.write(_STDOUT, json.dumps(told).encode() + b"\n")
    except BrokenPipeError:  # who asked was killed
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
