"""Snapshots of datasets in pools, over HTTP."""

from uuid import UUID

import pytest

from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes

KNOWN = "11c50000-0000-4000-8000-00000000abcd"
OTHER = "11c50000-0000-4000-8000-00000000abce"
DATASET = DatasetID(UUID(KNOWN))
CONFIGURED = "/v1/configuration/datasets"
SNAPSHOTS = "/v1/configuration/snapshots"
STATUS = "/v1/status/snapshots"


def name(number: int) -> NodeID:
    """Give a node an id as they really are."""
    return NodeID(UUID(f"5d7a0000-0000-4000-8000-00000000000{number}"))


A, B = (str(name(number)) for number in (1, 2))


@pytest.fixture
def pools(api) -> MemoryPoolNodes:
    """Two nodes with pools, and a dataset that is served on the first."""
    found = MemoryPoolNodes(api.operations, api.clock, name)
    found.connect(1, 2)
    assert api.post(CONFIGURED, {"primary": A, "dataset_id": KNOWN}).code == 201
    found.settle()
    return found


def take(api, called="monday", dataset=KNOWN):
    return api.post(SNAPSHOTS, {"dataset_id": dataset, "name": called})


def phases(api, dataset=KNOWN):
    found = api.get(f"{STATUS}?dataset_id={dataset}").json
    return [(one["name"], one["phase"]) for one in found]


def cause(api):
    (found,) = api.get(STATUS).json
    return found["cause"]["code"]


def test_taken(api, pools):
    """A snapshot waits until its node has taken it; then it says when."""
    made = take(api)
    assert made.code == 201
    assert (made.json["name"], made.json["taken"]) == ("monday", None)
    assert phases(api) == [("monday", "waiting")]
    assert cause(api) == "not-taken"
    pools.settle()
    assert phases(api) == [("monday", "taken")]
    (found,) = api.get(SNAPSHOTS).json
    assert found["snapshot_id"] == made.json["snapshot_id"]
    assert found["taken"] is not None
    shown = api.get(f"{STATUS}/{KNOWN}/monday").json
    assert (shown["phase"], shown["node"], shown["cause"]) == ("taken", A, None)


def test_deleted(api, pools):
    """A deleted one has no name, is listed until it is gone, and then no more."""
    take(api)
    pools.settle()
    gone = api.delete(f"{SNAPSHOTS}/{KNOWN}/monday")
    assert (gone.code, gone.json["deleted"]) == (200, True)
    assert phases(api) == [("monday", "deleting")]
    assert api.delete(f"{SNAPSHOTS}/{KNOWN}/monday").code == 404
    assert api.get(f"{STATUS}/{KNOWN}/monday").code == 404
    assert take(api).code == 201
    pools.settle()
    assert phases(api) == [("monday", "taken")]


def test_names_in_paths(api, pools):
    """Every name that can be given can be asked for."""
    take(api, "a:b._-")
    pools.settle()
    assert api.get(f"{STATUS}/{KNOWN}/a%3Ab._-").json["phase"] == "taken"
    assert api.delete(f"{SNAPSHOTS}/{KNOWN}/a:b._-").code == 200


@pytest.mark.parametrize(
    "called", ["", "flocker-x", "a b", ".a", "x" * 51, "a\n", 1, None]
)
def test_bad_names(api, pools, called):
    """What is no name is refused with the rule."""
    refused = take(api, called)
    assert refused.code == 400
    assert "flocker-" in str(refused.json)


def test_refused(api, pools):
    """Of what is not there, is deleted, or has the name, no snapshot is wanted."""
    assert take(api, dataset=OTHER).code == 404
    assert take(api).code == 201
    again = take(api)
    assert again.code == 409
    assert "has a snapshot monday already" in again.json["description"]
    assert api.get(f"{SNAPSHOTS}?dataset_id={OTHER}").code == 404
    assert api.get(f"{STATUS}?dataset_id={OTHER}").code == 404
    assert api.delete(f"{SNAPSHOTS}/{KNOWN}/x").code == 404
    assert api.delete(f"{SNAPSHOTS}/{OTHER}/x").code == 404
    assert api.delete(f"{CONFIGURED}/{KNOWN}").code == 200
    assert take(api, "later").code == 405


def test_block_storage(api):
    """A volume has no snapshots where its backend has none; the answer says so."""
    node = name(1)
    api.connect(node)
    assert api.post(CONFIGURED, {"primary": A, "dataset_id": KNOWN}).code == 201
    refused = take(api)
    assert refused.code == 409
    assert (
        "has not said yet that it takes any of volumes" in refused.json["description"]
    )


def test_owner_away(api, pools):
    """While the owner is away nothing is taken, and the status names it."""
    pools.disconnect(1)
    take(api)
    pools.settle()
    assert phases(api) == [("monday", "waiting")]
    assert cause(api) == "node-silent"
    pools.connect(1)
    pools.settle()
    assert phases(api) == [("monday", "taken")]


def test_holder_away(api, pools):
    """What a node that is away may have is not gone, and the status names it."""
    take(api)
    pools.settle()
    assert api.post(f"{CONFIGURED}/{KNOWN}", {"primary": B}).code == 200
    pools.settle()
    pools.disconnect(1)
    api.delete(f"{SNAPSHOTS}/{KNOWN}/monday")
    pools.settle()
    assert phases(api) == [("monday", "deleting")]
    (found,) = api.get(STATUS).json
    assert (found["node"], found["cause"]["code"]) == (A, "holder-silent")
    assert f"node forget {A}" in found["cause"]["release"]
    pools.connect(1)
    pools.settle()
    assert phases(api) == []


def test_missing(api, pools):
    """A snapshot that the owner does not have any more is missing, not taken."""
    take(api)
    pools.settle()
    pools.lose_snapshots(1, DATASET)
    pools.settle()
    assert phases(api) == [("monday", "missing")]
    assert cause(api) == "snapshot-missing"


def test_events(api, pools):
    """Who follows events hears of each snapshot, and what became of it."""
    start = api.events.last
    take(api)
    pools.settle()
    api.delete(f"{SNAPSHOTS}/{KNOWN}/monday")
    pools.settle()
    told = [
        each.value
        for each in api.events.after(start, 100)
        if each.kind.value == "snapshot"
    ]
    assert {each["snapshot"] for each in told} == {"monday"}
    values = [each["value"] for each in told]
    assert [v and (v["taken"] is not None, v["deleted"]) for v in values] == [
        (False, False),
        (True, False),
        (True, True),
        None,
    ]


def test_cloned(api, pools):
    """A dataset with a source begins as that snapshot."""
    take(api)
    source = {"dataset_id": KNOWN, "snapshot": "monday"}
    body = {"primary": A, "dataset_id": OTHER, "source": source}
    early = api.post(CONFIGURED, body)
    assert early.code == 409
    assert "it is not taken yet" in early.json["description"]
    pools.settle()
    assert api.post(CONFIGURED, body).code == 201
    needed = api.delete(f"{SNAPSHOTS}/{KNOWN}/monday")
    assert needed.code == 409
    assert OTHER in needed.json["description"]
    pools.settle()
    assert pools.serves(1, DatasetID(UUID(OTHER)))
    assert api.post(CONFIGURED, body).code == 409
    assert api.post(CONFIGURED, {**body, "source": {"dataset_id": A}}).code == 400
    unknown = {**source, "dataset_id": A}
    assert api.post(CONFIGURED, {"primary": A, "source": unknown}).code == 404
