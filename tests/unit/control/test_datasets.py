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
    NotDestroyedYet,
    ShrinkRefused,
    Wishes,
    change,
    create,
    delete,
    purge,
)
from flocker.model.changes import Change, DatasetEdit, OwnershipEdit, apply
from flocker.model.datasets import Dataset, FilesystemKind, Mounting
from flocker.model.ids import BackendName
from flocker.model.pools import PoolOwnership
from flocker.model.sizes import DEFAULT_SIZE, GIBIBYTE, MEBIBYTE
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    a_lease,
    an_ownership,
    dataset_id,
    node_id,
)

NOW = 5000.0
LIVE = a_configuration([a_dataset()])
DELETED = a_configuration([a_dataset(deleted=True)])
DESTROYED = a_configuration([a_dataset(destroyed=True)])
EMPTY = a_configuration()


def asked(configuration, wishes, number=1):
    """Ask to change a dataset."""
    return change(configuration, dataset_id(number), wishes, NOW)


def move(configuration, to):
    """Ask to move dataset 1."""
    return asked(configuration, Wishes(node_id(to)))


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


def test_create_in_particular():
    """Backend, mounting and filesystem are as they were asked for."""
    how = (BackendName("fast"), Mounting.ON_USE, FilesystemKind.XFS)
    new = NewDataset(dataset_id(2), node_id(3), None, pmap(), *how)
    (edit,) = create(LIVE, new, NOW).edits
    assert (edit.after.backend, edit.after.mount, edit.after.filesystem) == how


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
    assert move(LIVE, 2) == Change((DatasetEdit(before, after),))


def test_move_to_where_it_is():
    """A move to its own node is nothing."""
    assert move(LIVE, 1) == Change()


def test_move_what_is_leased():
    """A lease stops nobody from asking for a move, or a deletion."""
    leased = a_configuration([a_dataset()], leases=[a_lease()])
    assert move(leased, 2) == move(LIVE, 2)
    assert delete(leased, dataset_id(), NOW) == delete(LIVE, dataset_id(), NOW)


def test_no_wish():
    """Without a wish a dataset is left as it is."""
    assert asked(LIVE, Wishes()) == Change()


def test_grow():
    """A dataset can be made larger."""
    small = a_dataset(maximum_size=GIBIBYTE)
    after = evolve(small, maximum_size=2 * GIBIBYTE, asked=NOW)
    assert asked(a_configuration([small]), Wishes(maximum_size=2 * GIBIBYTE)) == Change(
        (DatasetEdit(small, after),)
    )


@pytest.mark.parametrize(
    ("size", "known"), [(GIBIBYTE, GIBIBYTE), (None, DEFAULT_SIZE)]
)
def test_shrink(size, known):
    """A dataset cannot be made smaller, also than the default it was made with."""
    configuration = a_configuration([a_dataset(maximum_size=size)])
    with pytest.raises(ShrinkRefused) as caught:
        asked(configuration, Wishes(node_id(2), known - 1024))
    assert str(caught.value) == (
        f"dataset {dataset_id()} has {known} bytes and cannot shrink to {known - 1024}"
    )


def test_shrink_in_a_pool():
    """The limit of a dataset in a pool can be made lower; what fits its node knows."""
    large = a_dataset(maximum_size=2 * GIBIBYTE)
    row = PoolOwnership(large.id, large.backend, large.primary)
    pooled = evolve(a_configuration([large]), pools=pmap({large.id: row}))
    assert asked(pooled, Wishes(maximum_size=GIBIBYTE)) == Change(
        (DatasetEdit(large, evolve(large, maximum_size=GIBIBYTE, asked=NOW)),)
    )


@pytest.mark.parametrize(
    ("size", "known"), [(GIBIBYTE, GIBIBYTE), (None, DEFAULT_SIZE)]
)
def test_same_size(size, known):
    """A wish for the size that it has is granted."""
    configuration = a_configuration([a_dataset(maximum_size=size)])
    assert bool(asked(configuration, Wishes(maximum_size=known))) == (size is None)


