"""How a configuration stands in SQLite: a row an object, and one row about them all.

Used by `flocker.control.persistence.database`. Each value is a JSON text as
`flocker.wire.json_codec` writes it, so a change costs the rows it touches.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from attrs import define, field, frozen
from pyrsistent import pmap

from flocker.control.persistence.rows import RowReader
from flocker.model.changes import (
    Change,
    DatasetEdit,
    Edit,
    LeaseEdit,
    NodeEdit,
    OwnershipEdit,
    PoolEdit,
    SnapshotsEdit,
)
from flocker.model.configuration import Configuration
from flocker.model.datasets import Dataset
from flocker.model.ids import DatasetID, NodeID
from flocker.model.leases import Lease
from flocker.model.nodes import Node
from flocker.model.ownership import Ownership
from flocker.model.pools import PoolOwnership
from flocker.model.snapshots import UserSnapshots
from flocker.wire import json_codec

APPLICATION_ID = 0x464C4B52
"""Marks an SQLite file as Flocker's: "FLKR" in ASCII."""

FORMAT = 11
"""The number of this schema, kept in the file's `user_version`."""

UPGRADES: Mapping[int, tuple[str, ...]] = {
    1: ("PRAGMA user_version = 2",),
    2: ("PRAGMA user_version = 3",),
    3: ("PRAGMA user_version = 4",),
    4: ("PRAGMA user_version = 5",),
    5: ("PRAGMA user_version = 6",),
    6: ("PRAGMA user_version = 7",),
    7: ("PRAGMA user_version = 8",),
    8: ("PRAGMA user_version = 9",),
    9: ("PRAGMA user_version = 10",),
    10: (
        "ALTER TABLE meta ADD COLUMN numbers_from INTEGER NOT NULL DEFAULT 0",
        "PRAGMA user_version = 11",
    ),
}
"""What takes a file of an older format to the next.

2 has rows of the kind ``node``; in 3 datasets have a `life`, which older ones lack; 4
has rows of the kind ``pool``; in 5 backends of nodes have a `port`, moves of pools a
`max_downtime`, and their datasets say why a move was given up; in 6 moves have the time
when they were frozen; 7 has rows of the kind ``snapshots``, and clones in pools an
`origin`; in 8 clones of volumes have one, and backends of nodes say whether they have
`snapshots`; in 9 datasets of pools have a `rollback`; in 10 they say why one was given
up; in 11 they are `unsure` where the store was restored, which says from where on it
gives out numbers."""

DATASET = "dataset"
OWNERSHIP = "ownership"
POOL = "pool"
SNAPSHOTS = "snapshots"
LEASE = "lease"
NODE = "node"

KINDS: Mapping[type[Edit], str] = {
    DatasetEdit: DATASET,
    OwnershipEdit: OWNERSHIP,
    PoolEdit: POOL,
    SnapshotsEdit: SNAPSHOTS,
    LeaseEdit: LEASE,
    NodeEdit: NODE,
}

Value = Dataset | Ownership | PoolOwnership | UserSnapshots | Lease | Node

VALUES: Mapping[str, type[Value]] = {
    DATASET: Dataset,
    OWNERSHIP: Ownership,
    POOL: PoolOwnership,
    SNAPSHOTS: UserSnapshots,
    LEASE: Lease,
    NODE: Node,
}

CREATE = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
    """
    CREATE TABLE objects (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE meta (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        store_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        datasets_revision INTEGER NOT NULL,
        numbers_from INTEGER NOT NULL DEFAULT 0
    )
    """,
)
CREATE_META = "INSERT INTO meta VALUES (1, ?, 0, 0, 0)"

READ_META = "SELECT store_id, revision, datasets_revision, numbers_from FROM meta"
READ_OBJECTS = "SELECT kind, id, value FROM objects"
READ_REVISION = "SELECT revision FROM meta"
TOUCH = (
    "INSERT OR REPLACE INTO objects VALUES ('check', '', '')",
    "DELETE FROM objects WHERE kind = 'check'",
)
"""Leaves all as it was, and is written: an update to the same value would not be."""

