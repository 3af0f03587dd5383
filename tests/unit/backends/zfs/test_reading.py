"""What stands in a ZFS pool, as pools tell it."""

from pathlib import Path
from uuid import UUID

from attrs import evolve

from flocker.backends.asides import AsideName
from flocker.backends.zfs.names import Names, entry
from flocker.backends.zfs.reading import (
    asides_of,
    clones_of,
    copies_of,
    group,
    ledger_of,
)
from flocker.backends.zfs.translate import Filesystem
from flocker.model.ids import DatasetID, NodeID, SnapshotID

ONE = DatasetID(UUID("7a0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
TWO = DatasetID(UUID("8a0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
NODE = NodeID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
NAMES = Names("tank")
ASIDE = AsideName(ONE, NODE, 7)


def a_filesystem(name: str, **other: object) -> Filesystem:
    live = Filesystem(
        name=name, is_snapshot=False, guid="1", used=0, referenced=0, available=0,
        origin=None, read_only=True, reservation=0, quota=None, holds=0,
        written=0, mountpoint="none", made_as=None, record=None, tags=frozenset(),
        fresh=False,
    )  # fmt: skip
    return evolve(live, **other)


def a_snapshot(owner: str, name: str, guid: str) -> Filesystem:
    return a_filesystem(f"{owner}@{name}", is_snapshot=True, guid=guid)


COPY = a_filesystem(NAMES.copy(ONE), record=b"r", read_only=False, quota=5)
ROWS = (
    a_filesystem(NAMES.copies),
    COPY,
    a_snapshot(COPY.name, "b", "7"),
    a_snapshot(COPY.name, "a", "6"),
    a_snapshot(COPY.name, "_flocker.probe", "8"),
    a_filesystem(NAMES.copy(TWO)),
    a_filesystem(NAMES.aside(ASIDE.text), origin=f"{COPY.name}@a"),
    a_snapshot(NAMES.aside(ASIDE.text), "s", "9"),
    a_filesystem(f"{COPY.name}/inside"),
)


def test_copies():
    """A copy has its snapshots in ZFS's order; what has no record is none."""
    places = {COPY.name: (Path("/flocker/one"),)}
    copies = copies_of(NAMES, group(ROWS), places)
    assert set(copies) == {ONE}
    copy = copies[ONE]
    assert [each.name for each in copy.snapshots] == ["b", "a"]
    assert (copy.record, copy.writable, copy.quota) == (b"r", True, 5)
    assert (copy.head, copy.mounted_at) == (SnapshotID("6"), (Path("/flocker/one"),))


def test_read_only_has_no_limit():
    """A limit that is left on a read-only copy is not one."""
    row = evolve(COPY, read_only=True)
    assert copies_of(NAMES, group((row,)), {})[ONE].quota is None


def test_unknown_is_written():
    """What may have been written to has no head."""
    rows = tuple(evolve(row, written=None) for row in ROWS)
    assert copies_of(NAMES, group(rows), {})[ONE].head is None


def test_inside():
    """Filesystems that somebody made in a copy are named with it."""
    (found,) = [each for each in group(ROWS) if each.live == COPY]
    assert found.inside == (f"{COPY.name}/inside",)


def test_asides():
    """A copy set aside says what it was."""
    (aside,) = asides_of(NAMES, group(ROWS))
    assert (aside.dataset, aside.node, aside.epoch) == (ONE, NODE, 7)
    assert [each.name for each in aside.snapshots] == ["s"]


def test_clones():
    """Clones are named by their datasets, also those set aside; others by their own."""
    stage = NAMES.stage()
    origins = {
        NAMES.copy(TWO): f"{COPY.name}@a",
        NAMES.aside(ASIDE.text): f"{COPY.name}@a",
        "tank/debug": f"{COPY.name}@a",
        stage: f"{COPY.name}@a",
        "tank/other": f"{COPY.name}@b",
    }
    found = clones_of(NAMES, {f"{COPY.name}@a"}, origins)
    assert found == ((TWO, ONE), ("tank/debug", stage))
    assert clones_of(NAMES, {f"{COPY.name}@c"}, origins) == ((), ())


def test_ledger():
    """A record counts where there is no copy."""
    properties = {entry(ONE): "one", entry(TWO): "two", "canmount": "off"}
    assert dict(ledger_of(properties, [ONE])) == {TWO: b"two"}
