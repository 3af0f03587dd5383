"""Keeps tests that run side by side from seeing each other's mounts in a new namespace.

Whoever makes a mount namespace gets a copy of every mount there is, and has it until it
lets go of it. A test of another process that unmounts something at that moment finds it
busy, rightly. So while such a namespace is made no test runs, and before others go on
`LET_GO` has run in it.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LET_GO: Final = """
findmnt -rno TARGET,PROPAGATION | while read -r target how; do
    case "$how $target" in
    "private "* | *" $1"*) ;;
    *) mount --make-private "$target" 2>/dev/null || ! mountpoint --quiet "$target" ;;
    esac
done
findmnt -rno TARGET | tac | while read -r target; do
    case $target in
    "$1"* | / | /proc* | /sys* | /dev* | /run | /var | /tmp) ;;
    *) umount "$target" 2>/dev/null || : ;;
    esac
done
"""
"""For sh in a new namespace: unmounts all but the system's and what is below ``$1``.

First what is unmounted here is made to stay wherever else it is mounted. Some go by
themselves meanwhile; what is in use, as it has ``$1`` below it, stays.
"""
_LOCK: Final = Path(tempfile.gettempdir()) / ".flocker-test-namespaces.lock"
_GATE: Final = _LOCK.with_suffix(".gate")


class Turns:
    """One open file a process: a lock on it is changed, never taken twice.

    At the gate before it nobody passes one who waits to be alone: where tests follow
    each other without a pause, as in several runs at once, he would wait for all.
    """

    def __init__(self, lock: Path = _LOCK, gate: Path = _GATE) -> None:
        self._file, self._gate = _open(lock), _open(gate)
        self._held = fcntl.LOCK_UN

    @contextmanager
    def hold(self, kind: int) -> Iterator[None]:
        """Hold the lock in this way, and afterwards as before."""
        before, self._held = self._held, kind
        # Else two who run, and both want to be alone, wait for each other at the gate.
        fcntl.flock(self._file, fcntl.LOCK_UN)
        fcntl.flock(self._gate, kind)
        try:
            fcntl.flock(self._file, kind)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            self._held = before
            fcntl.flock(self._file, before)

    def close(self) -> None:
        """Let go of all."""
        os.close(self._file)
        os.close(self._gate)


def _open(path: Path) -> int:
    """Open a file that the process may have open until it ends."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


_turns: list[Turns] = []


def _own() -> Turns:
    if not _turns:
        _turns.append(Turns())
    return _turns[0]


@contextmanager
def beside_others() -> Iterator[None]:
    """Run a test, while others run theirs."""
    with _own().hold(fcntl.LOCK_SH):
        yield


@contextmanager
def while_none_runs() -> Iterator[None]:
    """Make a mount namespace, and let go of what it should not have."""
    with _own().hold(fcntl.LOCK_EX):
        yield
