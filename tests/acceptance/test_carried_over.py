"""An installation of 1.15 carried to this Flocker: what it wished for goes on."""

import pytest

from tests.acceptance.dialects import treq
from tests.acceptance.old_world import IMPORTED, ONE, TWO, OldWorld
from tests.acceptance.test_old_clients import (
    DATASETS,
    LEASES,
    is_mounted,
    mounted_on,
    of,
    poll,
)

CARRIED = pytest.mark.parametrize("world", ["files of 1.15"], indirect=True)
WANTED = "11c50000-0000-4000-8000-000000000002"
"""Configured on node 2 and leased there; it had no volume yet."""


@CARRIED
def test_wish_is_done(world: OldWorld) -> None:
    """A dataset that 1.15 was still asked for is made and mounted where it said."""
    poll(world, treq("GET", "/state/datasets"), mounted_on(WANTED, world.node(TWO)))
    assert is_mounted(world, WANTED, TWO)


@CARRIED
def test_volume_is_not_replaced(world: OldWorld) -> None:
    """A dataset whose old volume is not there waits: no empty one takes its place."""
    status = world.cluster.ask("GET", f"/status/datasets/{IMPORTED}").json
    assert status["cause"]["code"] == "not-listed"
    assert of(IMPORTED, world.play(treq("GET", "/state/datasets")).json) == []
    (wanted,) = of(IMPORTED, world.play(treq("GET", DATASETS)).json)
    assert (wanted["metadata"], wanted["deleted"]) == ({"name": "pg"}, False)


@CARRIED
def test_leases_are_held(world: OldWorld) -> None:
    """Leases of 1.15 hold: another node does not get one."""
    (lease,) = of(IMPORTED, world.play(treq("GET", LEASES)).json)
    other = {"dataset_id": IMPORTED, "node_uuid": world.node(TWO), "expires": None}
    assert (lease["node_uuid"], lease["expires"]) == (world.node(ONE), None)
    assert world.play(treq("POST", LEASES, other)).code == 409
