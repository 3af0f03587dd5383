"""What a dataset agent works with: its node, its backends, its filesystems."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import Factory, define, frozen

from flocker.backends.block_interface import BlockDeviceVolume, IBlockDeviceAPI
from flocker.dataset_agent.filesystems import IFilesystems
from flocker.dataset_agent.pool_rig import Pool, PoolRig
from flocker.model.ids import BackendName, DatasetID, Life, NodeID, VolumeID
from flocker.runtime.threads import Threads

MOUNT_ROOT: Final = Path("/flocker")
"""Where block storage is mounted; Kubernetes and the first Flocker's users know it."""


@define
class Backend:
    """One backend of the node, and what this process knows of it before it is listed.

    Note [Listed late]: a backend may list what was created a while later, or never say
    that something is gone. `created` are volumes that this process made and that are
    not listed yet; `gone` are those of which the backend said by name that they are no
    more. Neither outlives the process, and nothing is lost by that.

    `made` are the volumes that this process made and that are not on record yet, with
    the life of the dataset that each was made for; see Note [Whose volume] in
    discovery.
    """

    name: BackendName
    driver: str
    kind: str
    api: IBlockDeviceAPI
    threads: Threads
    created: dict[DatasetID, BlockDeviceVolume] = Factory(dict)
    gone: set[VolumeID] = Factory(set)
    made: dict[VolumeID, Life | None] = Factory(dict)


@frozen
class Rig:
    """Everything with which the agent touches the world; `threads` are the kernel's."""

    node: NodeID
    backends: Mapping[BackendName, Backend]
    filesystems: IFilesystems
    threads: Threads
    mount_root: Path = MOUNT_ROOT
    finished: dict[DatasetID, int] = Factory(dict)
    """The size in bytes for which `Finish` was done on a dataset by this process."""
    pools: Mapping[BackendName, Pool] = Factory(dict)
    peers: PoolRig | None = None
    """What the keepers of pools work with; there where there are pools."""

    def place(self, dataset: DatasetID) -> Path:
        """Give the path where a dataset is mounted."""
        return self.mount_root / str(dataset)
