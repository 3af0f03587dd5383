"""Programs that tests start: they end with them, or else with the next sweep.

Each process of a run of tests hands its own name on to the programs that it starts, as
their owner. What is still there of a dead owner's is nobody's. Programs that are given
no environment of ours die with the process that started them, or are in a sandbox.
"""

import os
from collections.abc import MutableMapping
from pathlib import Path

from flocker.sandbox.machines import kill_all
from flocker.sandbox.owners import VARIABLE, Owner, lives, owner_in, this_process
from flocker.sandbox.processes import Process, everyone, look_up
from flocker.sandbox.removing import Swept
from flocker.sandbox.waiting import Waited

DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""Before a program that the kernel is to kill when this thread ends."""


def own_what_is_started(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let this process be the owner of all it starts from now on."""
    environment[VARIABLE] = str(this_process())


def end_orphans() -> Swept:
    """Kill what runs of processes that ended, and what runs of it in its turn."""
    seen: set[Process] = set()

    def found() -> list[Process]:
        left = orphans()
        seen.update(left)
        return left

    try:
        kill_all(found, "the end of processes whose owner has ended")
    except Waited as error:
        return Swept(stayed=(str(error),))
    return Swept(removed=(f"{len(seen)} processes",)) if seen else Swept()


def orphans() -> list[Process]:
    """Find the processes whose owner has ended, but not this one."""
    own = this_process().process
    return [
        process for process, owner in _owned() if process != own and not lives(owner)
    ]


def _owned() -> list[tuple[Process, Owner]]:
    """Give all processes that have an owner, with him."""
    found = []
    for pid in everyone():
        process = look_up(pid)
        owner = owner_in(_environment(pid))
        if process is not None and owner is not None and look_up(pid) == process:
            found.append((process, owner))
    return found


def _environment(pid: int) -> dict[str, str]:
    """Give what a process was started with; empty where it may not be seen."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    entries = raw.decode(errors="replace").split("\0")
    pairs = (entry.partition("=") for entry in entries)
    return {name: value for name, _, value in pairs}
