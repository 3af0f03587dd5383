"""Volumes that no dataset is: found by comparing what backends list with what is known.

They are listed for people and never touched; an administrator may `adopt` one. Pure.
Called by `flocker.restapi.volumes`; see docs/decisions.
"""

from collections.abc import Iterable

from attrs import evolve, frozen
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
    """What an administrator wants to become of a volume.

    It holds data, unless they say that it is `empty`.
    """

    volume: Volume
    primary: NodeID
    metadata: PMap[str, str] = NO_METADATA
    empty: bool = False


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

    The dataset may be configured already, if it has no volume yet. A volume that holds
    data is never formatted: finding it blank will be an error.
    """
    volume = wanted.volume
    before = configuration.datasets.get(volume.dataset)
    if before is not None and not _awaits(configuration, before, volume):
        raise DatasetExists(volume.dataset)
    owner = configuration.volumes.get((volume.backend, volume.id))
    if owner is not None:
        raise VolumeClaimed(volume.id, owner)
    after = evolve(
        before or Dataset(volume.dataset, wanted.primary, backend=volume.backend),
        primary=wanted.primary,
        metadata=wanted.metadata
        or (NO_METADATA if before is None else before.metadata),
        asked=now,
    )
    acquired = not wanted.empty
    ownership = Ownership(volume.dataset, volume.backend, volume.id, acquired=acquired)
    return Change((DatasetEdit(before, after), OwnershipEdit(None, ownership)))


def _awaits(configuration: Configuration, dataset: Dataset, volume: Volume) -> bool:
    """Say whether a dataset is wanted on the volume's backend and has no volume yet."""
    has_one = dataset.id in configuration.ownership
    return not (has_one or dataset.deleted) and dataset.backend == volume.backend


def _cause(configuration: Configuration, volume: Volume) -> Cause | None:
    dataset = configuration.datasets.get(volume.dataset)
    ownership = configuration.ownership.get(volume.dataset)
    if dataset is None:
        return _no_such_dataset(volume)
    if dataset.destroyed:
        return _destroyed(volume)
    if ownership is None:
        if dataset.backend != volume.backend:
            return _elsewhere(dataset)
        return None if volume.life == dataset.life else _of_another_life(dataset)
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


def _of_another_life(dataset: Dataset) -> Cause:
    return Cause(
        "other-life",
        f"nothing shows that it was made for dataset {dataset.id} as it is now; it may"
        " hold the data of an earlier one",
        "adopt it, or destroy it in the backend",
    )


def _another(ownership: Ownership) -> Cause:
    return Cause(
        "other-volume",
        f"its dataset {ownership.dataset} is volume {ownership.volume} of backend"
        f" {ownership.backend}",
        "destroy it in the backend if nobody misses it; or delete and purge the"
        " dataset, then adopt the volume",
    )
