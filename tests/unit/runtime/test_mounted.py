"""Tests of reading what is mounted."""

from pathlib import Path

from flocker.runtime.mounted import mounted_paths, read_mounts

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
