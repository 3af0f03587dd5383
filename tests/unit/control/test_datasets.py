"""What users may ask of datasets: the change it makes, or why not."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.control.datasets import (
    DatasetDeleted,
    DatasetExists,
    DatasetNotFound,
    NewDataset,
    create,
    delete,
    leave,
    move,
)
from flocker.model.changes import Change, DatasetEdit, apply
from flocker.model.datasets import Dataset
from flocker.testing.builders import a_configuration, a_dataset, dataset_id, node_id

NOW = 5000.0
LIVE = a_configuration([a_dataset()])
DELETED = a_configuration([a_dataset(deleted=True)])
DESTROYED = a_configuration([a_dataset(destroyed=True)])
EMPTY = a_configuration()


def test_create():
    """A new dataset is as it was asked for, from now on."""
    new = NewDataset(dataset_id(2), node_id(3), 2**30, pmap({"name": "mongo"}))
    assert create(LIVE, new, NOW) == Change(
        (
            DatasetEdit(
                None,
                Dataset(
                    dataset_id(2), node_id(3), 2**30, pmap({"name": "mongo"}), asked=NOW
                ),
            ),
        )
    )


@pytest.mark.parametrize("configuration", [LIVE, DELETED, DESTROYED])
def test_create_twice(configuration):
    """An id is used once, also after its dataset is gone."""
    with pytest.raises(DatasetExists) as caught:
        create(configuration, NewDataset(dataset_id(), node_id()), NOW)
    assert str(caught.value) == (
        f"a dataset {dataset_id()} exists already, or existed and was deleted"
    )


def test_move():
    """A move changes where it should be, and when that was asked for."""
    before = a_dataset()
    after = evolve(before, primary=node_id(2), asked=NOW)
    assert move(LIVE, dataset_id(), node_id(2), NOW) == Change(
        (DatasetEdit(before, after),)
    )


def test_move_to_where_it_is():
    """A move to its own node is nothing."""
    assert move(LIVE, dataset_id(), node_id(1), NOW) == Change()


def test_leave():
    """To leave a dataset as it is changes nothing."""
    assert leave(LIVE, dataset_id()) == Change()


def test_delete():
    """A deleted dataset stays configured, as deleted."""
    before = a_dataset()
    after = evolve(before, deleted=True, asked=NOW)
    assert delete(LIVE, dataset_id(), NOW) == Change((DatasetEdit(before, after),))


@pytest.mark.parametrize("configuration", [DELETED, DESTROYED])
def test_delete_again(configuration):
    """Deleting it again is nothing."""
    assert delete(configuration, dataset_id(), NOW) == Change()


ASKED = {
    "move": lambda configuration: move(configuration, dataset_id(), node_id(2), NOW),
    "leave": lambda configuration: leave(configuration, dataset_id()),
    "delete": lambda configuration: delete(configuration, dataset_id(), NOW),
}


@pytest.mark.parametrize("asked", ASKED)
def test_unknown(asked):
    """What is not configured cannot be changed."""
    with pytest.raises(DatasetNotFound) as caught:
        ASKED[asked](EMPTY)
    assert str(caught.value) == f"there is no dataset {dataset_id()}"


@pytest.mark.parametrize("asked", ["move", "leave"])
@pytest.mark.parametrize("configuration", [DELETED, DESTROYED])
def test_deleted(asked, configuration):
    """What is deleted cannot be changed, only deleted again."""
    with pytest.raises(DatasetDeleted) as caught:
        ASKED[asked](configuration)
    assert str(caught.value) == f"dataset {dataset_id()} is deleted"


@given(st.integers(1, 3), st.integers(1, 3))
def test_moves_are_of_one_dataset(here, there):
    """A move touches one object, however many there are."""
    many = a_configuration([a_dataset(number, on=here) for number in range(1, 6)])
    change = move(many, dataset_id(3), node_id(there), NOW)
    after = apply(change, many)
    assert len(change.edits) == (here != there)
    assert after.datasets[dataset_id(3)].primary == node_id(there)
