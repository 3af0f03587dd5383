"""A Swarm of three managers: a service takes its volume along, and tears none away."""

import json
from collections.abc import Iterator

import pytest

from flocker.runtime.process import ProcessFailed
from flocker.sandbox.names import MachineName, address
from flocker.sandbox.waiting import until
from tests.acceptance.engines import ONE, THREE, TWO, Engines, engines_of

NODES = (ONE, TWO, THREE)
WITHIN = 180.0
"""Seconds; Swarm takes 20 of them to miss a node."""
NOTE = "echo $(hostname) >>/data/log; trap 'exit 0' TERM; while :; do sleep 1; done"


@pytest.fixture(scope="module")
def swarm() -> Iterator[Engines]:
    """Three managers, on each of which Docker has met the plugin."""
    with engines_of(3) as made:
        made.load("busybox", *NODES)
        for node in NODES:
            made.cluster.docker(node, "volume", "ls")
        quick = ("--dispatcher-heartbeat", "2s")
        made.cluster.docker(ONE, "swarm", "init", *joined(ONE), *quick)
        token = made.cluster.docker(ONE, "swarm", "join-token", "--quiet", "manager")
        for node in (TWO, THREE):
            where = (*joined(node), "--token", token, f"{address(ONE)}:2377")
            made.cluster.docker(node, "swarm", "join", *where)
        yield made


def joined(node: MachineName) -> tuple[str, ...]:
    """The addresses of a node in the Swarm."""
    here = address(node)
    return ("--advertise-addr", here, "--listen-addr", here, "--data-path-addr", here)


def serve(swarm: Engines, name: str) -> MachineName:
    """Create a service with a volume of its name; the node it runs on."""
    mount = f"type=volume,volume-driver=flocker,source={name},target=/data"
    flags = ("--detach", "--no-resolve-image", "--restart-delay", "1s")
    command = ("busybox", "sh", "-c", NOTE)
    create = ("service", "create", *flags, "--name", name, "--mount", mount)
    swarm.cluster.docker(ONE, *create, *command)
    return await_service(swarm, name, NODES)


def await_service(
    swarm: Engines, name: str, nodes: tuple[MachineName, ...]
) -> MachineName:
    """Wait until a service's container runs on one of some nodes."""
    found: list[MachineName] = []

    def runs() -> bool:
        found[:] = [
            node
            for node in nodes
            if any(one.startswith(f"{name}.") for one in swarm.running(node))
        ]
        return bool(found)

    until(runs, f"{name} on {', '.join(nodes)}", WITHIN)
    return found[0]


def log_of(swarm: Engines, node: MachineName, name: str) -> list[str]:
    """The hosts whose containers wrote into a service's volume."""
    (container,) = [one for one in swarm.running(node) if one.startswith(f"{name}.")]
    return swarm.inside(node, container, "cat /data/log").split()


def errors(swarm: Engines, node: MachineName, name: str) -> str:
    """Why tasks of a service failed, as a manager knows it."""
    shown = ("service", "ps", "--no-trunc", "--format", "{{json .}}", name)
    try:
        tasks = swarm.cluster.docker(node, *shown).splitlines()
    except ProcessFailed:  # the managers elect a leader
        return ""
    return " ".join(json.loads(task)["Error"] for task in tasks)


def test_drained(swarm: Engines) -> None:
    """A service leaves a node that is drained, and its data comes along."""
    before = serve(swarm, "drained")
    drain = ("node", "update", "--availability", "drain", before)
    swarm.cluster.docker(before, *drain)
    others = tuple(node for node in NODES if node != before)
    after = await_service(swarm, "drained", others)
    assert len(log_of(swarm, after, "drained")) == 2
    swarm.cluster.docker(before, *drain[:3], "active", before)
    swarm.cluster.docker(before, "service", "rm", "drained")


def test_node_dies(swarm: Engines) -> None:
    """A silent node keeps its volume, with the reason; a dead one loses it."""
    before = serve(swarm, "survives")
    others = tuple(node for node in NODES if node != before)
    asked = others[0]
    swarm.cluster.partition(before)
    until(lambda: "node dead" in errors(swarm, asked, "survives"), "a refusal", WITHIN)
    why = errors(swarm, asked, "survives")
    assert address(before) in why
    assert f"flockerctl node dead {swarm.cluster.id_of(before)}" in why
    assert "survives is in use" in why
    swarm.cluster.kill(before)
    dead = ("node", "dead", str(swarm.cluster.id_of(before)), "--i-have-checked")
    swarm.cluster.flockerctl(*dead)
    after = await_service(swarm, "survives", others)
    assert len(log_of(swarm, after, "survives")) == 2
