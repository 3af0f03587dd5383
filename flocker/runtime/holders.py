"""Who keeps a device from being let go: a walk through /proc; used before unmounts.

A filesystem may be mounted in a mount namespace we do not see, or a file in it be open.
Only processes show either, so every process is looked at; this is done before an
unmount and before a detach, never in a round without work.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from flocker.runtime.mount_table import Mount, parse_mountinfo, staying

PROC = Path("/proc")
_KERNEL_THREAD = 0x0020_0000
"""PF_KTHREAD of linux/sched.h; systemd tells them by it too."""
SHOWN = 3
"""Holders that a message names; the others are counted."""


@frozen
class Holder:
    """A process, or the kernel (pid 0), and how it holds the device."""

    pid: int
    command: str
    what: str

    def words(self) -> str:
        """Say it for people."""
        if self.pid == 0:
            return self.what
        return f"process {self.pid} ({self.command}) has {self.what}"


@frozen
class Namespace:
    """A mount namespace other than ours, seen through one process in it."""

    pid: int
    command: str
    mounts: tuple[Mount, ...]


def enumerate_words(holders: tuple[Holder, ...]) -> str:
    """Name the first few and count the rest."""
    shown = "; ".join(holder.words() for holder in holders[:SHOWN])
    more = len(holders) - SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


def _pids(proc: Path) -> list[int]:
    with os.scandir(proc) as entries:
        return sorted(int(entry.name) for entry in entries if entry.name.isdigit())


def _read(path: str) -> bytes:
    """Read a file of /proc; `Path` would cost more than the kernel does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _command(process: str) -> str:
    with suppress(OSError):  # it has ended
        return _read(f"{process}/comm").decode(errors="replace").strip()
    return "ended"


def _namespace_id(process: str) -> str | None:
    with suppress(OSError):  # it has ended
        return os.readlink(f"{process}/ns/mnt")  # noqa: PTH115
    return None


def other_namespaces(
    proc: Path = PROC, device: int | None = None
) -> tuple[Namespace, ...]:
    """Read the mount table of every other mount namespace that has a process.

    With a `device` (its number), only where that is mounted.
    """
    seen = {_namespace_id(f"{proc}/self"), None}
    found = []
    for pid in _pids(proc):
        process = f"{proc}/{pid}"
        namespace = _namespace_id(process)
        if namespace in seen:
            continue
        with suppress(OSError):  # it has ended; another process may show its namespace
            text = os.fsdecode(_read(f"{process}/mountinfo"))
            mounts = parse_mountinfo(text, device)
            found.append(Namespace(pid, _command(process), mounts))
            seen.add(namespace)
    return tuple(found)


def mounted_elsewhere(mount: Mount, namespace: Namespace | None) -> Holder:
    """Say who has a mount, in our own namespace if none is given."""
    if namespace is None:
        return Holder(0, "kernel", f"it is also mounted at {mount.path}")
    what = f"it mounted at {mount.path} in its mount namespace"
    return Holder(namespace.pid, namespace.command, what)


def left_mounted(
    ours: Mount,
    table: Sequence[Mount],
    matters: Callable[[Mount], bool] = lambda mount: True,
) -> tuple[Holder, ...]:
    """Say where its filesystem stays mounted when `ours` is unmounted, and by whom.

    `table` is our own mount table; of the mounts found only those count that `matters`
    says do.
    """
    others = other_namespaces()
    found = staying(ours, table, [namespace.mounts for namespace in others])
    return tuple(
        mounted_elsewhere(mount, None if index < 0 else others[index])
        for index, mount in found
        if matters(mount)
    )


def users(number: int, proc: Path = PROC) -> tuple[Holder, ...]:
    """Find the processes that use the device or files on it, each once."""
    found = []
    for pid in _pids(proc):
        process = f"{proc}/{pid}"
        if _is_kernel_thread(process):
            continue
        what = next(_uses(process, number), None)
        if what is not None:
            found.append(Holder(pid, _command(process), what))
    return tuple(found)


def who_is_below(path: Path, proc: Path = PROC) -> tuple[Holder, ...]:
    """Find the processes that have something open below a path, each once.

    For a filesystem that answers nobody: only the kernel is asked, by names. Those are
    of the process's own mount namespace.
    """
    found = []
    for pid in _pids(proc):
        what = next(_named(f"{proc}/{pid}", path), None)
        if what is not None:
            found.append(Holder(pid, _command(f"{proc}/{pid}"), what))
    return tuple(found)


def _named(process: str, path: Path) -> Iterator[str]:
    """Tell what below a path a process has open, by the names of the kernel."""
    links = [f"{process}/cwd", f"{process}/root"]
    with suppress(OSError), os.scandir(f"{process}/fd") as descriptors:
        links.extend(each.path for each in descriptors)
    for link in links:
        target = _target(link)
        if Path(target).is_relative_to(path):
            yield f"open {target}"


def _is_kernel_thread(process: str) -> bool:
    """Say whether it is a thread of the kernel, which has no files.

    Each mounted ext4 has two. The flags are the ninth field of proc(5)'s stat; the name
    before may hold anything.
    """
    with suppress(OSError, ValueError, IndexError):  # it has ended
        fields = _read(f"{process}/stat").rpartition(b")")[2].split()
        return bool(int(fields[6]) & _KERNEL_THREAD)
    return False


def _uses(process: str, number: int) -> Iterator[str]:
    """Tell how a process uses the device; nothing about one that has ended."""
    for name, words in (("cwd", "its working directory"), ("root", "its root")):
        if _is_on(f"{process}/{name}", number):
            yield f"{words} {_target(f'{process}/{name}')}"
    with suppress(OSError), os.scandir(f"{process}/fd") as descriptors:
        for each in descriptors:
            if _is_on(each.path, number):
                yield f"open {_target(each.path)}"
    with suppress(OSError):
        yield from _mapped(_read(f"{process}/maps"), number)


def _is_on(link: str, number: int) -> bool:
    with suppress(OSError):
        status = os.stat(link)  # noqa: PTH116
        return number in {status.st_dev, status.st_rdev}
    return False


def _target(link: str) -> str:
    """Name what a link of /proc shows, deleted or not."""
    with suppress(OSError):
        return os.readlink(link)  # noqa: PTH115
    return "something"


def _mapped(maps: bytes, number: int) -> Iterator[str]:
    """Find mapped files; the format is that of /proc/<pid>/maps, proc(5)."""
    device = f"{os.major(number):02x}:{os.minor(number):02x}"
    if f" {device} ".encode() not in maps:
        return
    for line in os.fsdecode(maps).split("\n"):
        fields = line.split(None, 5)
        if len(fields) > 5 and fields[3] == device:
            yield f"mapped {fields[5]}"
