"""What a dataset agent can do: values; `flocker.dataset_agent.performing` does them.

Each is one irreversible effect, decided on fresh facts.
"""

from pathlib import Path
from typing import ClassVar

from attrs import frozen

from flocker.model.cluster import Phase
from flocker.model.datasets import FilesystemKind
from flocker.model.ids import (
    BackendName,
    DatasetID,
    InstanceID,
    Life,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)


@frozen
class Create:
    """Make a volume for this life of the dataset, unless one exists after all.

    `size` is in bytes. It begins as the snapshot that is its `origin`, or blank.
    """

    phase: ClassVar = Phase.CREATING
    dataset: DatasetID
    backend: BackendName
    size: int
    life: Life | None = None
    origin: SnapshotID | None = None


@frozen
class Attach:
    """Attach the volume to this node."""

    phase: ClassVar = Phase.ATTACHING
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID


@frozen
class Format:
    """Make a filesystem of a `kind` on the volume's blank device."""

    phase: ClassVar = Phase.FORMATTING
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    device: Path
    kind: FilesystemKind = FilesystemKind.EXT4


@frozen
class Mount:
    """Mount the dataset's filesystem in its place; it may be a `copy` of another."""

    phase: ClassVar = Phase.MOUNTING
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    device: Path
    copy: bool = False


@frozen
class Unmount:
    """Unmount what is in the dataset's place, if nobody uses it.

    `device` is None where the backend does not say which it is.
    """

    phase: ClassVar = Phase.UNMOUNTING
    dataset: DatasetID
    path: Path
    device: Path | None


@frozen
class Detach:
    """Detach the volume from `instance`, if nothing on this node uses it.

    None is this machine; another is one of which the backend says that it is off.
    """

    phase: ClassVar = Phase.DETACHING
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    instance: InstanceID | None = None


@frozen
class Destroy:
    """Destroy the volume with its snapshots, or learn that it is gone."""

    phase: ClassVar = Phase.DESTROYING
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID


@frozen
class Grow:
    """Make the volume of a mounted dataset larger; `size` in bytes."""

    phase: ClassVar = Phase.MOUNTED
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    size: int


@frozen
class Finish:
    """Finish what a kill left undone on a mounted dataset of `size` bytes.

    The device has the volume's size, the filesystem the device's, and a filesystem
    that nobody used yet is open to everybody. Done once a process and size.
    """

    phase: ClassVar = Phase.MOUNTED
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    device: Path
    size: int


@frozen
class TakeSnapshot:
    """Keep what is on the volume of a dataset that is mounted at `path`."""

    phase: ClassVar = Phase.MOUNTED
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    path: Path
    mark: UserSnapshotID


@frozen
class DropSnapshot:
    """Destroy a snapshot of the volume of a dataset."""

    phase: ClassVar = Phase.MOUNTED
    dataset: DatasetID
    backend: BackendName
    volume: VolumeID
    snapshot: SnapshotID


Step = (
    Create
    | Attach
    | Format
    | Mount
    | Unmount
    | Detach
    | Destroy
    | Grow
    | Finish
    | TakeSnapshot
    | DropSnapshot
)
