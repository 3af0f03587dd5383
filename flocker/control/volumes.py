"""Volumes that no dataset is: found by comparing what backends list with what is known.

They are listed for people and never touched; an administrator may `adopt` one. Pure.
Called by `flocker.restapi.volumes`; see docs/decisions.
"""

from collections.abc import Iterable

from attrs import frozen
from pyrsistent import PMap

from flocker.control.datasets import DatasetExists
from flocker.model.changes import Change, DatasetEdit, OwnershipEdit
from flocker.model.cluster import Cause, Volume
from flocker.model.configuration import Configuration
from flocker.model.datasets import NO_METADATA, Dataset
from flocker.model.errors import FlockerError
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.model.ownership import Ownership


@frozen
class VolumeNotFound(FlockerError):
    """The backend lists no such volume."""

    backend: BackendName
    volume: VolumeID

    def words(self) -> str:
        """Name both."""
        return f"backend {self.backend} lists no volume {self.volume!r}"


@frozen
class VolumeOfAnother(FlockerError):
    """The volume says that it belongs to another dataset."""

    volume: Volume
    dataset: DatasetID

    def words(self) -> str:
        """Name all three."""
        return (
            f"volume {self.volume.id!r} is one of dataset {self.volume.dataset}, so it"
            f" cannot become dataset {self.dataset}"
        )


@frozen
class VolumeClaimed(FlockerError):
    """A dataset is this volume already."""

    volume: VolumeID
    dataset: DatasetID

    def words(self) -> str:
        """Name both."""
        return f"volume {self.volume!r} is dataset {self.dataset} already"


@frozen
class Unclaimed:
    """A volume that no dataset is, and why."""

    volume: Volume
    cause: Cause


@frozen
class Adoption:
    """What an administrator wants to become of a volume."""

    volume: Volume
    primary: NodeID
    metadata: PMap[str, str] = NO_METADATA


def unclaimed(
    configuration: Configuration, listed: Iterable[Volume]
) -> Iterable[Unclaimed]:
    """Find the volumes that no dataset is, nor is about to be."""
    for volume in listed:
        cause = _cause(configuration, volume)
        if cause is not None:
            yield Unclaimed(volume, cause)


def pick(
    listed: Iterable[Volume],
    backend: BackendName,
    volume: VolumeID,
    dataset: DatasetID,
) -> Volume:
    """Find a volume of a dataset. Raises `VolumeNotFound`, `VolumeOfAnother`.

    Agents know a volume by what it says of itself: under another id it would not be
    found again.
    """
    found = next((each for each in listed if each.id == volume), None)
    if found is None:
        raise VolumeNotFound(backend, volume)
    if found.dataset != dataset:
        raise VolumeOfAnother(found, dataset)
    return found


def adopt(configuration: Configuration, wanted: Adoption, now: float) -> Change:
    """Make a volume the dataset it says it is. Raises `DatasetExists`, `VolumeClaimed`.

    It holds data: finding it blank will be an error, never a reason to format it.
    """
    volume = wanted.volume
    if volume.dataset in configuration.datasets:
        raise DatasetExists(volume.dataset)
    owner = configuration.volumes.get((volume.backend, volume.id))
    if owner is not None:
        raise VolumeClaimed(volume.id, owner)
    dataset = Dataset(
        id=volume.dataset,
        primary=wanted.primary,
        metadata=wanted.metadata,
        backend=volume.backend,
        asked=now,
    )
    ownership = Ownership(volume.dataset, volume.backend, volume.id, acquired=True)
    return Change((DatasetEdit(None, dataset), OwnershipEdit(None, ownership)))


def _cause(configuration: Configuration, volume: Volume) -> Cause | None:
    dataset = configuration.datasets.get(volume.dataset)
    ownership = configuration.ownership.get(volume.dataset)
    if dataset is None:
        return _no_such_dataset(volume)
    if dataset.destroyed:
        return _destroyed(volume)
    if ownership is None:
        return None if dataset.backend == volume.backend else _elsewhere(dataset)
    if (ownership.backend, ownership.volume) == (volume.backend, volume.id):
        return None
    return _another(ownership)


def _no_such_dataset(volume: Volume) -> Cause:
    return Cause(
        "no-such-dataset",
        f"it is a volume of dataset {volume.dataset}, which is not configured",
        "adopt it, or destroy it in the backend",
    )


def _destroyed(volume: Volume) -> Cause:
    return Cause(
        "destroyed",
        f"it is a volume of dataset {volume.dataset}, which is destroyed",
        "purge the dataset, then adopt the volume, or destroy it in the backend",
    )


def _elsewhere(dataset: Dataset) -> Cause:
    return Cause(
        "other-backend",
        f"its dataset {dataset.id} is wanted on backend {dataset.backend}",
        "destroy the volume in its backend if nobody misses it",
    )


def _another(ownership: Ownership) -> Cause:
    return Cause(
        "other-volume",
        f"its dataset {ownership.dataset} is volume {ownership.volume} of backend"
        f" {ownership.backend}",
        "destroy it in the backend if nobody misses it; or delete and purge the"
        " dataset, then adopt the volume",
    )
