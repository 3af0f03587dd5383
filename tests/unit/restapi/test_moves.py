"""Moves of datasets in pools, over HTTP."""

from uuid import UUID

import pytest

from flocker.model.datasets import DEFAULT_BACKEND
from flocker.model.forecasts import FirstRound, Forecast
from flocker.model.ids import DatasetID, NodeID
from flocker.testing.fakes.memory_pool_nodes import MemoryPoolNodes

KNOWN = "11c50000-0000-4000-8000-00000000abcd"
DATASET = DatasetID(UUID(KNOWN))
CONFIGURED = "/v1/configuration/datasets"
OF_KNOWN = f"{CONFIGURED}/{KNOWN}"
MOVE = f"{OF_KNOWN}/move"


def name(number: int) -> NodeID:
    """Give a node an id as they really are."""
    return NodeID(UUID(f"5d7a0000-0000-4000-8000-00000000000{number}"))


A, B, C = (str(name(number)) for number in (1, 2, 3))


@pytest.fixture
def pools(api) -> MemoryPoolNodes:
    """Three nodes with pools, and a dataset that is served on the first."""
    found = MemoryPoolNodes(api.operations, api.clock, name)
    found.connect(1, 2, 3)
    assert api.post(CONFIGURED, {"primary": A, "dataset_id": KNOWN}).code == 201
    found.settle()
    assert found.serves(1, DATASET)
    return found


@pytest.fixture
def in_use(api, pools) -> MemoryPoolNodes:
    """The same, leased where it is."""
    lease = {"dataset_id": KNOWN, "node_uuid": A, "expires": None}
    assert api.post("/v1/configuration/leases", lease).code == 201
    return pools


def state(api) -> list[tuple[object, object]]:
    """Where old clients see it."""
    found = api.get("/v1/state/datasets").json
    return [(one.get("primary"), one.get("path")) for one in found]


def test_moved(api, pools):
    """An old client moves it as it always did; it is somewhere until it is there."""
    assert api.post(OF_KNOWN, {"primary": B}).json["primary"] == B
    assert state(api) == [(A, f"/flocker/{KNOWN}")]
    pools.settle()
    assert state(api) == [(B, f"/flocker/{KNOWN}")]


def test_still_mounted_while_copied(api, in_use):
    """While it is copied it is where it was, for old clients too."""
    assert api.post(OF_KNOWN, {"primary": B}).code == 200
    in_use.settle()
    assert state(api) == [(A, f"/flocker/{KNOWN}")]
    assert api.post(OF_KNOWN, {"force": True}).code == 200
    in_use.settle()
    assert state(api) == [(B, f"/flocker/{KNOWN}")]


def test_what_keeps_it_is_named(api, pools):
    """The status names the pool's filesystem, not the one that a volume would have."""
    wanted = api.get("/v1/status/datasets").json
    full = api.get(f"/v1/status/datasets/{KNOWN}").json
    assert [each["filesystem"] for each in (*wanted, full)] == ["memory", "memory"]


def test_smaller(api, pools):
    """Its limit can be lowered; not below the least that a dataset may have."""
    for size, code in ((2**31, 200), (2**30, 200), (2**20, 400)):
        assert api.post(OF_KNOWN, {"maximum_size": size}).code == code
    assert api.get(CONFIGURED).json[0]["maximum_size"] == 2**30


def test_given_up(api, pools):
    """What would take too long stays where it is."""
    pools.downtime = 9.0
    assert api.post(OF_KNOWN, {"primary": B, "max_downtime": 2}).code == 200
    pools.settle()
    assert api.get(CONFIGURED).json[0]["primary"] == A
    assert state(api) == [(A, f"/flocker/{KNOWN}")]


