"""Volumes that no dataset is."""

from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap

from flocker.control.datasets import DatasetExists
from flocker.control.volumes import (
    Adoption,
    VolumeClaimed,
    VolumeNotFound,
    VolumeOfAnother,
    adopt,
    pick,
    unclaimed,
)
from flocker.model.changes import Change, DatasetEdit, OwnershipEdit, apply
from flocker.model.cluster import Volume
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import BackendName, DatasetID, Life, NodeID, VolumeID
from flocker.model.ownership import Ownership
from flocker.testing.builders import a_life

NODE = NodeID(UUID(int=1))
ONE = DatasetID(UUID(int=2))
OTHER = DatasetID(UUID(int=3))
VOLUME = Volume(DEFAULT_BACKEND, VolumeID("v-1"), ONE, 1024)
SECOND = evolve(VOLUME, id=VolumeID("v-2"))
FAST = BackendName("fast")

DATASET = Dataset(ONE, NODE)
OWNERSHIP = Ownership(ONE, DEFAULT_BACKEND, VOLUME.id)


def configured(dataset: Dataset, *ownership: Ownership) -> Configuration:
    edits = [OwnershipEdit(None, each) for each in ownership]
    return apply(Change((DatasetEdit(None, dataset), *edits)), Configuration())


def codes(configuration: Configuration, *volumes: Volume) -> dict[str, str]:
    return {
        each.volume.id: each.cause.code for each in unclaimed(configuration, volumes)
    }


def test_volume_of_a_dataset_is_claimed() -> None:
    """The volume that a dataset is, is not listed."""
    assert codes(configured(DATASET, OWNERSHIP), VOLUME) == {}


def test_volume_about_to_be_registered_is_claimed() -> None:
    """A volume whose dataset has none yet is about to be it."""
    assert codes(configured(DATASET), VOLUME) == {}


@pytest.mark.parametrize("life", [None, a_life(1)])
def test_volume_of_another_life(life: Life | None) -> None:
    """A volume that was not made for the present life of its dataset is nobody's."""
    anew = configured(evolve(DATASET, life=a_life(2)))
    assert codes(anew, evolve(VOLUME, life=life)) == {"v-1": "other-life"}
    assert codes(anew, evolve(VOLUME, life=a_life(2))) == {}


def test_volume_of_no_dataset() -> None:
    """A volume of a dataset that nobody knows belongs to nobody."""
    assert codes(Configuration(), VOLUME) == {"v-1": "no-such-dataset"}


def test_second_volume() -> None:
    """A dataset is one volume; another of the same dataset is nobody's."""
    found = codes(configured(DATASET, OWNERSHIP), VOLUME, SECOND)
    assert found == {"v-2": "other-volume"}


def test_same_name_in_another_backend() -> None:
    """A volume is named by its backend and its id."""
    twin = evolve(VOLUME, backend=FAST)
    assert codes(configured(DATASET, OWNERSHIP), twin) == {"v-1": "other-volume"}


def test_volume_in_another_backend_than_wanted() -> None:
    """A volume that nobody will register, for the dataset is wanted elsewhere."""
    dataset = evolve(DATASET, backend=FAST)
    assert codes(configured(dataset), VOLUME) == {"v-1": "other-backend"}


def test_volume_of_a_destroyed_dataset() -> None:
    """A volume that was confirmed to be gone and is listed is not forgotten."""
    dataset = evolve(DATASET, deleted=True, destroyed=True)
    assert codes(configured(dataset, OWNERSHIP), VOLUME) == {"v-1": "destroyed"}


def test_every_cause_says_what_to_do() -> None:
    """Whoever reads the list can end it."""
    configurations = [
        Configuration(),
        configured(DATASET, OWNERSHIP),
        configured(evolve(DATASET, backend=FAST)),
        configured(evolve(DATASET, deleted=True, destroyed=True)),
        configured(evolve(DATASET, life=a_life())),
    ]
    found = [list(unclaimed(each, [SECOND])) for each in configurations]
    assert all(each.cause.release for (each,) in found)


def test_adopt() -> None:
    """An adopted volume is the dataset it says it is, and holds data."""
    wanted = Adoption(VOLUME, NODE, pmap({"name": "pg"}))
    expected = Dataset(ONE, NODE, metadata=pmap({"name": "pg"}), asked=5.0)
    assert adopt(Configuration(), wanted, 5.0) == Change(
        (
            DatasetEdit(None, expected),
            OwnershipEdit(None, evolve(OWNERSHIP, acquired=True)),
        )
    )


def test_adopted_volume_is_claimed() -> None:
    """What was adopted is not listed any more."""
    change = adopt(Configuration(), Adoption(VOLUME, NODE), 5.0)
    assert codes(apply(change, Configuration()), VOLUME) == {}


def test_adopt_what_is_empty() -> None:
    """A volume of which somebody says that it is empty may be formatted."""
    change = adopt(Configuration(), Adoption(VOLUME, NODE, empty=True), 5.0)
    assert change.edits[1] == OwnershipEdit(None, OWNERSHIP)


def test_adopt_for_a_dataset_that_waits() -> None:
    """A dataset that has no volume yet becomes the one that is adopted."""
    before = evolve(DATASET, metadata=pmap({"name": "pg"}), life=a_life())
    after = evolve(before, primary=NodeID(UUID(int=9)), asked=5.0)
    assert adopt(configured(before), Adoption(VOLUME, after.primary), 5.0) == Change(
        (
            DatasetEdit(before, after),
            OwnershipEdit(None, evolve(OWNERSHIP, acquired=True)),
        )
    )


@pytest.mark.parametrize(
    "configuration",
    [
        configured(DATASET, evolve(OWNERSHIP, volume=SECOND.id)),
        configured(evolve(DATASET, deleted=True)),
        configured(evolve(DATASET, backend=FAST)),
    ],
)
def test_adopt_for_a_dataset_that_is(configuration: Configuration) -> None:
    """A dataset that has its volume, is deleted or elsewhere becomes no other."""
    with pytest.raises(DatasetExists):
        adopt(configuration, Adoption(VOLUME, NODE), 5.0)


def test_adopt_what_is_owned() -> None:
    """A volume is one dataset at most."""
    configuration = configured(
        evolve(DATASET, id=OTHER), evolve(OWNERSHIP, dataset=OTHER)
    )
    with pytest.raises(VolumeClaimed):
        adopt(configuration, Adoption(VOLUME, NODE), 5.0)


def test_pick() -> None:
    """A volume is found by its id, and must say that it is of the dataset."""
    assert pick([SECOND, VOLUME], DEFAULT_BACKEND, VOLUME.id, ONE) == VOLUME
    with pytest.raises(VolumeNotFound):
        pick([SECOND], DEFAULT_BACKEND, VOLUME.id, ONE)
    with pytest.raises(VolumeOfAnother):
        pick([VOLUME], DEFAULT_BACKEND, VOLUME.id, OTHER)
