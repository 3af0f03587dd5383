"""The names of copies that were set aside."""

from uuid import UUID

import pytest

from flocker.backends.asides import AsideName, new_aside, parse_aside
from flocker.model.ids import DatasetID, NodeID

DATASET = DatasetID(UUID("7a0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
NODE = NodeID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))


@pytest.mark.parametrize("again", [1, 2, 31])
def test_aside_names(again):
    """The name of a copy set aside says what it was."""
    name = AsideName(DATASET, NODE, 7, again)
    assert parse_aside(name.text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{DATASET}",
        f"{DATASET}.{NODE}",
        f"{DATASET}.{NODE}.x",
        f"{DATASET}.{NODE}.1.2.3",
        f"x.{NODE}.1",
        f"{DATASET}.x.1",
    ],
)
def test_other_names(text):
    """Anything else is no name of ours."""
    assert parse_aside(text) is None


def test_new():
    """A new name is one that nothing has."""
    taken = set()
    for again in (1, 2, 3):
        name = new_aside(DATASET, NODE, 7, taken)
        assert name == AsideName(DATASET, NODE, 7, again)
        taken.add(name.text)
