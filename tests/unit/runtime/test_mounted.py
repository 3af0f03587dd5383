"""Tests of reading what is mounted."""

from pathlib import Path

from flocker.runtime.mounted import (
    READ_ANYWAY,
    MountText,
    mounted_paths,
    read_mounts,
)

LINE = "30 21 7:3 / /flocker/a\\040b rw - ext4 /dev/loop3 rw\n"


def test_mounted_paths(tmp_path: Path) -> None:
    """Each line of the table is a mount; its path is given as it is."""
    table = tmp_path / "mountinfo"
    table.write_text(LINE + LINE.replace("a\\040b", "c"))
    assert mounted_paths(table) == {Path("/flocker/a b"), Path("/flocker/c")}
    assert [mount.filesystem for mount in read_mounts(table)] == ["ext4", "ext4"]


def test_our_own() -> None:
    """The table of this process has its /proc."""
    assert Path("/proc") in mounted_paths()


def test_text_is_kept(tmp_path: Path) -> None:
    """The table is read again when the kernel says so, or after a while.

    A file of a disk never says so.
    """
    now = [0.0]
    table = tmp_path / "mountinfo"
    table.write_text(LINE)
    text = MountText(table, lambda: now[0])
    first = text.read()
    table.write_text(LINE + LINE)
    assert text.read() is first
    now[0] = READ_ANYWAY
    assert text.read() == (LINE + LINE).encode()
