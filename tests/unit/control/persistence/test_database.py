"""One SQLite file, good and bad."""

import shutil
import sqlite3
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve
from pyrsistent import pmap, pset

from flocker.control.persistence import schema
from flocker.control.persistence.database import Database, create
from flocker.control.persistence.interface import StoreUnavailable, StoreUnreadable
from flocker.control.pool_doubts import doubt
from flocker.model.changes import Change, DatasetEdit, apply
from flocker.model.cluster import BackendReport
from flocker.model.configuration import Configuration
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import (
    BackendName,
    DatasetID,
    Epoch,
    Era,
    InstanceID,
    Life,
    MoveNumber,
    NodeID,
    RollbackNumber,
    SnapshotID,
    UserSnapshotID,
    VolumeID,
)
from flocker.model.nodes import DeadMark, Evidence, Node
from flocker.model.ownership import Ownership
from flocker.model.pools import (
    Move,
    NotRolledBack,
    PoolOwnership,
    Prune,
    Rollback,
    Stage,
)
from flocker.model.snapshots import Origin, Taken, UserSnapshot, UserSnapshots

STORE = UUID(int=3)


NODE = NodeID(UUID("5d7a0000-0000-4000-8000-00000000000a"))
MOUNTED = DatasetID(UUID("11c50000-0000-4000-8000-000000000001"))
DESTROYED = DatasetID(UUID("11c50000-0000-4000-8000-000000000002"))
OF_GOLDEN = Configuration(
    revision=5,
    datasets_revision=4,
    datasets=pmap(
        {
            MOUNTED: Dataset(
                MOUNTED,
                NODE,
                maximum_size=67108864,
                metadata=pmap({"name": "Käse \U0001f9c0", "empty": ""}),
                asked=1700000000.25,
            ),
            DESTROYED: Dataset(
                DESTROYED,
                NODE,
                backend=BackendName("fast"),
                deleted=True,
                destroyed=True,
            ),
        }
    ),
    ownership=pmap(
        {
            MOUNTED: Ownership(
                MOUNTED, BackendName("default"), VolumeID("vol-1"), acquired=True
            )
        }
    ),
    volumes=pmap({(BackendName("default"), VolumeID("vol-1")): MOUNTED}),
)
"""What stands in every file of tests/golden/store."""


