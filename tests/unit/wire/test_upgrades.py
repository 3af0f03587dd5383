"""Files of the first Flocker, hand-made from their description, one a version."""

import json
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.model.ids import DatasetID, NodeID, VolumeID
from flocker.wire.upgrades import (
    LATEST,
    MIGRATIONS,
    NotAConfiguration,
    OldConfiguration,
    OldContainer,
    OldCopy,
    OldDataset,
    OldLease,
    OldOwnership,
    UnknownVersion,
    read,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "flocker-1"


def a_node(number: int) -> NodeID:
    return NodeID(UUID(f"5d7a0000-0000-4000-8000-{number:012d}"))


def a_dataset(number: int) -> DatasetID:
    return DatasetID(UUID(f"11c50000-0000-4000-8000-{number:012d}"))


LATEST_CLUSTER = OldConfiguration(
    version=6,
    datasets=(
        OldDataset(
            a_dataset(1), a_node(1), 1073741824, pmap({"name": "pg"}), deleted=False
        ),
        OldDataset(
            a_dataset(3), a_node(1), 67108864, pmap({"name": "old"}), deleted=True
        ),
        OldDataset(
            a_dataset(2),
            a_node(2),
            None,
            pmap({"name": "größe-данные-🐳", "clusterhq:flocker:profile": "gold"}),
            deleted=False,
        ),
    ),
    leases=(
        OldLease(a_dataset(1), a_node(1), None),
        OldLease(a_dataset(2), a_node(2), 1482500000.0),
    ),
    ownership=(
        OldOwnership(a_dataset(1), VolumeID("vol-0a1b2c3d")),
        OldOwnership(a_dataset(3), VolumeID("vol-deadbeef")),
    ),
    containers=(OldContainer("db", a_node(1)),),
)


def golden(name: str) -> OldConfiguration:
    return read((GOLDEN / f"{name}.json").read_bytes())


@pytest.mark.parametrize("version", range(1, LATEST + 1))
def test_every_version(version: int) -> None:
    """A file of each version gives what that version could say."""
    expected = evolve(LATEST_CLUSTER, version=version)
    if version < 4:
        expected = evolve(expected, ownership=())
    if version < 3:
        expected = evolve(expected, leases=())
    assert golden(f"v{version}") == expected


def test_odd_file() -> None:
    """Raw UTF-8, capitals, copies, empty nodes, records of datasets nobody knows."""
    assert golden("v6-odd") == OldConfiguration(
        version=6,
        datasets=(
            OldDataset(a_dataset(4), a_node(1), None, pmap(), deleted=False),
            OldDataset(a_dataset(5), a_node(1), 0, pmap(), deleted=False),
            OldDataset(a_dataset(6), a_node(1), None, pmap(), deleted=True),
            OldDataset(a_dataset(7), a_node(2), None, pmap({"": ""}), deleted=False),
        ),
        copies=(OldCopy(a_dataset(4), a_node(2)),),
        leases=(OldLease(a_dataset(9), a_node(3), 4102444800.0),),
        ownership=(
            OldOwnership(a_dataset(6), VolumeID("block-ü")),
            OldOwnership(a_dataset(8), VolumeID("block-8")),
        ),
        containers=(OldContainer("a-1", a_node(1)),),
    )


@pytest.mark.parametrize(("name", "version"), [("v1-empty", 1), ("v6-empty", 6)])
def test_empty_files(name: str, version: int) -> None:
    """A cluster without anything is one."""
    assert golden(name) == OldConfiguration(version)


def test_there_is_a_step_from_each_version() -> None:
    """No version is left that cannot be taken to the next."""
    assert set(MIGRATIONS) == set(range(1, LATEST))


@pytest.mark.parametrize("version", [0, 1, 7, 8, "6", 6.0, True, None])
def test_unknown_version(version: object) -> None:
    """A version that never was, or comes from elsewhere, is named and refused."""
    found = json.loads((GOLDEN / "v6.json").read_bytes())
    found["version"] = version
    with pytest.raises(UnknownVersion, match="1 to 6"):
        read(json.dumps(found).encode())


LATEST_FILE = (GOLDEN / "v6.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (LATEST_FILE[:-100].encode(), "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"version": 6}', "something else"),
        (b"[" * 100_000, "nested too deeply"),
        (LATEST_FILE.replace('"pg"', '"\\ud800"').encode(), "half of a surrogate"),
        (LATEST_FILE.replace('"Lease"', '"Loan"').encode(), "no Lease"),
        (LATEST_FILE.replace('"deleted"', '"gone"').encode(), "'gone', which none"),
        (LATEST_FILE.replace('"seconds"', '"minutes"').encode(), "no 'seconds'"),
        (LATEST_FILE.replace("vol-deadbeef", "vol-0a1b2c3d").encode(), "both of"),
        (LATEST_FILE.replace('"hex": "5d7a', '"hex": "5dza').encode(), "not a UUID"),
        (LATEST_FILE.replace("1073741824", "-1").encode(), "no size"),
        (LATEST_FILE.replace("1073741824", "true").encode(), "no size"),
        (LATEST_FILE.replace('"deleted": true', '"deleted": 1').encode(), "neither"),
        (LATEST_FILE.replace('["name", "pg"]', '["name"]').encode(), "pairs"),
        (
            LATEST_FILE.replace('["name", "pg"]', '["name", "pg"], ["name", "x"]')
            .encode(),
            "stands twice",
        ),
        (LATEST_FILE.replace("1482500000", "NaN").encode(), "no time"),
        (LATEST_FILE.replace("1482500000", "9" * 400).encode(), "no time"),
        (LATEST_FILE.replace("1482500000", '"soon"').encode(), "no time"),
        (LATEST_FILE.replace('["db",', '["bd",').encode(), "found as bd"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(data: bytes, words: str) -> None:
    """What cannot be understood whole is refused in one line."""
    with pytest.raises(NotAConfiguration, match=words) as caught:
        read(data)
    assert "\n" not in str(caught.value)


def test_dataset_on_two_nodes() -> None:
    """A dataset that has two primary nodes is a contradiction."""
    found = json.loads(LATEST_FILE)
    (_, one), (_, other) = found["deployment"]["nodes"]["values"]
    other["manifestations"] = one["manifestations"]
    with pytest.raises(NotAConfiguration, match="on two nodes"):
        read(json.dumps(found).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(data=st.data(), value=json_values)
def test_no_file_is_a_fault(data: st.DataObject, value: object) -> None:
    """Whatever stands in one place of a file, it is read or refused."""
    found = json.loads(LATEST_FILE)
    place: object = found
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = value
            break
        place = place[key]
    with suppress(NotAConfiguration, UnknownVersion):
        read(json.dumps(found).encode())
