"""Who keeps a device from being let go: a walk through /proc; used before unmounts.

A filesystem may be mounted in a mount namespace we do not see, or a file in it be open.
Only processes show either, so every process is looked at; this is done before an
unmount and before a detach, never in a round without work.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from flocker.runtime.mount_table import Mount, parse_mountinfo

PROC = Path("/proc")
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
    return sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())


def _command(process: Path) -> str:
    with suppress(OSError):  # it has ended
        return (process / "comm").read_text(errors="replace").strip()
    return "ended"


def _namespace_id(process: Path) -> str | None:
    with suppress(OSError):  # it has ended, or is a kernel thread
        return str((process / "ns" / "mnt").readlink())
    return None


def other_namespaces(proc: Path = PROC) -> tuple[Namespace, ...]:
    """Read the mount table of every other mount namespace that has a process."""
    seen = {_namespace_id(proc / "self"), None}
    found = []
    for pid in _pids(proc):
        process = proc / str(pid)
        namespace = _namespace_id(process)
        if namespace in seen:
            continue
        with suppress(OSError):  # it has ended; another process may show its namespace
            mounts = parse_mountinfo(os.fsdecode((process / "mountinfo").read_bytes()))
            found.append(Namespace(pid, _command(process), mounts))
            seen.add(namespace)
    return tuple(found)


def mounted_elsewhere(mount: Mount, namespace: Namespace | None) -> Holder:
    """Say who has a mount, in our own namespace if none is given."""
    if namespace is None:
        return Holder(0, "kernel", f"it is also mounted at {mount.path}")
    what = f"it mounted at {mount.path} in its mount namespace"
    return Holder(namespace.pid, namespace.command, what)


def users(number: int, proc: Path = PROC) -> tuple[Holder, ...]:
    """Find the processes that use the device or files on it, each once."""
    found = []
    for pid in _pids(proc):
        process = proc / str(pid)
        what = next(_uses(process, number), None)
        if what is not None:
            found.append(Holder(pid, _command(process), what))
    return tuple(found)


def _uses(process: Path, number: int) -> Iterator[str]:
    """Tell how a process uses the device; nothing about one that has ended."""
    for name, words in (("cwd", "its working directory"), ("root", "its root")):
        if _is_on(process / name, number):
            yield f"{words} {_target(process / name)}"
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            if _is_on(descriptor, number):
                yield f"open {_target(descriptor)}"
    with suppress(OSError):
        maps = (process / "maps").read_bytes()
        yield from _mapped(os.fsdecode(maps), number)


def _is_on(link: Path, number: int) -> bool:
    with suppress(OSError):
        status = link.stat()
        return number in {status.st_dev, status.st_rdev}
    return False


def _target(link: Path) -> str:
    """Name what a link of /proc shows, deleted or not."""
    with suppress(OSError):
        return str(link.readlink())
    return "something"


def _mapped(maps: str, number: int) -> Iterator[str]:
    """Find mapped files; the format is that of /proc/<pid>/maps, proc(5)."""
    device = f"{os.major(number):02x}:{os.minor(number):02x}"
    for line in maps.split("\n"):
        fields = line.split(None, 5)
        if len(fields) > 5 and fields[3] == device:
            yield f"mapped {fields[5]}"
