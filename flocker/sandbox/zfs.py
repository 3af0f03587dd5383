"""Nodes of a sandbox whose own disk is a ZFS pool: of a zfs-fuse each, or the kernel's.

A kernel has one ZFS, zfs-fuse there may be one of in each machine. It needs places of
its own where its programs meet it. The pool is made at a node's first start, and
imported at each other one by a script that ends then; the agent waits for that. Pools
of the kernel outlive the machines, so who switches one off exports its pool.

Pools of all sandboxes differ in their names: mount tables show nothing else of them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from attrs import evolve

from flocker.runtime.process import run_sync
from flocker.sandbox.blueprint import Program
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, MachineName
from flocker.sandbox.pools import (
    OPENZFS,
    ZFS_READY,
    Disk,
    is_of_kernel,
    zpool_name,
)
from flocker.sandbox.waiting import until

DAEMON: Final = Program(
    "zfs-fuse", ("zfs-fuse", "--no-daemon", "--no-kstat-mount", "--max-arc-size", "64")
)
_AGENT: Final = "flocker-dataset-agent"
_REMEMBERED: Final = Path("/var/lib/zfs")
"""Where the daemon notes which pools it has; it is lost with the machine's life."""
_MEET: Final = (Path("/run/zfs"), Path("/run/lock/zfs"))

_IMPORT: Final = """
set -eu
pool=$1 image=$2 made=$3 ready=$4; shift 4
i=0; until zpool list >/dev/null 2>&1 || [ $i = 400 ]; do sleep 0.05; i=$((i+1)); done
if zpool list "$pool" >/dev/null 2>&1; then
    :
elif [ -e "$made" ]; then
    zpool import -f "$@" -d "$(dirname "$image")" "$pool"
else
    zpool create -f "$@" -O canmount=off -m none "$pool" "$image"
    touch "$made"
fi
touch "$ready"
"""
_UNREMEMBERED: Final = ("-o", "cachefile=none")
"""Lets no start of the whole system import a pool of the kernel's."""
_LONGEST_END: Final = 15.0
"""Seconds until the last mount of a killed machine must be gone."""


_DETACHED: Final = 'log=$1; shift; exec setsid --fork "$@" >>"$log" 2>&1 </dev/null'

Programs = Callable[[Layout, MachineName], Sequence[Program]]


def with_zfs(usual: Programs) -> Programs:
    """Let nodes run zfs-fuse too, if the kernel's is not used, and agents wait."""

    def runs(layout: Layout, machine: MachineName) -> Sequence[Program]:
        told = usual(layout, machine)
        if machine == CONTROL:
            return told
        waiting = [
            evolve(program, after=ZFS_READY) if program.name == _AGENT else program
            for program in told
        ]
        return tuple(waiting) if is_of_kernel(layout) else (DAEMON, *waiting)

    return runs


def attach(disk: Disk) -> None:
    """Make a machine's places for ZFS, and let the pool be made or imported.

    That goes on until the daemon runs, which the machine starts after this.
    """
    for place in _MEET:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    options: tuple[str, ...] = _UNREMEMBERED
    if disk.kind != OPENZFS:
        _REMEMBERED.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_sync(["mount", "-t", "tmpfs", "-o", "mode=700", "zfs", str(_REMEMBERED)])
        options = ()
    if disk.programs is not None:
        here = "/usr/local/sbin"
        run_sync(["mount", "--bind", str(disk.programs), here])
    made, log = (disk.image.with_suffix(suffix) for suffix in (".made", ".log"))
    detached = ("sh", "-c", _DETACHED, "sh", str(log), "sh", "-c", _IMPORT, "sh")
    paths = (str(each) for each in (disk.image, made, ZFS_READY))
    run_sync([*detached, disk.name, *paths, *options])


def export(layout: Layout, machine: MachineName) -> None:
    """Let the kernel go of a machine's pool; its mounts must be ending.

    What was written is on the disk then: this is no power cut. Raises `Waited`.
    """
    pool = zpool_name(layout, machine)
    until(partial(_is_exported, pool), f"the export of {pool}", _LONGEST_END)


def _is_exported(pool: str) -> bool:
    """Try to; False if it is in use, or may be."""
    imported = run_sync(["zpool", "list", "-H", "-o", "name"]).out.decode().split()
    if pool in imported:
        run_sync(["zpool", "export", pool], expected=(0, 1))
    return pool not in imported
