"""Nodes of a sandbox with a zfs-fuse each, or with pools of the kernel's ZFS."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from attrs import evolve

from flocker.sandbox import pools
from flocker.sandbox.blueprint import engine_programs, flocker_programs
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.furnishing import furnish
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import CONTROL, SandboxName, node_name
from flocker.sandbox.pools import (
    OPENZFS,
    ZFS,
    ZFS_READY,
    disk_of,
    furnish_pool,
    is_of_kernel,
    kernel_has_zfs,
    zpool_name,
)
from flocker.sandbox.zfs import DAEMON, with_zfs

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LAYOUT = Layout(SandboxName("s"), Path("/s"), Path("/d"))
NODE = node_name(1)


@pytest.mark.parametrize("usual", [flocker_programs, engine_programs])
def test_programs(usual) -> None:
    """A node runs the daemon too, and its agent waits for the pool; all else stays."""
    daemon, *others = with_zfs(usual)(LAYOUT, NODE)
    assert daemon == DAEMON
    waiting = [program.name for program in others if program.after == ZFS_READY]
    assert waiting == ["flocker-dataset-agent"]
    for program, plain in zip(others, usual(LAYOUT, NODE), strict=True):
        assert evolve(program, after=plain.after) == plain


def test_control_runs_none() -> None:
    """Control has no pool."""
    runs = with_zfs(flocker_programs)
    assert runs(LAYOUT, CONTROL) == flocker_programs(LAYOUT, CONTROL)


def test_sandbox() -> None:
    """It is so in a sandbox of that backend, and in no other."""
    for backend, has in (("zfs", True), ("btrfs", False), ("loopback", False)):
        told = Sandbox(LAYOUT, 2, backend=backend).programs(LAYOUT, NODE)
        assert (DAEMON in told) is has


@pytest.mark.parametrize("programs", ["", "/somewhere/sbin"])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: str) -> None:
    """Each node has a disk, a pool's name, and what was said of the programs."""
    monkeypatch.setenv("FLOCKER_ZFS_PROGRAMS", programs)
    layout = evolve(LAYOUT, data=tmp_path / "data")
    furnish(layout, 2, NOW, ZFS)
    monkeypatch.delenv("FLOCKER_ZFS_PROGRAMS")
    disk = disk_of(layout, NODE, ZFS)
    assert disk is not None
    assert disk.programs == (Path(programs) if programs else None)
    assert disk.image.stat().st_blocks == 0
    settings = yaml.safe_load((layout.machine(NODE) / "agent.yml").read_text())
    assert settings["dataset"] == {"backend": "zfs", "pool": disk.name}


@pytest.mark.parametrize("of_kernel", [True, False])
def test_of_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, of_kernel: bool
) -> None:
    """Where pools are the kernel's no node runs a daemon; that stays so."""
    monkeypatch.setattr(pools, "kernel_has_zfs", lambda: of_kernel)
    layout = evolve(LAYOUT, data=tmp_path)
    layout.machine(NODE).mkdir()
    furnish_pool(layout, NODE, ZFS)
    monkeypatch.undo()
    assert is_of_kernel(layout) is of_kernel
    told = with_zfs(flocker_programs)(layout, NODE)
    assert (DAEMON in told) is not of_kernel
    waiting = [program.name for program in told if program.after == ZFS_READY]
    assert waiting == ["flocker-dataset-agent"]
    disk = disk_of(layout, NODE, ZFS)
    assert disk is not None
    assert disk.kind == (OPENZFS if of_kernel else ZFS)


def test_no_kernel_where_fuse_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ZFS that was unpacked for sandboxes is preferred to what the host uses."""
    monkeypatch.setenv("FLOCKER_ZFS_PROGRAMS", "/somewhere/sbin")
    assert not kernel_has_zfs(tmp_path)
    monkeypatch.delenv("FLOCKER_ZFS_PROGRAMS")
    assert not kernel_has_zfs(tmp_path / "none")


def test_names_differ() -> None:
    """No two nodes have pools of one name, whatever their sandboxes are called."""
    other = evolve(LAYOUT, name=SandboxName("t"))
    names = {
        zpool_name(layout, node_name(number))
        for layout in (LAYOUT, other)
        for number in (1, 2)
    }
    assert len(names) == 4
    longest = evolve(LAYOUT, name=SandboxName("x" * 40))
    assert len(zpool_name(longest, node_name(99))) <= 64
