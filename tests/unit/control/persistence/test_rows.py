"""Rows that are read quickly: never anything else than the codec reads."""

import json
from itertools import product
from typing import TypeVar

import pytest
from attrs import astuple, evolve
from hypothesis import example, given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker.control.persistence.rows import RowReader
from flocker.model.datasets import Dataset
from flocker.model.ids import VolumeID
from flocker.model.ownership import Ownership
from flocker.testing import strategies
from flocker.testing.builders import (
    a_dataset,
    a_life,
    an_ownership,
    dataset_id,
    node_id,
)
from flocker.wire.json_codec import Undecodable, decode, encode

V = TypeVar("V", Dataset, Ownership)

DATASET = evolve(
    a_dataset(), life=a_life(), metadata=pmap({"name": "x", "of": "y"}), maximum_size=7
)
OWNERSHIP = evolve(an_ownership(), candidate=node_id(), base="s")
ID = str(dataset_id())


def quickly(kind: type[V], row_id: str, text: str) -> Dataset | Ownership | None:
    """Read a row as it is tried first."""
    reader = RowReader()
    read = reader.dataset if kind is Dataset else reader.ownership
    return read(row_id, text)


def slowly(kind: type[V], text: str) -> V | None:
    """Read a row as all others are read; None where it is none."""
    try:
        return decode(kind, text.encode())
    except Undecodable:
        return None


@given(strategies.datasets)
@example(a_dataset())
@example(evolve(a_dataset(), asked=1764374400.123, maximum_size=2**63 - 1))
@example(evolve(a_dataset(), asked=1e17, destroyed_at=1e-7))
def test_dataset(dataset: Dataset) -> None:
    """A dataset is read as it was written, if it is read here at all."""
    text = encode(dataset).decode()
    assert quickly(Dataset, str(dataset.id), text) in (dataset, None)


@given(strategies.ownerships)
def test_ownership(owned: Ownership) -> None:
    """So is who owns it."""
    text = encode(owned).decode()
    assert quickly(Ownership, str(owned.dataset), text) in (owned, None)


names = st.text("abzäß €🐳/:;.,{}[]-_019'", max_size=12)
seconds = st.integers(0, 2**32 * 1000).map(lambda number: number / 1000)


@given(
    strategies.datasets,
    names,
    names,
    st.dictionaries(names, names, max_size=4),
    seconds,
)
def test_usual_datasets_are_read_here(
    dataset: Dataset, backend: str, name: str, metadata: dict[str, str], asked: float
) -> None:
    """A start depends on it; a field that is new needs its place in the pattern."""
    usual = evolve(
        dataset,
        backend=backend,
        metadata=pmap(metadata),
        asked=asked,
        destroyed_at=None if dataset.destroyed_at is None else asked,
        origin=None
        if dataset.origin is None
        else evolve(dataset.origin, snapshot=name),
    )
    assert quickly(Dataset, str(usual.id), encode(usual).decode()) == usual


@given(strategies.ownerships, names, names)
def test_usual_records_are_read_here(
    owned: Ownership, backend: str, volume: str
) -> None:
    """The same of who owns it."""
    usual = evolve(
        owned,
        backend=backend,
        volume=VolumeID(volume),
        base=None if owned.base is None else volume,
    )
    assert quickly(Ownership, str(usual.dataset), encode(usual).decode()) == usual


ODD = r"""null
true
 null
null,
1
-1
01
1.0
01.0
1e3
1E400
-0.5
NaN
Infinity
1.
.5
1_0
""
"x"
"\u0041"
"\ud800"
"a\"b"
"1"
"on-use"
"xfs"
"XFS"
"true"
{}
[]
{"a":1}
{"a":"1","a":"2"}
{"a": "1"}
{"a":"1",}
{"""
ODD_VALUES = (
    *ODD.splitlines(),
    *("9" * 19, "9" * 5000, "\uff11", "\uff11.0", "null ", '"\t"', '"\x7f"'),
    *(f'"{ID}"', f'"{ID.upper()}"', f'"{{{ID}}}"', f'"{ID[:-1]}"', f'"{ID}\n"'),
)


@pytest.mark.parametrize("row", [DATASET, OWNERSHIP])
def test_odd_values(row: Dataset | Ownership) -> None:
    """What stands in place of a value is taken for what it is, or left to the codec."""
    members = json.loads(encode(row))
    for name, value in product(members, ODD_VALUES):
        marked = {**members, name: "HERE"}
        text = json.dumps(marked, separators=(",", ":"), ensure_ascii=False)
        _holds(row, text.replace('"HERE"', value))


@given(
    st.sampled_from([DATASET, OWNERSHIP]),
    st.integers(0, 500),
    st.integers(0, 40),
    st.text('{}[]",:\\ \nabu0189.-etx' + ID, max_size=3),
)
def test_odd_texts(
    row: Dataset | Ownership, place: int, length: int, instead: str
) -> None:
    """So is a text in which anything was replaced, left out or put in."""
    text = encode(row).decode()
    _holds(row, text[:place] + instead + text[place + length :])


@given(st.sampled_from([DATASET, OWNERSHIP]), st.permutations(range(12)))
def test_another_order(row: Dataset | Ownership, order: list[int]) -> None:
    """So is one whose members stand in another order."""
    members = list(json.loads(encode(row)).items())
    mixed = dict(members[place] for place in order if place < len(members))
    _holds(row, json.dumps(mixed, separators=(",", ":")))


def _holds(row: Dataset | Ownership, text: str) -> None:
    found = quickly(type(row), ID, text)
    if found is not None:
        slow = slowly(type(row), text)
        assert found == slow
        # 1, 1.0 and true are equal.
        assert kinds(found) == kinds(slow)


def kinds(row: Dataset | Ownership | None) -> list[type]:
    """Give the types of the values of a row."""
    return [] if row is None else [type(each) for each in astuple(row, recurse=False)]


def test_row_of_another_id() -> None:
    """A row that stands under another id is not read here: there it is refused."""
    other = str(dataset_id(2))
    assert quickly(Dataset, other, encode(DATASET).decode()) is None
    assert quickly(Ownership, other, encode(OWNERSHIP).decode()) is None


def test_equal_ids_are_one_value() -> None:
    """Ids are most of what is kept in memory: those that are the same are kept once."""
    reader = RowReader()
    dataset = reader.dataset(ID, encode(DATASET).decode())
    owned = reader.ownership(ID, encode(OWNERSHIP).decode())
    assert dataset is not None
    assert owned is not None
    assert dataset.id is owned.dataset
