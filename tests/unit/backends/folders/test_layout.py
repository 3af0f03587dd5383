"""Where things are in a pool made of folders."""

from uuid import UUID

import pytest

from flocker.backends.folders.layout import Layout
from flocker.backends.pool_errors import PoolUnavailable
from flocker.model.ids import DatasetID, NodeID

DATASET = DatasetID(UUID("7a0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))
NODE = NodeID(UUID("5b0aa9ee-4f11-4bd7-b30a-9f0f6a0e3a6b"))


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / ".flocker")
    layout.prepare()
    return layout


def test_new_aside(layout):
    """A new name is one that nothing has."""
    for again in (1, 2, 3):
        name = layout.new_aside(DATASET, NODE, 7)
        assert name.again == again
        (layout.asides / name.text).mkdir()


def test_found_again(layout):
    """A pool is made once, for root only, and found after that."""
    layout.prepare()
    assert layout.top.stat().st_mode & 0o777 == 0o700
    assert list(layout.datasets()) == []


@pytest.mark.parametrize("text", ['{"format": 2}', "[]", "no JSON", ""])
def test_other_format(layout, text):
    """A pool that another Flocker made is not half understood."""
    (layout.top / "format.json").write_text(text)
    with pytest.raises(PoolUnavailable, match=r"format\.json"):
        layout.prepare()
