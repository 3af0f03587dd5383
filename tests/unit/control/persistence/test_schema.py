"""What stands in the rows."""

from uuid import UUID

import pytest
from pyrsistent import pmap

from flocker.control.persistence.schema import Malformed, Meta, read, write
from flocker.model.changes import Change, DatasetEdit, OwnershipEdit, PoolEdit
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import (
    BackendName,
    DatasetID,
    MoveNumber,
    NodeID,
    SnapshotID,
    VolumeID,
)
from flocker.model.ownership import Ownership
from flocker.model.pools import Move, PoolOwnership, Prune, Stage

DATASET = Dataset(DatasetID(UUID(int=1)), NodeID(UUID(int=2)))
OWNERSHIP = Ownership(DATASET.id, BackendName("default"), VolumeID("v"))
META = Meta(UUID(int=3), revision=7, datasets_revision=5)
ID = str(DATASET.id)

DATASET_ROW = (
    '{"id":"00000000-0000-0000-0000-000000000001",'
    '"primary":"00000000-0000-0000-0000-000000000002","maximum_size":null,'
    '"metadata":{},"backend":"default","deleted":false,"destroyed":false,'
    '"destroyed_at":null,"asked":0.0,"mount":"always","filesystem":"ext4",'
    '"life":null}'
)
OWNERSHIP_ROW = (
    '{"dataset":"00000000-0000-0000-0000-000000000001","backend":"default",'
    '"volume":"v","acquired":false,"epoch":1,"top":1,"base":null,"candidate":null,'
    '"pinned":true}'
)


def test_change_writes_the_rows_it_touches() -> None:
    """A change is as many statements as it has edits, and the revisions."""
    change = Change((DatasetEdit(None, DATASET), OwnershipEdit(OWNERSHIP, None)))
    written = [values for _, values in write(change, 8)]
    assert written == [
        ("dataset", ID, DATASET_ROW),
        ("ownership", ID),
        (8,),
        (8,),
    ]


def test_revision_of_datasets_is_left_alone() -> None:
    """Where no dataset changes only the revision is written beside the rows."""
    change = Change((OwnershipEdit(None, OWNERSHIP),))
    written = [values for _, values in write(change, 8)]
    assert written == [("ownership", ID, OWNERSHIP_ROW), (8,)]


def test_rows_are_read() -> None:
    """What was written is the configuration again, with the volumes looked up."""
    rows = [("dataset", ID, DATASET_ROW), ("ownership", ID, OWNERSHIP_ROW)]
    assert read(META, rows) == Configuration(
        revision=7,
        datasets_revision=5,
        datasets=pmap({DATASET.id: DATASET}),
        ownership=pmap({DATASET.id: OWNERSHIP}),
        volumes=pmap({("default", "v"): DATASET.id}),
    )


def test_pool_rows() -> None:
    """Who owns a pool dataset is a row of its own kind, written and read alike."""
    owned = PoolOwnership(
        DATASET.id,
        BackendName("default"),
        DATASET.primary,
        move=Move(MoveNumber(1), NodeID(UUID(int=4)), Stage.FREEZING),
        prunes=(Prune(NodeID(UUID(int=5)), SnapshotID("s")),),
    )
    (_, row), _ = write(Change((PoolEdit(None, owned),)), 8)
    kind, row_id, value = row
    assert (kind, row_id) == ("pool", ID)
    assert read(META, [("pool", ID, value)]).pools == {DATASET.id: owned}


OTHER_ID = str(UUID(int=9))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("loan", ID, "{}")], "unknown kind 'loan'"),
        ([("dataset", ID, "{")], f"dataset {ID} is not a Dataset"),
        ([("dataset", ID, "{}")], f"dataset {ID} is not a Dataset"),
        ([("dataset", ID, DATASET_ROW[:-1] + ',"x":1}')], f"dataset {ID}"),
        ([("dataset", OTHER_ID, DATASET_ROW)], f"says that it is {ID}"),
        (
            [
                ("ownership", ID, OWNERSHIP_ROW),
                ("ownership", OTHER_ID, OWNERSHIP_ROW.replace(ID, OTHER_ID)),
            ],
            "own the same volume",
        ),
    ],
)
def test_other_rows_are_refused(rows, words: str) -> None:
    """What this format cannot hold is not half understood."""
    with pytest.raises(Malformed) as caught:
        read(META, rows)
    assert words in str(caught.value)