def creation(number: int) -> Change:
    dataset = Dataset(DatasetID(UUID(int=number)), NodeID(UUID(int=2)))
    return Change((DatasetEdit(None, dataset),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one dataset."""
    path = tmp_path / "configuration.sqlite"
    create(path, STORE)
    database = Database(path)
    database.commit([creation(1)], 0)
    database.close()
    return path


def edit(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def load(path: Path) -> Configuration:
    database = Database(path)
    try:
        return database.load()
    finally:
        database.close()


def unreadable(path: Path) -> str:
    """Why `path` cannot be used; the sentence names it."""
    with pytest.raises(StoreUnreadable) as caught:
        load(path)
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)
    return caught.value.why


OF_GOLDEN_2 = evolve(
    OF_GOLDEN,
    revision=6,
    nodes=pmap(
        {
            NODE: Node(
                NODE,
                "10.0.0.1",
                Era(UUID("0e7a0000-0000-0000-0000-000000000001")),
                "2.0",
                (BackendReport(DEFAULT_BACKEND, "loopback", "block", InstanceID("i")),),
                first_seen=1700000000.25,
                last_seen=1700000001.5,
                labels=pmap({"rack": "Käse"}),
                cordoned=True,
                dead=DeadMark(
                    Era(UUID("0e7a0000-0000-0000-0000-000000000001")),
                    Evidence.OPERATOR,
                    "alice",
                    "it burnt",
                    1700000002.5,
                ),
            )
        }
    ),
)
"""The file of format 1, upgraded, with a node."""

NEW = DatasetID(UUID("11c50000-0000-4000-8000-000000000003"))
OF_GOLDEN_3 = evolve(
    OF_GOLDEN_2,
    revision=7,
    datasets_revision=7,
    datasets=OF_GOLDEN_2.datasets.set(
        NEW,
        Dataset(NEW, NODE, life=Life(UUID("11fe0000-0000-4000-8000-000000000001"))),
    ),
)
"""The file of format 2, upgraded, with a dataset that has a life."""

OF_GOLDEN_4 = evolve(
    OF_GOLDEN_3,
    revision=8,
    pools=pmap(
        {
            NEW: PoolOwnership(
                NEW,
                BackendName("tank"),
                NODE,
                epoch=Epoch(3),
                top=Epoch(4),
                base=SnapshotID("8107439012345678901"),
                create=False,
                acquired=True,
                move=Move(
                    MoveNumber(2),
                    NodeID(UUID("5d7a0000-0000-4000-8000-00000000000b")),
                    Stage.FREEZING,
                ),
                moves=MoveNumber(2),
                prunes=(
                    Prune(
                        NodeID(UUID("5d7a0000-0000-4000-8000-00000000000c")),
                        SnapshotID("8107439012345678900"),
                    ),
                ),
                holders=(NODE,),
                revision=9,
            )
        }
    ),
)
"""The file of format 3, upgraded, with a dataset in a pool that is being moved."""

OF_GOLDEN_5 = evolve(
    OF_GOLDEN_4,
    revision=10,
    nodes=pmap(
        {
            NODE: evolve(
                OF_GOLDEN_4.nodes[NODE],
                backends=(
                    BackendReport(BackendName("tank"), "btrfs", "pool", port=4525),
                ),
            )
        }
    ),
    pools=pmap(
        {
            NEW: evolve(
                OF_GOLDEN_4.pools[NEW],
                move=evolve(OF_GOLDEN_4.pools[NEW].move, max_downtime=2.5),
                given_up="node b is full",
                revision=10,
            )
        }
    ),
)
"""The file of format 4, upgraded, with a move that may not take long."""

OF_GOLDEN_6 = evolve(
    OF_GOLDEN_5,
    revision=11,
    pools=pmap(
        {
            NEW: evolve(
                OF_GOLDEN_5.pools[NEW],
                move=evolve(
                    OF_GOLDEN_5.pools[NEW].move,
                    stage=Stage.FREEZING,
                    frozen_at=1700000000.5,
                ),
                revision=11,
            )
        }
    ),
)
"""The file of format 5, upgraded, with a move that is frozen."""

OF_GOLDEN_7 = evolve(
    OF_GOLDEN_6,
    revision=12,
    pools=pmap(
        {
            NEW: evolve(
                OF_GOLDEN_6.pools[NEW],
                origin=Origin(MOUNTED, SnapshotID("8107439012345678903")),
                revision=12,
            )
        }
    ),
    clones=pmap({MOUNTED: pset([NEW])}),
    snapshots=pmap(
        {
            NEW: UserSnapshots(
                NEW,
                (
                    UserSnapshot(
                        UserSnapshotID(UUID("5a9e0000-0000-4000-8000-000000000001")),
                        "nightly",
                        1700000003.5,
                        Taken(SnapshotID("8107439012345678902"), 1700000004.25),
                        deleted=3,
                    ),
                    UserSnapshot(
                        UserSnapshotID(UUID("5a9e0000-0000-4000-8000-000000000002")),
                        "nightly",
                        1700000005.5,
                    ),
                ),
                revision=4,
            )
        }
    ),
)
"""The file of format 6, upgraded: a clone; a deleted snapshot, and one asked for."""

OF_GOLDEN_8 = evolve(
    OF_GOLDEN_7,
    revision=13,
    datasets_revision=13,
    datasets=OF_GOLDEN_7.datasets.set(
        NEW,
        evolve(
            OF_GOLDEN_7.datasets[NEW],
            origin=Origin(MOUNTED, SnapshotID("snapshot-1_block-1")),
        ),
    ),
    nodes=OF_GOLDEN_7.nodes.set(
        NODE,
        evolve(
            OF_GOLDEN_7.nodes[NODE],
            backends=(
                BackendReport(DEFAULT_BACKEND, "loopback", "block", snapshots=True),
            ),
        ),
    ),
)
"""The file of format 7, upgraded: a clone of a volume; a node that takes snapshots."""

OF_GOLDEN_9 = evolve(
    OF_GOLDEN_8,
    revision=14,
    pools=OF_GOLDEN_8.pools.set(
        NEW,
        evolve(
            OF_GOLDEN_8.pools[NEW],
            move=None,
            rollback=Rollback(
                RollbackNumber(2),
                "nightly",
                SnapshotID("8107439012345678902"),
                "before-nightly.5a9e00000000",
                cancelled=True,
            ),
            rollbacks=RollbackNumber(2),
            rolled_back=RollbackNumber(1),
            revision=14,
        ),
    ),
)
"""The file of format 8, upgraded, with a rollback that is being cancelled."""

OF_GOLDEN_10 = evolve(
    OF_GOLDEN_9,
    revision=15,
    pools=OF_GOLDEN_9.pools.set(
        NEW,
        evolve(
            OF_GOLDEN_9.pools[NEW],
            rollback=None,
            not_rolled_back=NotRolledBack(
                OF_GOLDEN_9.pools[NEW].rollback, "the pool is full", "make room"
            ),
            revision=15,
        ),
    ),
)
"""The file of format 9, upgraded, with a rollback that was given up."""

OF_GOLDEN_11 = evolve(
    OF_GOLDEN_10,
    revision=OF_GOLDEN_10.revision + 1,
    pools=OF_GOLDEN_10.pools.set(NEW, doubt(OF_GOLDEN_10.pools[NEW], 1796000000)),
    numbers_from=1796000000,
)
"""The file of format 10, upgraded, as a restored store."""

GOLDENS = {
    "format-1": OF_GOLDEN,
    "format-2": OF_GOLDEN_2,
    "format-3": OF_GOLDEN_3,
    "format-4": OF_GOLDEN_4,
    "format-5": OF_GOLDEN_5,
    "format-6": OF_GOLDEN_6,
    "format-7": OF_GOLDEN_7,
    "format-8": OF_GOLDEN_8,
    "format-9": OF_GOLDEN_9,
    "format-10": OF_GOLDEN_10,
    "format-11": OF_GOLDEN_11,
}

GOLDEN = Path(__file__).parents[3] / "golden" / "store"


@pytest.mark.parametrize("name", GOLDENS)
def test_every_format_loads(tmp_path: Path, name: str) -> None:
    """A file of each released format loads for ever, as what was stored in it."""
    path = tmp_path / "configuration.sqlite"
    shutil.copy(GOLDEN / f"{name}.sqlite", path)
    assert load(path) == GOLDENS[name]
    assert load(path) == GOLDENS[name]


def test_golden_files() -> None:
    """There is one of every format that was ever written."""
    assert set(GOLDENS) == {f"format-{each + 1}" for each in range(schema.FORMAT)}


def test_store_id_stays(path: Path) -> None:
    """The id that a file was made with is its own for ever."""
    for _ in range(2):
        database = Database(path)
        assert database.store_id == STORE
        database.close()


def test_settings(path: Path) -> None:
    """A commit is on the disk when it returns: the log is written through."""
    database = Database(path)
    found = [
        database._value(f"PRAGMA {name}") for name in ("journal_mode", "synchronous")
    ]
    database.close()
    assert found == ["wal", 2]


def test_created_over_a_leftover(tmp_path: Path) -> None:
    """What a killed creation left does not stop the next."""
    path = tmp_path / "configuration.sqlite"
    path.with_name("configuration.sqlite.new").write_bytes(b"half a file")
    path.with_name("configuration.sqlite.new-journal").write_bytes(b"journal")
    create(path, STORE)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_owner_only(tmp_path: Path, path: Path) -> None:
    """No file of the store can be read by others, not even while it is open."""
    database = Database(path)
    database.commit([creation(2)], 1)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    database.close()
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is not made in passing."""
    with pytest.raises(StoreUnavailable):
        Database(tmp_path / "configuration.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_foreign_file(tmp_path: Path) -> None:
    """Another program's SQLite file is refused, and left as it is."""
    path = tmp_path / "configuration.sqlite"
    edit(path, "CREATE TABLE t (x)")
    before = path.read_bytes()
    assert "not a file of Flocker's" in unreadable(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"not SQLite at all " * 500])
def test_no_sqlite_file(tmp_path: Path, content: bytes) -> None:
    """A file that is empty, or anything else, is refused, and left as it is."""
    path = tmp_path / "configuration.sqlite"
    path.write_bytes(content)
    unreadable(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("number", [0, schema.FORMAT + 1])
def test_other_format(path: Path, number: int) -> None:
    """A format that this version does not know is named beside the one it knows."""
    edit(path, f"PRAGMA user_version = {number}")
    assert f"number {number}" in unreadable(path)
    assert f"to {schema.FORMAT}" in unreadable(path)


def test_half_done_without_wal(tmp_path: Path, path: Path) -> None:
    """What a killed process left half done in a rollback journal is undone."""
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = DELETE")
    writer.execute("PRAGMA cache_size = 1")
    writer.execute("BEGIN IMMEDIATE")
    for number in range(200):
        row = ("lease", f"x{number}", "x" * 500)
        writer.execute("INSERT INTO objects VALUES (?, ?, ?)", row)
    left = tmp_path / "left"
    left.mkdir()
    for name in (path.name, f"{path.name}-journal"):
        shutil.copy(path.with_name(name), left)
    writer.execute("ROLLBACK")
    writer.close()
    database = Database(left / path.name)
    assert database.load() == apply(creation(1), Configuration())
    database.close()


def test_damaged_pages(path: Path) -> None:
    """Damage inside the file is found when it is opened, not when it is too late."""
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[page : page + 200] = b"\xa5" * 200
    path.write_bytes(bytes(content))
    unreadable(path)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE objects",
        "DROP TABLE meta",
        "DELETE FROM meta",
        "UPDATE meta SET store_id = 'x'",
        "UPDATE meta SET revision = 'x'",
        "UPDATE objects SET value = '{'",
        "UPDATE objects SET value = x'ff'",
        "INSERT INTO objects VALUES ('lease', 'x', '{}')",
    ],
)
def test_damaged_content(path: Path, statement: str) -> None:
    """What somebody did to the tables is refused, with a reason."""
    edit(path, statement)
    assert unreadable(path)


def test_locked_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else writes to the file it is unavailable, and then it works."""
    monkeypatch.setattr("flocker.control.persistence.database.LOCK_TIMEOUT", 0.05)
    database = Database(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable) as caught:
        database.commit([creation(2)], 1)
    assert "database is locked" in str(caught.value)
    other.execute("ROLLBACK")
    other.close()
    database.commit([creation(2)], 1)
    expected = apply(creation(2), apply(creation(1), Configuration()))
    assert database.load() == expected
    database.close()


def test_failed_commit_leaves_nothing(path: Path) -> None:
    """A commit that fails in its middle leaves no row of it, and the next one works."""
    database = Database(path)
    before = database.load()
    edit(
        path,
        "CREATE TRIGGER full BEFORE UPDATE ON meta"
        " BEGIN SELECT RAISE(FAIL, 'disk full'); END",
    )
    with pytest.raises(StoreUnavailable):
        database.commit([creation(2)], 1)
    edit(path, "DROP TRIGGER full")
    assert database.load() == before
    database.commit([creation(2)], 1)
    assert database.load() == apply(creation(2), before)
    database.close()
