"""The control groups of containers: they outlive their processes until removed.

A group is named as Docker names it below the root of each hierarchy of cgroups(7),
whichever version; Docker makes it, the sandbox removes it.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from flocker.sandbox.processes import Process, look_up
from flocker.sandbox.waiting import until

_MOUNTS = Path("/proc/self/mountinfo")
_KINDS = ("cgroup", "cgroup2")
_LONGEST = 60.0
"""Seconds until the kernel must have let go of a group without processes."""


def members(name: str) -> list[Process]:
    """Find the processes in a group and those below it."""
    found: set[Process] = set()
    for group in _places(name):
        for directory, _, _ in os.walk(group):
            with suppress(OSError):  # it goes while we look
                text = (Path(directory) / "cgroup.procs").read_text()
                numbers = [int(line) for line in text.split()]
                found.update(p for p in map(look_up, numbers) if p is not None)
    return sorted(found, key=lambda process: process.pid)


def remove_group(name: str) -> None:
    """Remove a group without processes, and those below it; raises `Waited`."""
    for group in _places(name):
        until(partial(_removed, group), f"the end of {group}", _LONGEST)


def _removed(group: Path) -> bool:
    """Try to remove a group from the bottom up; False if the kernel holds one yet."""
    try:
        for directory, _, _ in os.walk(group, topdown=False):
            Path(directory).rmdir()
    except FileNotFoundError:
        return not group.exists()
    except OSError:
        return False
    return True


def _places(name: str) -> Iterator[Path]:
    """Give the directories of a group, one a hierarchy."""
    for line in _MOUNTS.read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.split(" ")[0] in _KINDS:
            place = Path(mount.split(" ")[4].encode().decode("unicode_escape")) / name
            if place.is_dir():
                yield place
