"""What old clients do with a cluster, one conversation a test, as they really say it.

Each looks only at what its program looks at; see the table of clients in the
specification. All of it happens on new clusters and on one carried over from 1.15.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_DNS, uuid3

import pytest

from flocker.sandbox.names import MachineName, address
from tests.acceptance.dialects import (
    Dialect,
    curl,
    go,
    http_client,
    proxy,
    treq,
    uft,
)
from tests.acceptance.old_world import IMPORTED, ONE, TWO, OldWorld, Reply, a_new_id

DATASETS = "/configuration/datasets"
LEASES = "/configuration/leases"
SIZE = 64 * 1024 * 1024
GIB = 1024**3
WITHIN = 60.0
EVERY = 0.2


def condition(tag: str) -> list[tuple[str, str]]:
    """The header of a conditional request."""
    return [("X-If-Configuration-Matches", tag)]


def poll(world: OldWorld, ask: bytes, fits: Callable[[Any], bool]) -> Any:
    """Ask until the answer fits, as all of them wait; each answer must be a list."""
    end = time.monotonic() + WITHIN
    while True:
        reply = world.play(ask)
        # flocker-go deletes its new dataset if this is ever anything else.
        assert isinstance(reply.json, list), reply
        if fits(reply.json):
            return reply.json
        assert time.monotonic() < end, reply
        time.sleep(EVERY)


def of(dataset: str, listed: list[Any]) -> list[Any]:
    """The elements about a dataset."""
    return [each for each in listed if each["dataset_id"] == dataset]


def mounted_on(dataset: str, node: str) -> Callable[[Any], bool]:
    """The first element about the dataset has this node and the path that is known."""

    def fits(listed: list[Any]) -> bool:
        first = of(dataset, listed)[:1]
        return [(e.get("primary"), e.get("path")) for e in first] == [
            (node, f"/flocker/{dataset}")
        ]

    return fits


def is_mounted(world: OldWorld, dataset: str, machine: MachineName) -> bool:
    """Whether the kernel has it mounted there."""
    mounts = world.cluster.run(machine, "cat", "/proc/mounts")
    return f" /flocker/{dataset} ext4 " in mounts


def by_name(listed: list[Any], name: str) -> Any:
    """The first live dataset of this name."""
    live = [each for each in listed if not each["deleted"]]
    return next(each for each in live if each["metadata"].get("name") == name)


# --- Kubernetes ------------------------------------------------------------------


def k8s_node(world: OldWorld, machine: MachineName) -> str:
    """The uuid of the node whose address kubelet has."""
    reply = world.play(go("GET", "/state/nodes"))
    assert reply.code < 300
    return next(e["uuid"] for e in reply.json if e["host"] == address(machine))


def test_kubernetes(world: OldWorld) -> None:
    """Provision, attach on a node, move to another, delete."""
    name = "flocker-dynamic-pvc-1"
    node, other = k8s_node(world, ONE), k8s_node(world, TWO)
    wanted = {"primary": node, "maximum_size": GIB, "metadata": {"name": name}}
    created = world.play(go("POST", DATASETS, wanted))
    assert created.code == 201
    dataset = created.json["dataset_id"]
    state = go("GET", "/state/datasets")
    poll(world, state, lambda listed: bool(of(dataset, listed)))

    found = by_name(world.play(go("GET", DATASETS)).json, name)
    assert found["dataset_id"] == dataset
    poll(world, state, mounted_on(dataset, node))
    assert is_mounted(world, dataset, ONE)

    moved = world.play(go("POST", f"{DATASETS}/{dataset}", {"primary": other}))
    assert (moved.code, moved.json["dataset_id"]) == (200, dataset)
    poll(world, state, mounted_on(dataset, other))
    assert is_mounted(world, dataset, TWO)

    deleted = world.play(go("DELETE", f"{DATASETS}/{dataset}"))
    assert (deleted.code, deleted.json["deleted"]) == (200, True)
    poll(world, state, lambda listed: not of(dataset, listed))
    poll(world, go("GET", DATASETS), lambda listed: of(dataset, listed)[0]["deleted"])


def test_kubernetes_size(world: OldWorld) -> None:
    """A claim that is no multiple of 1024 is refused, and the rule is named."""
    body = {"primary": world.node(ONE), "maximum_size": 10**9 + 1, "metadata": {}}
    reply = world.play(go("POST", DATASETS, body))
    assert reply.code == 400
    assert "multiple of 1024" in reply.json["description"]


def test_kubernetes_same_id(world: OldWorld) -> None:
    """The first plugin made the id of the name: asking again says that it exists."""
    dataset = str(uuid3(NAMESPACE_DNS, f"{a_new_id()}.volume"))
    dataset = f"{dataset[:14]}4{dataset[15:]}"
    body = {
        "primary": world.node(ONE),
        "dataset_id": dataset,
        "maximum_size": SIZE,
        "metadata": {"name": "by-id"},
    }
    codes = [world.play(go("POST", DATASETS, body)).code for _ in range(2)]
    assert codes == [201, 409]


def test_kubernetes_keeps_its_connection(world: OldWorld) -> None:
    """Go asks one request after the other on a connection that stays."""
    asked = [go("GET", "/version"), go("GET", "/nope"), go("POST", DATASETS, {})] * 3
    replies = world.play_all([*asked, go("GET", "/state/datasets")])
    assert [reply.code for reply in replies] == [200, 404, 400] * 3 + [200]


# --- uft -------------------------------------------------------------------------


def test_uft(world: OldWorld) -> None:
    """Its flockerctl needs these keys of every object, whatever the status."""
    version = world.play(uft("GET", "/version")).json
    nodes = world.play(uft("GET", "/state/nodes")).json
    hosts = {each["uuid"]: each["host"] for each in nodes}
    assert version.keys() == {"flocker"}
    assert set(hosts.values()) == {address(ONE), address(TWO)}

    node, other = world.node(ONE), world.node(TWO)
    body = {"primary": node, "metadata": {"name": "uft"}, "maximum_size": SIZE}
    dataset = world.play(uft("POST", DATASETS, body)).json["dataset_id"]
    state = uft("GET", "/state/datasets")
    poll(world, state, mounted_on(dataset, node))
    world.play(uft("POST", f"{DATASETS}/{dataset}", {"primary": other}))
    poll(world, state, mounted_on(dataset, other))
    world.play(uft("DELETE", f"{DATASETS}/{dataset}"))

    for each in world.play(uft("GET", DATASETS)).json:
        assert {"deleted", "metadata", "primary", "dataset_id"} <= each.keys()
    assert of(dataset, world.play(uft("GET", DATASETS)).json)[0]["deleted"] is True


def test_uft_prints_errors(world: OldWorld) -> None:
    """It shows the body of what failed, so the body says what is wrong."""
    reply = world.play(uft("DELETE", f"{DATASETS}/{a_new_id()}"))
    assert "there is no dataset" in reply.json["description"]


# --- the Docker plugin of 1.15 ---------------------------------------------------


def plugin_node(world: OldWorld, machine: MachineName) -> str:
    """Who it is: the node with the era that `flocker-node-era` prints."""
    era = world.cluster.run(machine, "cat", "/proc/sys/kernel/random/boot_id").strip()
    reply = world.play(treq("GET", f"/state/nodes/by_era/{era}"))
    assert reply.code == 200
    return str(reply.json["uuid"])


def plugin_create(world: OldWorld, node: str, name: str, tag: str) -> Reply:
    """Create a volume unless something has changed since `tag`."""
    wanted = {
        "primary": node,
        "maximum_size": SIZE,
        "metadata": {"name": name, "maximum_size": str(SIZE)},
    }
    return world.play(treq("POST", DATASETS, wanted, condition(tag)))


def plugin_creates(world: OldWorld, node: str, name: str) -> tuple[Reply, str]:
    """Create a volume, looking again up to 20 times; with the tag it was seen by.

    Control itself may change something meanwhile: what was deleted is destroyed.
    """
    for _ in range(20):
        listing = world.play(treq("GET", DATASETS))
        tag = listing.headers["x-configuration-tag"]
        created = plugin_create(world, node, name, tag)
        if created.code != 412:
            return created, tag
    raise AssertionError(created)


def test_plugin(world: OldWorld) -> None:
    """Create on one node, mount there, then on the other: each its specified status."""
    node, other = plugin_node(world, ONE), plugin_node(world, TWO)
    assert (node, other) == (world.node(ONE), world.node(TWO))
    created, tag = plugin_creates(world, node, "plugged")
    assert created.code == 201
    dataset = created.json["dataset_id"]
    # Another node wants the same name and looked at the same time.
    assert plugin_create(world, other, "plugged", tag).code == 412
    again = world.play(treq("GET", DATASETS)).json
    assert by_name(again, "plugged")["dataset_id"] == dataset

    state = treq("GET", "/state/datasets")
    for wanted, machine in ((node, ONE), (node, ONE), (other, TWO)):
        path = f"{DATASETS}/{dataset}"
        assert world.play(treq("POST", path, {"primary": wanted})).code == 200
        poll(world, state, mounted_on(dataset, wanted))
        assert is_mounted(world, dataset, machine)

    assert world.play(treq("DELETE", f"{DATASETS}/{dataset}")).code == 200
    gone = world.play(treq("POST", f"{DATASETS}/{dataset}", {"primary": node}))
    assert gone.code == 405


def test_plugin_waits_for_its_era(world: OldWorld) -> None:
    """A node that has not connected is 404: the plugin asks again."""
    assert world.play(treq("GET", f"/state/nodes/by_era/{a_new_id()}")).code == 404


# --- the first Flocker's own client ----------------------------------------------


def test_own_client_leases(world: OldWorld) -> None:
    """Acquire, renew, be refused, list, release, release nothing."""
    dataset, node, other = a_new_id(), world.node(ONE), world.node(TWO)
    mine = {"dataset_id": dataset, "node_uuid": node, "expires": 123.0}
    theirs = {**mine, "node_uuid": other}
    release = treq("DELETE", f"{LEASES}/{dataset}")
    replies = [
        world.play(treq("POST", LEASES, mine)),
        world.play(treq("POST", LEASES, {**mine, "expires": None})),
        world.play(treq("POST", LEASES, theirs)),
        world.play(treq("GET", LEASES)),
        world.play(release),
        world.play(release),
    ]
    assert [reply.code for reply in replies] == [201, 200, 409, 200, 200, 404]
    for reply in (replies[0], replies[1], replies[4]):
        assert (reply.json["dataset_id"], reply.json["node_uuid"]) == (dataset, node)
    (listed,) = of(dataset, replies[3].json)
    assert (listed["node_uuid"], listed["expires"]) == (node, None)


def test_lease_keeps_a_mount(world: OldWorld) -> None:
    """A dataset leased where it is mounted stays there until the lease is released."""
    dataset, node, other = world.mounted(), world.node(ONE), world.node(TWO)
    mine = {"dataset_id": dataset, "node_uuid": node, "expires": None}
    assert world.play(treq("POST", LEASES, mine)).code == 201
    move = treq("POST", f"{DATASETS}/{dataset}", {"primary": other})
    assert world.play(move).json["primary"] == other
    time.sleep(2)
    assert is_mounted(world, dataset, ONE)
    assert world.play(treq("DELETE", f"{LEASES}/{dataset}")).code == 200
    poll(world, treq("GET", "/state/datasets"), mounted_on(dataset, other))


# --- others ----------------------------------------------------------------------


def test_mesos(world: OldWorld) -> None:
    """The isolator knows its node by the address and finds the id in the text."""
    typed = [("Content-Type", "application/json")]
    text = world.play(curl("GET", "/state/nodes")).body.decode()
    pairs = re.findall(r'\{"uuid":"([^"]+)","host":"([^"]+)"\}', text)
    node = next(uuid for uuid, host in pairs if host == address(ONE))
    reply = world.play(curl("POST", DATASETS, f'{{"primary": "{node}"}}', typed))
    assert reply.code == 201
    _, _, rest = reply.body.decode().partition('"dataset_id":')
    dataset = rest.split('"')[1]
    poll(world, curl("GET", "/state/datasets"), mounted_on(dataset, node))


def test_condition_everywhere(world: OldWorld) -> None:
    """A client that sends its tag with every request is heard in three of them only."""
    node, dataset = world.node(ONE), a_new_id()
    lease = {"dataset_id": dataset, "node_uuid": node, "expires": 60}
    typed = ("Content-type", "application/json")

    def codes(tag: str) -> list[int]:
        asked: list[tuple[str, str, Mapping[str, object] | None]] = [
            ("GET", "/version", None),
            ("GET", DATASETS, None),
            ("GET", "/state/datasets", None),
            ("GET", "/state/nodes", None),
            ("GET", LEASES, None),
            ("POST", LEASES, lease),
            ("DELETE", f"{LEASES}/{dataset}", None),
            ("POST", DATASETS, {"primary": node, "maximum_size": SIZE}),
            ("POST", f"{DATASETS}/{IMPORTED}", {"primary": node}),
            ("DELETE", f"{DATASETS}/{dataset}", None),
        ]
        return [
            world.play(http_client(*each, [*condition(tag), typed])).code
            for each in asked
        ]

    assert codes("f" * 32) == [200] * 5 + [201, 200] + [412] * 3
    tag = world.play(http_client("GET", DATASETS)).headers["x-configuration-tag"]
    # The create is the change that makes its own tag an old one.
    assert codes(tag) == [200] * 5 + [201, 200, 201] + [412] * 2


def test_python_sizes(world: OldWorld) -> None:
    """A size in GiB becomes bytes by a shift; the answer has it as it was given."""
    body = {"primary": world.node(TWO), "maximum_size": 1 << 30, "metadata": {}}
    reply = world.play(http_client("POST", DATASETS, body))
    assert (reply.code, reply.json["maximum_size"]) == (201, 1 << 30)


def test_gui(world: OldWorld) -> None:
    """A browser behind a proxy: HTTP/1.0, another host's name, queries, plain lists."""
    body = {"primary": world.node(ONE), "maximum_size": SIZE, "metadata": {"name": "g"}}
    created = world.play(proxy("POST", DATASETS, body))
    dataset = created.json["dataset_id"]
    page = "?_page=1&_perPage=30&_sortDir=DESC&_sortField=id"
    state = world.play(proxy("GET", f"/state/datasets{page}"))
    nodes = world.play(proxy("GET", f"/state/nodes{page}"))
    deleted = world.play(proxy("DELETE", f"{DATASETS}/{dataset}"))
    assert [each.code for each in (created, state, nodes, deleted)] == [
        201,
        200,
        200,
        200,
    ]
    assert all("uuid" in each for each in nodes.json)
    assert isinstance(state.json, list)


@pytest.mark.parametrize("dialect", [curl, go, http_client, proxy, treq, uft])
def test_every_dialect(world: OldWorld, dialect: Dialect) -> None:
    """The same life of a dataset in all dialects: created, changed, listed, deleted."""
    node = world.node(ONE)
    body = {"primary": node, "maximum_size": SIZE, "metadata": {"name": "größe"}}
    created = world.play(dialect("POST", DATASETS, body))
    path = f"{DATASETS}/{created.json['dataset_id']}"
    replies = [
        created,
        world.play(dialect("POST", path, {"primary": node})),
        world.play(dialect("DELETE", path)),
        world.play(dialect("POST", path, {"primary": node})),
    ]
    assert [reply.code for reply in replies] == [201, 200, 200, 405]
    listed = of(created.json["dataset_id"], world.play(dialect("GET", DATASETS)).json)
    assert listed == [{**created.json, "deleted": True}]
    assert created.json["metadata"] == {"name": "größe"}