def test_metadata():
    """Metadata is replaced as a whole."""
    before = evolve(a_dataset(), metadata=pmap({"name": "a", "b": "c"}))
    after = evolve(before, metadata=pmap({"name": "d"}), asked=NOW)
    wishes = Wishes(metadata=pmap({"name": "d"}))
    assert asked(a_configuration([before]), wishes) == Change(
        (DatasetEdit(before, after),)
    )


def test_several_wishes():
    """Several wishes are one change, or none."""
    small = a_configuration([a_dataset(maximum_size=GIBIBYTE)])
    wishes = Wishes(node_id(2), 2 * GIBIBYTE, pmap({"name": "d"}))
    (edit,) = asked(small, wishes).edits
    assert (edit.after.primary, edit.after.maximum_size) == (node_id(2), 2 * GIBIBYTE)
    assert edit.after.name == "d"
    with pytest.raises(ShrinkRefused):
        asked(small, evolve(wishes, maximum_size=1024))


def test_purge():
    """A destroyed dataset is forgotten with its record, and its id is free again."""
    destroyed = a_configuration([a_dataset(destroyed=True)], [an_ownership()])
    purging = purge(destroyed, dataset_id())
    assert purging == Change(
        (
            DatasetEdit(a_dataset(destroyed=True), None),
            OwnershipEdit(an_ownership(), None),
        )
    )
    after = apply(purging, destroyed)
    assert (after.datasets, after.ownership, after.volumes) == ({}, {}, {})
    assert create(after, NewDataset(dataset_id(), node_id(2)), NOW)


def test_purge_without_record():
    """One that never had a volume is forgotten too."""
    assert purge(DESTROYED, dataset_id()) == Change(
        (DatasetEdit(a_dataset(destroyed=True), None),)
    )


@pytest.mark.parametrize(
    ("configuration", "how"),
    [(LIVE, "is not deleted"), (DELETED, "is being destroyed")],
)
def test_purge_too_early(configuration, how):
    """While its volume may exist a dataset is not forgotten."""
    with pytest.raises(NotDestroyedYet) as caught:
        purge(configuration, dataset_id())
    assert str(caught.value) == (
        f"dataset {dataset_id()} {how}, so it cannot be purged yet"
    )


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
    "move": lambda configuration: move(configuration, 2),
    "leave": lambda configuration: asked(configuration, Wishes()),
    "delete": lambda configuration: delete(configuration, dataset_id(), NOW),
    "purge": lambda configuration: purge(configuration, dataset_id()),
}


@pytest.mark.parametrize("what", ASKED)
def test_unknown(what):
    """What is not configured cannot be changed."""
    with pytest.raises(DatasetNotFound) as caught:
        ASKED[what](EMPTY)
    assert str(caught.value) == f"there is no dataset {dataset_id()}"


@pytest.mark.parametrize("what", ["move", "leave"])
@pytest.mark.parametrize("configuration", [DELETED, DESTROYED])
def test_deleted(what, configuration):
    """What is deleted cannot be changed, only deleted again."""
    with pytest.raises(DatasetDeleted) as caught:
        ASKED[what](configuration)
    assert str(caught.value) == f"dataset {dataset_id()} is deleted"


@given(st.integers(1, 3), st.integers(1, 3))
def test_moves_are_of_one_dataset(here, there):
    """A move touches one object, however many there are."""
    many = a_configuration([a_dataset(number, on=here) for number in range(1, 6)])
    moving = asked(many, Wishes(node_id(there)), 3)
    after = apply(moving, many)
    assert len(moving.edits) == (here != there)
    assert after.datasets[dataset_id(3)].primary == node_id(there)


def test_grow_from_what_it_has():
    """A dataset without a size of its own grows from that of its volume, if known."""
    small = a_configuration([a_dataset()])
    wishes = Wishes(maximum_size=128 * MEBIBYTE)
    grown = change(small, dataset_id(), wishes, 1.0, 64 * MEBIBYTE)
    assert apply(grown, small).datasets[dataset_id()].maximum_size == 128 * MEBIBYTE
    with pytest.raises(ShrinkRefused) as caught:
        change(small, dataset_id(), wishes, 1.0, 256 * MEBIBYTE)
    assert caught.value.size == 256 * MEBIBYTE
