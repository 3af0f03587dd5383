"""Machines of a sandbox: switch on, pull the plug, enter.

A machine is one network, mount, host name and process namespace. The first process of
the process namespace is `supervisor`; the kernel kills all others with it.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.crash_points import VARIABLE
from flocker.runtime.process import run_sync
from flocker.sandbox import enclosure, network, zfs
from flocker.sandbox.blueprint import (
    Blueprint,
    Program,
    read_blueprint,
    write_blueprint,
)
from flocker.sandbox.control_groups import members, remove_group
from flocker.sandbox.environment import DETACHED, machine_environment, same_code
from flocker.sandbox.furnishing import USER
from flocker.sandbox.layout import Layout
from flocker.sandbox.loops import unbind_below
from flocker.sandbox.names import CONTROL, MachineName, address
from flocker.sandbox.pools import Disk, is_of_kernel
from flocker.sandbox.processes import (
    Process,
    arguments,
    children,
    held_namespace,
    inside,
    is_alive,
    kernel_boot,
    send,
)
from flocker.sandbox.records import MachineRecord, read_machine
from flocker.sandbox.waiting import until

Programs = Callable[[Layout, MachineName], Sequence[Program]]
"""Says what a machine runs."""

LONGEST_BOOT = 60.0
LONGEST_DEATH = 60.0
"""Seconds; a process in uninterruptible sleep dies when its input or output ends."""

_NAMESPACES = ("--mount", "--uts", "--pid")
IN_PLACE = 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"'
"""A script that runs a command in a directory, if it is there."""


@frozen
class MachineOff(FlockerError):
    """A machine that should be entered or killed does not run."""

    machine: MachineName

    def words(self) -> str:
        """Name it."""
        return f"{self.machine} is off"


@frozen
class MachineOn(FlockerError):
    """A machine that should be started runs."""

    machine: MachineName

    def words(self) -> str:
        """Name it."""
        return f"{self.machine} is on already"


def running(layout: Layout, machine: MachineName) -> MachineRecord | None:
    """Give the record of a machine that runs; None if it is off."""
    record = read_machine(layout.machine_record(machine))
    if record is None or record.kernel != kernel_boot() or not is_alive(record.init):
        return None
    return record


def demand(layout: Layout, machine: MachineName) -> MachineRecord:
    """Give the record of a machine; raises `MachineOff`."""
    record = running(layout, machine)
    if record is None:
        raise MachineOff(machine)
    return record


def crashing(layout: Layout, machine: MachineName) -> dict[str, str]:
    """Let a test kill programs at `flocker.runtime.crash_points`, where it says so."""
    if "FLOCKER_SANDBOX_CRASHES" not in os.environ:
        return {}
    return {VARIABLE: str(layout.machine(machine) / "crash-at")}


def client_environment(layout: Layout) -> dict[str, str]:
    """Say where `flockerctl` finds the control service."""
    return {
        "FLOCKER_CONTROL_SERVICE": address(CONTROL),
        "FLOCKER_CERTS_PATH": str(layout.client),
        "FLOCKER_USER": USER,
        **same_code(),
    }


def switch_on(
    layout: Layout,
    machine: MachineName,
    runs: Programs,
    private: tuple[Path, ...] = (),
    pool: Disk | None = None,
) -> None:
    """Start a machine in its network namespace; `await_boot` waits for it."""
    disk = layout.machine(machine)
    layout.machine_record(machine).unlink(missing_ok=True)
    blueprint = Blueprint(
        machine=machine,
        hostname=machine,
        era=uuid4(),
        disk=disk,
        record=layout.machine_record(machine),
        programs=tuple(runs(layout, machine)),
        private=private,
        pool=pool,
    )
    plan = layout.blueprint(machine)
    write_blueprint(plan, blueprint)
    log = layout.logs(machine) / "machine.log"
    namespaces = [*_NAMESPACES, "--fork", "--kill-child", "--propagation=slave"]
    run_sync(
        [
            *enclosure.held(layout),
            *("sh", "-c", DETACHED, "sh", str(log)),
            *network.entering(layout.network(machine)),
            *("unshare", *namespaces, "--"),
            *(sys.executable, "-m", "flocker.sandbox.supervisor", str(plan)),
        ],
        env={**machine_environment(), **crashing(layout, machine)},
    )


def await_boot(layout: Layout, machine: MachineName) -> MachineRecord:
    """Wait until a machine that was switched on is up; raises `Waited`."""
    until(
        lambda: running(layout, machine) is not None,
        f"{machine} to start; see {layout.logs(machine) / 'machine.log'}",
        LONGEST_BOOT,
    )
    return demand(layout, machine)


def pull_plug(layout: Layout, machine: MachineName) -> None:
    """End a machine as a power failure does; nothing happens if it is off.

    Its cable is cut first: a dead machine says no goodbye. When this returns no process
    of it is left, its mount namespace is gone and its loop devices are free. Raises
    `Waited`, `StillMounted`.
    """
    if machine != CONTROL and held_namespace(layout.network(machine)) is not None:
        network.cut_if_plugged(layout, machine)
    mates = _mates(running(layout, machine))
    kill_all(lambda: _left(layout, machine, mates), f"the end of {machine}")
    remove_group(_group(layout, machine))
    layout.machine_record(machine).unlink(missing_ok=True)
    for attached in layout.data.glob(f"*/*/attached/{machine}"):  # of any backend
        unbind_below(attached)
    unbind_below(layout.pool_image(machine))
    if is_of_kernel(layout):
        zfs.export(layout, machine)
    if machine != CONTROL:
        network.remove(layout, machine)


def kill_all(find: Callable[[], list[Process]], what: str) -> None:
    """Kill what `find` finds until it finds nothing more; raises `Waited`."""

    def gone() -> bool:
        found = find()
        for process in found:
            send(process, signal.SIGKILL)
        return not found

    until(gone, what, LONGEST_DEATH)


def entering(layout: Layout, machine: MachineName, directory: str = "/") -> list[str]:
    """Give the command before which a command runs in a machine, in a directory of it.

    Raises `MachineOff`.
    """
    pid = demand(layout, machine).init.pid
    enter = ["nsenter", f"--target={pid}", "--net", *_NAMESPACES, "--"]
    return [*enter, "sh", "-c", IN_PLACE, "sh", directory]


def programs_of(layout: Layout, machine: MachineName) -> dict[str, Process]:
    """Find the programs a machine runs now, by name; raises `MachineOff`.

    Its first process has other children too, who lost the parent that started them.
    """
    init = demand(layout, machine).init
    told = read_blueprint(layout.blueprint(machine)).programs
    found = {process: arguments(process.pid) for process in children(init.pid)}
    return {
        program.name: process
        for program in told
        for process, argv in found.items()
        if argv[-len(program.argv) :] == program.argv
    }


def _mates(record: MachineRecord | None) -> list[Process]:
    """Find the processes in the mount namespace of a machine that runs.

    Of one whose first process died nothing can be said: the namespace's number may
    be another's by now.
    """
    return [] if record is None else inside("mnt", record.mounts)


def _group(layout: Layout, machine: MachineName) -> str:
    return f"{layout.control_groups}/{machine}"


def _left(layout: Layout, machine: MachineName, mates: list[Process]) -> list[Process]:
    """Find the processes of a machine that are left.

    Control shares its network with the sandbox's clients: there only `mates` count.
    """
    found = {process for process in mates if is_alive(process)}
    wire = held_namespace(layout.network(machine))
    if machine != CONTROL and wire is not None:
        found.update(inside("net", wire))
    found.update(members(_group(layout, machine)))
    return [process for process in found if process.pid != os.getpid()]
