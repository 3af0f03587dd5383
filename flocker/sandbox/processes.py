"""Processes of this kernel, known by number *and* start time, found by namespace.

A process is ours because we wrote it down or because it is in a namespace we made:
never because of its name.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"
_STATE, _STARTED = 0, 19
"""Fields of /proc/PID/stat, counted behind the command's closing parenthesis."""


@frozen
class Process:
    """One process: numbers are used again, a number with its start time is not."""

    pid: int
    started: int
    """Clock ticks after the kernel's boot."""


def kernel_boot() -> str:
    """Give the boot id this process sees."""
    return _BOOT_ID.read_text().strip()


def look_up(pid: int) -> Process | None:
    """Give the process that has this number now; None if it is gone or a zombie."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    if fields[_STATE] in {"Z", "X"}:
        return None
    return Process(pid, int(fields[_STARTED]))


def is_alive(process: Process) -> bool:
    """Say whether this very process still runs."""
    return look_up(process.pid) == process


def everyone() -> Iterator[int]:
    """Give the numbers of all processes."""
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def namespace(pid: int | str, kind: str) -> int | None:
    """Give the inode of a process's namespace (``net``, ``mnt``), or None."""
    try:
        return (_PROC / str(pid) / "ns" / kind).stat().st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def held_namespace(file: Path) -> int | None:
    """Give the inode of the network namespace that is mounted on a file, or None."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    own = (_PROC / "self/ns/net").stat()
    if found.st_dev != own.st_dev or found.st_ino == own.st_ino:
        return None
    return found.st_ino


def inside(kind: str, inode: int) -> list[Process]:
    """Find the processes in a namespace."""
    found = [look_up(pid) for pid in everyone() if namespace(pid, kind) == inode]
    return [process for process in found if process is not None]


def holders_of_device(number: str) -> list[int]:
    """Find the processes that see a device (``major:minor``) mounted."""
    holders = []
    for pid in everyone():
        with suppress(OSError):
            text = (_PROC / str(pid) / "mountinfo").read_text()
            if any(line.split(" ", 3)[2] == number for line in text.splitlines()):
                holders.append(pid)
    return holders


def command(pid: int) -> str:
    """Give a process's command line for messages."""
    return " ".join(arguments(pid))[:120] or "gone"


def arguments(pid: int) -> tuple[str, ...]:
    """Give a process's command line; empty if it is gone."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(raw.decode(errors="replace").rstrip("\0").split("\0"))


def send(process: Process, number: signal.Signals) -> None:
    """Signal this very process, if it still runs."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if is_alive(process):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
    finally:
        os.close(descriptor)


def parent(pid: int) -> int:
    """Give the process that waits for another; raises `FileNotFoundError`."""
    text = (_PROC / str(pid) / "stat").read_text()
    return int(text.rpartition(")")[2].split()[1])


def children(pid: int) -> list[Process]:
    """Find the processes that a process started and that still run."""
    found = []
    for candidate in everyone():
        with suppress(FileNotFoundError, ProcessLookupError):
            if parent(candidate) == pid:
                found.append(look_up(candidate))
    return [process for process in found if process is not None]
