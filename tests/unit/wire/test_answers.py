"""Tests of what clients read."""

import json
from uuid import UUID

import pytest
from pyrsistent import pmap

from flocker.model.cluster import (
    AgentIdentity,
    BackendReport,
    Cause,
    Condition,
    Fact,
    NodeSight,
    Observed,
    Phase,
    Role,
    Want,
)
from flocker.model.datasets import DEFAULT_BACKEND, Dataset
from flocker.model.ids import DatasetID, Era, InstanceID, NodeID, ProcessID, VolumeID
from flocker.model.leases import Holder, Lease
from flocker.model.nodes import DeadMark, Evidence, Node
from flocker.model.ownership import Ownership
from flocker.model.status import Status
from flocker.wire.answers import (
    ConfiguredAnswer,
    DatasetAnswer,
    DatasetInFull,
    NodeAnswer,
    VersionAnswer,
    plain,
    read,
)
from flocker.wire.json_codec import Undecodable
from flocker.wire.public import (
    configured_dataset,
    dataset_status,
    dataset_status_in_full,
    node_status,
)

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
DATASET = Dataset(
    DatasetID(UUID("11111111-1111-4111-8111-111111111111")),
    NODE,
    maximum_size=5,
    metadata=pmap({"name": "pg"}),
)
CAUSE = Cause("code", "words", "release")
STATUS = Status(Phase.MOUNTED, 3.0, NODE, CAUSE, "/flocker/x", 5)
FACT = Fact(
    DATASET.id,
    Want.MOUNTED,
    Condition.MOUNTED,
    path="/flocker/x",
    doing=Phase.MOUNTING,
    cause=CAUSE,
)
FULL = dataset_status_in_full(
    DATASET,
    STATUS,
    Ownership(DATASET.id, DEFAULT_BACKEND, VolumeID("v")),
    {NODE: Observed(FACT, 3.0)},
    Lease(DATASET.id, NODE, (Holder("user"),)),
    5.0,
)
SIGHT = NodeSight(
    AgentIdentity(
        NODE,
        Role.DATASET,
        Era(UUID(int=1)),
        ProcessID(UUID(int=2)),
        "10.0.0.1",
        "2.0",
        (BackendReport(DEFAULT_BACKEND, "loopback", "block", InstanceID("i")),),
    ),
    connected=True,
    last_seen=1.0,
    since=2.0,
)
KNOWN = Node(
    NODE,
    "10.0.0.1",
    Era(UUID(int=1)),
    "2.0",
    first_seen=1.0,
    labels=pmap({"rack": "a"}),
    cordoned=True,
    dead=DeadMark(Era(UUID(int=1)), Evidence.OPERATOR, "alice", "it burnt", 4.0),
)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (DatasetAnswer, dataset_status(DATASET, STATUS, 5.0)),
        (DatasetInFull, FULL),
        (NodeAnswer, node_status(SIGHT, KNOWN, 5.0)),
        (NodeAnswer, node_status(SIGHT, None, 5.0)),
        (ConfiguredAnswer, configured_dataset(DATASET)),
        (VersionAnswer, {"flocker": "2.0"}),
    ],
)
def test_reads_what_is_written(kind: type, written: dict[str, object]) -> None:
    """What the server writes is read without loss."""
    assert plain(read(kind, json.dumps(written).encode())) == written


def test_newer_server() -> None:
    """Unknown keys, phases and conditions do no harm."""
    newer = {**FULL, "phase": "levitating", "colour": "blue"}
    assert read(DatasetInFull, json.dumps(newer).encode()).phase == "levitating"


def test_array() -> None:
    """A list of answers is a tuple."""
    body = json.dumps([node_status(SIGHT, KNOWN, 5.0)] * 2).encode()
    assert len(read(tuple[NodeAnswer, ...], body)) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        json.dumps({**FULL, "primary": "x"}).encode(),
        json.dumps({**FULL, "primary": None}).encode(),
        json.dumps({**FULL, "phase": None}).encode(),
        json.dumps({**FULL, "deleted": 1}).encode(),
        json.dumps({**FULL, "seconds": True}).encode(),
        json.dumps({**FULL, "maximum_size": "5"}).encode(),
        json.dumps({**FULL, "nodes": []}).encode(),
    ],
)
def test_not_an_answer(body: bytes) -> None:
    """What is no such object is refused, whatever it is."""
    with pytest.raises(Undecodable):
        read(DatasetInFull, body)


def test_no_array() -> None:
    """An object is not a list of answers."""
    with pytest.raises(Undecodable):
        read(tuple[NodeAnswer, ...], b"{}")
