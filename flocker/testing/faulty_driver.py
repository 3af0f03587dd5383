"""The driver loopback with faults that a file switches on; for tests on real clusters.

In agent.yml, as any driver that is not built in::

    faulty:
      backend: flocker.testing.faulty_driver
      root_path: /var/lib/flocker/loopback
      faults: /run/faults.json

The file is read at each call; `Faults` says what may stand in it. Without it all works.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import define, field, frozen
from pyrsistent import pmap
from zope.interface import implementer

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    IBlockDeviceAPI,
    ICloudAPI,
    IGrowingBlockDeviceAPI,
    IMarkingBlockDeviceAPI,
    UnattachedVolume,
)
from flocker.backends.description import BackendDescription
from flocker.backends.loopback.api import (
    DEFAULT_ROOT,
    LoopbackBlockDevices,
    make_loopback,
)
from flocker.model.ids import ClusterID, DatasetID, InstanceID, Life, VolumeID

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks of a call that hangs whether it still is to."""


class Broken(Exception):
    """What a driver raises that was written in a hurry."""


@frozen
class Faults:
    """What goes wrong: the keys of the file.

    `hang` and `fail` name calls that do not end, and that raise; those in `unanswered`
    do what they are asked first. Volumes in `hidden` are not listed, those in
    `deviceless` have no device. With `stale` nothing is listed but what was before;
    with `doubled` all is listed twice.
    """

    hang: Collection[str] = ()
    fail: Mapping[str, str] = pmap()
    unanswered: Collection[str] = ()
    hidden: Collection[str] = ()
    deviceless: Collection[str] = ()
    stale: bool = False
    doubled: bool = False


def read_faults(path: Path) -> Faults:
    """Read the file; one that is not there has no faults."""
    try:
        return Faults(**json.loads(path.read_text()))
    except FileNotFoundError:
        return Faults()


@implementer(IBlockDeviceAPI, ICloudAPI, IGrowingBlockDeviceAPI, IMarkingBlockDeviceAPI)
@define(eq=False)
class FaultyLoopback:
    """The driver of one machine."""

    _api: LoopbackBlockDevices
    _path: Path
    _listed: Sequence[BlockDeviceVolume] = field(factory=list)

    @property
    def _faults(self) -> Faults:
        return read_faults(self._path)

    def _call(self, name: str, do: Callable[[], T]) -> T:
        while name in self._faults.hang:
            time.sleep(POLL)
        faults = self._faults
        if name in faults.fail:
            raise Broken(faults.fail[name])
        result = do()
        if name in faults.unanswered:
            raise Broken(f"{name} was not answered")
        return result

    def allocation_unit(self) -> int:
        """Ask."""
        return self._call("allocation_unit", self._api.allocation_unit)

    def compute_instance_id(self) -> InstanceID:
        """Ask."""
        return self._call("compute_instance_id", self._api.compute_instance_id)

    def create_volume(self, dataset_id: DatasetID, size: int) -> BlockDeviceVolume:
        """Ask."""
        return self._call(
            "create_volume", lambda: self._api.create_volume(dataset_id, size)
        )

    def create_marked_volume(
        self, dataset_id: DatasetID, size: int, life: Life
    ) -> BlockDeviceVolume:
        """Ask; a fault of `create_volume` is one of this, too."""
        return self._call(
            "create_volume",
            lambda: self._api.create_marked_volume(dataset_id, size, life),
        )

    def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Ask."""
        self._call("destroy_volume", lambda: self._api.destroy_volume(blockdevice_id))

    def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Ask."""
        return self._call(
            "attach_volume", lambda: self._api.attach_volume(blockdevice_id, attach_to)
        )

    def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Ask."""
        self._call("detach_volume", lambda: self._api.detach_volume(blockdevice_id))

    def grow_volume(self, blockdevice_id: VolumeID, size: int) -> None:
        """Ask."""
        self._call("grow_volume", lambda: self._api.grow_volume(blockdevice_id, size))

    def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """Ask, and tell as much of it as the faults allow."""
        listed = self._call("list_volumes", self._api.list_volumes)
        faults = self._faults
        if faults.stale:
            return self._listed
        self._listed = [v for v in listed if v.blockdevice_id not in faults.hidden]
        return [*self._listed, *self._listed] if faults.doubled else self._listed

    def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Ask, unless the device is to be missing."""
        if blockdevice_id in self._faults.deviceless:
            raise UnattachedVolume(blockdevice_id)
        return self._call(
            "get_device_path", lambda: self._api.get_device_path(blockdevice_id)
        )

    def list_live_nodes(self) -> Collection[InstanceID]:
        """Ask."""
        return self._call("list_live_nodes", self._api.list_live_nodes)

    def start_node(self, node_id: InstanceID) -> None:
        """Ask."""
        self._api.start_node(node_id)


def make_faulty(
    cluster_id: ClusterID,
    faults: str,
    root_path: str = DEFAULT_ROOT,
    compute_instance_id: str = "",
) -> FaultyLoopback:
    """Make the driver of this machine."""
    api = make_loopback(cluster_id, root_path, compute_instance_id)
    return FaultyLoopback(api, Path(faults))


FLOCKER_BACKEND = BackendDescription(
    name="faulty",
    api_factory=make_faulty,
    required_config=frozenset({"faults"}),
    optional_config=pmap({"root_path": DEFAULT_ROOT, "compute_instance_id": ""}),
    keeps_device_paths=False,
)
