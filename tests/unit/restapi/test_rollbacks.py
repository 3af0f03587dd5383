"""Rollbacks of datasets in pools, over HTTP."""

import pytest

from flocker.model.cluster import Cause
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes
from tests.unit.restapi.test_snapshots import (
    CONFIGURED,
    DATASET,
    KNOWN,
    OTHER,
    SNAPSHOTS,
    A,
    name,
    pools,
    take,
)

__all__ = ["pools"]

LEASES = "/v1/configuration/leases"
STATUS = f"/v1/status/datasets/{KNOWN}"
WISH = f"{CONFIGURED}/{KNOWN}/rollback"


@pytest.fixture
def served(api, pools) -> MemoryPoolNodes:
    """The dataset has a snapshot called monday, and was written to since."""
    assert take(api).code == 201
    pools.settle()
    pools.write(1, DATASET, 0)
    return pools


def roll_back(api, called="monday", dataset=KNOWN):
    return api.post(f"{SNAPSHOTS}/{dataset}/{called}/rollback", None)


def test_rolled_back(api, served):
    """It says what it keeps, what it waits for, and when it is done."""
    asked = roll_back(api)
    kept = asked.json["safety"]
    assert kept.startswith("before-monday-")
    assert (asked.code, asked.json) == (
        200,
        {
            "safety": kept,
            "dataset_id": KNOWN,
            "number": 1,
            "snapshot": "monday",
            "cancelled": False,
        },
    )
    seen = api.get(STATUS).json
    assert (seen["phase"], seen["cause"]["code"]) == ("rolling-back", "rolling-back")
    assert kept in seen["cause"]["words"]
    assert seen["pool"]["rollback"]["snapshot"] == "monday"
    served.settle()
    seen = api.get(STATUS).json
    assert (seen["phase"], seen["cause"]) == ("mounted", None)
    assert (seen["pool"]["rollback"], seen["pool"]["rolled_back"]) == (None, 1)
    found = api.get(f"/v1/status/snapshots?dataset_id={KNOWN}").json
    assert [(one["name"], one["phase"]) for one in found] == [
        ("monday", "taken"),
        (kept, "taken"),
    ]
    assert [(one["rollback"], one["why"]) for one in found] == [
        (None, None),
        (1, "what the dataset was before its rollback 1"),
    ]


def test_busy(api, served):
    """What keeps it from being unmounted is said by name."""
    roll_back(api)
    served.causes[name(1)] = Cause("busy", "process 7 (postgres) uses it", "end it")
    served.away.add(name(1))
    served.speak(1)
    seen = api.get(STATUS).json
    assert (seen["phase"], seen["cause"]["code"]) == ("rolling-back", "busy")


def test_leased(api, served):
    """Who uses it is named, and nobody gets a lease while it is rolled back."""
    lease = {"dataset_id": KNOWN, "node_uuid": A, "expires": None, "holder": "postgres"}
    assert api.post(LEASES, lease).code == 201
    refused = roll_back(api)
    assert refused.code == 409
    assert "postgres" in refused.json["description"]
    assert api.delete(f"{LEASES}/{KNOWN}").code == 200
    assert roll_back(api).code == 200
    refused = api.post(LEASES, lease)
    assert refused.code == 409
    assert "rolled back to its snapshot monday" in refused.json["description"]
    served.settle()
    assert api.post(LEASES, lease).code == 201


def test_refused(api, served):
    """What cannot be is refused, with the reason."""
    assert roll_back(api, "tuesday").code == 404
    assert roll_back(api, dataset=OTHER).code == 404
    assert roll_back(api).code == 200
    again = roll_back(api)
    assert again.code == 409
    assert "already" in again.json["description"]
    needed = api.delete(f"{SNAPSHOTS}/{KNOWN}/monday")
    assert needed.code == 409
    assert "is needed until that is over" in needed.json["description"]
    served.settle()
    assert api.delete(f"{CONFIGURED}/{KNOWN}").code == 200
    assert roll_back(api).code == 405


def test_cancelled(api, served):
    """A cancel stands until the node has heard it; it says which came first."""
    assert api.delete(WISH).code == 409
    roll_back(api)
    gone = api.delete(WISH)
    assert (gone.code, gone.json["cancelled"]) == (200, True)
    assert api.delete(WISH).json["cancelled"]
    assert api.get(STATUS).json["cause"]["code"] == "cancelling"
    served.settle()
    seen = api.get(STATUS).json
    assert (seen["phase"], seen["pool"]["rolled_back"]) == ("mounted", 0)
    assert api.delete(f"{CONFIGURED}/{OTHER}/rollback").code == 404


def test_block_storage(api):
    """A dataset that is a volume is not rolled back, and the answer says why."""
    api.connect(name(1))
    assert api.post(CONFIGURED, {"primary": A, "dataset_id": KNOWN}).code == 201
    refused = roll_back(api)
    assert refused.code == 409
    assert refused.json["description"] == f"dataset {KNOWN} is in no pool"


def test_given_up(api, served):
    """What its node cannot do ends; the dataset is served, and the status says why."""
    served.stuck[name(1)] = Cause("pool-full", "no room is left", "make room")
    roll_back(api)
    served.settle()
    seen = api.get(STATUS).json
    assert seen["phase"] == "mounted"
    cause, pool = seen["cause"], seen["pool"]
    assert cause["code"] == "rollback-given-up"
    assert cause["words"].endswith("and it is as it was: no room is left")
    assert cause["release"] == (
        "make room, and roll it back again; or leave it:"
        f" flockerctl rollback {KNOWN} --cancel"
    )
    assert (pool["rollback"], pool["rolled_back"]) == (None, 0)
    told = pool["not_rolled_back"]
    assert (told["number"], told["snapshot"], told["why"], told["release"]) == (
        1,
        "monday",
        "no room is left",
        "make room",
    )
    read = api.delete(WISH)
    assert (read.code, read.json["number"], read.json["cancelled"]) == (200, 1, True)
    assert api.get(STATUS).json["cause"] is None
    assert api.delete(WISH).code == 409
