"""Tests of how events are said."""

from uuid import UUID

import pytest

from flocker.cli.telling import name_of, tell
from flocker.client.interface import Event
from flocker.model.ids import NodeID
from flocker.wire.answers import NodeAnswer

NODE = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
ID = NodeID(UUID(NODE))
NODES = {ID: NodeAnswer(ID, "10.0.0.1", True, "", "", 0.0, "", "")}  # noqa: FBT003
DATASET = "11111111-1111-4111-8111-111111111111"
NAMES = {DATASET: "pg"}
ROW = {"primary": NODE, "deleted": False, "metadata": {}}
HOLDERS = [{"holder": "a"}, {"holder": "b"}]
LEASE = {"node_uuid": NODE, "expires": None, "holders": HOLDERS}
STATUS = {
    "dataset_id": DATASET,
    "phase": "waiting",
    "node": NODE,
    "path": None,
    "cause": {"words": "it rains"},
}
SIGHT = {"uuid": NODE, "connected": False, "refused": None}


def about(value: object) -> dict[str, object]:
    """What an event says of the dataset."""
    return {"dataset_id": DATASET, "value": value}


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (
            "configuration",
            about(ROW),
            "11111111 (pg) is wanted on node aaaaaaaa (10.0.0.1)",
        ),
        (
            "configuration",
            about(ROW | {"deleted": True}),
            "11111111 (pg) is to be destroyed",
        ),
        ("configuration", about(None), "11111111 (pg) is forgotten"),
        (
            "lease",
            about(LEASE),
            "11111111 (pg) is leased to node aaaaaaaa (10.0.0.1) by a, b",
        ),
        ("lease", about(None), "11111111 (pg) is not leased any more"),
        (
            "status",
            STATUS,
            "11111111 (pg) is waiting on node aaaaaaaa (10.0.0.1): it rains",
        ),
        ("node", SIGHT, "node aaaaaaaa (10.0.0.1) is not connected"),
        (
            "node",
            SIGHT | {"refused": "x"},
            "an agent of node aaaaaaaa (10.0.0.1) is refused: x",
        ),
        ("reset", {}, "what happened before may be missing here"),
        ("weather", {"a": 1}, '{"a": 1}'),
        ("status", {"a": 1}, '{"a": 1}'),
        ("lease", ["odd"], '["odd"]'),
    ],
)
def test_words(kind: str, value: object, words: str) -> None:
    """Each kind has its sentence; what is not understood is shown as it came."""
    assert tell(Event("b.1", kind, value), NODES, NAMES) == f"{kind:<13}  {words}"


@pytest.mark.parametrize(
    "value",
    [
        {"dataset_id": DATASET, "name": "pg"},
        {"dataset_id": DATASET, "value": {"metadata": {"name": "pg"}}},
    ],
)
def test_name(value: object) -> None:
    """Names are learned from statuses and from configurations."""
    assert name_of(value) == (DATASET, "pg")


@pytest.mark.parametrize("value", [{}, [], {"dataset_id": DATASET, "value": None}])
def test_no_name(value: object) -> None:
    """Other events tell no name."""
    assert name_of(value) is None
