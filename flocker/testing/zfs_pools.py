"""ZFS pools for tests, each with a zfs-fuse of its own in a mount namespace of its own.

A *machine* is such a namespace. Its daemon mounts in it; what it mounts below `served`
is seen by us too, because that is a shared mount. Programs of ZFS find the daemon by a
socket below ``/run/zfs``, which every machine has for itself. Machines and daemons die
with this process.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, field

from flocker.backends.zfs.commands import Zfs
from flocker.runtime.mounted import read_mounts
from flocker.runtime.process import ProcessFailed, run_sync
from flocker.testing.orphans import DIES_WITH_US
from flocker.testing.side_by_side import LET_GO, while_none_runs

_PATIENCE = 60.0
_PRIVATE = ("/run/zfs", "/run/lock/zfs", "/var/lib/zfs")
"""Where daemon and programs meet, and where a daemon remembers its pools."""

_NAMESPACE = f"""
set -eu
{LET_GO}
mount -t tmpfs -o mode=0700 zfs /run/zfs
mount -t tmpfs -o mode=0700 zfs /run/lock/zfs
mount --bind "$2" /var/lib/zfs
if [ -n "$3" ]; then mount --bind "$3" /usr/local/sbin; fi
echo ready
exec sleep infinity
"""


@define(eq=False)
class ZfsMachine:
    """A mount namespace with a zfs-fuse, and pools on files in `directory`."""

    directory: Path
    _namespace: subprocess.Popen[bytes]
    _daemon: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def served(self) -> Path:
        """The directory below which filesystems are to be mounted."""
        return self.directory / "served"

    @property
    def within(self) -> tuple[str, ...]:
        """What to put before a command that is to run there."""
        return ("nsenter", f"--mount=/proc/{self._namespace.pid}/ns/mnt", "--")

    def zfs(self, pool: str) -> Zfs:
        """Give the programs for a pool."""
        return Zfs(pool, within=self.within)

    def run(self, *argv: str) -> str:
        """Run a program there. Raises `ProcessFailed`."""
        return run_sync([*self.within, *argv], timeout=_PATIENCE).out.decode()

    def start(self) -> None:
        """Start the daemon; it imports the pools that it knows."""
        argv = ["zfs-fuse", "--no-daemon", "--no-kstat-mount", "--max-arc-size", "64"]
        log = (self.directory / "zfs-fuse.log").open("ab")
        with log:
            self._daemon = subprocess.Popen(
                [*DIES_WITH_US, *self.within, *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
            )
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                self.run("zpool", "list")
            except ProcessFailed:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Kill the daemon as a crash does; its mounts stay, and answer nobody."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def file(self, size: int) -> Path:
        """Make a file for a pool."""
        with tempfile.NamedTemporaryFile(dir=self.directory, delete=False) as file:
            file.truncate(size)
        return Path(file.name)

    def create(self, pool: str, *devices: str) -> None:
        """Make a pool. Names must differ between machines: mount tables show them."""
        quiet = ("-f", "-O", "canmount=off", "-m", "none")
        self.run("zpool", "create", *quiet, pool, *devices)

    def empty(self, pool: str) -> None:
        """Unmount and destroy all that is Flocker's on a pool."""
        for mount in reversed(read_mounts()):
            if mount.source.startswith(f"{pool}/"):
                run_sync(["umount", str(mount.path)])
        zfs = self.zfs(pool)
        with suppress(ProcessFailed):
            self.run("zfs", "get", "-H", "guid", f"{pool}/flocker")
            for row in zfs.read(f"{pool}/flocker"):
                if row.holds:
                    zfs.change("release", "flocker", row.name)
            zfs.change("destroy", "-R", f"{pool}/flocker")

    def stop(self) -> None:
        """End daemon and namespace."""
        self.kill()
        for mount in reversed(read_mounts()):
            if mount.path.is_relative_to(self.served):
                run_sync(["umount", str(mount.path)])
        self._namespace.kill()
        self._namespace.wait()
        if self._namespace.stdout is not None:
            self._namespace.stdout.close()


@contextmanager
def zfs_machine(scratch: Path, programs: Path | None = None) -> Iterator[ZfsMachine]:
    """Give a machine, with its daemon, that keeps its files in a scratch directory.

    `programs` is the directory of ``zfs``, ``zpool`` and ``zfs-fuse`` where they are
    only unpacked: the machine, and nobody else, has them in ``/usr/local/sbin``.
    """
    directory = Path(tempfile.mkdtemp(prefix="zfs-", dir=scratch))
    served, remembered = directory / "served", directory / "remembered"
    for each in (served, remembered, *map(Path, _PRIVATE)):
        each.mkdir(parents=True, exist_ok=True)
    bound = "" if programs is None else str(programs)
    script = ("sh", "-c", _NAMESPACE, "sh", str(served), str(remembered), bound)
    with while_none_runs():
        run_sync(["mount", "--bind", str(served), str(served)])
        run_sync(["mount", "--make-private", str(served)])
        run_sync(["mount", "--make-shared", str(served)])
        namespace = subprocess.Popen(
            [
                *DIES_WITH_US,
                "unshare",
                "--mount",
                "--propagation",
                "unchanged",
                *script,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd="/",
        )
        if namespace.stdout is None or namespace.stdout.readline() != b"ready\n":
            namespace.kill()
            if namespace.stdout is not None:
                namespace.stdout.close()
            raise RuntimeError(namespace.wait())
    machine = ZfsMachine(directory, namespace)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()
