"""What users say of nodes, over REST."""

from uuid import UUID

import pytest

from flocker.model.ids import NodeID

NODE = NodeID(UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"))
PATH = f"/v1/configuration/nodes/{NODE}"
STATUS = f"/v1/status/nodes/{NODE}"
CHECKED = {"i_have_checked": True}


@pytest.fixture
def silent(api):
    """A service that knows a node which is not connected any more."""
    api.connect(NODE)
    api.operations.heard_of((), (NODE,))
    touched = api.observations.disconnected(NODE, api.clock.seconds())
    api.operations.heard_of(touched, (NODE,))
    return api


def test_labels_and_cordon(silent) -> None:
    """Labels are set and dropped one by one, and the answer is the node's status."""
    silent.post(PATH, {"labels": {"rack": "a", "disk": "ssd"}})
    reply = silent.post(PATH, {"labels": {"disk": None}, "cordoned": True})
    assert (reply.code, reply.json["labels"]) == (200, {"rack": "a"})
    assert reply.json["cordoned"] is True
    assert silent.get(STATUS).json == reply.json


def test_dead_and_alive(silent) -> None:
    """The mark says whose word it is, who said it and why; it can be taken back."""
    said = {"by": "alice", "why": "burnt", "evidence": "fencer"}
    mark = silent.post(f"{PATH}/dead", {**CHECKED, **said}).json["dead"]
    found = mark["evidence"], mark["by"], mark["words"], mark["era"]
    assert found == ("fencer", "alice", "burnt", str(UUID(int=1)))
    assert silent.get(STATUS).json["dead"] == mark
    reply = silent.delete(f"{PATH}/dead")
    assert (reply.code, reply.json["dead"]) == (200, None)


def test_dead_by_an_operator(silent) -> None:
    """Where nothing else is said, it is an operator's word."""
    mark = silent.post(f"{PATH}/dead", CHECKED).json["dead"]
    assert (mark["evidence"], mark["by"]) == ("operator", "the operator")


@pytest.mark.parametrize("body", [{}, {"i_have_checked": False}, {"why": "silent"}])
def test_unchecked(silent, body) -> None:
    """Who has not checked marks nothing."""
    reply = silent.post(f"{PATH}/dead", body)
    assert reply.code == 400
    assert "i_have_checked" in str(reply.json)
    assert silent.get(STATUS).json["dead"] is None


def test_backend_evidence_is_not_for_users(silent) -> None:
    """Nobody can speak for a backend."""
    reply = silent.post(f"{PATH}/dead", {**CHECKED, "evidence": "backend"})
    assert reply.code == 400


def test_connected(api) -> None:
    """A node that is connected is neither marked dead nor forgotten."""
    api.connect(NODE)
    api.operations.heard_of((), (NODE,))
    dead, forgotten = api.post(f"{PATH}/dead", CHECKED), api.delete(PATH)
    assert (dead.code, forgotten.code) == (409, 409)
    assert "is connected" in dead.json["description"]
    assert "is connected" in forgotten.json["description"]


def test_nothing_comes_to_the_dead(silent) -> None:
    """Nothing is created on a dead node, and the refusal names the way out."""
    silent.post(f"{PATH}/dead", CHECKED)
    body = {"primary": str(NODE)}
    reply = silent.post("/v1/configuration/datasets", body)
    assert reply.code == 409
    assert f"flockerctl node alive {NODE}" in reply.json["description"]


def test_forgotten(silent) -> None:
    """A forgotten node is gone from the status, and its last state is the answer."""
    reply = silent.delete(PATH)
    assert (reply.code, reply.json["uuid"]) == (200, str(NODE))
    assert silent.get(STATUS).code == 404
    assert silent.get("/v1/status/nodes").json == []


def test_forgetting_what_is_wanted(silent) -> None:
    """A node on which a dataset is wanted is not forgotten."""
    silent.post("/v1/configuration/datasets", {"primary": str(NODE)})
    reply = silent.delete(PATH)
    assert reply.code == 409
    assert "is wanted on it" in reply.json["description"]


@pytest.mark.parametrize(("later", "listed"), [(119.0, 1), (120.0, 0)])
def test_recalled(silent, later, listed) -> None:
    """A node known from before a restart is listed to old clients for 120 seconds."""
    nodes = silent.operations.configuration.nodes
    silent.observations.forget(NODE)
    silent.observations.recall(nodes.values())
    silent.clock.advance(later)
    assert len(silent.get("/v1/state/nodes").json) == listed
    reply = silent.get(STATUS)
    assert (reply.code, reply.json["connected"]) == (200, False)


def test_unknown(api) -> None:
    """What is said of a node that never connected is 404."""
    replies = [
        api.post(PATH, {"cordoned": True}),
        api.post(f"{PATH}/dead", CHECKED),
        api.delete(f"{PATH}/dead"),
        api.delete(PATH),
    ]
    assert [reply.code for reply in replies] == [404] * 4
