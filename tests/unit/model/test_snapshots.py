"""What rollbacks keep, and the ids by which that is known."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker.model.ids import RollbackNumber, UserSnapshotID
from flocker.model.snapshots import Kept, UserSnapshot, kept_as, unsaved_in
from flocker.testing.builders import dataset_id

DATASET, OTHER = dataset_id(1), dataset_id(2)
PARTS = st.builds(
    Kept,
    st.integers(1, 2**32 - 1).map(RollbackNumber),
    st.integers(0, 2**16 - 1),
)


@given(PARTS)
def test_id_says_what_it_is(kept):
    """The id alone says which part of which rollback, of this dataset only."""
    made = kept.id_in(DATASET)
    assert (made.version, made.variant) == (8, RFC_4122)
    assert kept_as(DATASET, made) == kept
    assert kept_as(OTHER, made) is None


@given(st.uuids(version=4).map(UserSnapshotID))
def test_what_a_user_asked_for(snapshot):
    """Is kept by no rollback."""
    assert kept_as(DATASET, snapshot) is None


@given(PARTS.filter(lambda kept: kept.part > 0))
def test_unsaved_part(kept):
    """A node names it as control, which knows only its id, does."""
    called = kept.in_pool(DATASET)
    assert unsaved_in(DATASET, called) == kept
    assert UserSnapshot(kept.id_in(DATASET), kept.unsaved, 0.0).in_pool == called


@pytest.mark.parametrize(
    "name",
    [
        "unsaved-1-1",
        "unsaved-1-1.000000000000",
        "unsaved-1-0.000000010000",
        "unsaved-01-1.000000010001",
        "unsaved-4294967296-1.000000000001",
        "unsaved-1-65536.000000020000",
        "monday.000000010001",
    ],
)
def test_other_names(name):
    """What only looks like it is none: it was taken by somebody else."""
    assert unsaved_in(DATASET, name) is None


def test_why():
    """It says why it is there."""
    assert Kept(RollbackNumber(3)).why == "what the dataset was before its rollback 3"
    assert "while its rollback 3 was interrupted" in Kept(RollbackNumber(3), 1).why
    assert Kept(RollbackNumber(3), 2).unsaved == "unsaved-3-2"
    assert UUID(int=0) != Kept(RollbackNumber(3)).id_in(DATASET)
