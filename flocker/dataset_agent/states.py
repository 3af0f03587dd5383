"""The situations in which a node can find a dataset: each named, with its own fields.

They are also the columns of the table in `flocker.dataset_agent.transitions`.
"""

from pathlib import Path
from typing import ClassVar

from attrs import frozen

from flocker.model.cluster import Condition
from flocker.model.ids import DatasetID, InstanceID, Life, VolumeID


@frozen
class Unknown:
    """It was not looked for yet, or its backend does not answer."""

    condition: ClassVar = Condition.UNKNOWN
    dataset: DatasetID


@frozen
class Missing:
    """No volume of it is listed, and none is recorded."""

    condition: ClassVar = Condition.MISSING
    dataset: DatasetID


@frozen
class Unregistered:
    """A volume was made for this life of it, and no ownership is recorded.

    `size` is in bytes.
    """

    condition: ClassVar = Condition.UNREGISTERED
    dataset: DatasetID
    volume: VolumeID
    size: int
    life: Life | None = None


@frozen
class Found:
    """A volume of it exists, none is recorded, and its id never had another life.

    What is on the volume is the dataset's, whoever made it.
    """

    condition: ClassVar = Condition.FOUND
    dataset: DatasetID
    volume: VolumeID
    size: int


@frozen
class Unclaimed:
    """A volume carries its id, and nothing shows that it was made for this life."""

    condition: ClassVar = Condition.UNCLAIMED
    dataset: DatasetID
    volume: VolumeID
    size: int


@frozen
class Registered:
    """Its volume is recorded and not listed: listed late, or destroyed."""

    condition: ClassVar = Condition.REGISTERED
    dataset: DatasetID
    volume: VolumeID


@frozen
class Destroyed:
    """Its volume is recorded, and the backend says of it that it is no more."""

    condition: ClassVar = Condition.DESTROYED
    dataset: DatasetID
    volume: VolumeID


@frozen
class Detached:
    """Its volume is attached nowhere."""

    condition: ClassVar = Condition.DETACHED
    dataset: DatasetID
    volume: VolumeID
    size: int


@frozen
class Elsewhere:
    """Its volume is attached to another instance."""

    condition: ClassVar = Condition.ELSEWHERE
    dataset: DatasetID
    volume: VolumeID
    size: int
    instance: InstanceID


@frozen
class OnDeadNode:
    """Its volume is attached to an instance that is dead.

    So says the backend (`off`: it does not run), or control.
    """

    condition: ClassVar = Condition.ON_DEAD_NODE
    dataset: DatasetID
    volume: VolumeID
    size: int
    instance: InstanceID
    off: bool


@frozen
class Appearing:
    """Its volume is attached here and the device has not appeared."""

    condition: ClassVar = Condition.APPEARING
    dataset: DatasetID
    volume: VolumeID
    size: int


@frozen
class Unreadable:
    """Its volume is attached here, and asking for its device or reading that fails."""

    condition: ClassVar = Condition.UNREADABLE
    dataset: DatasetID
    volume: VolumeID
    size: int
    why: str


@frozen
class Blank:
    """Its device carries no signature, and it has never held data."""

    condition: ClassVar = Condition.BLANK
    dataset: DatasetID
    volume: VolumeID
    size: int
    device: Path


@frozen
class Emptied:
    """Its device carries no signature, though it has held data."""

    condition: ClassVar = Condition.EMPTIED
    dataset: DatasetID
    volume: VolumeID
    size: int
    device: Path


@frozen
class Foreign:
    """Its device carries a signature that is no filesystem of ours."""

    condition: ClassVar = Condition.FOREIGN
    dataset: DatasetID
    volume: VolumeID
    size: int
    device: Path
    signature: str


@frozen
class Attached:
    """Its device carries a filesystem that is not mounted where it should be."""

    condition: ClassVar = Condition.ATTACHED
    dataset: DatasetID
    volume: VolumeID
    size: int
    device: Path
    filesystem: str


@frozen
class Mounted:
    """Its filesystem is mounted in its place."""

    condition: ClassVar = Condition.MOUNTED
    dataset: DatasetID
    volume: VolumeID
    size: int
    device: Path
    path: Path


@frozen
class Stranded:
    """Something is mounted in its place that its volume, as listed, is not.

    `why` says what kept us from seeing whether it is, if something did.
    """

    condition: ClassVar = Condition.STRANDED
    dataset: DatasetID
    volume: VolumeID | None
    path: Path
    why: str | None = None


Discovered = (
    Unknown
    | Missing
    | Unregistered
    | Found
    | Unclaimed
    | Registered
    | Destroyed
    | Detached
    | Elsewhere
    | OnDeadNode
    | Appearing
    | Unreadable
    | Blank
    | Emptied
    | Foreign
    | Attached
    | Mounted
    | Stranded
)


def volume_of(found: Discovered) -> VolumeID | None:
    """Give the volume of a situation, if it has one."""
    match found:
        case Unknown() | Missing():
            return None
        case _:
            return found.volume


def device_of(found: Discovered) -> Path | None:
    """Give the device of a situation, if it has one."""
    match found:
        case Blank() | Emptied() | Foreign() | Attached() | Mounted():
            return found.device
        case _:
            return None


def path_of(found: Discovered) -> Path | None:
    """Give where something is mounted, if it is."""
    match found:
        case Mounted() | Stranded():
            return found.path
        case _:
            return None


def size_of(found: Discovered) -> int | None:
    """Give the size of the volume in bytes, where it is listed."""
    match found:
        case Unknown() | Missing() | Registered() | Destroyed() | Stranded():
            return None
        case _:
            return found.size


def instance_of(found: Discovered) -> InstanceID | None:
    """Give the other instance that has the volume, if one has."""
    match found:
        case Elsewhere() | OnDeadNode():
            return found.instance
        case _:
            return None
