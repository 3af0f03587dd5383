"""Tests of what the beginning of an id, or a name, means."""

from uuid import UUID

import pytest

from flocker.cli.choosing import NothingFits, SeveralFit, choose_dataset, choose_node
from flocker.model.ids import BackendName, DatasetID, NodeID
from flocker.wire.answers import DatasetAnswer, NodeAnswer


def a_node(identifier: str, host: str) -> NodeAnswer:
    """A node of this id and address."""
    uuid = NodeID(UUID(identifier))
    return NodeAnswer(uuid, host, True, "", "", 0.0, "", "")  # noqa: FBT003


def a_dataset(
    identifier: str, name: str | None = None, *, deleted: bool = False
) -> DatasetAnswer:
    """A dataset of this id and name."""
    return DatasetAnswer(
        dataset_id=DatasetID(UUID(identifier)),
        name=name,
        metadata={},
        primary=NodeID(UUID(int=0)),
        backend=BackendName("default"),
        mount="always",
        filesystem="ext4",
        maximum_size=None,
        deleted=deleted,
        phase="waiting",
        since="",
        seconds=0.0,
        node=None,
        cause=None,
        path=None,
        size=None,
    )


ONE = a_node("abcd0000-0000-4000-8000-000000000000", "10.0.0.1")
TWO = a_node("abce0000-0000-4000-8000-000000000000", "10.0.0.2")
PG = a_dataset("11110000-0000-4000-8000-000000000000", "pg")
WEB = a_dataset("11120000-0000-4000-8000-000000000000", "web")
OLD_PG = a_dataset("99990000-0000-4000-8000-000000000000", "pg", deleted=True)


@pytest.mark.parametrize("text", ["abcd", "ABCD", str(ONE.uuid), "10.0.0.1"])
def test_node(text: str) -> None:
    """A node is meant by the beginning of its id, in any case, or by its address."""
    assert choose_node(text, [TWO, ONE]) == ONE


@pytest.mark.parametrize("text", ["", "f", "10.0.0", "bcd"])
def test_no_node(text: str) -> None:
    """Where no node fits, that is said with what was typed."""
    with pytest.raises(NothingFits) as raised:
        choose_node(text, [ONE, TWO])
    assert str(raised.value) == (
        f"no node fits {text!r}; `flockerctl node list` shows what there is"
    )


def test_several_nodes() -> None:
    """Where several nodes fit, they are named."""
    with pytest.raises(SeveralFit) as raised:
        choose_node("abc", [TWO, ONE])
    assert str(raised.value) == (
        "'abc' fits more than one node: "
        "abcd0000-0000-4000-8000-000000000000 (10.0.0.1), "
        "abce0000-0000-4000-8000-000000000000 (10.0.0.2)"
    )


@pytest.mark.parametrize("text", ["1111", "pg", str(PG.dataset_id).upper()])
def test_dataset(text: str) -> None:
    """A dataset is meant by the beginning of its id, or by its name."""
    assert choose_dataset(text, [OLD_PG, WEB, PG]) == PG


def test_deleted_dataset() -> None:
    """A deleted dataset is meant where no other fits."""
    assert choose_dataset("9", [OLD_PG, WEB, PG]) == OLD_PG


def test_many_datasets() -> None:
    """Of many datasets that fit the first are named, the others counted."""
    many = [a_dataset(f"1111000{n}-0000-4000-8000-000000000000") for n in range(8)]
    with pytest.raises(SeveralFit) as raised:
        choose_dataset("1", many)
    assert str(raised.value).endswith("11110004-0000-4000-8000-000000000000 and 3 more")