def test_cancelled(api, in_use):
    """A move is cancelled until it is over, and nothing else is."""
    assert api.delete(MOVE).code == 409
    assert api.post(OF_KNOWN, {"primary": B}).code == 200
    in_use.settle()
    cancelled = api.delete(MOVE)
    assert (cancelled.code, cancelled.json["primary"]) == (200, A)
    assert api.delete(MOVE).code == 409
    unknown = f"{CONFIGURED}/11c50000-0000-4000-8000-00000000ffff/move"
    assert api.delete(unknown).code == 404
    assert api.delete(OF_KNOWN).code == 200
    assert api.delete(MOVE).code == 405


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"primary": B, "max_downtime": 0}, 400),
        ({"primary": B, "max_downtime": "2"}, 400),
        ({"primary": B, "force": 1}, 400),
        ({"force": True}, 409),
        ({"primary": str(name(9))}, 409),
    ],
)
def test_refused(api, pools, body, code):
    """What makes no sense, or cannot be, is refused before anything happens."""
    assert api.post(OF_KNOWN, body).code == code
    pools.settle()
    assert state(api) == [(A, f"/flocker/{KNOWN}")]


def test_plan(api, pools):
    """What a move would take, and that it changes nothing."""
    plan = f"/v1/status/datasets/{KNOWN}/plan"
    asked = api.listers.foretells(name(1), Forecast(2**20)).asked
    before = api.get(CONFIGURED).header("X-Configuration-Tag")
    assert api.get(f"{plan}?to={B}").json == {
        "source": A,
        "target": B,
        "continues": False,
        "to_send": 2**20,
        "bound": False,
        "each_round": False,
        "not_counted": None,
        "at_most": 2**30,
        "downtime": 0.6,
        "downtime_from": "rounds",
        "blockers": [],
    }
    assert asked == [FirstRound(DEFAULT_BACKEND, DATASET, None)]
    assert api.get(CONFIGURED).header("X-Configuration-Tag") == before
    assert api.get(plan).code == 400
    assert api.get(f"{plan}?to=there").code == 400
    unknown = "11c50000-0000-4000-8000-00000000ffff"
    assert api.get(f"/v1/status/datasets/{unknown}/plan?to={B}").code == 404


@pytest.mark.parametrize(
    ("forecast", "expected"),
    [
        (
            Forecast(5, at_most=True, sends_all=True),
            {"to_send": 5, "bound": True, "each_round": True, "not_counted": None},
        ),
        (
            None,
            {
                "to_send": None,
                "bound": False,
                "each_round": False,
                "not_counted": "its pool cannot say, or not within a second",
            },
        ),
    ],
)
def test_plan_of_what_is_not_known(api, pools, forecast, expected):
    """A bound is told for one; and why nothing is known."""
    api.listers.foretells(name(1), forecast)
    found = api.get(f"/v1/status/datasets/{KNOWN}/plan?to={B}").json
    assert {key: found[key] for key in expected} == expected
    assert (found["downtime"], found["downtime_from"]) == (None, None)


def test_plan_of_what_is_newer(api, pools):
    """Where there is a copy, what it stands at is the base; at home nothing is sent."""
    assert api.post(OF_KNOWN, {"primary": B}).code == 200
    pools.settle()
    lister = api.listers.foretells(name(2), Forecast(5))
    plan = f"/v1/status/datasets/{KNOWN}/plan"
    assert api.get(f"{plan}?to={A}").json["to_send"] == 5
    (asked,) = lister.asked
    assert asked.base == api.observations.facts(DATASET)[name(1)].fact.pool.head
    assert api.get(f"{plan}?to={B}").json["to_send"] == 0
    assert lister.asked == [asked]


def test_dropped(api, pools):
    """A copy that a node kept is destroyed when a user says so."""
    copies = f"{OF_KNOWN}/copies"
    assert api.delete(f"{copies}/{B}").code == 404
    assert api.post(OF_KNOWN, {"primary": B}).code == 200
    pools.settle()
    assert api.delete(f"{copies}/{B}").code == 409
    assert api.delete(f"{copies}/{A}").code == 200
    pools.settle()
    assert list(pools.holders(DATASET)) == [name(2)]
    assert api.delete(f"{copies}/nowhere").code == 404
    full = api.get(f"/v1/status/datasets/{KNOWN}").json
    assert full["pool"]["owner"] == B
    assert full["nodes"][A]["copy"]["exists"] is False
