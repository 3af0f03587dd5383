"""What /proc tells about who holds a device."""

import os
from pathlib import Path

import pytest

from flocker.runtime.holders import (
    Holder,
    enumerate_words,
    other_namespaces,
    users,
    who_is_below,
)
from flocker.runtime.mount_table import parse_mountinfo

LINE = "30 21 7:3 / /flocker/a rw - ext4 /dev/loop3 rw\n"


@pytest.fixture
def proc(tmp_path):
    """A /proc of files; `self` is in the namespace mnt:[1]."""
    add(tmp_path, "self", "mnt:[1]")
    return tmp_path


def add(proc: Path, name: str, namespace: str, maps: str = "") -> Path:
    process = proc / name
    (process / "ns").mkdir(parents=True)
    (process / "fd").mkdir()
    (process / "ns" / "mnt").symlink_to(namespace)
    (process / "comm").write_text("prog ram\n")
    (process / "mountinfo").write_text(LINE)
    (process / "maps").write_text(maps)
    return process


def test_one_process_a_namespace(proc):
    """Each other namespace is read once, our own not at all."""
    for pid, namespace in ((1, "mnt:[1]"), (7, "mnt:[2]"), (8, "mnt:[2]")):
        add(proc, str(pid), namespace)
    (found,) = other_namespaces(proc)
    assert (found.pid, found.command) == (7, "prog ram")
    assert found.mounts == parse_mountinfo(LINE)


def test_mounts_of_a_device(proc):
    """Asked for one device, each namespace is read for its mounts only."""
    add(proc, "7", "mnt:[2]")
    (there,) = other_namespaces(proc, os.makedev(7, 3))
    assert there.mounts == parse_mountinfo(LINE)
    (elsewhere,) = other_namespaces(proc, os.makedev(7, 4))
    assert elsewhere.mounts == ()


def test_process_that_ended(proc):
    """A namespace is read through another process if the first one has ended."""
    (add(proc, "7", "mnt:[2]") / "mountinfo").unlink()
    add(proc, "8", "mnt:[2]")
    assert [namespace.pid for namespace in other_namespaces(proc)] == [8]


def test_users(proc, tmp_path_factory):
    """A process is named once, with the first use of the device that it shows."""
    place = tmp_path_factory.mktemp("place")
    number = place.stat().st_dev
    sitting = add(proc, "7", "mnt:[2]")
    (sitting / "cwd").symlink_to(place)
    reading = add(proc, "8", "mnt:[1]")
    (place / "file").touch()
    (reading / "fd" / "3").symlink_to(place / "file")
    (reading / "fd" / "4").symlink_to(place)
    add(proc, "9", "mnt:[1]")
    assert users(number, proc) == (
        Holder(7, "prog ram", f"its working directory {place}"),
        Holder(8, "prog ram", f"open {place}/file"),
    )


@pytest.mark.parametrize(
    ("stat", "found"),
    [
        ("7 (jbd2/loop3-8) S 2 0 0 0 -1 2129984 0", []),
        ("7 (a) S 2 0) S 1 7 7 0 -1 4194304 0 2129984", [7]),
        ("7 (sh", [7]),
        ("", [7]),
    ],
)
def test_kernel_threads(proc, stat, found):
    """A kernel thread, by its flags, has no files; whatever else there is may have."""
    thread = add(proc, "7", "mnt:[1]")
    (thread / "stat").write_text(stat)
    (thread / "cwd").symlink_to(proc)
    assert [holder.pid for holder in users(proc.stat().st_dev, proc)] == found


def test_mapped(proc):
    """A mapped file counts though it is not open, and mappings of nothing do not."""
    maps = (
        "7f1-7f2 r-xp 00000000 07:0a 12    /flocker/a/a program\n"
        "7f3-7f4 rw-p 00000000 00:00 0 \n"
        "7f5-7f6 rw-p 00000000 00:00 0    [heap]\n"
    )
    add(proc, "7", "mnt:[1]", maps)
    assert users(os.makedev(7, 10), proc) == (
        Holder(7, "prog ram", "mapped /flocker/a/a program"),
    )


def test_words():
    """The first few holders are named, and the others counted."""
    assert enumerate_words((Holder(0, "kernel", "it is also mounted at /x"),)) == (
        "it is also mounted at /x"
    )
    many = tuple(Holder(pid, "sh", "open /x") for pid in range(1, 6))
    assert enumerate_words(many) == (
        "process 1 (sh) has open /x; process 2 (sh) has open /x;"
        " process 3 (sh) has open /x; and 2 more"
    )


def test_who_is_below(proc):
    """By the kernel's names, so that a filesystem that answers nobody is not asked."""
    for pid, link, target in (
        ("7", "cwd", "/dead/filesystem/folder"),
        ("8", "fd/3", "/dead/filesystem/file"),
        ("9", "fd/3", "/dead/filesystem-2/file"),
    ):
        (add(proc, pid, "mnt:[1]") / link).symlink_to(target)
    assert who_is_below(Path("/dead/filesystem"), proc) == (
        Holder(7, "prog ram", "open /dead/filesystem/folder"),
        Holder(8, "prog ram", "open /dead/filesystem/file"),
    )
