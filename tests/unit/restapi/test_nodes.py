"""The nodes as version 1 lists them."""

from uuid import UUID

import pytest

from flocker.model.ids import NodeID

A, B = (NodeID(UUID(int=n)) for n in (1, 2))


def test_nodes(api) -> None:
    """A node is its id and the address that its agent is connected from."""
    api.connect(A, "10.0.0.7")
    reply = api.get("/v1/state/nodes")
    assert (reply.code, reply.json) == (200, [{"uuid": str(A), "host": "10.0.0.7"}])


def test_silent_nodes_are_left_out(api) -> None:
    """A node not heard for 120 seconds is not listed, until it is heard again."""
    api.connect(A)
    api.clock.advance(60.0)
    api.connect(B)
    api.clock.advance(60.0)
    assert [node["uuid"] for node in api.get("/v1/state/nodes").json] == [str(B)]
    api.observations.heard(A, api.clock.seconds())
    assert len(api.get("/v1/state/nodes").json) == 2


def test_era(api) -> None:
    """A node is found by its boot id, in any case; by the one before no more."""
    first, second = UUID(int=0xAB), UUID(int=0xCD)
    api.connect(A, era=first.int)
    api.connect(B, era=7)
    for text in (str(first), str(first).upper()):
        reply = api.get(f"/v1/state/nodes/by_era/{text}")
        assert (reply.code, reply.json) == (200, {"uuid": str(A)})
    api.connect(A, era=second.int)
    assert api.get(f"/v1/state/nodes/by_era/{first}").code == 404
    assert api.get(f"/v1/state/nodes/by_era/{second}").json == {"uuid": str(A)}


def test_era_of_a_silent_node(api) -> None:
    """Eras are known as long as control runs, as in Flocker 1.15."""
    api.connect(A, era=5)
    api.clock.advance(1000.0)
    assert api.get(f"/v1/state/nodes/by_era/{UUID(int=5)}").code == 200


@pytest.mark.parametrize("era", ["junk", str(UUID(int=9)), "{}", "%00", "a" * 5000])
def test_unknown_era(api, era) -> None:
    """An era nobody has, or that is none, is not found: clients ask again."""
    api.connect(A, era=5)
    reply = api.get(f"/v1/state/nodes/by_era/{era}")
    assert (reply.code, list(reply.json)) == (404, ["description"])
