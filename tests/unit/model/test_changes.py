"""A change is a value: it applies, it is taken back, and it meets what it expects."""

from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap, pset

from flocker.model.changes import (
    Change,
    DatasetEdit,
    EditConflict,
    NodeEdit,
    OwnershipEdit,
    PoolEdit,
    apply,
    between,
    invert,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.ids import Era, SnapshotID
from flocker.model.nodes import Node
from flocker.model.pools import PoolOwnership
from flocker.model.snapshots import Origin
from flocker.testing.builders import (
    a_configuration,
    a_dataset,
    an_ownership,
    dataset_id,
    node_id,
    volume_id,
)
from flocker.testing.change_strategies import changes_to, configurations


@st.composite
def changed_configurations(draw):
    """A configuration and a change that applies to it."""
    configuration = draw(configurations())
    return configuration, draw(changes_to(configuration))


def content(configuration: Configuration):
    """All of a configuration but its revisions."""
    return evolve(configuration, revision=0, datasets_revision=0)


@given(changed_configurations())
def test_invert(case):
    """A change that is taken back leaves everything as it was."""
    configuration, change = case
    there = apply(change, configuration)
    assert content(apply(invert(change), there)) == content(configuration)


@given(changed_configurations())
def test_invert_twice(case):
    """Taking a taking back back is the change itself."""
    _, change = case
    assert invert(invert(change)) == change


@given(changed_configurations())
def test_volumes_are_the_inverse_of_ownership(case):
    """Whatever is committed, each volume leads to the dataset that owns it."""
    after = apply(case[1], case[0])
    assert dict(after.volumes) == {
        (record.backend, record.volume): dataset
        for dataset, record in after.ownership.items()
    }


@given(changed_configurations())
def test_clones_are_the_inverse_of_origins(case):
    """Whatever is committed, each dataset leads to all that is, or will be, of it."""
    after = apply(case[1], case[0])
    expected = {}
    for dataset, row in (*after.datasets.items(), *after.pools.items()):
        if row.origin is not None:
            expected.setdefault(row.origin.dataset, set()).add(dataset)
    assert {source: set(of) for source, of in after.clones.items()} == expected


def test_clone_by_either_record():
    """What was made of something is known for it while any record of it says so."""
    origin = Origin(dataset_id(2), SnapshotID("monday"))
    dataset = evolve(a_dataset(1), origin=origin)
    row = PoolOwnership(dataset.id, DEFAULT_BACKEND, node_id(), origin=origin)
    both = apply(
        Change((DatasetEdit(None, dataset), PoolEdit(None, row))), Configuration()
    )
    for gone in (PoolEdit(row, None), DatasetEdit(dataset, None)):
        one = apply(Change((gone,)), both)
        assert one.clones == pmap({origin.dataset: pset([dataset.id])})
    neither = apply(Change((DatasetEdit(dataset, None), PoolEdit(row, None))), both)
    assert neither.clones == pmap()


@given(changed_configurations())
def test_keys_are_the_objects_own(case):
    """Each object stands under its own id."""
    after = apply(case[1], case[0])
    assert all(key == dataset.id for key, dataset in after.datasets.items())
    assert all(key == record.dataset for key, record in after.ownership.items())
    assert all(key == row.dataset for key, row in after.pools.items())


@given(changed_configurations())
def test_revision(case):
    """Each change is one revision; the tag's follows when a dataset changes."""
    before, change = case
    after = apply(change, before)
    assert after.revision == before.revision + 1
    edited = any(isinstance(edit, DatasetEdit) for edit in change.edits)
    assert after.datasets_revision == (
        after.revision if edited else before.datasets_revision
    )


@given(configurations(), configurations())
def test_between(one, other):
    """The change between two configurations makes the one of the other."""
    assert content(apply(between(one, other), one)) == content(other)


@given(configurations())
def test_between_the_same(configuration):
    """Nothing lies between a configuration and itself."""
    assert not between(configuration, configuration)


def test_between_swapped_volumes():
    """Records that exchange their volumes do not get into each other's way."""
    straight = a_configuration(ownership=[an_ownership(1), an_ownership(2)])
    crossed = a_configuration(
        ownership=[an_ownership(1, volume_id(2)), an_ownership(2, volume_id(1))]
    )
    assert content(apply(between(straight, crossed), straight)) == content(crossed)


@pytest.mark.parametrize(
    ("edit", "kind"),
    [
        (DatasetEdit(None, a_dataset(1, on=2)), "dataset"),
        (DatasetEdit(a_dataset(1, on=2), a_dataset(1, on=3)), "dataset"),
        (DatasetEdit(a_dataset(1, on=2), None), "dataset"),
        (DatasetEdit(a_dataset(2), None), "dataset"),
        (DatasetEdit(a_dataset(1), a_dataset(2)), "dataset"),
        (OwnershipEdit(None, an_ownership(1)), "ownership"),
        (OwnershipEdit(an_ownership(2), None), "ownership"),
    ],
)
def test_conflict(edit, kind):
    """An edit that finds something else than it was decided on does not apply."""
    configuration = a_configuration([a_dataset(1)], [an_ownership(1)])
    with pytest.raises(EditConflict) as caught:
        apply(Change((edit,)), configuration)
    assert (caught.value.id, caught.value.kind) == (edit.dataset, kind)


def test_one_volume_is_one_dataset():
    """A volume that is somebody's is nobody else's."""
    configuration = a_configuration(ownership=[an_ownership(1)])
    edit = OwnershipEdit(None, an_ownership(2, volume_id(1)))
    with pytest.raises(EditConflict):
        apply(Change((edit,)), configuration)


def test_all_or_nothing():
    """When a later edit does not apply, the earlier ones have not happened."""
    configuration = a_configuration()
    change = Change((DatasetEdit(None, a_dataset(1)), DatasetEdit(a_dataset(2), None)))
    with pytest.raises(EditConflict):
        apply(change, configuration)
    assert configuration == Configuration()


def test_conflict_in_words():
    """The conflict names the record and what it is about."""
    error = EditConflict(dataset_id(1), "ownership")
    assert str(error) == (
        f"the ownership record of {dataset_id(1)} has changed meanwhile"
    )


def test_edit_of_nothing():
    """An edit from nothing to nothing is about no dataset: a fault of ours."""
    with pytest.raises(ValueError, match="nothing"):
        _ = DatasetEdit(None, None).dataset


@given(changed_configurations())
def test_truth(case):
    """A change is true when it changes anything."""
    assert bool(case[1]) == (case[1].edits != ())


def test_reborn():
    """A node is reborn by an edit that gives it another era."""
    before = Node(node_id(1), "10.0.0.1", Era(UUID(int=1)), "2.0")
    after = evolve(before, era=Era(UUID(int=2)))
    assert NodeEdit(before, after).reborn
    assert not NodeEdit(before, evolve(before, host="10.0.0.2")).reborn
    assert not NodeEdit(None, after).reborn
    assert not NodeEdit(after, None).reborn
