"""A node whose loopback volumes are on a filesystem of their own; for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from attrs import define

from flocker.backends.block_interface import BlockDeviceVolume
from flocker.backends.loopback.api import LoopbackBlockDevices, make_loopback
from flocker.backends.loopback.frozen_copy import thaw
from flocker.dataset_agent.filesystems import Filesystems
from flocker.model.ids import ClusterID, DatasetID, UserSnapshotID
from flocker.model.sizes import MEBIBYTE
from flocker.testing.loop_devices import filesystem, scratch_directory

CLUSTER = ClusterID(UUID(int=5))
SIZE = 400 * MEBIBYTE
MARK = UserSnapshotID(UUID(int=1))


@define(eq=False)
class Machine:
    """A node whose volumes are in a directory of a filesystem."""

    scratch: Path
    api: LoopbackBlockDevices
    kernel: Filesystems

    @property
    def top(self) -> Path:
        """Where the volumes are."""
        (found,) = self.scratch.glob("*/volumes/*")
        return found

    def volume(self) -> BlockDeviceVolume:
        """Make a volume and attach it."""
        made = self.api.create_volume(DatasetID(uuid4()), SIZE)
        return self.attach(made)

    def attach(self, volume: BlockDeviceVolume) -> BlockDeviceVolume:
        """Attach a volume."""
        me = self.api.compute_instance_id()
        return self.api.attach_volume(volume.blockdevice_id, me)

    def mounted(self, volume: BlockDeviceVolume, *, copy: bool = False) -> Path:
        """Mount what is on a volume."""
        path = self.scratch / volume.blockdevice_id
        device = self.api.get_device_path(volume.blockdevice_id)
        self.kernel.mount(device, path, copy=copy)
        return path

    def files(self) -> list[str]:
        """Name all files of volumes and snapshots, finished or not."""
        return sorted(path.name for path in self.top.rglob("*-*") if path.is_file())

    def clone(self) -> BlockDeviceVolume:
        """Make a volume of the one snapshot."""
        (taken,) = self.api.list_snapshots()
        return self.api.create_volume_from_snapshot(
            taken.id, DatasetID(uuid4()), SIZE, None
        )


@contextmanager
def on(kind: str, **config: object) -> Iterator[Machine]:
    """Give a node; nothing of it stays frozen, so that all can be unmounted."""
    with scratch_directory() as scratch:
        root = filesystem(scratch, kind, 2048 * MEBIBYTE) / "volumes"
        api = make_loopback(CLUSTER, str(root), "node-1", **config)
        try:
            yield Machine(scratch, api, Filesystems())
        finally:
            for path in scratch.glob("block-*"):
                descriptor = os.open(path, os.O_RDONLY)
                _ = thaw(descriptor)
                os.close(descriptor)
