"""A dataset: what a user asked to have, wherever it lives now."""

from collections.abc import Mapping
from enum import Enum

from attrs import frozen
from pyrsistent import PMap, pmap

from flocker.model.ids import BackendName, DatasetID, Life, NodeID
from flocker.model.sizes import MEBIBYTE
from flocker.model.snapshots import Origin

DEFAULT_BACKEND = BackendName("default")
"""The name of the one backend of an agent.yml that has a `dataset:` section."""

NO_METADATA: PMap[str, str] = pmap()


class Mounting(Enum):
    """When a dataset is mounted on a node."""

    ALWAYS = "always"
    ON_USE = "on-use"


class FilesystemKind(Enum):
    """Which filesystem is made on a new volume."""

    EXT4 = "ext4"
    XFS = "xfs"


LEAST_SIZE: Mapping[FilesystemKind, int] = {
    FilesystemKind.EXT4: 0,
    FilesystemKind.XFS: 300 * MEBIBYTE,
}
"""Bytes that a volume must have; mkfs.xfs refuses less since xfsprogs 5.19."""


@frozen
class Dataset:
    """One dataset as it is wanted.

    `maximum_size` is in bytes, None for the backend's default; `asked` is when a user
    last asked for a change (seconds since the epoch, control's clock); `destroyed` says
    that its volume was wanted gone and is confirmed to be, since `destroyed_at`. `life`
    tells it from others that had its id before: only a volume that was made for it is
    its own. None is a dataset of a time when no id was used twice. A volume that is to
    be made for it begins as its `origin`, or blank; a clone in a pool has that in the
    row of who owns it.
    """

    id: DatasetID
    primary: NodeID
    maximum_size: int | None = None
    metadata: PMap[str, str] = NO_METADATA
    backend: BackendName = DEFAULT_BACKEND
    deleted: bool = False
    destroyed: bool = False
    destroyed_at: float | None = None
    asked: float = 0.0
    mount: Mounting = Mounting.ALWAYS
    filesystem: FilesystemKind = FilesystemKind.EXT4
    life: Life | None = None
    origin: Origin | None = None

    @property
    def name(self) -> str | None:
        """The name its users gave it; several datasets may carry one."""
        return self.metadata.get("name")
