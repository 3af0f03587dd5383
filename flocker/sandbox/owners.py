"""Who needs what was made on a machine: with his end it is a left-over.

A user's sandbox needs no owner, it lives until its `down`. One that was made for the
life of a process, a demonstration or a run of tests, has that process for an owner.
Numbers of processes are used again, so it is named with its start and the kernel's
boot. Programs hand the name on to those they start, in their environment.
"""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from flocker.sandbox.processes import Process, is_alive, kernel_boot, look_up

VARIABLE = "FLOCKER_SANDBOX_OWNER"


@frozen
class Owner:
    """A process, named as none ever was or will be."""

    process: Process
    kernel: str
    """The kernel's boot id."""

    def __str__(self) -> str:
        return f"{self.process.pid}:{self.process.started}:{self.kernel}"


def lives(owner: Owner) -> bool:
    """Say whether this very process still runs."""
    return owner.kernel == kernel_boot() and is_alive(owner.process)


def this_process() -> Owner:
    """Name the process that calls this, by the number /proc shows it with."""
    process = look_up(int(Path("/proc/self").readlink().name))
    if process is None:
        raise SystemExit("/proc does not show this process")
    return Owner(process, kernel_boot())


def parse_owner(text: str) -> Owner | None:
    """Read what `str` wrote; None if it is anything else."""
    try:
        pid, started, kernel = text.split(":")
        return Owner(Process(int(pid), int(started)), kernel)
    except ValueError:
        return None


def owner_in(environment: Mapping[str, str]) -> Owner | None:
    """Give whom a program's environment names."""
    return parse_owner(environment.get(VARIABLE, ""))
