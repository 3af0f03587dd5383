"""The first process of a machine: what firmware, kernel and init are to a real one.

`machines` starts ``python -m flocker.sandbox.supervisor BLUEPRINT`` in new namespaces.
It makes the mount namespace the machine's own, says that it is up, then runs the
machine's programs and starts again what ends. Kill it and everything in the machine is
gone: it is process 1 of the machine's process namespace.
"""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import LoopingCall
from twisted.logger import (
    FileLogObserver,
    LogEvent,
    formatEvent,
    formatTime,
    globalLogBeginner,
)
from twisted.runner.procmon import ProcessMonitor

from flocker.runtime.main import Stop, run_service
from flocker.runtime.process import run_sync
from flocker.runtime.reactor import IReactor
from flocker.sandbox import zfs
from flocker.sandbox.blueprint import Blueprint, read_blueprint
from flocker.sandbox.layout import HOME_MARK, MOUNT_ROOT
from flocker.sandbox.namespaces import detach
from flocker.sandbox.places import STATES
from flocker.sandbox.pools import OPENZFS, ZFS, Disk
from flocker.sandbox.processes import kernel_boot, look_up, namespace
from flocker.sandbox.records import MachineRecord, write_machine

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RESOLVER = Path("/etc/resolv.conf")
_NO_RESOLVER = "nameserver 127.0.0.1\n"
"""Look-ups fail at once, and do not wait 20 s for an answer from outside."""
_NEEDED = (Path("/"), Path(__file__), Path(sys.executable), Path(sys.base_prefix))
_RUN = Path("/run")
_LONGEST_PAUSE = 5
"""Seconds before a program that keeps dying is started again."""
_BETWEEN_BURIALS = 0.5
"""Seconds."""
_WHEN_THERE = (
    'i=0; until [ -e "$1" ] || [ $i = 400 ]; do sleep 0.05; i=$((i+1)); done; '
    'shift; exec "$@"'
)
"""Starts a program when a file is there, or after 20 s without it."""


def main() -> None:
    """Be a machine, until killed."""
    blueprint = read_blueprint(Path(sys.argv[1]))
    globalLogBeginner.beginLoggingTo([FileLogObserver(sys.stdout, _line)])
    _boot(blueprint)

    async def start(reactor: IReactor) -> Stop:
        monitor = _monitor(reactor, blueprint)

        burials = LoopingCall(_bury_orphans)
        burials.clock = reactor
        _ = burials.start(_BETWEEN_BURIALS)

        async def stop() -> None:
            burials.stop()
            monitor.stopService()

        return stop

    run_service(start)


def _line(event: LogEvent) -> str:
    """Write what a program printed, or what the monitor says of it."""
    return f"{formatTime(event['log_time'])} {formatEvent(event)}\n"


def _boot(blueprint: Blueprint) -> None:
    """Make the namespaces the machine's own; the order matters.

    Until /proc is replaced it shows this process as the host sees it.
    """
    record = _record(blueprint)
    _mount("--make-rslave", "/")  # hears of the host's mounts, tells nothing
    _mount("--make-rshared", "/")  # but tells what is started in here
    _leave_loop_devices(blueprint.disk)
    socket.sethostname(blueprint.hostname)
    _mount("-t", "proc", "proc", "/proc")
    _mount_text(_BOOT_ID, blueprint.disk / "boot_id", f"{blueprint.era}\n")
    _mount("-t", "tmpfs", "-o", "mode=700", "flocker", str(MOUNT_ROOT))
    resolver = _RESOLVER.resolve() if _RESOLVER.exists() else None
    write_machine(blueprint.record, record)
    for place in (_RUN, *blueprint.private):
        _mount("-t", "tmpfs", "-o", "mode=755", "sandbox", str(place))
    if blueprint.pool is not None:
        _mount_disk(blueprint.pool)
    if resolver is not None:
        _mount_resolver(resolver, blueprint.disk / "resolv.conf")
    STATES.mkdir()
    (STATES / HOME_MARK).write_text(f"{blueprint.machine}\n")


def _mount_disk(disk: Disk) -> None:
    """Mount a disk; its loop device goes with the last mount."""
    if disk.kind in {ZFS, OPENZFS}:
        zfs.attach(disk)
        return
    options = "loop,noatime"
    _mount("-t", disk.kind, "-o", options, str(disk.image), str(disk.place))


def _mount_resolver(place: Path, file: Path) -> None:
    """Stand in for the resolver's settings, which may be in the old /run."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount_text(place, file, _NO_RESOLVER)


def _record(blueprint: Blueprint) -> MachineRecord:
    pid = int(Path("/proc/self").readlink().name)
    init, mounts = look_up(pid), namespace(pid, "mnt")
    if init is None or mounts is None:
        raise SystemExit(f"/proc does not show this process as {pid}")
    return MachineRecord(init, kernel_boot(), mounts, blueprint.era)


def _leave_loop_devices(disk: Path) -> None:
    """Unmount what the host has mounted from loop devices, but where the `disk` is.

    A copy of such a mount in here would keep the device busy after the host let go. So
    no program is started for each: a host may have many, and little time.
    """
    wanted = (*_NEEDED, disk)
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for line in reversed(lines):
        place = Path(line.split(" ")[4].encode().decode("unicode_escape"))
        source = line.partition(" - ")[2].split(" ")[1]
        needed = any(path.is_relative_to(place) for path in wanted)
        if source.startswith("/dev/loop") and not needed:
            with suppress(OSError):  # the host was faster, or it is below another
                detach(place)


def _mount(*arguments: str) -> None:
    run_sync(["mount", *arguments])


def _mount_text(place: Path, file: Path, text: str) -> None:
    """Let a file of the machine's disk stand in another's place."""
    file.write_text(text)
    _mount("--bind", str(file), str(place))


def _monitor(reactor: IReactor, blueprint: Blueprint) -> ProcessMonitor:
    monitor = ProcessMonitor(reactor=reactor)
    monitor.maxRestartDelay = _LONGEST_PAUSE
    for program in blueprint.programs:
        argv = [*program.argv]
        if program.after is not None:
            argv = ["sh", "-c", _WHEN_THERE, "sh", str(program.after), *argv]
        environment = {**os.environ, **program.environment}
        monitor.addProcess(program.name, argv, env=environment)
    monitor.startService()
    return monitor


def _bury_orphans() -> None:
    """Read the exit status of whoever ended here but was started by another.

    The first process of a process namespace inherits the orphans. Docker asks whether
    its containerd lives by its number, and a zombie would still have it.
    """
    with suppress(ChildProcessError):
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid in reapProcessHandlers:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


if __name__ == "__main__":
    main()