PUT_OBJECT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?)"
DROP_OBJECT = "DELETE FROM objects WHERE kind = ? AND id = ?"
SET_RESTORED = "UPDATE meta SET store_id = ?, numbers_from = ?"
SET_REVISION = "UPDATE meta SET revision = ?"
SET_DATASETS_REVISION = "UPDATE meta SET datasets_revision = ?"


class Malformed(Exception):
    """A row holds what this format does not allow; its text says which."""


@frozen
class Meta:
    """What a file says of itself as a whole."""

    store_id: UUID
    revision: int
    datasets_revision: int
    numbers_from: int = 0


Row = tuple[str, str, object]
"""Kind, id and value of an object; the value should be a text."""

Statement = tuple[str, tuple[object, ...]]


def write(change: Change, revision: int) -> Iterable[Statement]:
    """Give the statements that take a file to `revision` by `change`."""
    for edit in change.edits:
        yield _write_edit(edit)
    yield SET_REVISION, (revision,)
    if change.of_datasets:
        yield SET_DATASETS_REVISION, (revision,)


@define
class _Objects:
    """The objects of a file, by what they are about."""

    datasets: dict[DatasetID, Dataset] = field(factory=dict)
    ownership: dict[DatasetID, Ownership] = field(factory=dict)
    pools: dict[DatasetID, PoolOwnership] = field(factory=dict)
    snapshots: dict[DatasetID, UserSnapshots] = field(factory=dict)
    leases: dict[DatasetID, Lease] = field(factory=dict)
    nodes: dict[NodeID, Node] = field(factory=dict)

    def add(self, found: Value) -> None:
        """Put one into its place."""
        match found:
            case Dataset():
                self.datasets[found.id] = found
            case Ownership():
                self.ownership[found.dataset] = found
            case PoolOwnership():
                self.pools[found.dataset] = found
            case UserSnapshots():
                self.snapshots[found.dataset] = found
            case Lease():
                self.leases[found.dataset] = found
            case Node():
                self.nodes[found.id] = found


def read(meta: Meta, rows: Iterable[Row]) -> Configuration:
    """Give the configuration that a file holds. Raises `Malformed`."""
    objects = _Objects()
    reader = RowReader()
    for row in rows:
        objects.add(_read_row(row, reader))
    owned = objects.ownership.values()
    volumes = {(own.backend, own.volume): own.dataset for own in owned}
    if len(volumes) != len(owned):
        raise Malformed("two of its datasets own the same volume")
    return Configuration(
        revision=meta.revision,
        datasets_revision=meta.datasets_revision,
        datasets=pmap(objects.datasets),
        ownership=pmap(objects.ownership),
        pools=pmap(objects.pools),
        snapshots=pmap(objects.snapshots),
        leases=pmap(objects.leases),
        nodes=pmap(objects.nodes),
        volumes=pmap(volumes),
        numbers_from=meta.numbers_from,
    )


def _read_row(row: Row, reader: RowReader) -> Value:
    kind, row_id, value = row
    text = value if isinstance(value, str) else ""
    found: Value | None = None
    if kind == DATASET:
        found = reader.dataset(row_id, text)
    elif kind == OWNERSHIP:
        found = reader.ownership(row_id, text)
    return _read_in_full(kind, row_id, text) if found is None else found


def _read_in_full(kind: str, row_id: str, text: str) -> Value:
    if kind not in VALUES:
        raise Malformed(f"it holds an object of the unknown kind {kind!r}")
    try:
        found = json_codec.decode(VALUES[kind], text.encode())
    except json_codec.Undecodable as error:
        raise Malformed(f"its {kind} {row_id} is {error}") from error
    found_id = found.id if isinstance(found, Dataset | Node) else found.dataset
    if str(found_id) != row_id:
        raise Malformed(f"its {kind} {row_id} says that it is {found_id}")
    return found


def _write_edit(edit: Edit) -> Statement:
    kind = KINDS[type(edit)]
    row_id = str(edit.node if isinstance(edit, NodeEdit) else edit.dataset)
    if edit.after is None:
        return DROP_OBJECT, (kind, row_id)
    value = json_codec.encode(edit.after).decode()
    return PUT_OBJECT, (kind, row_id, value)
