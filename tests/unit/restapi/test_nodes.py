"""The nodes as version 1 lists them."""

from uuid import UUID

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
