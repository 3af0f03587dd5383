"""Health: what is well, what is not, and when it is 503."""

from uuid import UUID

import pytest

from flocker.model.cluster import Condition, Fact, Want
from flocker.model.ids import BackendName, DatasetID, NodeID, VolumeID
from flocker.restapi.health import MOST_NAMED

A = NodeID(UUID("5d7a0000-0000-4000-8000-00000000000a"))
HEALTH = "/v1/health"
WELL = {"store": "ok", "agents": "ok", "upkeep": "ok", "files": "ok"}
DATASET = "11c50000-0000-4000-8000-00000000abcd"


@pytest.fixture
def well(api):
    """A control service with one agent."""
    api.connect(A)
    return api


def test_well(well) -> None:
    """Where all is well each part is ok."""
    reply = well.get(HEALTH)
    assert (reply.code, reply.json) == (200, WELL)


def test_store(well) -> None:
    """A store that does not work is 503, with its cause, until it works again."""
    well.store.broken = "disk full"
    reply = well.get(HEALTH)
    assert (reply.code, reply.header("Retry-After")) == (503, "5")
    words = "the configuration store in memory does not work: disk full"
    assert reply.json == {**WELL, "store": words}
    well.store.broken = None
    assert well.get(HEALTH).json == WELL


def test_probes_change_nothing(well) -> None:
    """However often it is asked, no revision is made."""
    before = well.store.stored
    well.get(HEALTH)
    assert well.store.stored == before


def test_no_agents(api) -> None:
    """Without agents control does its work, and says so."""
    reply = api.get(HEALTH)
    assert (reply.code, reply.json["agents"]) == (
        200,
        "no agent has ever connected",
    )


def test_silent_agents(well) -> None:
    """Agents that are not connected are named, a few of them."""
    well.observations.disconnected(A, well.clock.seconds())
    reply = well.get(HEALTH)
    assert (reply.code, reply.json["agents"]) == (200, f"not connected: {A} (10.0.0.1)")
    for number in range(MOST_NAMED + 2):
        node = NodeID(UUID(int=number))
        well.connect(node)
        well.observations.disconnected(node, well.clock.seconds())
    words = well.get(HEALTH).json["agents"]
    assert words.endswith(" and 3 more")
    assert words.count("10.0.0.1") == MOST_NAMED


def test_dead_agents(well) -> None:
    """A node that is marked dead is no news."""
    well.operations.heard_of((), (A,))
    well.observations.disconnected(A, well.clock.seconds())
    assert well.get(HEALTH).json != WELL
    well.post(f"/v1/configuration/nodes/{A}/dead", {"i_have_checked": True})
    assert well.get(HEALTH).json == WELL


def test_upkeep(well) -> None:
    """What upkeep could not store is 503 until it is stored."""
    well.post("/v1/configuration/datasets", {"primary": str(A), "dataset_id": DATASET})
    well.store.broken = "disk full"
    fact = Fact(
        DatasetID(UUID(DATASET)),
        Want.MOUNTED,
        Condition.UNREGISTERED,
        BackendName("default"),
        VolumeID("v"),
        life=well.operations.configuration.datasets[DatasetID(UUID(DATASET))].life,
    )
    well.operations.heard_of(
        well.observations.edit(A, [(fact, 0.0)], [], well.clock.seconds())
    )
    well.store.broken = None
    reply = well.get(HEALTH)
    words = "the configuration store in memory does not work: disk full"
    assert (reply.code, reply.json) == (503, {**WELL, "upkeep": words})
    well.clock.advance(1.0)
    assert well.get(HEALTH).json == WELL
