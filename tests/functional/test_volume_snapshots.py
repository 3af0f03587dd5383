"""Snapshots of loopback volumes: whole or not there, whoever is killed when."""

import os
from collections.abc import Iterator

import pytest

from flocker.dataset_agent.kinds import SameFilesystem
from flocker.model.datasets import FilesystemKind
from flocker.model.sizes import MEBIBYTE
from tests.functional.killed_at import killed_at
from tests.functional.volume_machine import MARK, SIZE, Machine, on

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")


@pytest.fixture(params=["xfs", "btrfs", "ext4"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A node; its volumes are on an XFS, a Btrfs, and an ext4, where it copies."""
    with on(request.param) as made:
        yield made


def test_killed_taking(machine: Machine) -> None:
    """A snapshot is whole or not there at whatever touch of a file its taker dies."""
    volume = machine.volume()
    device = machine.api.get_device_path(volume.blockdevice_id)
    device.write_bytes(b"first" * MEBIBYTE)
    number, whole = 1, 0
    while killed_at(
        number,
        machine.top,
        lambda: machine.api.take_snapshot(volume.blockdevice_id, MARK),
    ):
        found = machine.api.list_snapshots()
        for snapshot in found:
            assert (snapshot.of, snapshot.size) == (volume.blockdevice_id, SIZE)
            (file,) = machine.top.glob("snapshots/*")
            assert file.read_bytes()[: 5 * MEBIBYTE] == b"first" * MEBIBYTE
            machine.api.destroy_snapshot(snapshot.id)
            whole += 1
        number += 1
    assert number > 5
    assert whole >= 1
    (taken,) = machine.api.list_snapshots()
    machine.api.destroy_snapshot(taken.id)
    assert machine.files() == [f"{volume.blockdevice_id}_{volume.dataset_id}"]


def test_killed_cloning(machine: Machine) -> None:
    """A volume that is made of a snapshot is listed when it is whole, or not at all."""
    volume = machine.volume()
    machine.api.get_device_path(volume.blockdevice_id).write_bytes(b"x" * MEBIBYTE)
    machine.api.take_snapshot(volume.blockdevice_id, MARK)
    number, whole = 1, 0
    while killed_at(number, machine.top, machine.clone):
        made = [each for each in machine.api.list_volumes() if each != volume]
        for each in made:
            machine.attach(each)
            device = machine.api.get_device_path(each.blockdevice_id)
            assert device.read_bytes()[:MEBIBYTE] == b"x" * MEBIBYTE
            machine.api.detach_volume(each.blockdevice_id)
            machine.api.destroy_volume(each.blockdevice_id)
            whole += 1
        number += 1
    assert number > 5
    assert whole >= 1
    assert len(machine.api.list_volumes()) == 2
    assert not [name for name in machine.files() if name.startswith(".")]


def test_killed_checking(machine: Machine) -> None:
    """Who dies while it looks whether it can take any leaves nothing in the way."""
    number = 1
    while killed_at(number, machine.top, machine.api.check_snapshots):
        number += 1
    assert number > 3
    machine.api.check_snapshots()
    assert machine.files() == []


def test_killed_destroying(machine: Machine) -> None:
    """A snapshot whose destroyer dies is there or not; again it is gone."""
    volume = machine.volume()
    number = 1
    taken = machine.api.take_snapshot(volume.blockdevice_id, MARK)

    def destroy() -> None:
        machine.api.destroy_snapshot(taken.id)

    while killed_at(number, machine.top, destroy):
        assert machine.api.list_snapshots() in ([], [taken])
        again = machine.api.take_snapshot(volume.blockdevice_id, MARK)
        assert again == taken
        number += 1
    assert number > 1
    assert machine.api.list_snapshots() == []


@pytest.mark.parametrize("kind", list(FilesystemKind))
def test_of_a_mounted_filesystem(machine: Machine, kind: FilesystemKind) -> None:
    """What was written is in it, synced or not; source and clone are used at once."""
    volume = machine.volume()
    machine.kernel.make(machine.api.get_device_path(volume.blockdevice_id), kind)
    path = machine.mounted(volume)
    (path / "file").write_text("first")
    machine.kernel.flush(path)
    machine.api.take_snapshot(volume.blockdevice_id, MARK)
    (path / "file").write_text("second")
    copy = machine.mounted(machine.attach(machine.clone()), copy=True)
    assert (copy / "file").read_text() == "first"
    assert (path / "file").read_text() == "second"
    (copy / "file").write_text("third")
    assert (path / "file").read_text() == "second"


def test_a_copy_that_nobody_asked_for(machine: Machine) -> None:
    """An xfs beside its like is refused, unless it is known to be a clone."""
    volume = machine.volume()
    device = machine.api.get_device_path(volume.blockdevice_id)
    machine.kernel.make(device, FilesystemKind.XFS)
    machine.mounted(volume)
    machine.api.take_snapshot(volume.blockdevice_id, MARK)
    clone = machine.attach(machine.clone())
    with pytest.raises(SameFilesystem):
        machine.mounted(clone)
    assert machine.mounted(clone, copy=True).is_mount()
