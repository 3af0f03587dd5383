"""The pool `zfs` on a real OpenZFS; `test_openzfs` runs this in a machine that has one.

Not collected on its own: it makes, and destroys, pools in the kernel's own ZFS.
"""

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flocker.backends.pool_interface import IFilesystemPool
from flocker.backends.zfs.commands import Zfs
from flocker.backends.zfs.configuring import open_zfs
from flocker.runtime.mounted import read_mounts
from flocker.runtime.process import run_sync
from flocker.testing.conformance.pool_bench import Node, PoolBench
from flocker.testing.conformance.pool_estimates import EstimateConformance
from flocker.testing.conformance.pool_repeats import RepeatConformance, RepeatCrashes
from flocker.testing.conformance.pool_resuming import ResumeConformance
from flocker.testing.conformance.pool_serving import ServingConformance
from flocker.testing.conformance.pool_streams import FullPools, StreamConformance
from flocker.testing.conformance.pools import PoolConformance

MEBIBYTE = 1024 * 1024
SMALL = 4
SIZES = {1: 1024, 2: 1024, 3: 1024, SMALL: 320, 5: 512, 6: 512}
"""MiB of the pool of each node; the fourth is small, those after it are encrypted."""

ACCESS = "system.posix_acl_access"
READ, WRITE = 4, 2


def acl_for(rights: int) -> bytes:
    """Give an ACL of Linux in which another user has rights of its own.

    Its form is that of ``linux/posix_acl_xattr.h``: a version, then tag, rights and
    id of each entry.
    """
    owner, user, group, mask, other, nobody = 1, 2, 4, 16, 32, 0xFFFFFFFF
    entries = (
        (owner, READ | WRITE, nobody),
        (user, rights, 12345),
        (group, READ, nobody),
        (mask, READ | WRITE, nobody),
        (other, 0, nobody),
    )
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry) for entry in entries
    )


def name_of(number: int) -> str:
    """Name the pool of a node: one kernel has them all."""
    return f"pool-{number}"


@pytest.fixture(scope="session", autouse=True)
def _pools() -> Iterator[None]:
    """Make the pools, on files."""
    for number, size in SIZES.items():
        file = Path(f"/pools/{number}")
        file.parent.mkdir(exist_ok=True)
        with file.open("wb") as device:
            device.truncate(size * MEBIBYTE)
        options: tuple[str, ...] = ("-f", "-O", "canmount=off", "-m", "none")
        if number > SMALL:
            key = Path(f"/pools/{number}.key")
            key.write_text(f"the key of {number}\n")
            encrypted = (
                "encryption=on",
                "keyformat=passphrase",
                f"keylocation=file://{key}",
            )
            options += tuple(part for each in encrypted for part in ("-O", each))
        run_sync(["zpool", "create", *options, name_of(number), str(file)])
    yield
    for number in SIZES:
        run_sync(["zpool", "destroy", "-f", name_of(number)])


class OpenZfsBench(PoolBench):
    """File systems of pools of one kernel."""

    @pytest.fixture(autouse=True)
    def _empty(self) -> Iterator[None]:
        """Unmount and destroy all that is Flocker's on the pools."""
        yield
        for mount in reversed(read_mounts()):
            if mount.source.startswith("pool-"):
                run_sync(["umount", str(mount.path)])
        for number in SIZES:
            top = f"{name_of(number)}/flocker"
            listing = ["zfs", "list", "-Hr", "-t", "snapshot", "-o", "name,userrefs"]
            rows = subprocess.run(
                [*listing, top], capture_output=True, text=True, check=False
            )
            for row in rows.stdout.splitlines():
                snapshot, held = row.split("\t")
                if held != "0":
                    run_sync(["zfs", "release", "flocker", snapshot])
            if rows.returncode == 0:
                run_sync(["zfs", "destroy", "-R", top])

    def pool(self, number: int) -> IFilesystemPool:
        return open_zfs(Zfs(name_of(number)))

    def mount_root(self, number: int) -> Path:
        return Path(f"/served/{number}")

    def small_pool(self) -> Node:
        return self.node(SMALL)

    def kill(self, node: Node, entering) -> None:
        entering._program.close()

    def check_tidy(self, node: Node) -> None:
        names = node.pool.names
        rows = [row.name for row in node.pool.zfs.read(names.staging)]
        assert rows == [names.staging]

    def changes(self, argv) -> bool:
        return not {"get", "list"}.intersection(argv) and argv[-1] != "zfs"


class TestPromises(
    OpenZfsBench, PoolConformance, ServingConformance, StreamConformance, FullPools
):
    """What every pool is asked for, but for crashes."""


class TestEstimates(OpenZfsBench, EstimateConformance):
    """How much a stream would be."""


class TestCrashes(OpenZfsBench, RepeatCrashes):
    """Killed anywhere."""


class TestRepeating(OpenZfsBench, RepeatConformance):
    """Back to an older snapshot."""

    def test_attributes(self, one: Node) -> None:
        """Extended attributes and ACLs come back as well; zfs-fuse has neither."""
        dataset = one.create()
        one.pool.zfs.run("zfs", "set", "acltype=posixacl", one.pool.names.top)
        one.write(dataset, "file", b"content")
        file = one.path(dataset) / "file"
        with one.served(dataset):
            os.setxattr(file, "user.colour", b"blue")
            os.setxattr(file, ACCESS, acl_for(READ))
        first = one.snapshot(dataset)
        with one.served(dataset):
            os.setxattr(file, "user.colour", b"red")
            os.setxattr(file, "user.size", b"large")
            os.setxattr(file, ACCESS, acl_for(READ | WRITE))
        one.snapshot(dataset)
        one.pool.make_read_only(dataset)
        again = one.pool.repeat(dataset, first.identity, "again")
        one.pool.make_writable(dataset, again.identity, None)
        with one.served(dataset):
            assert sorted(os.listxattr(file)) == [ACCESS, "user.colour"]
            assert os.getxattr(file, "user.colour") == b"blue"
            assert os.getxattr(file, ACCESS) == acl_for(READ)


class TestEncrypted(OpenZfsBench, StreamConformance):
    """From a pool that is not encrypted to one that is, and on to a third."""

    def pool(self, number: int) -> IFilesystemPool:
        """Each pool has its own key: what is sent is what the files hold."""
        return super().pool({1: 1, 2: 5, 3: 6}[number])


class TestResuming(OpenZfsBench, ResumeConformance):
    """Streams that were cut."""
