"""Two machines with a ZFS pool each, for tests of what no other pool has."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flocker.backends.zfs.configuring import open_zfs
from flocker.testing.loop_devices import scratch_directory
from flocker.testing.zfs_pools import zfs_machine
from tests.functional.pool_hosts import HostBench

MEBIBYTE = 1024 * 1024
SIZE = 256 * MEBIBYTE
PROGRAMS = Path(__file__).parents[3] / "build" / "zfs-fuse" / "sbin"
"""Where admin/test unpacks them."""


def pool_name(number):
    """Name a pool as no other process of tests does."""
    return f"flocker-test-{os.getpid()}-{number}"


class ZfsBench(HostBench):
    """Two machines, each with a ZFS pool."""

    def __init__(self, machines):
        self.machines = machines
        self.disks = {}
        for number, machine in machines.items():
            self.disks[number] = machine.file(SIZE)
            machine.create(pool_name(number), str(self.disks[number]))

    def pool(self, number):
        return open_zfs(self.machines[number].zfs(pool_name(number)))

    def mount_root(self, number):
        return self.machines[number].served

    def scratch(self, node):
        return self.machines[node.number].directory

    def run(self, node, *argv):
        return self.machines[node.number].run(*argv)

    def name(self, node, dataset):
        return node.pool.names.copy(dataset)

    def after_power_cut(self, node):
        """Go on with what is on the node's disk at this moment."""
        machine, disk = self.machines[node.number], self.disks[node.number]
        kept = disk.with_suffix(".kept")
        subprocess.run(["cp", "--sparse=always", disk, kept], check=True)
        machine.kill()
        kept.replace(disk)
        machine.start()
        node.restart()

    def clean(self, number):
        """Give a node, and empty its pool afterwards."""
        yield self.node(number)
        self.machines[number].empty(pool_name(number))


@contextmanager
def zfs_bench() -> Iterator[ZfsBench]:
    """Give two machines."""
    with (
        scratch_directory() as scratch,
        zfs_machine(scratch, PROGRAMS) as first,
        zfs_machine(scratch, PROGRAMS) as second,
    ):
        yield ZfsBench({1: first, 2: second})
