"""A driver for the reactor: each call runs in a thread of the backend's own pool.

Made by the dataset agent, one a backend, so that a service that hangs blocks its own
volumes only. `call` runs a whole piece of synchronous work, such as one round of
observing, in one thread.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from flocker.backends.block_interface import (
    BlockDeviceVolume,
    IBlockDeviceAPI,
    ICloudAPI,
    UnattachedVolume,
    UnknownVolume,
)
from flocker.model.errors import FlockerError
from flocker.model.ids import DatasetID, InstanceID, VolumeID

THREADS = 16
"""Calls of one backend that run at once; the others wait in turn."""

_T = TypeVar("_T")


@frozen
class BackendStopped(FlockerError):
    """A backend was asked while its threads do not run."""

    name: str

    def words(self) -> str:
        """Name the backend."""
        return f"the threads of backend {self.name} do not run"


def device_paths(
    api: IBlockDeviceAPI, volumes: Collection[VolumeID]
) -> Mapping[VolumeID, Path]:
    """Give the devices of those volumes that have one here now; synchronous."""
    found = {}
    for volume in volumes:
        try:
            found[volume] = api.get_device_path(volume)
        except (UnattachedVolume, UnknownVolume):
            continue  # it has not appeared, or went since it was listed
    return found


@define(eq=False)
class ThreadedBlockDevices(Service):
    """The driver `api` with methods to await; it works while the service runs.

    They raise what the driver raises, and `BackendStopped`. Stopping waits for the
    calls that run, without blocking the reactor.
    """

    reactor: IReactorThreads
    backend: str
    api: IBlockDeviceAPI
    make_pool: Callable[..., ThreadPool] = ThreadPool
    _pool: ThreadPool | None = field(default=None, init=False)

    def startService(self) -> None:
        """Start the pool; its threads come as they are needed."""
        Service.startService(self)
        self._pool = self.make_pool(0, THREADS, name=f"backend-{self.backend}")
        self._pool.start()

    def stopService(self) -> Deferred[None]:
        """Let the running calls end."""
        pool, self._pool = self._pool, None
        Service.stopService(self)
        if pool is None:
            raise BackendStopped(self.backend)
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), pool.stop)

    async def call(self, work: Callable[[IBlockDeviceAPI], _T]) -> _T:
        """Run synchronous work with the driver in one of its threads."""
        if self._pool is None:
            raise BackendStopped(self.backend)
        return await deferToThreadPool(self.reactor, self._pool, work, self.api)

    async def allocation_unit(self) -> int:
        """Give bytes."""
        return await self.call(lambda api: api.allocation_unit())

    async def compute_instance_id(self) -> InstanceID:
        """Name this machine."""
        return await self.call(lambda api: api.compute_instance_id())

    async def create_volume(
        self, dataset_id: DatasetID, size: int
    ) -> BlockDeviceVolume:
        """Make a volume of `size` bytes."""
        return await self.call(lambda api: api.create_volume(dataset_id, size))

    async def destroy_volume(self, blockdevice_id: VolumeID) -> None:
        """Destroy a detached volume."""
        await self.call(lambda api: api.destroy_volume(blockdevice_id))

    async def attach_volume(
        self, blockdevice_id: VolumeID, attach_to: InstanceID
    ) -> BlockDeviceVolume:
        """Attach a volume."""
        return await self.call(lambda api: api.attach_volume(blockdevice_id, attach_to))

    async def detach_volume(self, blockdevice_id: VolumeID) -> None:
        """Detach a volume."""
        await self.call(lambda api: api.detach_volume(blockdevice_id))

    async def list_volumes(self) -> Sequence[BlockDeviceVolume]:
        """List all volumes of the cluster."""
        return await self.call(lambda api: api.list_volumes())

    async def get_device_path(self, blockdevice_id: VolumeID) -> Path:
        """Give the device of one volume."""
        return await self.call(lambda api: api.get_device_path(blockdevice_id))

    async def device_paths(
        self, volumes: Collection[VolumeID]
    ) -> Mapping[VolumeID, Path]:
        """Give the devices of those volumes that have one here, with one thread."""
        return await self.call(lambda api: device_paths(api, volumes))

    async def list_live_nodes(self) -> frozenset[InstanceID] | None:
        """Name the instances that run; None if the backend does not know."""
        cloud: ICloudAPI | None = ICloudAPI(self.api, None)
        if cloud is None:
            return None
        return await self.call(lambda _: frozenset(cloud.list_live_nodes()))
